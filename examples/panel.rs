//! Opens the panel on a recording, without a host: `cargo run --example panel -- [FILE.wav] [ZOOM_PERCENT]`.
//!
//! The file is mono 16-bit PCM at 48 kHz, like the demo clip that is played when none is named.

#[path = "../tests/panel_host/mod.rs"]
#[allow(dead_code)]
mod panel_host;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nice_plug::editor::{Editor, EditorHandle};
use unfold::background::Background;
use unfold::editor::UnfoldEditor;
use unfold::meters::MeterFrame;
use unfold::noise_profile::NoiseProfile;
use unfold::params::{EditorView, UnfoldParams};
use unfold::plugin::{Active, ActiveConfig};
use unfold::shared::EditorShared;
use unfold::triple_buffer::{self, Reader, Writer};
use unfold::{editor, model_file, units};

const SAMPLE_RATE_HZ: f64 = 48_000.0;
const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo_noisy.wav");

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let recording = read_pcm(&arguments.next().unwrap_or_else(|| DEMO.to_owned()))?;
    let zoom_percent = arguments.next().map_or(Ok(100), |percent| percent.parse())?;

    let params = Arc::new(UnfoldParams::default());
    params.set_view(EditorView {
        zoom_percent,
        ..EditorView::default()
    });
    let (writer, reader) = triple_buffer::channel();
    let (to_audio, noise) = triple_buffer::channel();
    let shared = Arc::new(EditorShared::new(reader, to_audio, model_file::shipped()));
    let config = ActiveConfig {
        sample_rate_hz: SAMPLE_RATE_HZ as f32,
        channel_count: 1,
        max_block_samples: units::hop_samples(SAMPLE_RATE_HZ),
        realtime: true,
    };
    let active = Active::new(model_file::shipped(), config, &shared)?;
    shared.set_activation(config.sample_rate_hz, 2 * config.max_block_samples as u32);
    let _background = Background::start(params.clone(), shared.clone());
    let player = (params.clone(), shared.clone());
    std::thread::spawn(move || play(active, &recording, &player.0, &player.1, writer, noise));

    let (_host, context) = panel_host::FakeHost::new();
    let window = editor::create(params, shared).spawn(None, false, None, context, None)?;
    <UnfoldEditor as Editor>::Handle::run_until_closed(window.window)?;
    Ok(())
}

/// Runs the plugin's own processing over the recording in real time, for ever, as a host's audio thread would.
fn play(
    mut active: Active,
    recording: &[f32],
    params: &UnfoldParams,
    shared: &EditorShared,
    mut meters: Writer<MeterFrame>,
    mut noise: Reader<Option<NoiseProfile>>,
) {
    let mut next = Instant::now();
    loop {
        for hop in recording.chunks_exact(units::hop_samples(SAMPLE_RATE_HZ)) {
            let mut block = hop.to_vec();
            active.follow(params, &mut noise, shared);
            active.process(&params.settings(), &mut [&mut block], shared, &mut meters);
            next += Duration::from_millis(10);
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }
}

/// Samples of a 16-bit PCM file.
fn read_pcm(path: &str) -> Result<Vec<f32>, Box<dyn Error>> {
    let bytes = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let data = bytes
        .windows(4)
        .position(|tag| tag == b"data")
        .ok_or_else(|| format!("{path}: no PCM data"))?
        + 8;
    let samples = bytes.get(data..).unwrap_or_default().chunks_exact(2);
    Ok(samples
        .map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0)
        .collect())
}
