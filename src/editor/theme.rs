//! Colours, fonts and the few painting helpers that every part of the panel uses.
//!
//! Each curve and each kind of part also has its own line style or pattern: colour never carries a meaning alone.

use egui::{
    Align2, Color32, Context, CornerRadius, FontFamily, FontId, Painter, Pos2, Rect, Shadow, Stroke, StrokeKind,
};

/// Corner radius of cards and wells, in points.
pub const RADIUS: u8 = 5;

/// One colour scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Whether this is the dark scheme.
    pub dark: bool,
    /// Behind everything.
    pub background: Color32,
    /// Cards that hold controls.
    pub card: Color32,
    /// Wells that hold plots, meters and tracks.
    pub well: Color32,
    /// Buttons at rest.
    pub button: Color32,
    /// Outlines.
    pub outline: Color32,
    /// Grid lines inside plots.
    pub grid: Color32,
    /// Text that matters.
    pub text: Color32,
    /// Labels and units.
    pub dim: Color32,
    /// Selected things and the result.
    pub accent: Color32,
    /// Text on `accent`.
    pub on_accent: Color32,
    /// The input curve.
    pub before: Color32,
    /// The mask curve.
    pub mask: Color32,
    /// Noise: the floor curve and the noise parts.
    pub noise: Color32,
    /// Adaptive parts.
    pub adaptive: Color32,
    /// Parts learnt from the user's noise.
    pub learnt: Color32,
    /// A sentence about a failure.
    pub warning: Color32,
    /// Brightest end of the spectrogram ramp, which starts at `well`.
    pub ramp_end: Color32,
}

impl Theme {
    /// Light on dark.
    pub const DARK: Self = Self {
        dark: true,
        background: Color32::from_rgb(0x12, 0x15, 0x1a),
        card: Color32::from_rgb(0x1a, 0x1e, 0x25),
        well: Color32::from_rgb(0x0d, 0x10, 0x14),
        button: Color32::from_rgb(0x28, 0x2e, 0x38),
        outline: Color32::from_rgb(0x33, 0x3a, 0x46),
        grid: Color32::from_rgb(0x20, 0x26, 0x2e),
        text: Color32::from_rgb(0xec, 0xef, 0xf4),
        dim: Color32::from_rgb(0xa8, 0xb1, 0xc0),
        accent: Color32::from_rgb(0x4f, 0xd1, 0xbd),
        on_accent: Color32::from_rgb(0x06, 0x1a, 0x17),
        before: Color32::from_rgb(0xd4, 0xd9, 0xe2),
        mask: Color32::from_rgb(0xf4, 0xbc, 0x4f),
        noise: Color32::from_rgb(0xf5, 0x86, 0xa6),
        adaptive: Color32::from_rgb(0xb8, 0xa2, 0xff),
        learnt: Color32::from_rgb(0x7f, 0xc4, 0xff),
        warning: Color32::from_rgb(0xff, 0xa0, 0x7a),
        ramp_end: Color32::from_rgb(0xfb, 0xf7, 0xc8),
    };

    /// Dark on light.
    pub const LIGHT: Self = Self {
        dark: false,
        background: Color32::from_rgb(0xe9, 0xec, 0xf0),
        card: Color32::from_rgb(0xf6, 0xf7, 0xf9),
        well: Color32::from_rgb(0xff, 0xff, 0xff),
        button: Color32::from_rgb(0xe0, 0xe4, 0xea),
        outline: Color32::from_rgb(0xc0, 0xc7, 0xd1),
        grid: Color32::from_rgb(0xe6, 0xe9, 0xee),
        text: Color32::from_rgb(0x16, 0x1b, 0x22),
        dim: Color32::from_rgb(0x4b, 0x54, 0x62),
        accent: Color32::from_rgb(0x0a, 0x6e, 0x63),
        on_accent: Color32::from_rgb(0xff, 0xff, 0xff),
        before: Color32::from_rgb(0x3a, 0x43, 0x50),
        mask: Color32::from_rgb(0x8f, 0x54, 0x00),
        noise: Color32::from_rgb(0xb0, 0x1f, 0x58),
        adaptive: Color32::from_rgb(0x63, 0x3b, 0xc4),
        learnt: Color32::from_rgb(0x0b, 0x5c, 0x9e),
        warning: Color32::from_rgb(0xa8, 0x38, 0x0c),
        ramp_end: Color32::from_rgb(0x08, 0x26, 0x3a),
    };

    /// The scheme for `dark`.
    #[must_use]
    pub const fn of(dark: bool) -> Self {
        if dark { Self::DARK } else { Self::LIGHT }
    }

    /// Colour of a spectrogram cell for `level` 0..=1; lightness changes in one direction only. The hue is toned down:
    /// large areas of it would outshine everything else.
    #[must_use]
    pub fn ramp(&self, level: f32, hue: Color32) -> Color32 {
        let level = level.clamp(0.0, 1.0);
        let hue = hue.lerp_to_gamma(self.well, 0.35);
        if level < 0.6 {
            self.well.lerp_to_gamma(hue, level / 0.6)
        } else {
            hue.lerp_to_gamma(self.ramp_end, (level - 0.6) / 0.4)
        }
    }

    /// Makes the stock widgets (menus, text fields, tooltips) match.
    pub fn apply(&self, ctx: &Context) {
        let theme = if self.dark {
            egui::Theme::Dark
        } else {
            egui::Theme::Light
        };
        ctx.set_theme(theme);
        ctx.style_mut_of(theme, |style| {
            let mut visuals = if self.dark {
                egui::Visuals::dark()
            } else {
                egui::Visuals::light()
            };
            visuals.override_text_color = Some(self.text);
            visuals.panel_fill = self.background;
            visuals.window_fill = self.card;
            visuals.window_stroke = Stroke::new(1.0, self.outline);
            visuals.extreme_bg_color = self.well;
            visuals.selection.bg_fill = self.accent.gamma_multiply(0.35);
            visuals.selection.stroke = Stroke::new(1.0, self.text);
            visuals.menu_corner_radius = CornerRadius::same(RADIUS);
            visuals.popup_shadow = Shadow {
                color: Color32::from_black_alpha(70),
                ..visuals.popup_shadow
            };
            for widget in [
                &mut visuals.widgets.inactive,
                &mut visuals.widgets.hovered,
                &mut visuals.widgets.active,
                &mut visuals.widgets.open,
            ] {
                widget.corner_radius = CornerRadius::same(RADIUS - 1);
                widget.bg_fill = self.button;
                widget.weak_bg_fill = self.button;
                widget.fg_stroke = Stroke::new(1.0, self.text);
            }
            visuals.widgets.inactive.bg_stroke = Stroke::new(1.0, self.outline);
            visuals.widgets.hovered.bg_stroke = Stroke::new(1.0, self.accent);
            visuals.widgets.noninteractive.bg_stroke = Stroke::new(1.0, self.outline);
            style.visuals = visuals;
            style.interaction.selectable_labels = false;
            style.spacing.button_padding = egui::vec2(8.0, 4.0);
        });
    }

    /// A filled, outlined box.
    pub fn frame(&self, painter: &Painter, rect: Rect, fill: Color32) {
        painter.rect(rect, RADIUS, fill, Stroke::new(1.0, self.outline), StrokeKind::Inside);
    }

    /// The ring around whatever has the keyboard.
    pub fn focus_ring(&self, painter: &Painter, rect: Rect) {
        painter.rect_stroke(
            rect.expand(2.0),
            RADIUS,
            Stroke::new(1.5, self.accent),
            StrokeKind::Inside,
        );
    }

    /// A small label in capitals.
    pub fn caption(&self, painter: &Painter, pos: Pos2, align: Align2, text: &str) -> Rect {
        painter.text(pos, align, text, label_font(10.5), self.dim)
    }
}

/// The font of words.
#[must_use]
pub const fn label_font(size_points: f32) -> FontId {
    FontId::new(size_points, FontFamily::Proportional)
}

/// The font of live numbers: digits of one width stand still while they change.
#[must_use]
pub const fn number_font(size_points: f32) -> FontId {
    FontId::new(size_points, FontFamily::Monospace)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of WCAG 2.
    fn luminance(color: Color32) -> f64 {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.040_45 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
    }

    fn contrast(one: Color32, other: Color32) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn contrast_follows_its_definition() {
        assert!((contrast(Color32::WHITE, Color32::BLACK) - 21.0).abs() < 1e-9);
        // The grey that the accessibility guidelines name as the darkest to fail on white is #777777: 4.48.
        assert!((contrast(Color32::WHITE, Color32::from_gray(0x77)) - 4.48).abs() < 0.01);
    }

    #[test]
    fn every_text_reads_on_every_surface_it_is_put_on() {
        for theme in [Theme::DARK, Theme::LIGHT] {
            for surface in [theme.background, theme.card, theme.well, theme.button] {
                for (name, text) in [("text", theme.text), ("dim", theme.dim)] {
                    let ratio = contrast(text, surface);
                    assert!(ratio >= 4.5, "{name} on {surface:?}: {ratio:.2}");
                }
            }
            for surface in [theme.background, theme.card, theme.well] {
                for (name, text) in [
                    ("accent", theme.accent),
                    ("before", theme.before),
                    ("mask", theme.mask),
                    ("noise", theme.noise),
                    ("adaptive", theme.adaptive),
                    ("learnt", theme.learnt),
                    ("warning", theme.warning),
                ] {
                    let ratio = contrast(text, surface);
                    assert!(ratio >= 4.5, "{name} on {surface:?}: {ratio:.2}");
                }
            }
            let ratio = contrast(theme.on_accent, theme.accent);
            assert!(ratio >= 4.5, "selected button: {ratio:.2}");
        }
    }

    #[test]
    fn spectrogram_ramps_change_lightness_in_one_direction() {
        for theme in [Theme::DARK, Theme::LIGHT] {
            for hue in [theme.accent, theme.noise] {
                let lightness: Vec<f64> = (0..=20)
                    .map(|step| luminance(theme.ramp(step as f32 / 20.0, hue)))
                    .collect();
                let rising = lightness.windows(2).all(|pair| pair[1] >= pair[0]);
                let falling = lightness.windows(2).all(|pair| pair[1] <= pair[0]);
                assert!(rising != falling, "{lightness:?}");
            }
        }
    }
}
