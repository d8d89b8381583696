//! A CLAP host in this process: loads a built plugin file and runs a signal through it as a DAW would.

use std::ffi::{CStr, CString};
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

/// A `.clap` file that is loaded, of which instances can be made.
pub struct PluginFile {
    entry: PluginEntry,
    id: CString,
    /// Name and version from the plugin's descriptor.
    pub name: String,
}

impl PluginFile {
    /// Loads a file and looks for its first plugin.
    ///
    /// # Errors
    /// The file does not load or holds no plugin.
    pub fn load(clap: &Path) -> Result<Self> {
        // SAFETY: loading runs the file's code. It is the plugin that was built from this very workspace, which is
        // trusted as much as this program.
        #[allow(unsafe_code)]
        let entry = unsafe { PluginEntry::load(clap) }.with_context(|| format!("{} does not load", clap.display()))?;
        let factory = entry.get_plugin_factory().context("the file has no plugin factory")?;
        let descriptor = factory
            .plugin_descriptors()
            .next()
            .context("the file holds no plugin")?;
        let id = descriptor.id().context("the plugin has no id")?.to_owned();
        let text = |text: Option<&CStr>| text.unwrap_or_default().to_string_lossy().into_owned();
        let name = format!("{} {}", text(descriptor.name()), text(descriptor.version()));
        Ok(Self { entry, id, name })
    }

    /// A new instance, ready to play blocks of up to `block_samples`. It is told that this is no real-time run, so that
    /// all layers run, however late it is.
    ///
    /// # Errors
    /// The plugin refuses to be made, activated or started.
    pub fn instance(&self, sample_rate_hz: f64, block_samples: usize) -> Result<Playing> {
        let info = HostInfo::new("Unfold bundler", "Unfold", "", env!("CARGO_PKG_VERSION"))?;
        let mut instance = PluginInstance::<Host>::new(|()| Shared, |_| MainThread, &self.entry, &self.id, &info)?;
        let channels = output_channel_count(&mut instance)?;
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
        let processor = stopped
            .start_processing()
            .ok()
            .context("the plugin refuses to process")?;
        Ok(Playing {
            instance,
            processor,
            latency_samples,
            inputs: vec![vec![0.0; block_samples]; channels],
            outputs: vec![vec![0.0; block_samples]; channels],
            input_ports: AudioPorts::with_capacity(channels, 1),
            output_ports: AudioPorts::with_capacity(channels, 1),
        })
    }
}

/// An instance that is active and processing, and the buffers that it is given.
pub struct Playing {
    instance: PluginInstance<Host>,
    processor: StartedPluginAudioProcessor<Host>,
    /// The latency that the plugin reports.
    pub latency_samples: usize,
    /// The next block, by channel.
    inputs: Vec<Vec<f32>>,
    /// The last block, by channel.
    outputs: Vec<Vec<f32>>,
    input_ports: AudioPorts,
    output_ports: AudioPorts,
}

impl Playing {
    /// Makes `block` the input of every channel, as far as it fits.
    pub fn fill(&mut self, block: &[f32]) {
        for input in &mut self.inputs {
            for (sample, x) in input.iter_mut().zip(block) {
                *sample = *x;
            }
        }
    }

    /// Processes the first `samples` of what was filled in; the first output channel of them. No allocation.
    ///
    /// # Errors
    /// The plugin refuses.
    pub fn process(&mut self, samples: usize) -> Result<&[f32]> {
        let input = self.input_ports.with_input_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_input_only(
                self.inputs
                    .iter_mut()
                    .map(|input| InputChannel::variable(&mut input[..samples])),
            ),
        }]);
        let mut output = self.output_ports.with_output_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_output_only(
                self.outputs.iter_mut().map(|output| &mut output[..samples]),
            ),
        }]);
        let (no_events, mut nowhere) = (InputEvents::empty(), OutputEvents::void());
        self.processor
            .process(&input, &mut output, &no_events, &mut nowhere, None, None)?;
        Ok(&self.outputs[0][..samples])
    }

    /// Stops and deactivates the instance, then drops it.
    pub fn close(mut self) {
        self.instance.deactivate(self.processor.stop_processing());
    }
}

/// Loads the first plugin of a `.clap` file and runs `samples` through it, the same in every channel, with
/// default parameters and in blocks of `block_samples`.
///
/// # Errors
/// As [`PluginFile::load`] and [`PluginFile::instance`], or the plugin refuses to process.
pub fn render(clap: &Path, sample_rate_hz: f64, samples: &[f32], block_samples: usize) -> Result<Rendering> {
    let file = PluginFile::load(clap)?;
    let mut playing = file.instance(sample_rate_hz, block_samples)?;
    let latency_samples = playing.latency_samples;
    let mut padded = samples.to_vec();
    padded.resize(samples.len() + latency_samples, 0.0);
    let mut output = Vec::with_capacity(padded.len());
    for block in padded.chunks(block_samples) {
        playing.fill(block);
        output.extend_from_slice(playing.process(block.len())?);
    }
    playing.close();
    output.drain(..latency_samples);
    Ok(Rendering {
        plugin: file.name,
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
