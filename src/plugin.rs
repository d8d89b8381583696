//! The plugin itself: ids and layouts, activation, processing and saved state. Everything that sounds is in the engine.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use nice_plug::prelude::*;

use crate::editor::{self, UnfoldEditor};
use crate::engine::Engine;
use crate::meter_channel::{self, LoadMeter, MeterWriter};
use crate::meters::MeterFrame;
use crate::model::Model;
use crate::params::{UnfoldParams, sanitize_state};
use crate::shared::EditorShared;
use crate::{model_file, user_model};

/// The plugin instance a host creates.
pub struct Unfold {
    params: Arc<UnfoldParams>,
    shared: Arc<EditorShared>,
    /// Made by `activate`, dropped by `deactivate`.
    active: Option<Active>,
    meters: MeterWriter,
    /// A pending model path asks the host for one restart, not for one per block.
    restart_requested: bool,
}

/// What exists only between `activate` and `deactivate`.
struct Active {
    engine: Engine,
    config: ActiveConfig,
    load_meter: LoadMeter,
    /// Room for the next meter frame.
    frame: MeterFrame,
    /// Hop count at the last published meter frame.
    published_hops: u64,
}

/// What an engine was built for.
#[derive(Clone, Copy, PartialEq)]
struct ActiveConfig {
    sample_rate_hz: f32,
    channel_count: usize,
}

impl Default for Unfold {
    fn default() -> Self {
        let (meters, reader) = meter_channel::channel();
        Self {
            params: Arc::new(UnfoldParams::default()),
            shared: Arc::new(EditorShared::new(reader, model_file::shipped())),
            active: None,
            meters,
            restart_requested: false,
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
        };
        // A host may activate again without deactivating; what is there already then stays.
        let keep =
            !self.params.model_path.pending() && self.active.as_ref().is_some_and(|active| active.config == config);
        if !keep {
            self.active = self.build(config);
        }
        self.restart_requested = false;
        let Some(active) = &self.active else {
            return false;
        };
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
        if !self.restart_requested && self.params.model_path.pending() {
            self.restart_requested = true;
            context.request_restart();
        }
        let Some(active) = &mut self.active else {
            return ProcessStatus::Error("processing was started before activation");
        };
        let settings = self.params.settings();
        let samples = buffer.samples();
        if self.shared.editor_open() {
            let start = Instant::now();
            active.engine.process(&settings, buffer.as_slice());
            self.shared.set_load(active.load_meter.record(samples, start.elapsed()));
            if active.engine.hops() != active.published_hops {
                active.published_hops = active.engine.hops();
                active.engine.meter_frame(&mut active.frame);
                self.meters.publish(&active.frame);
            }
        } else {
            active.engine.process(&settings, buffer.as_slice());
        }
        ProcessStatus::Tail(active.engine.latency_samples() as u32)
    }

    fn deactivate(&mut self) {
        self.active = None;
    }
}

impl Unfold {
    /// An engine with the user's model where one is set and loads, else with the shipped one; `None` when the engine
    /// refuses the sample rate. Allocates and reads files: not for the audio thread.
    fn build(&self, config: ActiveConfig) -> Option<Active> {
        let user_path = self.params.model_path.take_for_activation();
        let (user_model, message) = match user_path.as_deref().map(user_model::load) {
            None => (None, String::new()),
            Some(Ok(model)) => (Some(Arc::new(model)), String::new()),
            Some(Err(sentence)) => (None, sentence),
        };
        let model: Arc<Model> = user_model.unwrap_or_else(model_file::shipped);
        self.shared.set_model(model.clone(), message);

        let engine = match Engine::new(model, f64::from(config.sample_rate_hz), config.channel_count) {
            Ok(engine) => engine,
            Err(error) => {
                nice_error!("{error}");
                return None;
            }
        };
        let hop_samples = engine.latency_samples() / 2;
        let load_meter = LoadMeter::new(f64::from(config.sample_rate_hz), hop_samples);
        Some(Active {
            engine,
            config,
            load_meter,
            frame: MeterFrame::default(),
            published_hops: 0,
        })
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
