//! What the plugin and its panel share besides the parameters.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use atomic_float::AtomicF32;

use crate::meter_channel::MeterReader;
use crate::meters::DISPLAY_BANDS;
use crate::model::Model;

/// Links one plugin instance with its panel. The audio thread touches only the atomics; the locks belong to the panel
/// and to activation.
pub struct EditorShared {
    editor_open: AtomicBool,
    load: AtomicF32,
    latency_samples: AtomicU32,
    sample_rate_hz: AtomicF32,
    meters: Mutex<MeterReader>,
    model: Mutex<LoadedModel>,
}

/// The model in use and what to say about it.
struct LoadedModel {
    model: Arc<Model>,
    message: String,
}

impl EditorShared {
    /// Starts with the shipped model, no panel, and `meters` as the panel's end of the meter channel.
    #[must_use]
    pub fn new(meters: MeterReader, model: Arc<Model>) -> Self {
        Self {
            editor_open: AtomicBool::new(false),
            load: AtomicF32::new(0.0),
            latency_samples: AtomicU32::new(0),
            sample_rate_hz: AtomicF32::new(0.0),
            meters: Mutex::new(meters),
            model: Mutex::new(LoadedModel {
                model,
                message: String::new(),
            }),
        }
    }

    /// The panel says whether it is open: meters are computed and sent only then.
    pub fn set_editor_open(&self, open: bool) {
        self.editor_open.store(open, Ordering::Relaxed);
    }

    /// Whether a panel is open.
    #[must_use]
    pub fn editor_open(&self) -> bool {
        self.editor_open.load(Ordering::Relaxed)
    }

    /// Share of the available processing time in use, as a fraction of 1; see [`crate::meter_channel::LoadMeter`].
    #[must_use]
    pub fn load(&self) -> f32 {
        self.load.load(Ordering::Relaxed)
    }

    /// Stores the load to show. Audio thread.
    pub fn set_load(&self, load: f32) {
        self.load.store(load, Ordering::Relaxed);
    }

    /// Latency of the current activation in samples; 0 before the first.
    #[must_use]
    pub fn latency_samples(&self) -> u32 {
        self.latency_samples.load(Ordering::Relaxed)
    }

    /// Sample rate of the current activation in Hz; 0 before the first.
    #[must_use]
    pub fn sample_rate_hz(&self) -> f32 {
        self.sample_rate_hz.load(Ordering::Relaxed)
    }

    /// Stores what activation decided.
    pub fn set_activation(&self, sample_rate_hz: f32, latency_samples: u32) {
        self.sample_rate_hz.store(sample_rate_hz, Ordering::Relaxed);
        self.latency_samples.store(latency_samples, Ordering::Relaxed);
    }

    /// The panel's end of the meter channel. Only the panel locks it, so it never waits.
    #[must_use]
    pub fn meters(&self) -> &Mutex<MeterReader> {
        &self.meters
    }

    /// Stores the model in use and one sentence about it (empty when there is nothing to say). Activation.
    pub fn set_model(&self, model: Arc<Model>, message: String) {
        if let Ok(mut loaded) = self.model.lock() {
            *loaded = LoadedModel { model, message };
        }
    }

    /// The sentence to show about the model: empty, or why a user's model could not be used. Panel.
    #[must_use]
    pub fn model_message(&self) -> String {
        self.model
            .lock()
            .map(|loaded| loaded.message.clone())
            .unwrap_or_default()
    }

    /// Layers of the model in use. Panel.
    #[must_use]
    pub fn model_layers(&self) -> usize {
        self.model.lock().map(|loaded| loaded.model.layers()).unwrap_or(0)
    }

    /// Spectrum of one atom of the model in use in display bands, linear magnitude with peak 1. Panel.
    pub fn atom_spectrum(&self, atom: usize, out: &mut [f32; DISPLAY_BANDS]) {
        if let Ok(loaded) = self.model.lock() {
            loaded.model.atom_spectrum(atom, out);
        }
    }
}
