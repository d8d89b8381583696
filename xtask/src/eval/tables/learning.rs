//! The table of what learning the noise gains.

use std::collections::BTreeMap;

use super::{METRICS, Metric, system_named};
use crate::eval::scores::{Learnt, PairReport, unfold_name};
use crate::eval::{ModelInfo, Report, mean};
use crate::report;

/// Noises whose long-term spectra differ by less than this count as alike.
const ALIKE_DB: f64 = 3.0;

/// What learning the noise first gains, where it was the same noise and where it was another; empty if nothing was learnt.
pub fn table(report: &Report, model: &ModelInfo) -> String {
    let name = |learnt| unfold_name(&model.name, model.layers, learnt);
    let system = |learnt| system_named(report, &name(learnt));
    let (Some(before), Some(after)) = (system(Learnt::Nothing), system(Learnt::Noise)) else {
        return String::new();
    };
    let header = [
        "learnt from",
        "pairs",
        "SI-SDR (dB)",
        "PESQ-WB",
        "STOI",
        "worst type, SI-SDR (dB)",
    ]
    .map(str::to_owned);
    let row = |title: &str, takes: &dyn Fn(f64) -> bool| {
        let pairs: Vec<&PairReport> = report
            .pairs
            .iter()
            .filter(|pair| pair.learnt_difference_db.is_some_and(takes))
            .collect();
        let gain = |metric: &Metric, pair: &PairReport| {
            let value = |system: usize| (metric.value)(&pair.scores[system]);
            Some(value(after)? - value(before)?)
        };
        let mean_gain = |metric: &Metric| {
            let gains: Vec<f64> = pairs.iter().filter_map(|pair| gain(metric, pair)).collect();
            match gains.as_slice() {
                [] => "–".to_owned(),
                gains => format!("{:+.*}", metric.decimals, mean(gains)),
            }
        };
        let mut types = BTreeMap::<&str, Vec<f64>>::new();
        for pair in &pairs {
            types
                .entry(&pair.noise_type)
                .or_default()
                .extend(gain(&METRICS[0], pair));
        }
        let worst = types
            .iter()
            .map(|(noise, gains)| (mean(gains), *noise))
            .min_by(|one, other| one.0.total_cmp(&other.0))
            .map_or("–".to_owned(), |(gain, noise)| format!("{noise} {gain:+.2}"));
        let mut cells = vec![title.to_owned(), pairs.len().to_string()];
        cells.extend([&METRICS[0], &METRICS[2], &METRICS[3]].map(mean_gain));
        cells.push(worst);
        cells
    };
    let rows = [
        row("the same noise", &|difference_db| difference_db < ALIKE_DB),
        row("another noise", &|difference_db| difference_db >= ALIKE_DB),
        row("either", &|_| true),
    ];
    format!(
        "\n### What learning the noise gains: {}\n\nThe 3 s before a pair's noise count as the same noise where their long-term \
         spectra in third octaves differ by less than {ALIKE_DB} dB (root mean square, whatever their levels). A recording may change in that time, or be of \
         several sounds one after the other.\n\n{}",
        name(Learnt::Nothing),
        report::table(&header, &rows)
    )
}
