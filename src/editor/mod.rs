//! The panel: what is where, and what moves when. Windows and hosts are in `window`.
//!
//! Everything shown comes from the parameters and from [`EditorShared`]; nothing is shared between two instances.

mod axes;
mod buttons;
pub mod control;
mod controls;
mod header;
mod history;
mod meters;
mod parts;
mod slider;
mod spectrum;
mod status;
pub mod theme;
mod window;

use std::sync::Arc;
use std::time::Duration;

use egui::{Context, Key, Modifiers, Popup, Rect, Ui, pos2, vec2};
use nice_plug::context::gui::GuiContext;

use self::buttons::{Choice, choices};
use self::controls::{Sliders, controls};
use self::header::header;
use self::history::HistoryView;
use self::meters::Meters;
use self::parts::PartsView;
use self::spectrum::SpectrumView;
use self::status::Status;
use self::theme::Theme;
pub use self::window::{UnfoldEditor, create};
use crate::meters::MeterFrame;
use crate::params::{EditorView, UnfoldParams};
use crate::shared::EditorShared;

/// Time between frames while audio runs.
const RUNNING_INTERVAL: Duration = Duration::from_millis(33);
/// How often to look whether audio has started.
const IDLE_INTERVAL: Duration = Duration::from_millis(250);
/// Audio counts as running for so long after the last news, in seconds.
const RUNNING_S: f64 = 0.5;

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

/// Tells whether audio runs, and since when nothing came.
#[derive(Default)]
struct Running {
    frame: Option<MeterFrame>,
    load: f32,
    /// `None` before the first news in this window.
    last_news_s: Option<f64>,
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
            running: Running::default(),
        }
    }

    /// Starts in a new window, which has its own clock, textures and keyboard focus.
    pub fn opened(&mut self) {
        self.history.opened();
        self.meters.opened();
        self.running.last_news_s = None;
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
        if self.sliders.typing() || self.status.typing() {
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
        self.cancel_typing();
    }

    fn cancel_typing(&mut self) {
        self.sliders.cancel_typing();
        self.status.cancel_typing();
    }

    /// Takes in what the audio thread sent, and asks for the next frame.
    fn listen(&mut self, ui: &Ui) {
        let time_s = ui.input(|input| input.time);
        let latest = self
            .shared
            .meters()
            .lock()
            .ok()
            .and_then(|mut meters| meters.latest().copied());
        if self.running.update(latest, self.shared.load(), time_s)
            && let Some(frame) = &self.running.frame
        {
            self.spectrum.update(frame);
            self.history.update(frame, time_s);
            self.parts.update(frame);
            self.meters.update(frame, time_s);
            ui.request_repaint_after(RUNNING_INTERVAL);
        } else {
            ui.request_repaint_after(IDLE_INTERVAL);
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

        let running = self.running.frame.map_or(0, |frame| frame.depth);
        controls(
            ui,
            control_row,
            &self.theme,
            &mut self.sliders,
            &self.params,
            &setter,
            running,
        );
        let request = self
            .status
            .show(ui, status_row, &self.theme, &self.params, &self.shared);
        if request.switch_scheme {
            self.params.set_view(EditorView {
                light: self.theme.dark,
                ..self.params.view()
            });
        }
        if let Some(percent) = request.zoom_percent {
            ui.ctx().set_zoom_factor(percent as f32 / 100.0);
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

impl Running {
    /// Takes in the newest frame and load; whether audio runs. Silence gives equal frames, but the load always moves.
    fn update(&mut self, frame: Option<MeterFrame>, load: f32, time_s: f64) -> bool {
        if frame != self.frame || load != self.load {
            self.last_news_s = Some(time_s);
        }
        self.frame = frame;
        self.load = load;
        self.frame.is_some() && self.last_news_s.is_some_and(|news_s| time_s - news_s < RUNNING_S)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_runs_until_news_stop() {
        let mut running = Running::default();
        assert!(!running.update(None, 0.0, 10.0));
        let frame = Some(MeterFrame::default());
        assert!(running.update(frame, 0.1, 10.1));
        assert!(running.update(frame, 0.2, 10.5), "silence: only the load moves");
        assert!(running.update(frame, 0.2, 10.9));
        assert!(!running.update(frame, 0.2, 11.1));
    }
}
