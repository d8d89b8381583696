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
use nice_plug_egui::EguiEditorHandle;
use unfold::engine::Engine;
use unfold::meter_channel::{self, LoadMeter, MeterWriter};
use unfold::meters::MeterFrame;
use unfold::params::{EditorView, UnfoldParams};
use unfold::shared::EditorShared;
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
    let (writer, reader) = meter_channel::channel();
    let shared = Arc::new(EditorShared::new(reader, model_file::shipped()));
    let engine = Engine::new(model_file::shipped(), SAMPLE_RATE_HZ, 1)?;
    shared.set_activation(SAMPLE_RATE_HZ as f32, engine.latency_samples() as u32);
    let player = (params.clone(), shared.clone());
    std::thread::spawn(move || play(engine, &recording, &player.0, &player.1, writer));

    let (_host, context) = panel_host::FakeHost::new();
    let window = editor::create(params, shared).spawn(None, false, None, context, None)?;
    EguiEditorHandle::run_until_closed(window.window)?;
    Ok(())
}

/// Runs the engine over the recording in real time, for ever, as a host's audio thread would.
fn play(mut engine: Engine, recording: &[f32], params: &UnfoldParams, shared: &EditorShared, mut meters: MeterWriter) {
    let hop_samples = units::hop_samples(SAMPLE_RATE_HZ);
    let mut load = LoadMeter::new(SAMPLE_RATE_HZ, hop_samples);
    let mut frame = MeterFrame::default();
    let mut next = Instant::now();
    loop {
        for hop in recording.chunks_exact(hop_samples) {
            let mut block = hop.to_vec();
            let start = Instant::now();
            engine.process(&params.settings(), &mut [&mut block]);
            shared.set_load(load.record(hop_samples, start.elapsed()));
            engine.meter_frame(&mut frame);
            meters.publish(&frame);
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
