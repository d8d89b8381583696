//! Scales, grid and legend that the plots share.

use egui::{Align2, Color32, Painter, Pos2, Rangef, Rect, Shape, Stroke, lerp, pos2};

use super::theme::{Theme, label_font};
use crate::meters::{DISPLAY_BANDS, display_band_hz};

/// Frequencies that get a grid line and a number.
const TICKS: [(f32, &str); 9] = [
    (50.0, "50"),
    (100.0, "100"),
    (200.0, "200"),
    (500.0, "500"),
    (1_000.0, "1k"),
    (2_000.0, "2k"),
    (5_000.0, "5k"),
    (10_000.0, "10k"),
    (20_000.0, "20k"),
];

/// Where a frequency lies between the lowest and the highest display band, 0..=1 on a logarithmic axis.
#[must_use]
pub fn hz_to_unit(frequency_hz: f32) -> f32 {
    let (lowest, highest) = (display_band_hz(0), display_band_hz(DISPLAY_BANDS - 1));
    ((frequency_hz / lowest).ln() / (highest / lowest).ln()).clamp(0.0, 1.0)
}

/// The display band nearest to a position 0..=1 on that axis.
#[must_use]
pub fn unit_to_band(unit: f32) -> usize {
    // Display bands are spaced evenly on the logarithmic axis.
    (unit.clamp(0.0, 1.0) * (DISPLAY_BANDS - 1) as f32).round() as usize
}

/// Where a level lies in `range_db`, 0..=1; silence is 0.
#[must_use]
pub fn db_to_unit(level_db: f32, range_db: Rangef) -> f32 {
    if level_db.is_nan() {
        0.0
    } else {
        ((level_db - range_db.min) / range_db.span()).clamp(0.0, 1.0)
    }
}

/// "850 Hz" or "1.25 kHz".
#[must_use]
pub fn hz_text(frequency_hz: f32) -> String {
    if frequency_hz < 1_000.0 {
        format!("{frequency_hz:.0} Hz")
    } else {
        format!("{:.2} kHz", frequency_hz / 1_000.0)
    }
}

/// "-18.3", or "-inf" for silence and anything below what is worth reading.
#[must_use]
pub fn db_text(level_db: f32) -> String {
    const SILENCE_DB: f32 = -120.0;
    if level_db > SILENCE_DB {
        format!("{:.1}", level_db + 0.0)
    } else {
        "-inf".to_owned()
    }
}

/// Vertical grid lines with their frequencies below `plot`.
pub fn frequency_axis(painter: &Painter, plot: Rect, theme: &Theme) {
    for (frequency_hz, text) in TICKS {
        let x = lerp(plot.left()..=plot.right(), hz_to_unit(frequency_hz));
        painter.vline(x, plot.y_range(), Stroke::new(1.0, theme.grid));
        painter.text(
            pos2(x, plot.bottom() + 4.0),
            Align2::CENTER_TOP,
            text,
            label_font(10.5),
            theme.dim,
        );
    }
    let unit_pos = pos2(plot.left() - 14.0, plot.bottom() + 4.0);
    painter.text(unit_pos, Align2::RIGHT_TOP, "Hz", label_font(10.5), theme.dim);
}

/// Horizontal grid lines every 20 dB with their levels left of `plot`.
pub fn level_axis(painter: &Painter, plot: Rect, theme: &Theme, range_db: Rangef) {
    let steps = (range_db.span() / 20.0) as usize;
    for step in 0..=steps {
        let level_db = range_db.max - 20.0 * step as f32;
        let y = lerp(plot.bottom()..=plot.top(), db_to_unit(level_db, range_db));
        painter.hline(plot.x_range(), y, Stroke::new(1.0, theme.grid));
        let text = if step == 0 {
            format!("{level_db:.0} dB")
        } else {
            format!("{level_db:.0}")
        };
        painter.text(
            pos2(plot.left() - 6.0, y),
            Align2::RIGHT_CENTER,
            text,
            label_font(10.5),
            theme.dim,
        );
    }
}

/// How a curve is drawn, in the plot and in the legend alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineStyle {
    /// A thin line.
    Thin,
    /// A line over a filled area.
    Filled,
    /// Dashes.
    Dashed,
    /// Dots.
    Dotted,
}

/// Draws `points`, left to right, above `bottom`.
pub fn curve(painter: &Painter, points: Vec<Pos2>, bottom: f32, style: LineStyle, color: Color32) {
    match style {
        LineStyle::Thin => drop(painter.line(points, Stroke::new(1.0, color))),
        LineStyle::Filled => {
            painter.add(filled_area(&points, bottom, color.gamma_multiply(0.28)));
            painter.line(points, Stroke::new(1.75, color));
        }
        LineStyle::Dashed => painter.extend(Shape::dashed_line(&points, Stroke::new(1.5, color), 7.0, 4.0)),
        LineStyle::Dotted => painter.extend(Shape::dotted_line(&points, color, 4.5, 1.1)),
    }
}

fn filled_area(points: &[Pos2], bottom: f32, color: Color32) -> egui::Mesh {
    let mut mesh = egui::Mesh::default();
    for (index, point) in points.iter().enumerate() {
        mesh.colored_vertex(*point, color);
        mesh.colored_vertex(pos2(point.x, bottom), color);
        if index > 0 {
            let next = 2 * index as u32;
            mesh.add_triangle(next - 2, next - 1, next);
            mesh.add_triangle(next - 1, next, next + 1);
        }
    }
    mesh
}

/// Draws a legend ending at `right`, in the order given.
pub fn legend(painter: &Painter, right: Pos2, theme: &Theme, entries: &[(&str, LineStyle, Color32)]) {
    const SAMPLE_WIDTH: f32 = 20.0;
    let mut x = right.x;
    for (text, style, color) in entries.iter().rev() {
        let text_rect = painter.text(
            pos2(x, right.y),
            Align2::RIGHT_CENTER,
            text,
            label_font(11.5),
            theme.text,
        );
        let sample = Rangef::new(text_rect.left() - SAMPLE_WIDTH - 5.0, text_rect.left() - 5.0);
        // The filled style needs height to show what it is.
        let (y, bottom) = if *style == LineStyle::Filled {
            (right.y - 4.0, right.y + 5.0)
        } else {
            (right.y, right.y)
        };
        curve(
            painter,
            vec![pos2(sample.min, y), pos2(sample.max, y)],
            bottom,
            *style,
            *color,
        );
        x = sample.min - 14.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_map_to_the_band_that_is_drawn_there() {
        assert_eq!((hz_to_unit(50.0), hz_to_unit(20_000.0)), (0.0, 1.0));
        assert_eq!(hz_to_unit(5.0), 0.0);
        for band in 0..DISPLAY_BANDS {
            assert_eq!(unit_to_band(hz_to_unit(display_band_hz(band))), band);
        }
        // One decade is the same distance everywhere.
        let decade = hz_to_unit(1_000.0) - hz_to_unit(100.0);
        assert!((hz_to_unit(10_000.0) - hz_to_unit(1_000.0) - decade).abs() < 1e-5);
    }

    #[test]
    fn levels_stay_inside_the_plot() {
        let range_db = Rangef::new(-100.0, 0.0);
        assert_eq!(db_to_unit(-50.0, range_db), 0.5);
        assert_eq!(db_to_unit(f32::NEG_INFINITY, range_db), 0.0);
        assert_eq!(db_to_unit(f32::NAN, range_db), 0.0);
        assert_eq!(db_to_unit(12.0, range_db), 1.0);
    }

    #[test]
    fn texts_carry_what_a_reader_needs() {
        assert_eq!(hz_text(849.6), "850 Hz");
        assert_eq!(hz_text(1_250.0), "1.25 kHz");
        assert_eq!(db_text(-18.26), "-18.3");
        assert_eq!(db_text(-0.0), "0.0");
        assert_eq!(db_text(f32::NEG_INFINITY), "-inf");
        assert_eq!(db_text(f32::NAN), "-inf");
    }
}
