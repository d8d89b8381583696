//! The plugin itself: ids and layouts, activation, processing and saved state. Everything that sounds is in the engine.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nice_plug::prelude::*;

use crate::background::Background;
use crate::editor::{self, UnfoldEditor};
use crate::engine::{Engine, EngineError, Settings};
use crate::learning::Capture;
use crate::load::{DepthGuard, LoadMeter};
use crate::meters::FRAME_INTERVAL_HOPS;
use crate::meters::MeterFrame;
use crate::model::Model;
use crate::noise_profile::NoiseProfile;
use crate::params::{UnfoldParams, sanitize_state};
use crate::shared::EditorShared;
use crate::triple_buffer::{self, Reader, Writer};
use crate::{model_file, user_model};

/// The plugin instance a host creates.
pub struct Unfold {
    params: Arc<UnfoldParams>,
    shared: Arc<EditorShared>,
    /// Made by `activate`, dropped by `deactivate`.
    active: Option<Active>,
    /// Runs while there is something active.
    background: Option<Background>,
    meters: Writer<MeterFrame>,
    noise: Reader<Option<NoiseProfile>>,
}

/// What exists only between `activate` and `deactivate`: the engine, what watches over its load, and what it tells an
/// open panel.
pub struct Active {
    engine: Engine,
    config: ActiveConfig,
    /// Layers of the model in use.
    layers: usize,
    load_meter: LoadMeter,
    /// `None` where nothing can be late: offline rendering always runs the depth that is set.
    guard: Option<DepthGuard>,
    /// Hop count at the last published meter frame.
    published_hops: u64,
    capture: Capture,
}

/// What an engine was built for.
#[derive(Clone, Copy, PartialEq)]
pub struct ActiveConfig {
    /// The host's sample rate.
    pub sample_rate_hz: f32,
    /// As many inputs as outputs.
    pub channel_count: usize,
    /// Longest block that the host announces.
    pub max_block_samples: usize,
    /// Whether every block has a deadline.
    pub realtime: bool,
}

impl Active {
    /// A fresh engine and meters. Allocates.
    ///
    /// # Errors
    /// When the engine refuses the sample rate or the channel count.
    pub fn new(model: Arc<Model>, config: ActiveConfig, shared: &EditorShared) -> Result<Self, EngineError> {
        let sample_rate_hz = f64::from(config.sample_rate_hz);
        let layers = model.layers();
        let capture = shared.learner().capture(model.config.bands());
        let engine = Engine::new(model, sample_rate_hz, config.channel_count)?;
        let hop_samples = engine.latency_samples() / 2;
        Ok(Self {
            engine,
            config,
            layers,
            load_meter: LoadMeter::new(sample_rate_hz, config.max_block_samples, hop_samples),
            guard: config.realtime.then(|| DepthGuard::new(layers)),
            published_hops: 0,
            capture,
        })
    }

    /// Takes up the session's noise, and starts or stops listening. Before every block; audio thread.
    pub fn follow(&mut self, params: &UnfoldParams, noise: &mut Reader<Option<NoiseProfile>>, shared: &EditorShared) {
        if let Some(profile) = noise.take_new() {
            // Checked against the model when it was sent.
            let _ = self.engine.set_noise_profile(profile.as_ref());
        }
        self.capture
            .switch(params.learn.value(), params.noise.changes(), shared.learner());
    }

    /// Denoises one block in place, with no more layers than there is time for; while a panel is open, sends it a frame.
    /// Audio thread.
    ///
    /// The clock is read twice per call. That is no system call on the systems that audio runs on: on Linux the kernel
    /// maps the clock into the process (vDSO) wherever the processor's own counter keeps time.
    pub fn process(
        &mut self,
        settings: &Settings,
        channels: &mut [&mut [f32]],
        shared: &EditorShared,
        meters: &mut Writer<MeterFrame>,
    ) {
        let samples = channels.first().map_or(0, |channel| channel.len());
        let allowed = self.guard.as_ref().map_or(self.layers, DepthGuard::limit);
        let layers = settings.layers.min(allowed);
        let start = Instant::now();
        let settings = Settings { layers, ..*settings };
        if self.capture.is_on() {
            self.capture.check(channels);
            let capture = &mut self.capture;
            self.engine
                .process_with(&settings, channels, |engine| capture.keep_hop(engine, shared.learner()));
        } else {
            self.engine.process(&settings, channels);
        }
        self.record_time(samples, start.elapsed(), layers, shared);
        if shared.editor_open() && self.engine.hops() >= self.published_hops + FRAME_INTERVAL_HOPS {
            self.published_hops = self.engine.hops();
            meters.publish(|frame| self.engine.meter_frame(frame));
            shared.repaint().request_repaint();
        }
    }

    /// Takes in that `samples` took `time` with `layers` running. Audio thread.
    fn record_time(&mut self, samples: usize, time: Duration, layers: usize, shared: &EditorShared) {
        let Some(period) = self.load_meter.record(samples, time) else {
            return;
        };
        shared.set_load(self.load_meter.worst());
        if let Some(guard) = &mut self.guard {
            guard.record(period.load, self.load_meter.seconds(period.samples), layers);
            let limit = guard.limit();
            shared.set_layers_limit((limit < self.layers).then_some(limit as u32));
        }
    }
}

impl Default for Unfold {
    fn default() -> Self {
        let (meters, reader) = triple_buffer::channel();
        let (to_audio, noise) = triple_buffer::channel();
        Self {
            params: Arc::new(UnfoldParams::default()),
            shared: Arc::new(EditorShared::new(reader, to_audio, model_file::shipped())),
            active: None,
            background: None,
            meters,
            noise,
        }
    }
}

impl Plugin for Unfold {
    const NAME: &'static str = "Unfold";
    const VENDOR: &'static str = "Unfold";
    const URL: &'static str = "";
    const EMAIL: &'static str = "";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    const AUDIO_IO_LAYOUTS: &'static [AudioIOLayout] = &[layout(2, "Stereo"), layout(1, "Mono")];
    const SAMPLE_ACCURATE_AUTOMATION: bool = true;

    type Editor = UnfoldEditor;
    type SysExMessage = ();
    type BackgroundTask = ();

    fn params(&self) -> Arc<dyn Params> {
        self.params.clone()
    }

    fn editor(&mut self, _async_executor: AsyncExecutor<Self>) -> Option<UnfoldEditor> {
        Some(editor::create(self.params.clone(), self.shared.clone()))
    }

    fn filter_state(state: &mut PluginState) {
        sanitize_state(state);
    }

    fn activate(
        &mut self,
        audio_io_layout: &AudioIOLayout,
        buffer_config: &BufferConfig,
        context: &mut impl ActivateContext<Self>,
    ) -> bool {
        let config = ActiveConfig {
            sample_rate_hz: buffer_config.sample_rate,
            channel_count: audio_io_layout.main_output_channels.map_or(0, NonZeroU32::get) as usize,
            max_block_samples: buffer_config.max_buffer_size as usize,
            realtime: buffer_config.process_mode == ProcessMode::Realtime,
        };
        // A host may activate again without deactivating; what is there already then stays.
        let keep =
            !self.params.model_path.pending() && self.active.as_ref().is_some_and(|active| active.config == config);
        if !keep {
            // It learns with the model that is in use.
            self.background = None;
            self.active = self.build(config);
        }
        let Some(active) = &self.active else {
            return false;
        };
        // The first block finds the session's noise waiting.
        let _ = self.params.noise.take_restored();
        self.shared
            .learner()
            .take_up(&self.params.noise, &self.shared.model().config);
        let start = || Background::start(self.params.clone(), self.shared.clone());
        self.background.get_or_insert_with(start);
        let latency_samples = active.engine.latency_samples() as u32;
        self.shared.set_activation(config.sample_rate_hz, latency_samples);
        context.set_latency_samples(latency_samples);
        true
    }

    fn reset(&mut self) {
        if let Some(active) = &mut self.active {
            active.engine.reset();
            active.published_hops = 0;
        }
    }

    fn process(
        &mut self,
        buffer: &mut Buffer,
        _aux: &mut AuxiliaryBuffers,
        context: &mut impl ProcessContext<Self>,
    ) -> ProcessStatus {
        // The one call into the host from here: once for a restored session that names another model.
        if self.params.model_path.take_restart_wanted() {
            context.request_restart();
        }
        let Some(active) = &mut self.active else {
            return ProcessStatus::Error("processing was started before activation");
        };
        active.follow(&self.params, &mut self.noise, &self.shared);
        let settings = self.params.settings();
        active.process(&settings, buffer.as_slice(), &self.shared, &mut self.meters);
        ProcessStatus::Tail(active.engine.tail_samples() as u32)
    }

    fn deactivate(&mut self) {
        if let Some(active) = &mut self.active {
            // What LEARN has heard so far is learnt before the background ends.
            active.capture.stop(self.shared.learner());
        }
        self.background = None;
        self.active = None;
    }
}

impl Unfold {
    /// An engine with the user's model where one is set and loads, else with the shipped one; `None` when the engine
    /// refuses the sample rate. Allocates and reads files: not for the audio thread.
    fn build(&self, config: ActiveConfig) -> Option<Active> {
        let user_path = self.params.model_path.take_for_activation();
        let (model, message) = match user_path.as_deref().map(user_model::load) {
            None => (model_file::shipped(), String::new()),
            Some(Ok(user)) => (Arc::new(user.model), user.remark),
            Some(Err(sentence)) => (model_file::shipped(), sentence),
        };
        self.shared.set_model(model.clone(), message);
        self.shared.set_layers_limit(None);
        Active::new(model, config, &self.shared)
            .inspect_err(|error| nice_error!("{error}"))
            .ok()
    }
}

/// As many inputs as outputs, no side chains.
const fn layout(channel_count: u32, name: &'static str) -> AudioIOLayout {
    let channels = Some(new_nonzero_u32(channel_count));
    AudioIOLayout {
        main_input_channels: channels,
        main_output_channels: channels,
        names: PortNames {
            layout: Some(name),
            ..PortNames::const_default()
        },
        ..AudioIOLayout::const_default()
    }
}

impl ClapPlugin for Unfold {
    const CLAP_ID: &'static str = "org.unfold.denoiser";
    const CLAP_DESCRIPTION: Option<&'static str> = Some("Takes noise out of speech while you play");
    const CLAP_MANUAL_URL: Option<&'static str> = None;
    const CLAP_SUPPORT_URL: Option<&'static str> = None;
    const CLAP_FEATURES: &'static [ClapFeature] = &[
        ClapFeature::AudioEffect,
        ClapFeature::Restoration,
        ClapFeature::Utility,
        ClapFeature::Mono,
        ClapFeature::Stereo,
    ];
}

impl Vst3Plugin for Unfold {
    const VST3_CLASS_ID: [u8; 16] = *b"UnfoldDenoiser01";
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = &[Vst3SubCategory::Fx, Vst3SubCategory::Restoration];
}

#[cfg(test)]
mod tests;
