//! The top row: on/off, what is heard, presets, latency and help.

use egui::{Align2, Popup, PopupCloseBehavior, Rect, RichText, Ui, pos2, vec2};
use nice_plug::prelude::{Param, ParamSetter};

use super::buttons::{Choice, button, choices, switch};
use super::control::apply_plain;
use super::theme::{Theme, label_font, number_font};
use crate::params::{ListenChoice, UnfoldParams};
use crate::shared::EditorShared;

/// A named setting of the parameters that shape the sound.
pub struct Preset {
    /// Shown in the menu.
    pub name: &'static str,
    /// Mask strength, 0..=1.
    pub amount: f32,
    /// Noise that is always left, in dB.
    pub floor_db: f32,
}

/// Every preset, mildest first. Each runs all layers with adaptive noise atoms.
pub const PRESETS: [Preset; 3] = [
    Preset {
        name: "Gentle",
        amount: 0.8,
        floor_db: -12.0,
    },
    Preset {
        name: "Balanced",
        amount: 1.0,
        floor_db: -24.0,
    },
    Preset {
        name: "Strong",
        amount: 1.0,
        floor_db: -40.0,
    },
];

impl Preset {
    /// Sets the parameters, each in a gesture of its own.
    pub fn apply(&self, params: &UnfoldParams, setter: &ParamSetter<'_>) {
        apply_plain(&params.amount, setter, self.amount);
        apply_plain(&params.floor_db, setter, self.floor_db);
        apply_plain(&params.layers, setter, params.layers.default_plain_value());
        apply_plain(&params.adapt, setter, true);
    }

    fn matches(&self, params: &UnfoldParams) -> bool {
        let near = |one: f32, other: f32| (one - other).abs() < 1e-3;
        near(params.amount.unmodulated_plain_value(), self.amount)
            && near(params.floor_db.unmodulated_plain_value(), self.floor_db)
            && params.layers.unmodulated_plain_value() == params.layers.default_plain_value()
            && params.adapt.unmodulated_plain_value()
    }
}

const LISTEN: [(ListenChoice, Choice<'static>); 3] = [
    (ListenChoice::Result, Choice::new("Result", 1.0)),
    (ListenChoice::Removed, Choice::new("Removed", 1.2)),
    (ListenChoice::Input, Choice::new("Input", 1.0)),
];

const HELP: [(&str, &str); 10] = [
    ("Drag a slider", "changes it from where it is; up and right are more"),
    ("Shift", "makes drag, wheel and keys finer"),
    (
        "Double-click, Ctrl-click",
        "returns to the default, marked below the track",
    ),
    ("Wheel", "one step per notch"),
    (
        "Click a number",
        "to type: 12, 12 dB, 12,5 or -inf; Enter keeps, Escape forgets",
    ),
    ("Tab, arrows, Home, End", "reach and move every slider"),
    ("Space", "always goes to the host"),
    (
        "Hear: Removed",
        "plays exactly what is taken away: no speech should be in it",
    ),
    ("Keep at least", "the noise that is always left; -inf leaves none"),
    (
        "Stereo",
        "Linked keeps the image still; Independent suits two microphones",
    ),
];

/// Draws the row into `rect`.
pub fn header(
    ui: &mut Ui,
    rect: Rect,
    theme: &Theme,
    params: &UnfoldParams,
    shared: &EditorShared,
    setter: &ParamSetter<'_>,
) {
    let row = |left: f32, width: f32| Rect::from_min_size(pos2(left, rect.top()), vec2(width, rect.height()));
    let middle = rect.center().y;
    let painter = ui.painter();
    painter.text(
        pos2(rect.left() + 2.0, middle),
        Align2::LEFT_CENTER,
        "UNFOLD",
        label_font(19.0),
        theme.text,
    );

    let on = !params.bypass.unmodulated_plain_value();
    if switch(ui, row(rect.left() + 92.0, 58.0), theme, "Active", on) {
        apply_plain(&params.bypass, setter, on);
    }

    let hear = rect.left() + 172.0;
    theme.caption(ui.painter(), pos2(hear, middle), Align2::LEFT_CENTER, "HEAR");
    let listen = params.listen.unmodulated_plain_value();
    let chosen = LISTEN.iter().position(|(choice, _)| *choice == listen);
    if let Some(clicked) = choices(
        ui,
        row(hear + 36.0, 200.0),
        theme,
        &LISTEN.map(|(_, choice)| choice),
        chosen,
    ) {
        apply_plain(&params.listen, setter, LISTEN[clicked].0);
    }

    preset_menu(ui, row(hear + 256.0, 132.0), theme, params, setter);

    let help = row(rect.right() - 30.0, 30.0);
    help_popup(ui, help, theme);
    let latency_pos = pos2(help.left() - 14.0, middle);
    let latency = ui.painter().text(
        latency_pos,
        Align2::RIGHT_CENTER,
        latency_text(shared.latency_samples(), shared.sample_rate_hz()),
        number_font(12.0),
        theme.text,
    );
    theme.caption(
        ui.painter(),
        pos2(latency.left() - 7.0, middle),
        Align2::RIGHT_CENTER,
        "LATENCY",
    );
}

/// "20.0 ms", or a dash before the first activation.
fn latency_text(latency_samples: u32, sample_rate_hz: f32) -> String {
    if sample_rate_hz > 0.0 {
        format!("{:.1} ms", latency_samples as f32 / sample_rate_hz * 1e3)
    } else {
        "- ms".to_owned()
    }
}

fn preset_menu(ui: &Ui, rect: Rect, theme: &Theme, params: &UnfoldParams, setter: &ParamSetter<'_>) {
    let current = PRESETS
        .iter()
        .find(|preset| preset.matches(params))
        .map_or("Custom", |preset| preset.name);
    let response = menu_button(ui, rect, theme, current, "Preset");
    Popup::menu(&response).show(|ui| {
        ui.set_min_width(rect.width() - MENU_INSET);
        for preset in &PRESETS {
            if ui.selectable_label(preset.name == current, preset.name).clicked() {
                preset.apply(params, setter);
            }
        }
    });
}

/// Width of a menu's frame, both sides together, in points.
pub const MENU_INSET: f32 = 14.0;

/// A push button with a triangle that says it opens something.
pub fn menu_button(ui: &Ui, rect: Rect, theme: &Theme, text: &str, name: &str) -> egui::Response {
    let response = button(ui, rect, theme, "", name, None);
    let left = pos2(rect.left() + 10.0, rect.center().y);
    ui.painter()
        .text(left, Align2::LEFT_CENTER, text, label_font(12.0), theme.text);
    let tip = pos2(rect.right() - 12.0, rect.center().y + 3.0);
    let points = vec![tip, tip + vec2(-4.0, -5.0), tip + vec2(4.0, -5.0)];
    ui.painter()
        .add(egui::Shape::convex_polygon(points, theme.dim, egui::Stroke::NONE));
    response
}

fn help_popup(ui: &Ui, rect: Rect, theme: &Theme) {
    let response = button(ui, rect, theme, "?", "Help", None);
    Popup::from_toggle_button_response(&response)
        .close_behavior(PopupCloseBehavior::CloseOnClick)
        .align(egui::RectAlign::BOTTOM_END)
        .gap(6.0)
        .width(500.0)
        .show(|ui| {
            egui::Grid::new("help")
                .num_columns(2)
                .spacing(vec2(16.0, 7.0))
                .show(ui, |ui| {
                    for (action, effect) in HELP {
                        ui.label(RichText::new(action).color(theme.accent).size(12.0));
                        ui.label(RichText::new(effect).size(12.0));
                        ui.end_row();
                    }
                });
        });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_is_told_in_milliseconds() {
        assert_eq!(latency_text(960, 48_000.0), "20.0 ms");
        assert_eq!(latency_text(882, 44_100.0), "20.0 ms");
        assert_eq!(latency_text(0, 0.0), "- ms");
    }
}
