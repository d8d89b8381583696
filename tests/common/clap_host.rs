//! A small CLAP host in this process: one plugin instance, driven as a DAW drives it.

use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};

use clack_extensions::audio_ports_config::{AudioPortsConfigBuffer, PluginAudioPortsConfig};
use clack_extensions::gui::{GuiSize, HostGui, HostGuiImpl};
use clack_extensions::latency::{HostLatency, HostLatencyImpl, PluginLatency};
use clack_extensions::params::{
    HostParams, HostParamsImplMainThread, HostParamsImplShared, ParamClearFlags, ParamInfoBuffer, ParamInfoFlags,
    ParamRescanFlags, PluginParams,
};
use clack_extensions::render::{PluginRender, RenderMode};
use clack_extensions::state::PluginState;
use clack_extensions::tail::{PluginTail, TailLength};
use clack_host::events::event_types::{ParamValueEvent, TransportEvent};
use clack_host::prelude::*;
use clack_host::process::StartedPluginAudioProcessor;

pub const PLUGIN_ID: &std::ffi::CStr = c"org.unfold.denoiser";

#[derive(Default)]
pub struct Shared {
    restart_requested: AtomicBool,
    pub(super) callback_requested: AtomicBool,
}

impl SharedHandler<'_> for Shared {
    fn request_restart(&self) {
        self.restart_requested.store(true, Ordering::SeqCst);
    }
    fn request_process(&self) {}
    fn request_callback(&self) {
        self.callback_requested.store(true, Ordering::SeqCst);
    }
}

impl HostGuiImpl for Shared {
    fn resize_hints_changed(&self) {}
    fn request_resize(&self, _new_size: GuiSize) -> Result<(), HostError> {
        Ok(())
    }
    fn request_show(&self) -> Result<(), HostError> {
        Ok(())
    }
    fn request_hide(&self) -> Result<(), HostError> {
        Ok(())
    }
    fn closed(&self, _was_destroyed: bool) {}
}

impl HostParamsImplShared for Shared {
    fn request_flush(&self) {}
}

pub struct MainThread;

impl MainThreadHandler<'_> for MainThread {}

impl HostParamsImplMainThread for MainThread {
    fn rescan(&self, _flags: ParamRescanFlags) {}
    fn clear(&self, _param_id: ClapId, _flags: ParamClearFlags) {}
}

impl HostLatencyImpl for MainThread {
    fn changed(&self) {}
}

pub struct Host;

impl HostHandlers for Host {
    type Shared<'a> = Shared;
    type MainThread<'a> = MainThread;
    type AudioProcessor<'a> = ();

    fn declare_extensions(builder: &mut HostExtensions<Self>, _shared: &Self::Shared<'_>) {
        builder
            .register::<HostParams>()
            .register::<HostLatency>()
            .register::<HostGui>();
    }
}

/// One parameter as the host sees it.
#[derive(Clone, Debug)]
pub struct Param {
    pub id: ClapId,
    pub name: String,
    pub min: f64,
    pub max: f64,
    pub default: f64,
    pub flags: ParamInfoFlags,
}

/// A parameter change at a sample offset, in the host's plain value.
#[derive(Clone, Debug)]
pub struct Change {
    pub offset_samples: u32,
    pub id: ClapId,
    pub value: f64,
}

/// The library's own entry, as if it had been loaded from a file.
pub fn entry() -> PluginEntry {
    // SAFETY: the entry is this very library's static, valid for the whole process.
    #[allow(unsafe_code)]
    unsafe { PluginEntry::load_from_raw(&unfold::clap_entry, c"/in/process") }.expect("the entry loads")
}

/// A loaded plugin instance.
pub struct Plugin {
    pub(super) instance: PluginInstance<Host>,
}

impl Plugin {
    /// An instance that renders offline, so that no load of this machine changes what it plays.
    pub fn load() -> Self {
        let info = HostInfo::new("test host", "Unfold", "", "1").expect("valid host info");
        let instance = PluginInstance::new(|()| Shared::default(), |_| MainThread, &entry(), PLUGIN_ID, &info)
            .expect("an instance");
        let mut plugin = Self { instance };
        plugin.set_render_mode(RenderMode::Offline);
        plugin
    }

    /// Takes effect at the next activation.
    pub fn set_render_mode(&mut self, mode: RenderMode) {
        let handle = self.instance.plugin_handle();
        let render: PluginRender = handle.get_extension().expect("render extension");
        render.set(&handle, mode).expect("the mode is accepted");
    }

    pub fn params(&mut self) -> Vec<Param> {
        let handle = self.instance.plugin_handle();
        let params: PluginParams = handle.get_extension().expect("params extension");
        let mut buffer = ParamInfoBuffer::new();
        (0..params.count(&handle))
            .map(|index| {
                let info = params.get_info(&handle, index, &mut buffer).expect("parameter info");
                Param {
                    id: info.id,
                    name: String::from_utf8(info.name.to_vec()).expect("a name in UTF-8"),
                    min: info.min_value,
                    max: info.max_value,
                    default: info.default_value,
                    flags: info.flags,
                }
            })
            .collect()
    }

    pub fn param(&mut self, name: &str) -> Param {
        let params = self.params();
        params
            .into_iter()
            .find(|param| param.name == name)
            .unwrap_or_else(|| panic!("no parameter named {name}"))
    }

    /// A change of the named parameter to what `text` says, at the start of a block.
    pub fn change(&mut self, name: &str, text: &str) -> Change {
        let value = self
            .parse(name, text)
            .unwrap_or_else(|| panic!("{name} does not accept {text:?}"));
        Change {
            offset_samples: 0,
            id: self.param(name).id,
            value,
        }
    }

    pub fn value(&mut self, name: &str) -> f64 {
        let id = self.param(name).id;
        let handle = self.instance.plugin_handle();
        let params: PluginParams = handle.get_extension().expect("params extension");
        params.get_value(&handle, id).expect("a value")
    }

    /// The text of the current value.
    pub fn text(&mut self, name: &str) -> String {
        let value = self.value(name);
        self.text_of(name, value)
    }

    pub fn text_of(&mut self, name: &str, value: f64) -> String {
        let id = self.param(name).id;
        let handle = self.instance.plugin_handle();
        let params: PluginParams = handle.get_extension().expect("params extension");
        let mut buffer = [0; 64];
        let text = params.value_to_text(&handle, id, value, &mut buffer).expect("a text");
        String::from_utf8(text.to_vec()).expect("a text in UTF-8")
    }

    pub fn parse(&mut self, name: &str, text: &str) -> Option<f64> {
        let id = self.param(name).id;
        let handle = self.instance.plugin_handle();
        let params: PluginParams = handle.get_extension().expect("params extension");
        params.text_to_value(&handle, id, &CString::new(text).expect("no NUL in the text"))
    }

    /// Every parameter as "name: text", for comparing whole states.
    pub fn texts(&mut self) -> Vec<String> {
        let names: Vec<_> = self.params().into_iter().map(|param| param.name).collect();
        names
            .iter()
            .map(|name| format!("{name}: {}", self.text(name)))
            .collect()
    }

    /// Sends changes while not processing.
    pub fn flush(&mut self, changes: &[Change]) {
        let mut handle = self.instance.inactive_plugin_handle().expect("an inactive plugin");
        let params: PluginParams = handle.get_extension().expect("params extension");
        let events = events(changes);
        let mut output = EventBuffer::new();
        params.flush(
            &mut handle,
            &InputEvents::from_buffer(&events),
            &mut OutputEvents::from_buffer(&mut output),
        );
    }

    /// Sets parameters by name and text while not processing.
    pub fn set(&mut self, values: &[(&str, &str)]) {
        let changes: Vec<_> = values.iter().map(|(name, text)| self.change(name, text)).collect();
        self.flush(&changes);
    }

    pub fn save(&mut self) -> Vec<u8> {
        let handle = self.instance.plugin_handle();
        let state: PluginState = handle.get_extension().expect("state extension");
        let mut bytes = Vec::new();
        state.save(&handle, &mut bytes).expect("the state is saved");
        bytes
    }

    /// Whether the plugin accepted the state.
    pub fn load_state(&mut self, bytes: &[u8]) -> bool {
        let handle = self.instance.plugin_handle();
        let state: PluginState = handle.get_extension().expect("state extension");
        state.load(&handle, &mut &*bytes).is_ok()
    }

    pub fn latency_samples(&mut self) -> usize {
        let handle = self.instance.plugin_handle();
        let latency: PluginLatency = handle.get_extension().expect("latency extension");
        latency.get(&handle) as usize
    }

    /// Chooses the audio layout with this many channels.
    pub fn select_channels(&mut self, channel_count: u32) {
        let handle = self.instance.plugin_handle();
        let configs: PluginAudioPortsConfig = handle.get_extension().expect("audio ports config extension");
        let mut buffer = AudioPortsConfigBuffer::new();
        let id = (0..configs.count(&handle))
            .find_map(|index| {
                let config = configs.get(&handle, index, &mut buffer)?;
                let matches = config
                    .main_output
                    .is_some_and(|port| port.channel_count == channel_count);
                matches.then_some(config.id)
            })
            .unwrap_or_else(|| panic!("no layout with {channel_count} channels"));
        configs.select(&handle, id).expect("the layout is selected");
    }

    pub fn restart_requested(&self) -> bool {
        self.instance
            .access_shared_handler(|shared| shared.restart_requested.swap(false, Ordering::SeqCst))
    }

    pub fn activate(&mut self, sample_rate_hz: f64, max_block_samples: u32) -> Processor {
        let configuration = PluginAudioConfiguration {
            sample_rate: sample_rate_hz,
            min_frames_count: 1,
            max_frames_count: max_block_samples,
        };
        let stopped = self
            .instance
            .activate(|_, _| (), configuration)
            .expect("the plugin activates");
        Processor {
            started: stopped.start_processing().expect("processing starts"),
            output_events: EventBuffer::new(),
        }
    }

    pub fn deactivate(&mut self, processor: Processor) {
        self.instance.deactivate(processor.started.stop_processing());
    }
}

/// The audio thread's half of an active plugin.
pub struct Processor {
    started: StartedPluginAudioProcessor<Host>,
    output_events: EventBuffer,
}

impl Processor {
    /// One block through separate input and output buffers; all channels have the same length.
    pub fn process_block(&mut self, block: &mut Block) {
        let Block {
            inputs,
            outputs,
            input_ports,
            output_ports,
            events,
            transport,
        } = block;
        let input = input_ports.with_input_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_input_only(inputs.iter_mut().map(InputChannel::variable)),
        }]);
        let mut output = output_ports.with_output_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_output_only(outputs.iter_mut().map(Vec::as_mut_slice)),
        }]);
        self.output_events.clear();
        self.started
            .process(
                &input,
                &mut output,
                &InputEvents::from_buffer(events),
                &mut OutputEvents::from_buffer(&mut self.output_events),
                None,
                transport.as_ref(),
            )
            .expect("the block is processed");
    }

    /// A whole signal in blocks of the given lengths (cycled); `changes` have offsets into the whole signal.
    pub fn process(&mut self, channels: &[Vec<f32>], block_lengths: &[usize], changes: &[Change]) -> Vec<Vec<f32>> {
        let total = channels[0].len();
        let mut outputs = vec![Vec::with_capacity(total); channels.len()];
        let mut lengths = block_lengths.iter().cycle();
        let mut start = 0;
        while start < total {
            let end = (start + lengths.next().expect("at least one block length")).min(total);
            let in_block: Vec<_> = changes
                .iter()
                .filter(|change| (start..end).contains(&(change.offset_samples as usize)))
                .map(|change| Change {
                    offset_samples: change.offset_samples - start as u32,
                    ..change.clone()
                })
                .collect();
            let mut block = Block::new(
                channels.iter().map(|channel| channel[start..end].to_vec()).collect(),
                &in_block,
            );
            self.process_block(&mut block);
            for (output, channel) in outputs.iter_mut().zip(&block.outputs) {
                output.extend_from_slice(channel);
            }
            start = end;
        }
        outputs
    }

    pub fn tail(&mut self) -> TailLength {
        let handle = self.started.plugin_handle();
        let tail: PluginTail = handle.get_extension().expect("tail extension");
        tail.get(&handle)
    }

    pub fn reset(&mut self) {
        self.started.reset();
    }
}

/// Buffers and events of one block, made before the audio thread's part begins.
pub struct Block {
    pub inputs: Vec<Vec<f32>>,
    pub outputs: Vec<Vec<f32>>,
    input_ports: AudioPorts,
    output_ports: AudioPorts,
    events: EventBuffer,
    /// Where the host's transport is; `None` for a host that has none.
    pub transport: Option<TransportEvent>,
}

impl Block {
    pub fn new(inputs: Vec<Vec<f32>>, changes: &[Change]) -> Self {
        let channel_count = inputs.len();
        Self {
            outputs: inputs.iter().map(|channel| vec![f32::NAN; channel.len()]).collect(),
            inputs,
            input_ports: AudioPorts::with_capacity(channel_count, 1),
            output_ports: AudioPorts::with_capacity(channel_count, 1),
            events: events(changes),
            transport: None,
        }
    }
}

fn events(changes: &[Change]) -> EventBuffer {
    let mut events = EventBuffer::new();
    for change in changes {
        events.push(&ParamValueEvent::new(
            change.offset_samples,
            change.id,
            Pckn::match_all(),
            change.value,
        ));
    }
    events.sort();
    events
}
