//! `cargo xtask bench`: time per hop of the engine, beside RNNoise on the same machine in the same minute.
//!
//! All lanes take turns in short bursts of hops, so that whatever else the machine does hits them alike; medians
//! and ratios can be trusted before absolute figures.

mod instances;
mod lane;
mod meters;
mod plugins;
mod products;
mod roof;
mod text;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::Serialize;
use unfold::model::Model;
use unfold::model_file;

use crate::denoise::read_model;
use crate::{bundle, report};
use instances::Instances;
pub use lane::quantile;
use lane::{BURST_HOPS, Figure, Lane, PEER_RATE_HZ, Signal};
use plugins::Plugins;
use roof::Roof;

const RATES_HZ: [f64; 4] = [44_100.0, 48_000.0, 96_000.0, 192_000.0];
/// Weights are kept as bfloat16 and each is read once per multiplication.
const WEIGHT_BYTES: usize = 2;

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

#[derive(Serialize)]
struct Report {
    date: String,
    processor: String,
    model_sha256: String,
    hops: usize,
    /// Median cost at full depth, 48 kHz mono, over RNNoise's.
    ratio_to_nnnoiseless: f64,
    /// The same lane's slowest hop in a thousand.
    full_depth_p999_ms: f64,
    full_depth_p999_processor_ms: f64,
    /// Median cost on a signal that decays through the subnormal numbers, over that on noise.
    ratio_decay_to_noise: f64,
    /// Median cost per hop with the panel's meters over the cost without.
    ratio_with_meters: f64,
    /// Median cost with noise atoms learnt over the cost without.
    ratio_with_learnt_noise: f64,
    /// Weights read per second at full depth, 48 kHz mono, during the median hop.
    achieved_gb_per_s: f64,
    /// Multiplications and additions in the matrix products, likewise.
    achieved_gflop_per_s: f64,
    roof: Roof,
    instances: Instances,
    /// The same with the built plugin; `None` where nothing was bundled.
    plugins: Option<Plugins>,
    /// Median time to make an engine (48 kHz stereo).
    engine_creation_ms: f64,
    /// Median time to learn atoms from 3 s of noise.
    learning_ms: f64,
    /// Size of the built plugin's binaries; empty where nothing was bundled.
    plugin_bytes: Vec<PluginSize>,
    lanes: Vec<Figure>,
}

#[derive(Serialize)]
struct PluginSize {
    name: &'static str,
    bytes: u64,
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
    let report = measure(&model, &bytes, args.hops)?;
    let text = text::markdown(&report) + &products::section();
    println!("{text}");
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&report).context("cannot encode the figures")?;
        crate::atomic_file::write(path, json.as_bytes())?;
    }
    args.markdown
        .as_ref()
        .map_or(Ok(()), |path| report::write_section(path, "bench", &text))
}

fn measure(model: &Arc<Model>, model_bytes: &[u8], hops: usize) -> Result<Report> {
    let mut lanes = lanes(model)?;
    lanes.iter_mut().for_each(Lane::run_burst);
    lanes.iter_mut().for_each(Lane::forget_times);
    for _ in 0..hops.div_ceil(BURST_HOPS).max(1) {
        lanes.iter_mut().for_each(Lane::run_burst);
    }
    let figures: Vec<Figure> = lanes.iter().map(Lane::figure).collect();
    // The order of lanes().
    let [peer, full, learnt, noise, decay, ..] = figures.as_slice() else {
        unreachable!("lanes() makes more than five lanes")
    };
    let bundled = bundle::target_folder()?.join("bundled");
    let clap = Some(bundled.join("Unfold.clap")).filter(|clap| clap.exists());
    let macs = model.macs_per_hop(model.layers());
    let per_ns = |work: usize| work as f64 / (full.median_us * 1e3);
    Ok(Report {
        date: report::today(),
        processor: processor(),
        model_sha256: report::sha256(model_bytes),
        hops: full.hops,
        ratio_to_nnnoiseless: full.median_us / peer.median_us,
        full_depth_p999_ms: full.p999_us / 1e3,
        full_depth_p999_processor_ms: full.p999_processor_us / 1e3,
        ratio_decay_to_noise: decay.median_us / noise.median_us,
        ratio_with_meters: meters::ratio(model, hops)?,
        ratio_with_learnt_noise: learnt.median_us / full.median_us,
        achieved_gb_per_s: per_ns(WEIGHT_BYTES * macs),
        achieved_gflop_per_s: per_ns(2 * macs),
        roof: Roof::measure(WEIGHT_BYTES * macs),
        instances: Instances::measure(model)?,
        plugins: clap.as_deref().map(Plugins::measure).transpose()?,
        engine_creation_ms: instances::creation_ms(model)?,
        learning_ms: instances::learning_ms(model)?,
        plugin_bytes: plugin_bytes(&bundled),
        lanes: figures,
    })
}

/// RNNoise, the engine at the same rate and full depth, the same with noise learnt, the same on noise, decay and
/// nothing, then all others.
fn lanes(model: &Arc<Model>) -> Result<Vec<Lane>> {
    let full = model.layers();
    let mut lanes = vec![Lane::rnnoise()];
    lanes.push(Lane::unfold(model, PEER_RATE_HZ, 1, full, Signal::Voice)?);
    lanes.push(Lane::unfold(model, PEER_RATE_HZ, 1, full, Signal::Voice)?.learn_noise(model)?);
    for signal in [Signal::Noise, Signal::Decay, Signal::Subnormal, Signal::Silence] {
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

/// Sizes of what `cargo xtask bundle` made last, where it ran: a CLAP is one file, a VST3 a folder with one binary.
fn plugin_bytes(bundled: &Path) -> Vec<PluginSize> {
    ["Unfold.clap", "Unfold.vst3"]
        .into_iter()
        .filter_map(|name| {
            let bytes = tree_bytes(&bundled.join(name)).ok()?;
            Some(PluginSize { name, bytes })
        })
        .collect()
}

fn tree_bytes(path: &Path) -> std::io::Result<u64> {
    let data = std::fs::metadata(path)?;
    if !data.is_dir() {
        return Ok(data.len());
    }
    std::fs::read_dir(path)?.map(|entry| tree_bytes(&entry?.path())).sum()
}

/// Name of the processor, where the system tells it.
fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}
