//! Learning the user's noise: the button that is held, and the menu that forgets, saves and loads what was learnt.

use egui::{CursorIcon, Rect, RichText, Sense, TextEdit, Ui, WidgetInfo};
use egui::{accesskit::Role, pos2, vec2};
use nice_plug::prelude::{Param, ParamSetter};

use super::buttons::paint;
use super::control::apply_plain;
use super::header::menu_button;
use super::slider::window_lost;
use super::status::{path_popup, typed_path};
use super::theme::Theme;
use crate::noise_file;
use crate::params::UnfoldParams;
use crate::shared::EditorShared;
use crate::user_model::file_name;

/// What these controls remember.
#[derive(Default)]
pub struct NoiseControls {
    /// Whether the pointer holds the button, and a gesture is open.
    holding: bool,
    /// The path being typed or pasted.
    path: String,
    /// Whether the path field has the keyboard.
    typing: bool,
}

impl NoiseControls {
    /// Width of both controls together, in points.
    pub const WIDTH: f32 = 172.0;

    /// Whether the path field has the keyboard.
    #[must_use]
    pub fn typing(&self) -> bool {
        self.typing
    }

    /// Ends whatever gesture is open and forgets that a path was being typed: the window closes.
    pub fn release(&mut self, params: &UnfoldParams, setter: &ParamSetter<'_>) {
        self.typing = false;
        self.let_go(params, setter);
    }

    /// Forgets that the path field has the keyboard: the field is gone.
    pub fn cancel_typing(&mut self) {
        self.typing = false;
    }

    /// Draws the controls from the left edge of `row` on.
    pub fn show(
        &mut self,
        ui: &Ui,
        row: Rect,
        theme: &Theme,
        params: &UnfoldParams,
        shared: &EditorShared,
        setter: &ParamSetter<'_>,
    ) {
        let hold = Rect::from_min_size(row.min, vec2(92.0, row.height()));
        self.hold_button(ui, hold, theme, params, setter);
        let menu = Rect::from_min_size(pos2(hold.right() + 6.0, row.top()), vec2(74.0, row.height()));
        self.menu(ui, menu, theme, params, shared);
    }

    /// Listens while the pointer is down on it. Who has no pointer switches it on and off.
    fn hold_button(&mut self, ui: &Ui, rect: Rect, theme: &Theme, params: &UnfoldParams, setter: &ParamSetter<'_>) {
        const NAME: &str = "Learn noise";
        let on = params.learn.unmodulated_plain_value();
        let response = ui
            .interact(rect, ui.scope_id().with(NAME), Sense::click())
            .on_hover_cursor(CursorIcon::PointingHand);
        // Pressed on the button, and then held wherever the pointer goes and for as long as it likes.
        let down = ui.input(|input| input.pointer.any_down()) && !window_lost(ui);
        let pressed = response.is_pointer_button_down_on() && ui.input(|input| input.pointer.any_pressed());
        let held = down && (self.holding || pressed);
        if held && !self.holding {
            self.holding = true;
            setter.begin_set_parameter(&params.learn);
            setter.set_parameter(&params.learn, true);
        } else if !held && self.holding {
            self.let_go(params, setter);
        } else if response.clicked() && response.interact_pointer_pos().is_none() {
            apply_plain(&params.learn, setter, !on);
        }
        let text = if on || held { "Listening..." } else { NAME };
        paint(ui, &response, rect, theme, text, on || held);
        response.widget_info(|| WidgetInfo::selected(Role::Switch, true, on, NAME));
        response.on_hover_text("Hold while only the noise plays; letting go learns it");
    }

    fn let_go(&mut self, params: &UnfoldParams, setter: &ParamSetter<'_>) {
        if std::mem::take(&mut self.holding) {
            setter.set_parameter(&params.learn, false);
            setter.end_set_parameter(&params.learn);
        }
    }

    fn menu(&mut self, ui: &Ui, rect: Rect, theme: &Theme, params: &UnfoldParams, shared: &EditorShared) {
        let response = menu_button(ui, rect, theme, "Noise", "Learnt noise");
        self.typing = false;
        path_popup(&response).show(|ui| {
            let kept = params.noise.is_kept();
            let state = match (kept, shared.learner().uses_noise()) {
                (false, _) => "No noise has been learnt.",
                (true, true) => "A learnt noise is in use; it is saved with the session.",
                (true, false) => "The session keeps a noise, but it is not in use.",
            };
            ui.label(RichText::new(state).size(12.0));
            let field = TextEdit::singleline(&mut self.path)
                .desired_width(f32::INFINITY)
                .hint_text("Path of a .unfold-noise file");
            let field = ui.add(field).accessible_name("Noise path");
            self.typing = field.has_focus();
            ui.horizontal(|ui| {
                let forget = ui.add_enabled(kept, egui::Button::new("Forget"));
                let save = ui.add_enabled(kept, egui::Button::new("Save to file"));
                let load = ui.button("Load from file");
                let path = typed_path(&self.path);
                let done = if forget.clicked() {
                    Ok(forget_noise(params, shared))
                } else if save.clicked() {
                    save_to(path, params)
                } else if load.clicked() {
                    load_from(path, params, shared)
                } else {
                    return;
                };
                match done {
                    Ok(sentence) => shared.learner().say(sentence),
                    Err(sentence) => shared.learner().warn(sentence),
                }
                ui.close();
            });
        });
    }
}

/// Saves what was learnt; says what happened.
fn save_to(path: &str, params: &UnfoldParams) -> Result<String, String> {
    match params.noise.recall() {
        Some(Ok(profile)) => noise_file::save(path, &profile).map(|()| format!("saved {}", file_name(path))),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("no noise has been learnt".to_owned()),
    }
}

/// Takes the noise of a file into use; says what happened. What cannot be used changes nothing.
fn load_from(path: &str, params: &UnfoldParams, shared: &EditorShared) -> Result<String, String> {
    let config = &shared.model().config;
    let profile = noise_file::load(path, config)?;
    params.noise.keep(Some(&profile));
    shared.learner().take_up(&params.noise, config);
    Ok(format!("{}: {} noise parts", file_name(path), profile.atoms()))
}

fn forget_noise(params: &UnfoldParams, shared: &EditorShared) -> String {
    params.noise.keep(None);
    shared.learner().take_up(&params.noise, &shared.model().config);
    "the learnt noise is forgotten".to_owned()
}
