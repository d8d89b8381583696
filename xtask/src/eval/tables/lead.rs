//! The table of a model's lead over RNNoise, with how sure it is.

use std::collections::BTreeMap;

use super::{METRICS, Metric, system_named};
use crate::bootstrap::interval;
use crate::eval::scores::{Learnt, PHASE_UNDONE, unfold_name};
use crate::eval::{ModelInfo, Report, mean};
use crate::report;

/// Mean leads at full depth and their 95 % intervals over excerpts; empty where nothing can be compared.
pub fn table(report: &Report, model: &ModelInfo) -> String {
    let Some(peer) = system_named(report, PHASE_UNDONE) else {
        return String::new();
    };
    let metrics = [&METRICS[0], &METRICS[2], &METRICS[3]];
    let header: Vec<String> = std::iter::once("system")
        .chain(metrics.iter().map(|metric| metric.title))
        .map(str::to_owned)
        .collect();
    let names = [Learnt::Nothing, Learnt::Noise].map(|learnt| unfold_name(&model.name, model.layers, learnt));
    let rows: Vec<Vec<String>> = names
        .into_iter()
        .filter_map(|name| {
            let system = system_named(report, &name)?;
            let cells = metrics.iter().map(|metric| lead(report, system, peer, metric));
            Some(std::iter::once(name).chain(cells).collect())
        })
        .collect();
    format!(
        "\n### Lead of {} over {PHASE_UNDONE}\n\nMeans of the differences, and in brackets their 95 % intervals: excerpts drawn anew, each with all its \
         ratios (bootstrap).\n\n{}",
        model.name,
        report::table(&header, &rows)
    )
}

fn lead(report: &Report, system: usize, peer: usize, metric: &Metric) -> String {
    let mut excerpts = BTreeMap::<usize, Vec<f64>>::new();
    for pair in &report.pairs {
        let value = |system: usize| (metric.value)(&pair.scores[system]);
        if let (Some(ours), Some(theirs)) = (value(system), value(peer)) {
            excerpts.entry(pair.excerpt).or_default().push(ours - theirs);
        }
    }
    if excerpts.is_empty() {
        return "–".to_owned();
    }
    let means: Vec<f64> = excerpts.values().map(|differences| mean(differences)).collect();
    let found = interval(&means);
    let decimals = metric.decimals;
    format!(
        "{:+.decimals$} [{:+.decimals$}, {:+.decimals$}]",
        found.mean, found.low, found.high
    )
}
