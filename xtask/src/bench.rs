//! `cargo xtask bench`: time per hop of the engine, beside RNNoise on the same machine in the same minute.
//!
//! All lanes take turns in short bursts of hops, so that whatever else the machine does hits them alike; medians
//! and ratios can be trusted before absolute figures.

mod products;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use nnnoiseless::DenoiseState;
use serde::Serialize;
use unfold::engine::{Engine, Settings};
use unfold::model::Model;
use unfold::model_file;
use unfold::units::hop_samples;

use crate::denoise::read_model;
use crate::report::{self, table};

/// Hops that a lane runs before the next lane's turn.
const BURST_HOPS: usize = 50;
/// Distinct hops of test signal, repeated: 2 s.
const SIGNAL_HOPS: usize = 200;
const RATES_HZ: [f64; 4] = [44_100.0, 48_000.0, 96_000.0, 192_000.0];
/// Rate of the comparison with RNNoise, the only one that it knows.
const PEER_RATE_HZ: f64 = 48_000.0;
/// Hop length in microseconds: what one hop may cost in real time.
const HOP_US: f64 = unfold::units::HOP_S * 1e6;
/// Largest sample of the lane that would show a cost of subnormal numbers.
const SUBNORMAL: f32 = 1e-39;

/// Measure the cost per hop, beside RNNoise
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A model file to use in place of the built-in one
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Hops measured in each lane (10 ms of audio each)
    #[arg(long, value_name = "N", default_value_t = 3000)]
    hops: usize,
    /// Write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the table into this Markdown file, between its bench markers
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// What a lane is fed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Signal {
    Voice,
    Silence,
    Subnormal,
}

impl Signal {
    fn suffix(self) -> &'static str {
        match self {
            Self::Voice => "",
            Self::Silence => ", digital silence",
            Self::Subnormal => ", subnormal input",
        }
    }

    /// [`SIGNAL_HOPS`] hops: a modulated buzz in noise, or the special cases.
    fn samples(self, rate_hz: f64) -> Vec<f32> {
        let mut state = 1_u32;
        let sample = |n: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 8) as f32 / (1 << 23) as f32 - 1.0;
            let time_s = n as f64 / rate_hz;
            let syllable = (std::f64::consts::TAU * 3.0 * time_s).sin().max(0.0) as f32;
            let buzz = (2.0 * (130.0 * time_s).fract() - 1.0) as f32;
            match self {
                Self::Voice => 0.2 * syllable * buzz + 0.03 * noise,
                Self::Silence => 0.0,
                Self::Subnormal => SUBNORMAL * noise,
            }
        };
        (0..SIGNAL_HOPS * hop_samples(rate_hz)).map(sample).collect()
    }
}

enum Runner {
    Unfold {
        engine: Box<Engine>,
        settings: Settings,
        channels: usize,
    },
    RnNoise(Box<DenoiseState<'static>>),
}

/// One measured configuration.
struct Lane {
    name: String,
    runner: Runner,
    signal: Vec<f32>,
    hop: usize,
    /// Work buffers, one per channel.
    buffers: Vec<Vec<f32>>,
    times_us: Vec<f64>,
    done_hops: usize,
}

impl Lane {
    fn unfold(model: &Arc<Model>, rate_hz: f64, channels: usize, layers: usize, signal: Signal) -> Result<Self> {
        let hop = hop_samples(rate_hz);
        let shape = if channels == 1 { "mono" } else { "stereo" };
        let plural = if layers == 1 { "" } else { "s" };
        Ok(Self {
            name: format!(
                "unfold, {} kHz {shape}, {layers} layer{plural}{}",
                rate_hz / 1000.0,
                signal.suffix()
            ),
            runner: Runner::Unfold {
                engine: Box::new(Engine::new(model.clone(), rate_hz, channels)?),
                settings: Settings {
                    layers,
                    ..Settings::default()
                },
                channels,
            },
            signal: signal.samples(rate_hz),
            hop,
            buffers: vec![vec![0.0; hop]; channels],
            times_us: Vec::new(),
            done_hops: 0,
        })
    }

    fn rnnoise() -> Self {
        let signal = Signal::Voice
            .samples(PEER_RATE_HZ)
            .into_iter()
            .map(|x| x * 32_768.0)
            .collect();
        Self {
            name: "RNNoise (nnnoiseless), 48 kHz mono".to_owned(),
            runner: Runner::RnNoise(DenoiseState::new()),
            signal,
            hop: DenoiseState::FRAME_SIZE,
            buffers: vec![vec![0.0; DenoiseState::FRAME_SIZE]],
            times_us: Vec::new(),
            done_hops: 0,
        }
    }

    fn run_burst(&mut self) {
        for _ in 0..BURST_HOPS {
            let start = self.done_hops % SIGNAL_HOPS * self.hop;
            let input = &self.signal[start..start + self.hop];
            self.buffers.iter_mut().for_each(|buffer| buffer.copy_from_slice(input));
            let begin = Instant::now();
            match &mut self.runner {
                Runner::Unfold {
                    engine,
                    settings,
                    channels,
                } => {
                    let (first, others) = self.buffers.split_at_mut(1);
                    if *channels == 1 {
                        engine.process(settings, &mut [&mut first[0]]);
                    } else {
                        engine.process(settings, &mut [&mut first[0], &mut others[0]]);
                    }
                }
                Runner::RnNoise(state) => {
                    state.process_frame(&mut self.buffers[0], input);
                }
            }
            self.times_us.push(begin.elapsed().as_secs_f64() * 1e6);
            self.done_hops += 1;
        }
    }

    fn figure(&self) -> Figure {
        let mut sorted = self.times_us.clone();
        sorted.sort_by(f64::total_cmp);
        let quantile = |share: f64| sorted[((sorted.len() as f64 * share) as usize).min(sorted.len() - 1)];
        Figure {
            name: self.name.clone(),
            median_us: quantile(0.5),
            p999_us: quantile(0.999),
        }
    }
}

#[derive(Serialize)]
struct Figure {
    name: String,
    median_us: f64,
    p999_us: f64,
}

#[derive(Serialize)]
struct Report {
    date: String,
    processor: String,
    model_sha256: String,
    hops: usize,
    lanes: Vec<Figure>,
    /// Median cost at full depth, 48 kHz mono, over RNNoise's.
    ratio_to_nnnoiseless: f64,
    /// Median time to make an engine (48 kHz mono).
    engine_creation_ms: f64,
}

/// Runs the command.
///
/// # Errors
/// The model cannot be read or a report cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let (model, bytes) = match &args.model {
        Some(path) => {
            let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            (Arc::new(read_model(path)?), bytes)
        }
        None => (model_file::shipped(), model_file::shipped_bytes().to_vec()),
    };
    let mut lanes = lanes(&model)?;
    // The first burst warms caches and trackers up and is not counted.
    lanes.iter_mut().for_each(Lane::run_burst);
    lanes.iter_mut().for_each(|lane| lane.times_us.clear());
    for _ in 0..args.hops.div_ceil(BURST_HOPS).max(1) {
        lanes.iter_mut().for_each(Lane::run_burst);
    }
    let figures: Vec<Figure> = lanes.iter().map(Lane::figure).collect();
    let report = Report {
        date: report::today(),
        processor: processor(),
        model_sha256: report::sha256(&bytes),
        hops: lanes[0].times_us.len(),
        // lanes() puts RNNoise first and the full depth at its rate second.
        ratio_to_nnnoiseless: figures[1].median_us / figures[0].median_us,
        lanes: figures,
        engine_creation_ms: engine_creation_ms(&model)?,
    };
    let text = markdown(&report) + &products::section();
    println!("{text}");
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&report).context("cannot encode the figures")?;
        crate::atomic_file::write(path, json.as_bytes())?;
    }
    args.markdown
        .as_ref()
        .map_or(Ok(()), |path| report::write_section(path, "bench", &text))
}

/// RNNoise, the engine at the same rate and full depth, then all others.
fn lanes(model: &Arc<Model>) -> Result<Vec<Lane>> {
    let full = model.layers();
    let mut lanes = vec![
        Lane::rnnoise(),
        Lane::unfold(model, PEER_RATE_HZ, 1, full, Signal::Voice)?,
    ];
    for signal in [Signal::Silence, Signal::Subnormal] {
        lanes.push(Lane::unfold(model, PEER_RATE_HZ, 1, full, signal)?);
    }
    for rate_hz in RATES_HZ {
        for channels in [1, 2] {
            for layers in (1..=full).filter(|&layers| (rate_hz, channels, layers) != (PEER_RATE_HZ, 1, full)) {
                lanes.push(Lane::unfold(model, rate_hz, channels, layers, Signal::Voice)?);
            }
        }
    }
    Ok(lanes)
}

fn engine_creation_ms(model: &Arc<Model>) -> Result<f64> {
    let mut times_ms = Vec::new();
    for _ in 0..9 {
        let begin = Instant::now();
        let engine = Engine::new(model.clone(), PEER_RATE_HZ, 1)?;
        times_ms.push(begin.elapsed().as_secs_f64() * 1e3);
        drop(engine);
    }
    times_ms.sort_by(f64::total_cmp);
    Ok(times_ms[times_ms.len() / 2])
}

/// Name of the processor, where the system tells it.
fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

fn markdown(report: &Report) -> String {
    let header = [
        "lane",
        "median (µs per hop)",
        "99.9 % (µs per hop)",
        "median, share of real time",
    ]
    .map(str::to_owned);
    let row = |figure: &Figure| {
        vec![
            figure.name.clone(),
            format!("{:.1}", figure.median_us),
            format!("{:.1}", figure.p999_us),
            format!("{:.2} %", figure.median_us / HOP_US * 100.0),
        ]
    };
    let rows: Vec<Vec<String>> = report.lanes.iter().map(row).collect();
    format!(
        "Made by `cargo xtask bench` on {} ({}), {} hops of 10 ms in each lane, all lanes taking turns every {BURST_HOPS} \
         hops; model sha256 `{}`.\n\nAt full depth, 48 kHz mono, a hop costs {:.2} times RNNoise's (medians; the \
         99.9 % column also holds whatever else the machine was doing). Making an engine \
         takes {:.2} ms.\n\n{}",
        report.date,
        report.processor,
        report.hops,
        report.model_sha256,
        report.ratio_to_nnnoiseless,
        report.engine_creation_ms,
        table(&header, &rows)
    )
}
