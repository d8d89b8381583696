//! The panel: what is where, and what moves when. Windows and hosts are in `window`.
//!
//! Everything shown comes from the parameters and from [`EditorShared`]; nothing is shared between two instances.

mod axes;
mod buttons;
pub mod control;
mod controls;
mod graphics;
mod handle;
mod header;
mod history;
mod meters;
mod noise;
mod parts;
mod running;
mod slider;
mod spectrum;
mod status;
pub mod theme;
mod window;
mod window_thread;

use std::sync::{Arc, PoisonError};

use egui::{Context, Key, Modifiers, Popup, Rect, Ui, pos2, vec2};
use nice_plug::context::gui::GuiContext;
use nice_plug::prelude::Param;

use self::buttons::{Choice, choices};
use self::controls::{Layers, Sliders, controls};
use self::header::header;
use self::history::HistoryView;
use self::meters::Meters;
use self::noise::NoiseControls;
use self::parts::PartsView;
use self::running::Running;
use self::spectrum::SpectrumView;
use self::status::Status;
use self::theme::Theme;
pub use self::window::{UnfoldEditor, create};
use crate::params::{EditorView, UnfoldParams};
use crate::shared::EditorShared;

/// The three main views.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    Spectrum,
    History,
    Parts,
}

const TABS: [(Tab, Choice<'static>); 3] = [
    (Tab::Spectrum, Choice::new("Spectrum", 1.1)),
    (Tab::History, Choice::new("History", 1.0)),
    (Tab::Parts, Choice::new("Parts", 0.8)),
];

/// The panel's state. It outlives the window, so that a panel comes back as it was left.
pub struct Panel {
    params: Arc<UnfoldParams>,
    shared: Arc<EditorShared>,
    tab: Tab,
    theme: Theme,
    spectrum: SpectrumView,
    history: HistoryView,
    parts: PartsView,
    meters: Meters,
    sliders: Sliders,
    status: Status,
    noise: NoiseControls,
    running: Running,
}

/// Whom the keys belong to. Space is always the host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyboard {
    /// Nothing in the panel waits for keys.
    Host,
    /// A control has the focus or a menu is open: the keys that work there are the panel's.
    Moves,
    /// A field is being typed in: every key is text.
    Text,
}

impl Panel {
    /// A panel for one plugin instance.
    #[must_use]
    pub fn new(params: Arc<UnfoldParams>, shared: Arc<EditorShared>) -> Self {
        Self {
            params,
            shared,
            tab: Tab::Spectrum,
            theme: Theme::DARK,
            spectrum: SpectrumView::default(),
            history: HistoryView::default(),
            parts: PartsView::default(),
            meters: Meters::default(),
            sliders: Sliders::default(),
            status: Status::default(),
            noise: NoiseControls::default(),
            running: Running::default(),
        }
    }

    /// Starts in a new window, which has its own clock, textures and keyboard focus.
    pub fn opened(&mut self) {
        self.history.opened();
        self.meters.opened();
        self.running.opened();
        self.cancel_typing();
    }

    /// Draws one frame and applies what the user does.
    pub fn ui(&mut self, ui: &mut Ui, host: &GuiContext) {
        // Space belongs to the host's transport: it must not press a focused button as well.
        ui.input_mut(|input| while input.consume_key(Modifiers::NONE, Key::Space) {});
        self.theme = Theme::of(!self.params.view().light);
        self.theme.apply(ui.ctx());
        self.listen(ui);
        ui.painter().rect_filled(ui.max_rect(), 0.0, self.theme.background);

        let (width, height) = EditorView::MIN_POINTS;
        let least = vec2(width as f32, height as f32);
        let available = ui.max_rect().size();
        if available.x + 0.5 >= least.x && available.y + 0.5 >= least.y {
            self.layout(ui, ui.max_rect(), host);
        } else {
            // A host may force the window below what zoom and layout need.
            egui::ScrollArea::both().show(ui, |ui| {
                let (rect, _) = ui.allocate_exact_size(least.max(available), egui::Sense::hover());
                self.layout(ui, rect, host);
            });
        }
    }

    /// Whom the keys belong to, as of the last frame drawn in `ctx`.
    #[must_use]
    pub fn keyboard(&self, ctx: &Context) -> Keyboard {
        if self.sliders.typing() || self.status.typing() || self.noise.typing() {
            Keyboard::Text
        } else if ctx.memory(|memory| memory.focused().is_some()) || Popup::is_any_open(ctx) {
            Keyboard::Moves
        } else {
            Keyboard::Host
        }
    }

    /// Ends whatever gesture is open and forgets what was being typed: the window closes.
    pub fn release(&mut self, host: &GuiContext) {
        self.sliders.release(&self.params, &host.param_setter());
        self.noise.release(&self.params, &host.param_setter());
        self.cancel_typing();
    }

    fn cancel_typing(&mut self) {
        self.sliders.cancel_typing();
        self.status.cancel_typing();
        self.noise.cancel_typing();
    }

    /// Takes in what the audio thread sent. The window is woken for every frame, so nothing is asked for here but one
    /// look after the last one.
    fn listen(&mut self, ui: &Ui) {
        let time_s = ui.input(|input| input.time);
        let shared = self.shared.clone();
        let mut meters = shared.meters().lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(frame) = meters.take_new() {
            self.spectrum.update(frame);
            self.history.update(frame, time_s);
            self.parts.update(frame);
            self.meters.update(frame, time_s);
            self.running.news(frame.depth, time_s);
        } else if self.running.has_stopped(time_s) {
            self.spectrum.rest();
            self.parts.rest();
            self.meters.rest();
        }
        if let Some(delay) = self.running.next_look(time_s) {
            ui.request_repaint_after(delay);
        }
    }

    /// What the layer selector says.
    fn layers(&self) -> Layers {
        let wanted = u32::try_from(self.params.layers.unmodulated_plain_value()).unwrap_or(1);
        let limit = self
            .shared
            .layers_limit()
            .filter(|limit| self.running.is_on() && *limit < wanted);
        Layers {
            running: self.running.depth(),
            remark: limit.map(|limit| overload_sentence(limit, wanted)),
        }
    }

    fn layout(&mut self, ui: &mut Ui, window: Rect, host: &GuiContext) {
        const MARGIN: f32 = 12.0;
        const GAP: f32 = 10.0;
        const METER_WIDTH: f32 = 46.0;
        let area = window.shrink(MARGIN);
        let (top, rest) = split_top(area, 28.0, GAP);
        let (rest, status_row) = split_bottom(rest, 24.0, GAP);
        let (body, control_row) = split_bottom(rest, 80.0, GAP);
        let setter = host.param_setter();

        header(ui, top, &self.theme, &self.params, &self.shared, &setter);
        let column = |left: f32, width: f32| Rect::from_min_size(pos2(left, body.top()), vec2(width, body.height()));
        let left_card = column(body.left(), METER_WIDTH);
        let right_card = column(body.right() - 2.0 * METER_WIDTH, 2.0 * METER_WIDTH);
        self.theme.frame(ui.painter(), left_card, self.theme.card);
        self.theme.frame(ui.painter(), right_card, self.theme.card);
        self.meters.show_input(ui, left_card, &self.theme);
        let (output, reduction) = right_card.split_left_right_at_fraction(0.5);
        self.meters.show_output(ui, output, &self.theme);
        self.meters.show_reduction(ui, reduction, &self.theme);
        let main = Rect::from_x_y_ranges(left_card.right() + GAP..=right_card.left() - GAP, body.y_range());
        self.main_view(ui, main);

        let layers = self.layers();
        controls(
            ui,
            control_row,
            &self.theme,
            &mut self.sliders,
            &self.params,
            &setter,
            &layers,
        );
        self.noise
            .show(ui, status_row, &self.theme, &self.params, &self.shared, &setter);
        let (_, status_row) = status_row.split_left_right_at_x(status_row.left() + NoiseControls::WIDTH + 8.0);
        let remark = layers.remark.as_deref();
        let load = if self.running.is_on() { self.shared.load() } else { 0.0 };
        let request = self
            .status
            .show(ui, status_row, &self.theme, &self.params, &self.shared, load, remark);
        if request.switch_scheme {
            self.params.set_view(EditorView {
                light: self.theme.dark,
                ..self.params.view()
            });
        }
        if let Some(percent) = request.zoom_percent {
            ui.ctx().set_zoom_factor(percent as f32 / 100.0);
        }
        if let Some(path) = request.model_path {
            // Loaded by the next activation. Some hosts restart a plugin only when the user does.
            self.params.model_path.request(path);
            self.shared.learner().say(String::new());
            host.request_restart();
        }
    }

    fn main_view(&mut self, ui: &Ui, rect: Rect) {
        let (bar, plot) = split_top(rect, 26.0, 6.0);
        let tabs = Rect::from_min_size(bar.min, vec2(216.0, bar.height()));
        let chosen = TABS.iter().position(|(tab, _)| *tab == self.tab);
        if let Some(clicked) = choices(ui, tabs, &self.theme, &TABS.map(|(_, choice)| choice), chosen) {
            self.tab = TABS[clicked].0;
        }
        self.theme.frame(ui.painter(), plot, self.theme.well);
        let legend = pos2(bar.right() - 2.0, bar.center().y);
        match self.tab {
            Tab::Spectrum => {
                SpectrumView::legend(ui, legend, &self.theme);
                self.spectrum.show(ui, plot, &self.theme);
            }
            Tab::History => {
                HistoryView::legend(ui, legend, &self.theme);
                self.history.show(ui, plot, &self.theme);
            }
            Tab::Parts => {
                self.parts.legend(ui, legend, &self.theme);
                self.parts.show(ui, plot, &self.theme, &self.shared);
            }
        }
    }
}

/// Why fewer layers run than are set.
fn overload_sentence(limit: u32, wanted: u32) -> String {
    format!("Processing takes too long here: {limit} of {wanted} layers run until there is room")
}

/// Cuts `height` off the top; returns it and what remains below a gap.
fn split_top(rect: Rect, height: f32, gap: f32) -> (Rect, Rect) {
    let top = Rect::from_min_max(rect.min, pos2(rect.right(), rect.top() + height));
    (top, Rect::from_min_max(pos2(rect.left(), top.bottom() + gap), rect.max))
}

/// Cuts `height` off the bottom; returns what remains above a gap, and it.
fn split_bottom(rect: Rect, height: f32, gap: f32) -> (Rect, Rect) {
    let bottom = Rect::from_min_max(pos2(rect.left(), rect.bottom() - height), rect.max);
    (
        Rect::from_min_max(rect.min, pos2(rect.right(), bottom.top() - gap)),
        bottom,
    )
}
