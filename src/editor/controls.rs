//! The row of controls: sliders, layers, stereo and adapt.

use egui::{Align2, Rect, Ui, pos2, vec2};
use nice_plug::prelude::{FloatParam, Param, ParamSetter};

use super::buttons::{Choice, choices, switch};
use super::control::{Control, ParamBinding, apply_plain};
use super::slider::slider;
use super::theme::{Theme, label_font};
use crate::params::{FLOOR_OFF_DB, OUTPUT_GAIN_LIMIT_DB, StereoChoice, UnfoldParams};

/// One step of the amount: one per cent.
const AMOUNT_STEP: f32 = 0.01;
/// Widths of the sliders relative to each other: the longest caption needs the most.
const SLIDER_SHARES: [f32; 3] = [0.28, 0.41, 0.31];
/// Room between controls, in points.
const GAP: f32 = 14.0;

/// The sliders' state between frames.
#[derive(Default)]
pub struct Sliders {
    amount: Control,
    floor: Control,
    output: Control,
}

/// Name, state, parameter and step of each slider. One step of a level is one decibel.
fn each<'a>(
    sliders: &'a mut Sliders,
    params: &'a UnfoldParams,
) -> [(&'static str, &'a mut Control, &'a FloatParam, f32); 3] {
    [
        ("Amount", &mut sliders.amount, &params.amount, AMOUNT_STEP),
        (
            "Keep at least",
            &mut sliders.floor,
            &params.floor_db,
            -1.0 / FLOOR_OFF_DB,
        ),
        (
            "Output",
            &mut sliders.output,
            &params.output_gain_db,
            0.5 / OUTPUT_GAIN_LIMIT_DB,
        ),
    ]
}

impl Sliders {
    /// Whether a number is being typed.
    #[must_use]
    pub fn typing(&self) -> bool {
        self.amount.is_typing() || self.floor.is_typing() || self.output.is_typing()
    }

    /// Ends whatever gesture is open, because the panel closes.
    pub fn release(&mut self, params: &UnfoldParams, setter: &ParamSetter<'_>) {
        for (_, control, param, step) in each(self, params) {
            control.release(&ParamBinding::new(param, ParamSetter::new(setter.raw_context), step));
        }
    }

    /// Forgets typed numbers: their fields are gone.
    pub fn cancel_typing(&mut self) {
        for control in [&mut self.amount, &mut self.floor, &mut self.output] {
            control.cancel();
        }
    }
}

/// Draws the row of controls into `rect`. `running` is the number of layers that the engine ran last.
pub fn controls(
    ui: &mut Ui,
    rect: Rect,
    theme: &Theme,
    sliders: &mut Sliders,
    params: &UnfoldParams,
    setter: &ParamSetter<'_>,
    running: u32,
) {
    const STEREO_WIDTH: f32 = 138.0;
    const ADAPT_WIDTH: f32 = 56.0;
    theme.frame(ui.painter(), rect, theme.card);
    let inner = rect.shrink2(vec2(14.0, 10.0));
    let layer_count = layer_count(params);
    let layers_width = (layer_count as f32 * 26.0).max(106.0);
    let sliders_width = inner.width() - layers_width - STEREO_WIDTH - ADAPT_WIDTH - 5.0 * GAP;
    let mut left = inner.left();
    let mut cell = |width: f32| {
        let cell = Rect::from_min_size(pos2(left, inner.top()), vec2(width, inner.height()));
        left += width + GAP;
        cell
    };

    for ((name, control, param, step), share) in each(sliders, params).into_iter().zip(SLIDER_SHARES) {
        let binding = ParamBinding::new(param, ParamSetter::new(setter.raw_context), step);
        slider(ui, cell(sliders_width * share), theme, name, control, &binding);
    }
    layers(ui, cell(layers_width), theme, params, setter, running);
    stereo(ui, cell(STEREO_WIDTH), theme, params, setter);
    let adapt_cell = cell(ADAPT_WIDTH);
    let adapt = params.adapt.unmodulated_plain_value();
    if switch(ui, captioned(ui, adapt_cell, theme, "ADAPT"), theme, "Adapt", adapt) {
        apply_plain(&params.adapt, setter, !adapt);
    }
}

/// Draws the caption of a cell; returns the place for its buttons.
fn captioned(ui: &Ui, cell: Rect, theme: &Theme, caption: &str) -> Rect {
    theme.caption(
        ui.painter(),
        cell.left_top() + vec2(0.0, 10.0),
        Align2::LEFT_CENTER,
        caption,
    );
    Rect::from_min_max(
        pos2(cell.left(), cell.bottom() - 27.0),
        cell.right_bottom() - vec2(0.0, 1.0),
    )
}

fn layer_count(params: &UnfoldParams) -> i32 {
    params.layers.preview_plain(1.0)
}

fn layers(ui: &Ui, cell: Rect, theme: &Theme, params: &UnfoldParams, setter: &ParamSetter<'_>, running: u32) {
    let row = captioned(ui, cell, theme, "LAYERS");
    let running_pos = pos2(cell.right(), cell.top() + 10.0);
    ui.painter().text(
        running_pos,
        Align2::RIGHT_CENTER,
        format!("running {running}"),
        label_font(11.0),
        theme.text,
    );

    let names: Vec<(String, String)> = (1..=layer_count(params))
        .map(|layer| (layer.to_string(), format!("Layers {layer}")))
        .collect();
    let options: Vec<Choice<'_>> = names
        .iter()
        .map(|(text, name)| Choice {
            text,
            name,
            weight: 1.0,
        })
        .collect();
    let chosen = usize::try_from(params.layers.unmodulated_plain_value() - 1).ok();
    if let Some(clicked) = choices(ui, row, theme, &options, chosen) {
        apply_plain(&params.layers, setter, clicked as i32 + 1);
    }
}

fn stereo(ui: &Ui, cell: Rect, theme: &Theme, params: &UnfoldParams, setter: &ParamSetter<'_>) {
    const STEREO: [(StereoChoice, Choice<'static>); 2] = [
        (StereoChoice::Linked, Choice::new("Linked", 1.0)),
        (StereoChoice::Independent, Choice::new("Independent", 1.5)),
    ];
    let row = captioned(ui, cell, theme, "STEREO");
    let stereo = params.stereo.unmodulated_plain_value();
    let chosen = STEREO.iter().position(|(choice, _)| *choice == stereo);
    if let Some(clicked) = choices(ui, row, theme, &STEREO.map(|(_, choice)| choice), chosen) {
        apply_plain(&params.stereo, setter, STEREO[clicked].0);
    }
}
