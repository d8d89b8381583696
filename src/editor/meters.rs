//! Level meters with peak hold: in, out and reduction.

use egui::{Align2, Color32, Rangef, Rect, Sense, Stroke, StrokeKind, Ui, WidgetInfo, lerp, pos2};

use super::axes::{db_text, db_to_unit};
use super::theme::{Theme, label_font, number_font};
use crate::meters::MeterFrame;

/// Levels shown by in and out.
const LEVEL_RANGE_DB: Rangef = Rangef { min: -60.0, max: 0.0 };
/// Reductions shown.
const REDUCTION_RANGE_DB: Rangef = Rangef { min: 0.0, max: 40.0 };
/// How long a peak stays.
const HOLD_S: f64 = 1.5;
/// How fast bars and old peaks fall.
const FALL_DB_PER_S: f32 = 24.0;
/// Far below every meter.
const SILENCE_DB: f32 = -200.0;

/// A falling bar with a held peak.
#[derive(Clone, Copy, Debug)]
struct Ballistics {
    bar_db: f32,
    peak_db: f32,
    peak_age_s: f64,
}

impl Ballistics {
    const fn resting_at(level_db: f32) -> Self {
        Self {
            bar_db: level_db,
            peak_db: level_db,
            peak_age_s: 0.0,
        }
    }

    fn update(&mut self, level_db: f32, elapsed_s: f64) {
        let level_db = if level_db.is_nan() {
            SILENCE_DB
        } else {
            level_db.max(SILENCE_DB)
        };
        let fall_db = FALL_DB_PER_S * elapsed_s as f32;
        self.bar_db = level_db.max(self.bar_db - fall_db);
        self.peak_age_s += elapsed_s;
        if level_db >= self.peak_db {
            self.peak_db = level_db;
            self.peak_age_s = 0.0;
        } else if self.peak_age_s > HOLD_S {
            self.peak_db = self.bar_db.max(self.peak_db - fall_db);
        }
    }
}

/// The three meters.
pub struct Meters {
    input: Ballistics,
    output: Ballistics,
    /// Positive: how much quieter the output is.
    reduction: Ballistics,
    last_update_s: Option<f64>,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            input: Ballistics::resting_at(SILENCE_DB),
            output: Ballistics::resting_at(SILENCE_DB),
            reduction: Ballistics::resting_at(0.0),
            last_update_s: None,
        }
    }
}

impl Meters {
    /// Starts in a new window, with a new clock.
    pub fn opened(&mut self) {
        self.last_update_s = None;
    }

    /// Takes in the frame that is current at `time_s`.
    pub fn update(&mut self, frame: &MeterFrame, time_s: f64) {
        let elapsed_s = time_s - self.last_update_s.unwrap_or(time_s);
        self.last_update_s = Some(time_s);
        self.input.update(frame.input_level_db(), elapsed_s);
        self.output.update(frame.output_level_db(), elapsed_s);
        self.reduction.update(-frame.reduction_db(), elapsed_s);
    }

    /// Audio has stopped: nothing comes in, nothing goes out.
    pub fn rest(&mut self) {
        *self = Self::default();
    }

    /// Draws the input meter.
    pub fn show_input(&self, ui: &Ui, rect: Rect, theme: &Theme) {
        level_meter(ui, rect, theme, ("IN", "Input level"), &self.input, theme.before);
    }

    /// Draws the output meter.
    pub fn show_output(&self, ui: &Ui, rect: Rect, theme: &Theme) {
        level_meter(ui, rect, theme, ("OUT", "Output level"), &self.output, theme.accent);
    }

    /// Draws the reduction meter, which hangs from the top.
    pub fn show_reduction(&self, ui: &Ui, rect: Rect, theme: &Theme) {
        let bar = well(ui, rect, theme, "CUT");
        let y_of = |reduction_db| lerp(bar.top()..=bar.bottom(), db_to_unit(reduction_db, REDUCTION_RANGE_DB));
        let filled = Rect::from_min_max(bar.min, pos2(bar.right(), y_of(self.reduction.bar_db)));
        ui.painter().rect_filled(filled, 1.0, theme.noise);
        peak_line(ui, bar, y_of(self.reduction.peak_db), theme);
        scale(
            ui,
            bar,
            theme,
            [0.0, 10.0, 20.0, 30.0, 40.0].map(|level_db| (level_db, y_of(level_db))),
        );
        number(ui, rect, theme, "Reduction", &db_text(0.0 - self.reduction.peak_db));
    }
}

fn level_meter(ui: &Ui, rect: Rect, theme: &Theme, names: (&str, &str), level: &Ballistics, color: Color32) {
    let bar = well(ui, rect, theme, names.0);
    let y_of = |level_db| lerp(bar.bottom()..=bar.top(), db_to_unit(level_db, LEVEL_RANGE_DB));
    let filled = Rect::from_min_max(pos2(bar.left(), y_of(level.bar_db)), bar.max);
    ui.painter().rect_filled(filled, 1.0, color);
    if level.peak_db > LEVEL_RANGE_DB.min {
        peak_line(ui, bar, y_of(level.peak_db), theme);
    }
    scale(
        ui,
        bar,
        theme,
        [0.0, -12.0, -24.0, -36.0, -48.0, -60.0].map(|level_db| (level_db, y_of(level_db))),
    );
    number(ui, rect, theme, names.1, &db_text(level.peak_db));
}

/// Caption and empty bar; returns the inside of the bar.
fn well(ui: &Ui, rect: Rect, theme: &Theme, caption: &str) -> Rect {
    theme.caption(
        ui.painter(),
        pos2(rect.center().x, rect.top() + 12.0),
        Align2::CENTER_CENTER,
        &format!("{caption} dB"),
    );
    let bar = Rect::from_min_max(
        pos2(rect.center().x - 1.0, rect.top() + 26.0),
        pos2(rect.center().x + 13.0, rect.bottom() - 24.0),
    );
    ui.painter().rect(
        bar,
        2.0,
        theme.well,
        Stroke::new(1.0, theme.outline),
        StrokeKind::Outside,
    );
    bar.shrink(1.0)
}

fn peak_line(ui: &Ui, bar: Rect, y: f32, theme: &Theme) {
    ui.painter().hline(
        bar.x_range(),
        y.clamp(bar.top() + 1.0, bar.bottom() - 1.0),
        Stroke::new(2.0, theme.text),
    );
}

fn scale<const N: usize>(ui: &Ui, bar: Rect, theme: &Theme, ticks: [(f32, f32); N]) {
    for (level_db, y) in ticks {
        ui.painter()
            .hline(bar.left() - 5.0..=bar.left() - 2.0, y, Stroke::new(1.0, theme.dim));
        let text = format!("{:.0}", level_db.abs());
        ui.painter().text(
            pos2(bar.left() - 7.0, y),
            Align2::RIGHT_CENTER,
            text,
            label_font(10.0),
            theme.dim,
        );
    }
}

fn number(ui: &Ui, rect: Rect, theme: &Theme, name: &str, text: &str) {
    let pos = pos2(rect.center().x, rect.bottom() - 10.0);
    ui.painter()
        .text(pos, Align2::CENTER_CENTER, text, number_font(11.5), theme.text);
    let response = ui.interact(rect, ui.scope_id().with(name), Sense::hover());
    response.widget_info(|| WidgetInfo {
        current_text_value: Some(format!("{text} dB")),
        ..WidgetInfo::labeled(egui::accesskit::Role::Meter, true, name)
    });
    response.on_hover_text(format!("{name}: highest of the last moments, in dB"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_held_and_then_falls() {
        let mut meter = Ballistics::resting_at(SILENCE_DB);
        meter.update(-6.0, 0.0);
        meter.update(-40.0, 0.5);
        assert_eq!(meter.peak_db, -6.0);
        assert!((meter.bar_db - (-6.0 - 0.5 * FALL_DB_PER_S)).abs() < 1e-4);
        meter.update(-40.0, 1.1);
        assert!(meter.peak_db < -6.0);
        for _ in 0..100 {
            meter.update(f32::NEG_INFINITY, 0.1);
        }
        assert_eq!(meter.bar_db, SILENCE_DB);
    }

    #[test]
    fn no_bar_rises_when_a_new_window_restarts_the_clock() {
        let mut meters = Meters::default();
        let frame = |input_mean_power| MeterFrame {
            input_mean_power,
            ..MeterFrame::default()
        };
        meters.update(&frame(0.1), 100.0);
        meters.opened();
        meters.update(&frame(1e-4), 0.0);
        assert_eq!(meters.input.bar_db, -10.0);
        meters.update(&frame(1e-4), 0.5);
        assert_eq!(meters.input.bar_db, -10.0 - 0.5 * FALL_DB_PER_S);
    }

    #[test]
    fn reduction_is_shown_as_a_positive_amount() {
        let mut meters = Meters::default();
        let frame = MeterFrame {
            input_mean_power: 0.01,
            output_mean_power: 0.001,
            ..MeterFrame::default()
        };
        meters.update(&frame, 1.0);
        assert_eq!((meters.input.bar_db, meters.reduction.peak_db), (-20.0, 10.0));
        meters.update(&MeterFrame::default(), 1.0);
        assert_eq!(meters.reduction.bar_db, 10.0);
        meters.rest();
        assert_eq!((meters.input.bar_db, meters.reduction.peak_db), (SILENCE_DB, 0.0));
    }
}
