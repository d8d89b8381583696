//! The history view: what came in and how much of it was taken away, over the last seconds.

use std::collections::VecDeque;

use egui::{
    Align2, Color32, ColorImage, Pos2, Rangef, Rect, Sense, Stroke, TextureHandle, TextureOptions, Ui, WidgetInfo,
    lerp, pos2, vec2,
};

use super::axes::{db_to_unit, hz_to_unit};
use super::theme::{Theme, label_font};
use crate::meters::{DISPLAY_BANDS, MeterFrame};
use crate::units::{gain_to_db, power_to_db};

/// Columns kept.
const COLUMNS: usize = 360;
/// Time that one column stands for, in seconds.
const COLUMN_S: f64 = 1.0 / 30.0;
/// Levels between no colour and the strongest.
const BEFORE_RANGE_DB: Rangef = Rangef { min: -90.0, max: -20.0 };
/// Reduction that gets the strongest colour.
const REDUCTION_RANGE_DB: f32 = 40.0;
/// Cells of a colour scale in the legend.
const SCALE_STEPS: usize = 20;
/// After a longer pause the picture goes on without a gap: nothing is known of what was not seen.
const MAX_CATCH_UP_COLUMNS: usize = 8;

/// One moment: levels 0..=1 of both pictures, lowest band first.
#[derive(Clone, Copy)]
struct Column {
    before: [f32; DISPLAY_BANDS],
    reduction: [f32; DISPLAY_BANDS],
}

/// Textures of the two pictures, and the scheme that coloured them.
struct Pictures {
    before: TextureHandle,
    reduction: TextureHandle,
    dark: bool,
}

/// What the view remembers.
#[derive(Default)]
pub struct HistoryView {
    columns: VecDeque<Column>,
    last_column_s: Option<f64>,
    stale: bool,
    pictures: Option<Pictures>,
}

impl HistoryView {
    /// Starts in a new window: with a new clock, and without the textures of the old one.
    pub fn opened(&mut self) {
        self.last_column_s = None;
        self.pictures = None;
    }

    /// Takes in the frame that is current at `time_s`.
    pub fn update(&mut self, frame: &MeterFrame, time_s: f64) {
        let elapsed_s = time_s - self.last_column_s.unwrap_or(time_s - COLUMN_S);
        let due = (elapsed_s / COLUMN_S + 0.5) as usize;
        if due == 0 {
            return;
        }
        self.last_column_s = Some(if due > MAX_CATCH_UP_COLUMNS {
            time_s
        } else {
            self.last_column_s.unwrap_or(time_s - COLUMN_S) + due as f64 * COLUMN_S
        });
        let column = Column {
            before: frame
                .input_power
                .map(|power| db_to_unit(power_to_db(power), BEFORE_RANGE_DB)),
            reduction: frame.mask_gain.map(reduction_unit),
        };
        for _ in 0..due.min(MAX_CATCH_UP_COLUMNS) {
            if self.columns.len() == COLUMNS {
                self.columns.pop_front();
            }
            self.columns.push_back(column);
        }
        self.stale = true;
    }

    /// The legend: what light and dark mean in either picture.
    pub fn legend(ui: &Ui, right: Pos2, theme: &Theme) {
        let scale = |right: Pos2, hue: Color32, low: &str, high: &str| -> f32 {
            let painter = ui.painter();
            let high_rect = painter.text(right, Align2::RIGHT_CENTER, high, label_font(11.5), theme.text);
            let bar = Rect::from_min_max(
                pos2(high_rect.left() - 46.0, right.y - 4.0),
                pos2(high_rect.left() - 5.0, right.y + 4.0),
            );
            for step in 0..SCALE_STEPS {
                let part = |step: usize| lerp(bar.left()..=bar.right(), step as f32 / SCALE_STEPS as f32);
                let cell = Rect::from_x_y_ranges(part(step)..=part(step + 1), bar.y_range());
                let level = step as f32 / (SCALE_STEPS - 1) as f32;
                painter.rect_filled(cell, 0.0, theme.ramp(level, hue));
            }
            theme.frame(painter, bar, Color32::TRANSPARENT);
            let low_pos = pos2(bar.left() - 5.0, right.y);
            painter
                .text(low_pos, Align2::RIGHT_CENTER, low, label_font(11.5), theme.text)
                .left()
        };
        let left = scale(
            right,
            theme.noise,
            "reduction 0",
            &format!("{REDUCTION_RANGE_DB:.0} dB"),
        );
        let before_low = format!("before {:.0}", BEFORE_RANGE_DB.min);
        scale(
            pos2(left - 16.0, right.y),
            theme.accent,
            &before_low,
            &format!("{:.0} dB", BEFORE_RANGE_DB.max),
        );
    }

    /// Draws the view into `rect`.
    pub fn show(&mut self, ui: &Ui, rect: Rect, theme: &Theme) {
        let pictures_rect = Rect::from_min_max(rect.min + vec2(42.0, 8.0), rect.max - vec2(16.0, 20.0));
        let (upper, lower) = pictures_rect.split_top_bottom_at_fraction(0.5);
        let upper = Rect::from_min_max(upper.min, upper.max - vec2(0.0, 3.0));
        let lower = Rect::from_min_max(lower.min + vec2(0.0, 3.0), lower.max);

        self.refresh(ui, theme);
        if let Some(pictures) = &self.pictures {
            let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            ui.painter().image(pictures.before.id(), upper, whole, Color32::WHITE);
            ui.painter()
                .image(pictures.reduction.id(), lower, whole, Color32::WHITE);
        }
        for (picture, name) in [(upper, "before"), (lower, "reduction")] {
            frequency_ticks(ui, picture, theme);
            tag(ui, picture, theme, name);
        }
        time_axis(ui, pictures_rect, theme);
        let response = ui.interact(pictures_rect, ui.scope_id().with("history"), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Image, true, "History plot"));
    }

    fn refresh(&mut self, ui: &Ui, theme: &Theme) {
        let recolour = self
            .pictures
            .as_ref()
            .is_none_or(|pictures| pictures.dark != theme.dark);
        if !self.stale && !recolour {
            return;
        }
        self.stale = false;
        let before = self.image(|column| &column.before, |level| theme.ramp(level, theme.accent));
        let reduction = self.image(|column| &column.reduction, |level| theme.ramp(level, theme.noise));
        match &mut self.pictures {
            Some(pictures) => {
                pictures.before.set(before, TextureOptions::LINEAR);
                pictures.reduction.set(reduction, TextureOptions::LINEAR);
                pictures.dark = theme.dark;
            }
            None => {
                let load = |name: &str, image| ui.ctx().load_texture(name, image, TextureOptions::LINEAR);
                let (before, reduction) = (load("before", before), load("reduction", reduction));
                self.pictures = Some(Pictures {
                    before,
                    reduction,
                    dark: theme.dark,
                });
            }
        }
    }

    /// Newest column at the right, highest band at the top; what was not yet is silence.
    fn image(&self, levels: impl Fn(&Column) -> &[f32; DISPLAY_BANDS], color: impl Fn(f32) -> Color32) -> ColorImage {
        let mut image = ColorImage::filled([COLUMNS, DISPLAY_BANDS], color(0.0));
        let first = COLUMNS - self.columns.len();
        for (x, column) in self.columns.iter().enumerate() {
            for (band, level) in levels(column).iter().enumerate() {
                image[(first + x, DISPLAY_BANDS - 1 - band)] = color(*level);
            }
        }
        image
    }
}

fn reduction_unit(mask_gain: f32) -> f32 {
    db_to_unit(-gain_to_db(mask_gain), Rangef::new(0.0, REDUCTION_RANGE_DB))
}

fn frequency_ticks(ui: &Ui, picture: Rect, theme: &Theme) {
    for (frequency_hz, text) in [(100.0, "100 Hz"), (1_000.0, "1k"), (10_000.0, "10k")] {
        let y = lerp(picture.bottom()..=picture.top(), hz_to_unit(frequency_hz));
        ui.painter()
            .hline(picture.left() - 4.0..=picture.left(), y, Stroke::new(1.0, theme.dim));
        ui.painter().text(
            pos2(picture.left() - 5.0, y),
            Align2::RIGHT_CENTER,
            text,
            label_font(10.5),
            theme.dim,
        );
    }
}

/// The name of a picture on a ground that keeps it readable on any colour.
fn tag(ui: &Ui, picture: Rect, theme: &Theme, name: &str) {
    let galley = ui
        .painter()
        .layout_no_wrap(name.to_owned(), label_font(11.5), theme.text);
    let ground = Rect::from_min_size(picture.min + vec2(6.0, 6.0), galley.size() + vec2(12.0, 4.0));
    theme.frame(ui.painter(), ground, theme.card);
    ui.painter().galley(ground.min + vec2(6.0, 2.0), galley, theme.text);
}

fn time_axis(ui: &Ui, plot: Rect, theme: &Theme) {
    let total_s = COLUMNS as f64 * COLUMN_S;
    for back_s in (0..=total_s as usize).step_by(2) {
        let x = lerp(plot.right()..=plot.left(), (back_s as f64 / total_s) as f32);
        let text = if back_s == 0 {
            "now".to_owned()
        } else {
            format!("-{back_s} s")
        };
        ui.painter()
            .vline(x, plot.bottom()..=plot.bottom() + 4.0, Stroke::new(1.0, theme.dim));
        ui.painter().text(
            pos2(x, plot.bottom() + 4.0),
            Align2::CENTER_TOP,
            text,
            label_font(10.5),
            theme.dim,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_follow_the_clock_and_the_oldest_leave() {
        let mut view = HistoryView::default();
        let frame = MeterFrame::default();
        for tick in 0..60 {
            view.update(&frame, f64::from(tick) / 60.0);
        }
        // One second at twice the column rate.
        assert!((29..=31).contains(&view.columns.len()), "{}", view.columns.len());
        view.update(&frame, 100.0);
        assert!(view.columns.len() <= 31 + MAX_CATCH_UP_COLUMNS);
        for tick in 0..2 * COLUMNS {
            view.update(&frame, 101.0 + tick as f64 * COLUMN_S);
        }
        assert_eq!(view.columns.len(), COLUMNS);
    }

    #[test]
    fn a_new_window_goes_on_with_a_new_clock() {
        let mut view = HistoryView::default();
        for tick in 0..4 {
            view.update(&MeterFrame::default(), 100.0 + f64::from(tick) * COLUMN_S);
        }
        view.opened();
        for tick in 0..4 {
            view.update(&MeterFrame::default(), f64::from(tick) * COLUMN_S);
        }
        assert_eq!(view.columns.len(), 8);
    }

    #[test]
    fn pictures_put_the_newest_moment_at_the_right_and_high_bands_at_the_top() {
        let mut view = HistoryView::default();
        let mut frame = MeterFrame::default();
        frame.mask_gain[DISPLAY_BANDS - 1] = 0.0;
        view.update(&frame, 0.0);
        let gray = |level: f32| Color32::from_gray((level * 255.0) as u8);
        let image = view.image(|column| &column.reduction, gray);
        assert_eq!(image[(COLUMNS - 1, 0)], Color32::from_gray(255));
        assert_eq!(image[(COLUMNS - 1, 1)], Color32::from_gray(0));
        assert_eq!(image[(COLUMNS - 2, 0)], Color32::from_gray(0));
    }
}
