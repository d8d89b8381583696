//! The bottom row: model, colour scheme, zoom and load.

use egui::{Align2, Popup, PopupCloseBehavior, Rect, TextEdit, Ui, pos2, vec2};
use nice_plug::prelude::Param;

use super::buttons::button;
use super::header::{MENU_INSET, menu_button};
use super::theme::{Theme, number_font};
use crate::learning::Message;
use crate::params::UnfoldParams;
use crate::shared::EditorShared;
use crate::user_model::file_name;

/// Zooms offered, in per cent.
const ZOOMS_PERCENT: [u32; 6] = [75, 100, 125, 150, 175, 200];

/// What the status row remembers.
#[derive(Default)]
pub struct Status {
    /// The path being typed or pasted.
    path: String,
    /// Whether the path field has the keyboard.
    typing: bool,
}

/// What the user asked for in the status row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusRequest {
    /// A new zoom in per cent.
    pub zoom_percent: Option<u32>,
    /// The other colour scheme.
    pub switch_scheme: bool,
    /// The model at a path; empty for the built-in one.
    pub model_path: Option<String>,
}

impl Status {
    /// Whether the path field has the keyboard.
    #[must_use]
    pub fn typing(&self) -> bool {
        self.typing
    }

    /// Forgets that the path field has the keyboard: the field is gone.
    pub fn cancel_typing(&mut self) {
        self.typing = false;
    }

    /// Draws the row into `rect`. `load` is the share of the available time in use; a `remark`, or else what is to be said
    /// about learning, takes the place of what is said about the model, unless that one waits to be loaded.
    #[allow(clippy::too_many_arguments)]
    pub fn show(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        theme: &Theme,
        params: &UnfoldParams,
        shared: &EditorShared,
        load: f32,
        remark: Option<&str>,
    ) -> StatusRequest {
        let mut request = StatusRequest::default();
        let middle = rect.center().y;
        let mut right = rect.right() - 12.0;
        let mut place = |width: f32| {
            right -= width;
            let place = Rect::from_min_size(pos2(right, rect.top()), vec2(width, rect.height()));
            right -= 8.0;
            place
        };

        let load_place = place(84.0);
        let load_text = format!("{:.1} %", load * 100.0);
        let load_pos = pos2(load_place.right(), middle);
        let number = ui
            .painter()
            .text(load_pos, Align2::RIGHT_CENTER, load_text, number_font(12.0), theme.text);
        theme.caption(
            ui.painter(),
            pos2(number.left() - 7.0, middle),
            Align2::RIGHT_CENTER,
            "LOAD",
        );

        request.zoom_percent = zoom_menu(ui, place(104.0), theme, params.view().zoom_percent);
        let scheme = if theme.dark { "Light theme" } else { "Dark theme" };
        request.switch_scheme = button(ui, place(86.0), theme, scheme, "Colour scheme", None).clicked();

        let load_model = Rect::from_min_size(rect.min, vec2(94.0, rect.height()));
        request.model_path = self.model_popup(ui, load_model, theme, params);
        let learning = shared.learner().message(params.learn.unmodulated_plain_value());
        let Message { sentence, bad } = match remark {
            Some(remark) => Message::bad(remark.to_owned()),
            None if learning.sentence.is_empty() || params.model_path.pending() => {
                model_sentence(params, &shared.model_message())
            }
            None => learning,
        };
        let color = if bad { theme.warning } else { theme.text };
        let text_rect = Rect::from_min_max(
            pos2(load_model.right() + 10.0, rect.top()),
            pos2(right - 4.0, rect.bottom()),
        );
        let label = egui::Label::new(egui::RichText::new(&sentence).size(12.0).color(color)).truncate();
        let mut text_ui = ui.new_child(
            egui::UiBuilder::new()
                .max_rect(text_rect)
                .layout(egui::Layout::left_to_right(egui::Align::Center)),
        );
        text_ui.add(label).on_hover_text(sentence);
        request
    }

    /// The button that asks for a model file; returns its path, empty for the built-in model.
    fn model_popup(&mut self, ui: &Ui, rect: Rect, theme: &Theme, params: &UnfoldParams) -> Option<String> {
        let response = button(ui, rect, theme, "Load model...", "Load model", None);
        if response.clicked() {
            self.path = params.model_path.get().unwrap_or_default();
        }
        let mut chosen = None;
        self.typing = false;
        path_popup(&response).show(|ui| {
            ui.label(egui::RichText::new("Paste the path of a .unfold model file:").size(12.0));
            let field = TextEdit::singleline(&mut self.path).desired_width(f32::INFINITY);
            let field = ui.add(field).accessible_name("Model path");
            if response.clicked() {
                field.request_focus();
            }
            self.typing = field.has_focus();
            let entered = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
            ui.horizontal(|ui| {
                if ui.button("Use this file").clicked() || entered {
                    chosen = Some(typed_path(&self.path).to_owned());
                }
                if ui.button("Use the built-in model").clicked() {
                    chosen = Some(String::new());
                }
            });
            if chosen.is_some() {
                ui.close();
            }
        });
        chosen
    }
}

/// The popup above a button of the status row in which a path is typed.
pub fn path_popup(button: &egui::Response) -> Popup<'_> {
    Popup::from_toggle_button_response(button)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .align(egui::RectAlign::TOP_START)
        .gap(6.0)
        .width(460.0)
}

/// A path without the quotes and spaces that come with pasting.
pub fn typed_path(text: &str) -> &str {
    text.trim().trim_matches('"')
}

/// What to say about the model.
fn model_sentence(params: &UnfoldParams, message: &str) -> Message {
    let path = params.model_path.get();
    let file = path.as_deref().map(file_name);
    if params.model_path.pending() {
        let model = file.as_deref().unwrap_or("built-in model");
        Message::good(format!("{model}: loads when the host next restarts the plugin"))
    } else if message.is_empty() {
        Message::good(format!("model: {}, ok", file.as_deref().unwrap_or("built in")))
    } else {
        Message::bad(message.to_owned())
    }
}

/// The zoom button; returns the zoom that was picked.
fn zoom_menu(ui: &Ui, rect: Rect, theme: &Theme, current_percent: u32) -> Option<u32> {
    let response = menu_button(ui, rect, theme, &format!("Zoom {current_percent} %"), "Zoom");
    let mut picked = None;
    Popup::menu(&response).show(|ui| {
        ui.set_min_width(rect.width() - MENU_INSET);
        for percent in ZOOMS_PERCENT {
            if ui
                .selectable_label(percent == current_percent, format!("{percent} %"))
                .clicked()
            {
                picked = Some(percent);
            }
        }
    });
    picked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::EditorView;

    #[test]
    fn zooms_offered_are_inside_the_saved_limits() {
        let (lowest, highest) = EditorView::ZOOM_LIMITS_PERCENT;
        assert_eq!((ZOOMS_PERCENT[0], ZOOMS_PERCENT[5]), (lowest, highest));
    }

    #[test]
    fn the_model_sentence_is_plain() {
        let params = UnfoldParams::default();
        let good = |sentence: &str| Message::good(sentence.to_owned());
        assert_eq!(model_sentence(&params, ""), good("model: built in, ok"));
        for path in ["voices/mine.unfold", "voices\\mine.unfold", "mine.unfold"] {
            params.model_path.request(path.to_owned());
            assert_eq!(
                model_sentence(&params, ""),
                good("mine.unfold: loads when the host next restarts the plugin")
            );
            assert_eq!(params.model_path.take_for_activation().as_deref(), Some(path));
            assert_eq!(model_sentence(&params, ""), good("model: mine.unfold, ok"));
        }
        assert_eq!(model_sentence(&params, "it broke"), Message::bad("it broke".to_owned()));
        params.model_path.request(String::new());
        assert_eq!(
            model_sentence(&params, "it broke"),
            good("built-in model: loads when the host next restarts the plugin")
        );
    }
}
