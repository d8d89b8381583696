//! Every parameter of the plugin: id, range, unit, default and text, and its translation into the engine's [`Settings`].
//!
//! Ids and defaults are part of saved sessions; `tests/state.rs` freezes them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use nice_plug::params::persist::PersistentField;
use nice_plug::plugin::ParamValue;
use nice_plug::prelude::{BoolParam, Enum, EnumParam, FloatParam, FloatRange, IntParam, IntRange, Params, PluginState};
use serde::{Deserialize, Serialize};

use crate::engine::{Listen, Settings, StereoMode};
use crate::model_file;
use crate::noise_profile::{NoiseProfile, ProfileError};

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

/// Size, zoom and colour scheme of the panel, saved with the session.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(default)]
pub struct EditorView {
    /// Width in logical points at 100 % zoom.
    pub width_points: u32,
    /// Height in logical points at 100 % zoom.
    pub height_points: u32,
    /// Zoom in per cent, 75..=200.
    pub zoom_percent: u32,
    /// Whether the panel is dark on light. The usual dark panel saves nothing, as before there was a choice.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub light: bool,
}

impl EditorView {
    /// Smallest panel, in logical points (width, height).
    pub const MIN_POINTS: (u32, u32) = (760, 440);
    /// Largest panel, in logical points (width, height).
    pub const MAX_POINTS: (u32, u32) = (2280, 1320);
    /// Zoom limits in per cent.
    pub const ZOOM_LIMITS_PERCENT: (u32, u32) = (75, 200);

    /// The same view with every field inside its limits: a saved session may hold anything.
    #[must_use]
    pub fn clamped(self) -> Self {
        Self {
            width_points: self.width_points.clamp(Self::MIN_POINTS.0, Self::MAX_POINTS.0),
            height_points: self.height_points.clamp(Self::MIN_POINTS.1, Self::MAX_POINTS.1),
            zoom_percent: self
                .zoom_percent
                .clamp(Self::ZOOM_LIMITS_PERCENT.0, Self::ZOOM_LIMITS_PERCENT.1),
            ..self
        }
    }
}

impl Default for EditorView {
    fn default() -> Self {
        Self {
            width_points: Self::MIN_POINTS.0,
            height_points: Self::MIN_POINTS.1,
            zoom_percent: 100,
            light: false,
        }
    }
}

/// Path of a user's model file, saved with the session. Empty for the shipped model.
///
/// A path takes effect at the next activation; until then it is pending. The audio thread reads only that flag.
///
/// The layers parameter ends at the layers of the shipped model, because hosts store its range: of a model with more
/// layers only the first ones run, and the panel says so.
#[derive(Default)]
pub struct ModelPath {
    path: RwLock<String>,
    pending: AtomicBool,
}

impl ModelPath {
    /// The user's path, or `None` for the shipped model. Not for the audio thread.
    #[must_use]
    pub fn get(&self) -> Option<String> {
        Some(self.map(String::clone)).filter(|path| !path.is_empty())
    }

    /// Asks for the model at `new_path` (empty: the shipped one), also where that is the path already: the file may
    /// have appeared or changed since it was read. Panel.
    pub fn request(&self, new_path: String) {
        *self.path.write().unwrap_or_else(PoisonError::into_inner) = new_path;
        self.pending.store(true, Ordering::Release);
    }

    /// Whether a path waits for the next activation. Any thread.
    #[must_use]
    pub fn pending(&self) -> bool {
        self.pending.load(Ordering::Acquire)
    }

    /// The path to load now, as [`ModelPath::get`]; nothing is pending afterwards. Activation.
    #[must_use]
    pub fn take_for_activation(&self) -> Option<String> {
        self.pending.store(false, Ordering::Release);
        self.get()
    }
}

impl PersistentField<'_, String> for ModelPath {
    /// A restored session: hosts restore for every undo and preset, and the same path again must not restart them.
    fn set(&self, new_path: String) {
        if self.map(|path| *path != new_path) {
            self.request(new_path);
        }
    }

    fn map<F, R>(&self, f: F) -> R
    where
        F: Fn(&String) -> R,
    {
        f(&self.path.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Noise atoms saved with the session, as the bytes of a `.unfold-noise` file; empty for none.
#[derive(Default)]
pub struct NoiseMemory {
    bytes: RwLock<Vec<u8>>,
    /// Whether a restored session brought other atoms than the audio thread has.
    restored: AtomicBool,
}

impl NoiseMemory {
    /// Keeps `profile`, or forgets. Not for the audio thread.
    pub fn keep(&self, profile: Option<&NoiseProfile>) {
        let bytes = profile.and_then(|profile| profile.to_bytes().ok());
        *self.bytes.write().unwrap_or_else(PoisonError::into_inner) = bytes.unwrap_or_default();
    }

    /// What is kept, if anything. Not for the audio thread.
    ///
    /// # Errors
    /// A saved session may hold anything; the sentence says what is wrong with it.
    pub fn recall(&self) -> Option<Result<NoiseProfile, ProfileError>> {
        self.map(|bytes| (!bytes.is_empty()).then(|| NoiseProfile::from_bytes(bytes)))
    }

    /// Whether anything is kept. Not for the audio thread.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.map(|bytes| !bytes.is_empty())
    }

    /// Whether a session was restored since the last call. Any thread.
    #[must_use]
    pub fn take_restored(&self) -> bool {
        self.restored.load(Ordering::Relaxed) && self.restored.swap(false, Ordering::AcqRel)
    }
}

impl PersistentField<'_, Vec<u8>> for NoiseMemory {
    fn set(&self, new_bytes: Vec<u8>) {
        *self.bytes.write().unwrap_or_else(PoisonError::into_inner) = new_bytes;
        self.restored.store(true, Ordering::Release);
    }

    fn map<F, R>(&self, f: F) -> R
    where
        F: Fn(&Vec<u8>) -> R,
    {
        f(&self.bytes.read().unwrap_or_else(PoisonError::into_inner))
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

/// "-24", "-23.5": one decimal where there is one, and never "-0".
fn decibel_text(value_db: f32) -> String {
    let tenths = (value_db * 10.0).round();
    if tenths == 0.0 {
        "0".to_owned()
    } else {
        format!("{}", tenths / 10.0)
    }
}

fn floor_text(value_db: f32) -> String {
    if value_db <= FLOOR_OFF_DB {
        "-inf".to_owned()
    } else {
        decibel_text(value_db)
    }
}

fn parse_floor_db(text: &str) -> Option<f32> {
    if text.trim().to_ascii_lowercase().starts_with("-inf") {
        Some(FLOOR_OFF_DB)
    } else {
        parse_number(text, "db")
    }
}

/// A finite number with or without its unit; a decimal comma is read as a point.
fn parse_number(text: &str, unit: &str) -> Option<f32> {
    let text = text.trim().to_ascii_lowercase().replace(',', ".");
    let number: f32 = text.strip_suffix(unit).unwrap_or(&text).trim().parse().ok()?;
    number.is_finite().then_some(number)
}

/// "3" or "3 of 4".
fn parse_layers(text: &str) -> Option<i32> {
    text.split_whitespace().next()?.parse().ok()
}

fn parse_switch(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" | "bypassed" | "listening" => Some(true),
        "off" | "false" | "no" | "0" | "active" => Some(false),
        _ => None,
    }
}
