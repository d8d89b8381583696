//! The row of controls: sliders, layers, stereo and adapt.

use egui::{Align2, Rect, Sense, Ui, pos2, vec2};
use nice_plug::prelude::{FloatParam, Param, ParamSetter};

use super::buttons::{Choice, choices, switch};
use super::control::{Control, ParamBinding, Steps, apply_plain};
use super::slider::slider;
use super::theme::{Theme, label_font};
use crate::params::{FLOOR_OFF_DB, OUTPUT_GAIN_LIMIT_DB, STEP_AMOUNT, STEP_DB, StereoChoice, UnfoldParams};

/// One step of a level: one decibel.
const LEVEL_STEP_DB: f32 = 1.0;
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

/// What the layer selector says besides the layers that are set.
pub struct Layers {
    /// Layers that the engine ran last; 0 while audio rests.
    pub running: u32,
    /// Why these are fewer than are set.
    pub remark: Option<String>,
}

/// Name, state, parameter and steps (usual and finest) of each slider.
fn each<'a>(
    sliders: &'a mut Sliders,
    params: &'a UnfoldParams,
) -> [(&'static str, &'a mut Control, &'a FloatParam, Steps); 3] {
    let level_steps = |range_db: f32| Steps {
        usual: LEVEL_STEP_DB / range_db,
        finest: STEP_DB / range_db,
    };
    let amount_steps = Steps {
        usual: STEP_AMOUNT,
        finest: STEP_AMOUNT,
    };
    let floor_steps = level_steps(-FLOOR_OFF_DB);
    let output_steps = level_steps(2.0 * OUTPUT_GAIN_LIMIT_DB);
    [
        ("Amount", &mut sliders.amount, &params.amount, amount_steps),
        ("Keep at least", &mut sliders.floor, &params.floor_db, floor_steps),
        ("Output", &mut sliders.output, &params.output_gain_db, output_steps),
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
        for (_, control, param, steps) in each(self, params) {
            control.release(&ParamBinding::new(param, ParamSetter::new(setter.raw_context), steps));
        }
    }

    /// Forgets typed numbers: their fields are gone.
    pub fn cancel_typing(&mut self) {
        for control in [&mut self.amount, &mut self.floor, &mut self.output] {
            control.cancel();
        }
    }
}

/// Draws the row of controls into `rect`.
pub fn controls(
    ui: &mut Ui,
    rect: Rect,
    theme: &Theme,
    sliders: &mut Sliders,
    params: &UnfoldParams,
    setter: &ParamSetter<'_>,
    layers: &Layers,
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

    for ((name, control, param, steps), share) in each(sliders, params).into_iter().zip(SLIDER_SHARES) {
        let binding = ParamBinding::new(param, ParamSetter::new(setter.raw_context), steps);
        slider(ui, cell(sliders_width * share), theme, name, control, &binding);
    }
    layer_selector(ui, cell(layers_width), theme, params, setter, layers);
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

fn layer_selector(
    ui: &Ui,
    cell: Rect,
    theme: &Theme,
    params: &UnfoldParams,
    setter: &ParamSetter<'_>,
    layers: &Layers,
) {
    let row = captioned(ui, cell, theme, "LAYERS");
    let running_pos = pos2(cell.right(), cell.top() + 10.0);
    let (text, color) = match layers.remark {
        None => (format!("running {}", layers.running), theme.text),
        Some(_) => (format!("only {} run", layers.running), theme.warning),
    };
    let text_rect = ui
        .painter()
        .text(running_pos, Align2::RIGHT_CENTER, text, label_font(11.0), color);
    if let Some(remark) = &layers.remark {
        let response = ui.interact(text_rect, ui.scope_id().with("running"), Sense::hover());
        response.on_hover_text(remark);
    }

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
