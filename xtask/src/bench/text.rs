//! The figures as Markdown.

use super::lane::{BURST_HOPS, Figure};
use super::plugins::Plugins;
use super::{PluginSize, Report};
use crate::report::table;

/// Hop length in microseconds: what one hop may cost in real time.
const HOP_US: f64 = unfold::units::HOP_S * 1e6;

pub fn markdown(report: &Report) -> String {
    format!(
        "Made by `cargo xtask bench --hops {}` on {} ({}), hops of 10 ms in each lane, all lanes taking turns every \
         {BURST_HOPS} hops; model sha256 `{}`. The 99.9 % column also holds whatever else the machine was \
         doing, processor time does not.\n\n{}\n{}",
        report.hops,
        report.date,
        report.processor,
        report.model_sha256,
        summary(report),
        lanes(&report.lanes)
    )
}

/// What is promised, and what was measured.
fn summary(report: &Report) -> String {
    let roof = &report.roof;
    let mut rows = vec![
        (
            "hop at full depth, 48 kHz mono, over RNNoise's (medians)".to_owned(),
            format!("{:.2}", report.ratio_to_nnnoiseless),
        ),
        (
            "the same hop, 99.9 %".to_owned(),
            format!(
                "{:.3} ms ({:.3} ms of processor time)",
                report.full_depth_p999_ms, report.full_depth_p999_processor_ms
            ),
        ),
        (
            "hop on a signal that decays through the subnormal numbers, over one on noise (medians)".to_owned(),
            format!("{:.2}", report.ratio_decay_to_noise),
        ),
        (
            "hop with the panel's meters, over one without".to_owned(),
            format!("{:.3}", report.ratio_with_meters),
        ),
        (
            "hop with learnt noise, over one without (medians)".to_owned(),
            format!("{:.2}", report.ratio_with_learnt_noise),
        ),
        (
            format!(
                "{} stereo engines at 48 kHz and full depth, share of one core",
                report.instances.count
            ),
            format!(
                "{} (99 %: {})",
                percent(report.instances.share_of_core),
                percent(report.instances.p99_share_of_core)
            ),
        ),
        (
            "making an engine".to_owned(),
            format!("{:.2} ms", report.engine_creation_ms),
        ),
        (
            "learning 3 s of noise, in the background".to_owned(),
            format!("{:.0} ms", report.learning_ms),
        ),
        (
            "weights read during a hop at full depth".to_owned(),
            format!("{:.1} GB/s", report.achieved_gb_per_s),
        ),
        (
            format!(
                "roof: streaming read of {:.2} MB (caches)",
                roof.weights_bytes as f64 / 1e6
            ),
            format!("{:.1} GB/s", roof.cache_gb_per_s),
        ),
        (
            "roof: streaming read from memory".to_owned(),
            format!("{:.1} GB/s", roof.memory_gb_per_s),
        ),
        (
            "matrix products during the same hop".to_owned(),
            format!("{:.1} GFLOP/s", report.achieved_gflop_per_s),
        ),
        (
            "roof: separate multiplications and additions, as used".to_owned(),
            format!("{:.1} GFLOP/s", roof.separate_gflop_per_s),
        ),
        (
            "roof: fused multiply-add".to_owned(),
            format!("{:.1} GFLOP/s", roof.fused_gflop_per_s),
        ),
    ];
    if let Some(plugins) = &report.plugins {
        rows.extend(instances_of_the_plugin(plugins));
    }
    let size = |plugin: &PluginSize| (plugin.name.to_owned(), format!("{:.1} MB", plugin.bytes as f64 / 1e6));
    rows.extend(report.plugin_bytes.iter().map(size));
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(what, value)| vec![what, value]).collect();
    table(&["what", "measured"].map(str::to_owned), &rows)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// The built plugin itself, many times in one process.
fn instances_of_the_plugin(plugins: &Plugins) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for turns in &plugins.turns {
        rows.push((
            format!(
                "{} stereo instances of the built plugin at 48 kHz and full depth, blocks of {} samples, share of one core",
                plugins.count, turns.block_samples
            ),
            format!(
                "{} (99 %: {}; 99 % of single blocks: {} of the block's time)",
                percent(turns.share_of_core),
                percent(turns.p99_share_of_core),
                percent(turns.p99_share_of_block)
            ),
        ));
    }
    rows.push((
        "making an instance of the built plugin: create, initialise, activate".to_owned(),
        format!(
            "{:.2} ms (slowest of {}: {:.2} ms)",
            plugins.creation_ms, plugins.count, plugins.slowest_creation_ms
        ),
    ));
    let memory = plugins.memory_kb;
    rows.extend(memory.map(|kb| {
        (
            "memory that each further instance adds".to_owned(),
            format!("{kb:.0} kB"),
        )
    }));
    rows
}

fn lanes(figures: &[Figure]) -> String {
    let header = [
        "lane",
        "median (µs per hop)",
        "99.9 % (µs per hop)",
        "99.9 %, processor time",
        "median, share of real time",
        "times real time",
    ]
    .map(str::to_owned);
    let row = |figure: &Figure| {
        vec![
            figure.name.clone(),
            format!("{:.1}", figure.median_us),
            format!("{:.1}", figure.p999_us),
            format!("{:.1}", figure.p999_processor_us),
            format!("{:.2} %", figure.median_us / HOP_US * 100.0),
            format!("{:.0}", HOP_US / figure.median_us),
        ]
    };
    table(&header, &figures.iter().map(row).collect::<Vec<_>>())
}
