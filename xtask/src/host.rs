//! A CLAP host in this process: loads a built plugin file and runs a signal through it as a DAW would.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use clack_extensions::audio_ports::{AudioPortInfoBuffer, PluginAudioPorts};
use clack_extensions::latency::{HostLatency, HostLatencyImpl, PluginLatency};
use clack_extensions::render::{PluginRender, RenderMode};
use clack_host::prelude::*;
use clack_host::process::StartedPluginAudioProcessor;

/// What a signal became in the plugin, and what the plugin said of itself.
pub struct Rendering {
    /// Name and version from the plugin's descriptor.
    pub plugin: String,
    /// The latency that the plugin reports.
    pub latency_samples: usize,
    /// The first output channel, latency removed, as long as the input.
    pub output: Vec<f32>,
}

struct Shared;

// No request of the plugin matters to a single offline run.
impl SharedHandler<'_> for Shared {
    fn request_restart(&self) {}
    fn request_process(&self) {}
    fn request_callback(&self) {}
}

struct MainThread;

impl MainThreadHandler<'_> for MainThread {}

impl HostLatencyImpl for MainThread {
    fn changed(&self) {}
}

struct Host;

impl HostHandlers for Host {
    type Shared<'a> = Shared;
    type MainThread<'a> = MainThread;
    type AudioProcessor<'a> = ();

    fn declare_extensions(builder: &mut HostExtensions<Self>, _shared: &Self::Shared<'_>) {
        builder.register::<HostLatency>();
    }
}

/// Loads the first plugin of a `.clap` file and runs `samples` through it, the same in every channel, with
/// default parameters and in blocks of `block_samples`.
///
/// # Errors
/// The file does not load, holds no plugin, or the plugin refuses to be made, activated or run.
pub fn render(clap: &Path, sample_rate_hz: f64, samples: &[f32], block_samples: usize) -> Result<Rendering> {
    // SAFETY: loading runs the file's code. It is the plugin that this command has just built from this very
    // workspace, which is trusted as much as this program.
    #[allow(unsafe_code)]
    let entry = unsafe { PluginEntry::load(clap) }.with_context(|| format!("{} does not load", clap.display()))?;
    let factory = entry.get_plugin_factory().context("the file has no plugin factory")?;
    let descriptor = factory
        .plugin_descriptors()
        .next()
        .context("the file holds no plugin")?;
    let id = descriptor.id().context("the plugin has no id")?;
    let text = |text: Option<&std::ffi::CStr>| text.unwrap_or_default().to_string_lossy().into_owned();
    let plugin = format!("{} {}", text(descriptor.name()), text(descriptor.version()));

    let info = HostInfo::new("Unfold bundler", "Unfold", "", env!("CARGO_PKG_VERSION"))?;
    let mut instance = PluginInstance::<Host>::new(|()| Shared, |_| MainThread, &entry, id, &info)?;
    let channel_count = output_channel_count(&mut instance)?;
    {
        let handle = instance.plugin_handle();
        let render: PluginRender = handle
            .get_extension()
            .context("the plugin cannot be told that this is no real-time run")?;
        render.set(&handle, RenderMode::Offline)?;
    }
    let configuration = PluginAudioConfiguration {
        sample_rate: sample_rate_hz,
        min_frames_count: 1,
        max_frames_count: block_samples as u32,
    };
    let stopped = instance.activate(|_, _| (), configuration)?;
    let handle = instance.plugin_handle();
    let latency = handle
        .get_extension::<PluginLatency>()
        .context("the plugin does not report a latency")?;
    let latency_samples = latency.get(&handle) as usize;

    let mut padded = samples.to_vec();
    padded.resize(samples.len() + latency_samples, 0.0);
    let mut processor = stopped
        .start_processing()
        .ok()
        .context("the plugin refuses to process")?;
    let mut output = Vec::with_capacity(padded.len());
    for block in padded.chunks(block_samples) {
        output.extend(process_block(&mut processor, channel_count, block)?);
    }
    instance.deactivate(processor.stop_processing());
    output.drain(..latency_samples);
    Ok(Rendering {
        plugin,
        latency_samples,
        output,
    })
}

fn output_channel_count(instance: &mut PluginInstance<Host>) -> Result<usize> {
    let handle = instance.plugin_handle();
    let ports = handle
        .get_extension::<PluginAudioPorts>()
        .context("the plugin has no audio ports")?;
    let mut buffer = AudioPortInfoBuffer::new();
    let mut channels = |is_input| {
        ports
            .get(&handle, 0, is_input, &mut buffer)
            .map(|port| port.channel_count as usize)
    };
    let (input, output) = (channels(true), channels(false));
    ensure!(
        input == output,
        "the plugin's input has {input:?} channels and its output {output:?}"
    );
    output.context("the plugin has no main audio port")
}

/// The first output channel of one block.
fn process_block(
    processor: &mut StartedPluginAudioProcessor<Host>,
    channel_count: usize,
    block: &[f32],
) -> Result<Vec<f32>> {
    let mut inputs = vec![block.to_vec(); channel_count];
    let mut outputs = vec![vec![0.0; block.len()]; channel_count];
    let mut input_ports = AudioPorts::with_capacity(channel_count, 1);
    let mut output_ports = AudioPorts::with_capacity(channel_count, 1);
    let input = input_ports.with_input_buffers([AudioPortBuffer {
        latency: 0,
        channels: AudioPortBufferType::f32_input_only(inputs.iter_mut().map(InputChannel::variable)),
    }]);
    let mut output = output_ports.with_output_buffers([AudioPortBuffer {
        latency: 0,
        channels: AudioPortBufferType::f32_output_only(outputs.iter_mut().map(Vec::as_mut_slice)),
    }]);
    let no_events = InputEvents::empty();
    processor.process(&input, &mut output, &no_events, &mut OutputEvents::void(), None, None)?;
    Ok(outputs.swap_remove(0))
}
