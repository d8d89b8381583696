//! The spectrum view: input, output, mask and noise floor over a logarithmic frequency axis.

use egui::{Align2, Pos2, Rangef, Rect, Sense, Stroke, Ui, WidgetInfo, lerp, pos2, remap_clamp, vec2};

use super::axes::{self, LineStyle, db_text, db_to_unit, hz_text};
use super::theme::{Theme, number_font};
use crate::meters::{DISPLAY_BANDS, MeterFrame, display_band_hz};
use crate::units::{gain_to_db, power_to_db};

/// Levels shown. The mask uses the same axis: its gain in dB.
pub const RANGE_DB: Rangef = Rangef { min: -100.0, max: 0.0 };
/// Share of the distance to a new value covered by one frame: quick up, slower down, so that curves can be read.
const ATTACK: f32 = 0.6;
const RELEASE: f32 = 0.3;

/// What the view remembers between frames: curves that move smoothly. All in dB, one value per display band.
pub struct SpectrumView {
    input_db: [f32; DISPLAY_BANDS],
    output_db: [f32; DISPLAY_BANDS],
    mask_db: [f32; DISPLAY_BANDS],
    noise_db: [f32; DISPLAY_BANDS],
}

impl Default for SpectrumView {
    fn default() -> Self {
        let silence = [RANGE_DB.min; DISPLAY_BANDS];
        Self {
            input_db: silence,
            output_db: silence,
            mask_db: [0.0; DISPLAY_BANDS],
            noise_db: silence,
        }
    }
}

impl SpectrumView {
    /// Takes in a new frame.
    pub fn update(&mut self, frame: &MeterFrame) {
        let output_power = std::array::from_fn(|band| frame.output_power(band));
        follow(&mut self.input_db, &frame.input_power.map(power_to_db));
        follow(&mut self.output_db, &output_power.map(power_to_db));
        follow(&mut self.noise_db, &frame.noise_power.map(power_to_db));
        follow(&mut self.mask_db, &frame.mask_gain.map(gain_to_db));
    }

    /// Audio has stopped.
    pub fn rest(&mut self) {
        *self = Self::default();
    }

    /// The legend, for the row above the plot.
    pub fn legend(ui: &Ui, right: Pos2, theme: &Theme) {
        let entries = [
            ("before", LineStyle::Thin, theme.before),
            ("after", LineStyle::Filled, theme.accent),
            ("mask", LineStyle::Dashed, theme.mask),
            ("noise floor", LineStyle::Dotted, theme.noise),
        ];
        axes::legend(ui.painter(), right, theme, &entries);
    }

    /// Draws the view into `rect`.
    pub fn show(&self, ui: &Ui, rect: Rect, theme: &Theme) {
        let painter = ui.painter();
        let plot = Rect::from_min_max(rect.min + vec2(42.0, 10.0), rect.max - vec2(16.0, 20.0));
        axes::frequency_axis(painter, plot, theme);
        axes::level_axis(painter, plot, theme, RANGE_DB);

        let clipped = painter.with_clip_rect(plot.expand(1.0));
        let points = |curve_db: &[f32; DISPLAY_BANDS]| points(curve_db, plot);
        axes::curve(
            &clipped,
            points(&self.output_db),
            plot.bottom(),
            LineStyle::Filled,
            theme.accent,
        );
        axes::curve(
            &clipped,
            points(&self.input_db),
            plot.bottom(),
            LineStyle::Thin,
            theme.before,
        );
        axes::curve(
            &clipped,
            points(&self.noise_db),
            plot.bottom(),
            LineStyle::Dotted,
            theme.noise,
        );
        axes::curve(
            &clipped,
            points(&self.mask_db),
            plot.bottom(),
            LineStyle::Dashed,
            theme.mask,
        );

        let response = ui.interact(plot, ui.scope_id().with("spectrum"), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Image, true, "Spectrum plot"));
        if let Some(pointer) = response.hover_pos() {
            self.readout(ui, plot, pointer, theme);
        }
    }

    /// The exact values under the pointer.
    fn readout(&self, ui: &Ui, plot: Rect, pointer: Pos2, theme: &Theme) {
        let band = axes::unit_to_band(remap_clamp(pointer.x, plot.x_range(), 0.0..=1.0));
        let x = lerp(plot.left()..=plot.right(), band as f32 / (DISPLAY_BANDS - 1) as f32);
        ui.painter().vline(x, plot.y_range(), Stroke::new(1.0, theme.dim));
        let text = format!(
            "{}   before {}   after {}   mask {} dB",
            hz_text(display_band_hz(band)),
            db_text(self.input_db[band]),
            db_text(self.output_db[band]),
            db_text(self.mask_db[band]),
        );
        let galley = ui.painter().layout_no_wrap(text, number_font(11.0), theme.text);
        let size = galley.size() + vec2(12.0, 6.0);
        let left = (x - size.x / 2.0).clamp(plot.left(), (plot.right() - size.x).max(plot.left()));
        let tag = Align2::LEFT_TOP.anchor_size(pos2(left, plot.top() + 4.0), size);
        theme.frame(ui.painter(), tag, theme.card);
        ui.painter().galley(tag.min + vec2(6.0, 3.0), galley, theme.text);
    }
}

/// Moves `shown` towards `target`; silence is the bottom of the plot.
fn follow(shown: &mut [f32; DISPLAY_BANDS], target: &[f32; DISPLAY_BANDS]) {
    for (shown, target) in shown.iter_mut().zip(target) {
        let target = if target.is_nan() {
            RANGE_DB.min
        } else {
            target.clamp(RANGE_DB.min, RANGE_DB.max)
        };
        *shown += (target - *shown) * if target > *shown { ATTACK } else { RELEASE };
    }
}

fn points(curve_db: &[f32; DISPLAY_BANDS], plot: Rect) -> Vec<Pos2> {
    let place = |(band, level_db): (usize, &f32)| {
        let x = lerp(plot.left()..=plot.right(), band as f32 / (DISPLAY_BANDS - 1) as f32);
        pos2(x, lerp(plot.bottom()..=plot.top(), db_to_unit(*level_db, RANGE_DB)))
    };
    curve_db.iter().enumerate().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_settle_on_the_frame_and_survive_silence() {
        let mut view = SpectrumView::default();
        let mut frame = MeterFrame {
            input_power: [1e-4; DISPLAY_BANDS],
            noise_power: [f32::NAN; DISPLAY_BANDS],
            ..MeterFrame::default()
        };
        frame.mask_gain[3] = 0.1;
        for _ in 0..40 {
            view.update(&frame);
        }
        assert!((view.input_db[7] + 40.0).abs() < 0.01);
        assert!((view.mask_db[3] + 20.0).abs() < 0.01);
        assert!((view.output_db[7] + 40.0).abs() < 0.01);
        assert!(
            (view.output_db[3] + 60.0).abs() < 0.01,
            "the mask acts twice on a power"
        );
        assert_eq!(view.noise_db[0], RANGE_DB.min);
        (0..40).for_each(|_| view.update(&MeterFrame::default()));
        assert!(view.input_db.iter().all(|level_db| *level_db < RANGE_DB.min + 0.01));
    }
}
