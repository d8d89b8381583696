//! What the plugin and its panel share besides the parameters.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atomic_float::AtomicF32;
use nice_plug_egui::RepaintNotifier;

use crate::learning::Learner;
use crate::meters::{DISPLAY_BANDS, MeterFrame};
use crate::model::Model;
use crate::noise_profile::NoiseProfile;
use crate::triple_buffer::{Reader, Writer};

/// Links one plugin instance with its panel. The audio thread touches only the atomics; the locks belong to the panel
/// and to activation.
pub struct EditorShared {
    open_editors: AtomicU32,
    load: AtomicF32,
    /// 0 while every layer may run.
    layers_limit: AtomicU32,
    repaint: RepaintNotifier,
    latency_samples: AtomicU32,
    sample_rate_hz: AtomicF32,
    meters: Mutex<Reader<MeterFrame>>,
    model: Mutex<LoadedModel>,
    learner: Learner,
}

/// The model in use and what to say about it.
struct LoadedModel {
    model: Arc<Model>,
    message: String,
}

impl EditorShared {
    /// Starts with the shipped model, no panel, `meters` as the panel's end of the meter channel, and `noise` as the
    /// learner's end of the noise channel.
    #[must_use]
    pub fn new(meters: Reader<MeterFrame>, noise: Writer<Option<NoiseProfile>>, model: Arc<Model>) -> Self {
        Self {
            open_editors: AtomicU32::new(0),
            load: AtomicF32::new(0.0),
            layers_limit: AtomicU32::new(0),
            repaint: RepaintNotifier::new(),
            latency_samples: AtomicU32::new(0),
            sample_rate_hz: AtomicF32::new(0.0),
            meters: Mutex::new(meters),
            model: Mutex::new(LoadedModel {
                model,
                message: String::new(),
            }),
            learner: Learner::new(noise),
        }
    }

    /// One panel opens or closes: meters are computed and sent only while one is open. Panels are counted, because a
    /// host may open the next one before the last one has gone.
    pub fn set_editor_open(&self, open: bool) {
        let count = |panels: u32| {
            Some(if open {
                panels.saturating_add(1)
            } else {
                panels.saturating_sub(1)
            })
        };
        // Always updates: `count` has an answer for every number.
        let _ = self
            .open_editors
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
    }

    /// Whether a panel is open.
    #[must_use]
    pub fn editor_open(&self) -> bool {
        self.open_editors.load(Ordering::Relaxed) > 0
    }

    /// Share of the available processing time in use, as a fraction of 1; see [`crate::load::LoadMeter`].
    #[must_use]
    pub fn load(&self) -> f32 {
        self.load.load(Ordering::Relaxed)
    }

    /// Stores the load to show. Audio thread.
    pub fn set_load(&self, load: f32) {
        self.load.store(load, Ordering::Relaxed);
    }

    /// Most layers that run while the processor is overloaded; `None` while every layer may run.
    #[must_use]
    pub fn layers_limit(&self) -> Option<u32> {
        Some(self.layers_limit.load(Ordering::Relaxed)).filter(|limit| *limit > 0)
    }

    /// Stores what the overload guard allows. Audio thread and activation.
    pub fn set_layers_limit(&self, limit: Option<u32>) {
        self.layers_limit.store(limit.unwrap_or(0), Ordering::Relaxed);
    }

    /// What wakes the panel's window: a flag that the window polls about thirty times per second, so the audio thread
    /// may raise it after every frame that it sends.
    #[must_use]
    pub fn repaint(&self) -> &RepaintNotifier {
        &self.repaint
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
    pub fn meters(&self) -> &Mutex<Reader<MeterFrame>> {
        &self.meters
    }

    /// What learns noise.
    #[must_use]
    pub fn learner(&self) -> &Learner {
        &self.learner
    }

    /// The model in use. Not for the audio thread.
    #[must_use]
    pub fn model(&self) -> Arc<Model> {
        self.loaded().model.clone()
    }

    /// Stores the model in use and one sentence about it (empty when there is nothing to say). Activation.
    pub fn set_model(&self, model: Arc<Model>, message: String) {
        *self.loaded() = LoadedModel { model, message };
    }

    /// The sentence to show about the model: empty, or why a user's model is not or not wholly used. Panel.
    #[must_use]
    pub fn model_message(&self) -> String {
        self.loaded().message.clone()
    }

    /// Spectrum of one atom of the model in use in display bands, linear magnitude with peak 1. Panel.
    pub fn atom_spectrum(&self, atom: usize, out: &mut [f32; DISPLAY_BANDS]) {
        self.model().atom_spectrum(atom, out);
    }

    /// A panic elsewhere leaves this pair whole: it is only ever replaced.
    fn loaded(&self) -> MutexGuard<'_, LoadedModel> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model_file, triple_buffer};

    fn shared() -> EditorShared {
        EditorShared::new(
            triple_buffer::channel().1,
            triple_buffer::channel().0,
            model_file::shipped(),
        )
    }

    #[test]
    fn closing_one_of_two_panels_leaves_the_other_open() {
        let shared = shared();
        assert!(!shared.editor_open());
        shared.set_editor_open(true);
        shared.set_editor_open(true);
        shared.set_editor_open(false);
        assert!(shared.editor_open());
        shared.set_editor_open(false);
        assert!(!shared.editor_open());
    }

    #[test]
    fn closing_too_often_does_not_hide_the_next_panel() {
        let shared = shared();
        shared.set_editor_open(false);
        assert!(!shared.editor_open());
        shared.set_editor_open(true);
        assert!(shared.editor_open());
    }

    #[test]
    fn a_panic_with_the_lock_held_does_not_silence_later_messages() {
        let shared = shared();
        std::thread::scope(|scope| {
            let panic = scope.spawn(|| {
                let _held = shared.loaded();
                panic!("on purpose");
            });
            assert!(panic.join().is_err());
        });
        assert!(shared.model.is_poisoned());
        shared.set_model(model_file::shipped(), "after the panic".to_owned());
        assert_eq!(shared.model_message(), "after the panic");
    }
}
