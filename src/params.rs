//! Every parameter of the plugin: id, range, unit, default and text, and its translation into the engine's [`Settings`].
//!
//! Ids and defaults are part of saved sessions; `tests/state.rs` freezes them.

mod session;
mod text;

use std::sync::{Arc, PoisonError, RwLock};

use nice_plug::plugin::ParamValue;
use nice_plug::prelude::{BoolParam, Enum, EnumParam, FloatParam, FloatRange, IntParam, IntRange, Params, PluginState};

use crate::engine::{Listen, Settings, StereoMode};
use crate::model_file;
pub use session::{EditorView, ModelPath, NoiseMemory};
use text::{decibel_text, floor_text, parse_floor_db, parse_layers, parse_number, parse_switch};

/// Lowest position of "keep at least", in dB: it stands for no floor at all and reads "-inf dB".
pub const FLOOR_OFF_DB: f32 = -60.0;
/// Largest output gain in either direction, in dB.
pub const OUTPUT_GAIN_LIMIT_DB: f32 = 24.0;
/// Step of the parameters in dB: what one decimal shows.
pub const STEP_DB: f32 = 0.1;
/// Step of the amount: one per cent.
pub const STEP_AMOUNT: f32 = 0.01;

/// What the plugin plays: the parameter's own copy of [`Listen`], with stable ids for saved states.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenChoice {
    /// The denoised signal.
    #[id = "result"]
    Result,
    /// What was taken away: input minus result.
    #[id = "removed"]
    Removed,
    /// The delayed input.
    #[id = "input"]
    Input,
}

impl From<ListenChoice> for Listen {
    fn from(choice: ListenChoice) -> Self {
        match choice {
            ListenChoice::Result => Self::Result,
            ListenChoice::Removed => Self::Removed,
            ListenChoice::Input => Self::Input,
        }
    }
}

/// How masks are shared between channels: the parameter's own copy of [`StereoMode`].
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum StereoChoice {
    /// One mask for all channels: the stereo image stays in place.
    #[id = "linked"]
    Linked,
    /// One mask per channel: for two microphones with different noise.
    #[id = "independent"]
    Independent,
}

impl From<StereoChoice> for StereoMode {
    fn from(choice: StereoChoice) -> Self {
        match choice {
            StereoChoice::Linked => Self::Linked,
            StereoChoice::Independent => Self::Independent,
        }
    }
}

/// The plugin's parameters and the fields saved beside them.
#[derive(Params)]
pub struct UnfoldParams {
    /// Mask strength, 0..=1.
    #[id = "amount"]
    pub amount: FloatParam,
    /// The noise that is always left, [`FLOOR_OFF_DB`]`..=0` dB.
    #[id = "floor_db"]
    pub floor_db: FloatParam,
    /// Unfolded layers run, `1..=K` of the shipped model.
    #[id = "layers"]
    pub layers: IntParam,
    /// What is heard.
    #[id = "listen"]
    pub listen: EnumParam<ListenChoice>,
    /// How masks are shared between channels.
    #[id = "stereo"]
    pub stereo: EnumParam<StereoChoice>,
    /// Whether adaptive noise atoms are fitted while playing.
    #[id = "adapt"]
    pub adapt: BoolParam,
    /// Listens to noise while on, and learns it when it goes off. Never on in a restored session.
    #[id = "learn"]
    pub learn: BoolParam,
    /// Gain after the mask, ±[`OUTPUT_GAIN_LIMIT_DB`] dB.
    #[id = "output_gain_db"]
    pub output_gain_db: FloatParam,
    /// The host's bypass; latency is kept.
    #[id = "bypass"]
    pub bypass: BoolParam,

    /// Panel size and zoom. Read it through [`UnfoldParams::view`].
    #[persist = "editor-view"]
    pub editor_view: RwLock<EditorView>,
    /// Which model file to use.
    #[persist = "model-path"]
    pub model_path: ModelPath,
    /// The noise that was learnt.
    #[persist = "noise-profile"]
    pub noise: NoiseMemory,
}

impl Default for UnfoldParams {
    fn default() -> Self {
        let layer_count = shipped_layers();
        Self {
            amount: FloatParam::new("Amount", 1.0, FloatRange::Linear { min: 0.0, max: 1.0 })
                .with_step_size(STEP_AMOUNT)
                .with_unit(" %")
                .with_value_to_string(Arc::new(|value| format!("{:.0}", value * 100.0)))
                .with_string_to_value(Arc::new(|text| Some(parse_number(text, "%")? / 100.0))),
            floor_db: decibel_param("Keep At Least", -24.0, FLOOR_OFF_DB, 0.0)
                .with_value_to_string(Arc::new(floor_text))
                .with_string_to_value(Arc::new(parse_floor_db)),
            layers: IntParam::new(
                "Layers",
                layer_count,
                IntRange::Linear {
                    min: 1,
                    max: layer_count,
                },
            )
            .with_value_to_string(Arc::new(move |value| format!("{value} of {layer_count}")))
            .with_string_to_value(Arc::new(parse_layers)),
            listen: EnumParam::new("Hear", ListenChoice::Result),
            stereo: EnumParam::new("Stereo", StereoChoice::Linked),
            adapt: BoolParam::new("Adapt", true)
                .with_value_to_string(Arc::new(|on| if on { "On" } else { "Off" }.to_owned()))
                .with_string_to_value(Arc::new(parse_switch)),
            learn: BoolParam::new("Learn Noise", false)
                .with_value_to_string(Arc::new(|on| if on { "Listening" } else { "Off" }.to_owned()))
                .with_string_to_value(Arc::new(parse_switch)),
            output_gain_db: decibel_param("Output Gain", 0.0, -OUTPUT_GAIN_LIMIT_DB, OUTPUT_GAIN_LIMIT_DB)
                .with_value_to_string(Arc::new(decibel_text))
                .with_string_to_value(Arc::new(|text| parse_number(text, "db"))),
            bypass: BoolParam::new("Bypass", false)
                .with_value_to_string(Arc::new(|on| if on { "Bypassed" } else { "Active" }.to_owned()))
                .with_string_to_value(Arc::new(parse_switch))
                .make_bypass(),
            editor_view: RwLock::new(EditorView::default()),
            model_path: ModelPath::default(),
            noise: NoiseMemory::default(),
        }
    }
}

impl UnfoldParams {
    /// The current values as the engine takes them. Lock-free and without allocation: audio thread.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let floor_db = self.floor_db.value();
        Settings {
            amount: self.amount.value(),
            floor_db: if floor_db <= FLOOR_OFF_DB {
                f32::NEG_INFINITY
            } else {
                floor_db
            },
            layers: usize::try_from(self.layers.value()).unwrap_or(1).max(1),
            listen: self.listen.value().into(),
            stereo: self.stereo.value().into(),
            adapt: self.adapt.value(),
            output_gain_db: self.output_gain_db.value(),
            bypass: self.bypass.value(),
        }
    }

    /// The saved panel size and zoom, inside their limits. Not for the audio thread.
    #[must_use]
    pub fn view(&self) -> EditorView {
        let view = self.editor_view.read().unwrap_or_else(PoisonError::into_inner);
        view.clamped()
    }

    /// Saves the panel size and zoom. Not for the audio thread.
    pub fn set_view(&self, view: EditorView) {
        *self.editor_view.write().unwrap_or_else(PoisonError::into_inner) = view.clamped();
    }
}

/// Brings the values of a saved state into their ranges before the framework applies them: it checks neither numbers
/// nor enum indices itself, and an index outside an enum would have no text.
pub fn sanitize_state(state: &mut PluginState) {
    state.params.retain(|id, value| match (id.as_str(), value) {
        ("amount", ParamValue::F32(value)) => clamp_finite(value, 0.0, 1.0),
        ("floor_db", ParamValue::F32(value)) => clamp_finite(value, FLOOR_OFF_DB, 0.0),
        ("output_gain_db", ParamValue::F32(value)) => clamp_finite(value, -OUTPUT_GAIN_LIMIT_DB, OUTPUT_GAIN_LIMIT_DB),
        ("layers", ParamValue::I32(value)) => {
            *value = (*value).clamp(1, shipped_layers());
            true
        }
        ("listen", ParamValue::I32(index)) => names_variant::<ListenChoice>(*index),
        ("stereo", ParamValue::I32(index)) => names_variant::<StereoChoice>(*index),
        // A session saved in the middle of learning must not go on listening.
        ("learn", ParamValue::Bool(on)) => {
            *on = false;
            true
        }
        _ => true,
    });
}

/// Clamps `value`; `false` when it is not a number at all.
fn clamp_finite(value: &mut f32, min: f32, max: f32) -> bool {
    *value = value.clamp(min, max);
    value.is_finite()
}

fn names_variant<T: Enum>(index: i32) -> bool {
    usize::try_from(index).is_ok_and(|index| index < T::variants().len())
}

/// Layers of the shipped model: the upper end of the layers parameter, which a host may not see change.
fn shipped_layers() -> i32 {
    i32::try_from(model_file::shipped().layers()).unwrap_or(i32::MAX)
}

fn decibel_param(name: &str, default_db: f32, min_db: f32, max_db: f32) -> FloatParam {
    FloatParam::new(
        name,
        default_db,
        FloatRange::Linear {
            min: min_db,
            max: max_db,
        },
    )
    .with_step_size(STEP_DB)
    .with_unit(" dB")
}
