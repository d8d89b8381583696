//! The report as Markdown.

mod lead;
mod learning;

use std::collections::BTreeMap;

use super::scores::{Learnt, PHASE_UNDONE, PairReport, Scores, unfold_name};
use super::{Report, mean};
use crate::report::table;

/// A score's column title, decimals, and how to read it.
struct Metric {
    title: &'static str,
    decimals: usize,
    value: fn(&Scores) -> Option<f64>,
}

const METRICS: [Metric; 7] = [
    Metric {
        title: "SI-SDR (dB)",
        decimals: 2,
        value: |scores| Some(scores.si_sdr_db),
    },
    Metric {
        title: "SDR, BSS-eval v3 (dB)",
        decimals: 2,
        value: |scores| scores.sdr_db,
    },
    Metric {
        title: "PESQ-WB (MOS-LQO)",
        decimals: 3,
        value: |scores| scores.pesq_wb,
    },
    Metric {
        title: "STOI",
        decimals: 3,
        value: |scores| scores.stoi,
    },
    Metric {
        title: "ESTOI",
        decimals: 3,
        value: |scores| scores.estoi,
    },
    Metric {
        title: "attenuation in pauses (dB)",
        decimals: 1,
        value: |scores| scores.pause_attenuation_db,
    },
    Metric {
        title: "kurtosis ratio in pauses",
        decimals: 2,
        value: |scores| scores.pause_kurtosis_ratio,
    },
];

const CLEAN: Metric = Metric {
    title: "clean in, SI-SDR out (dB)",
    decimals: 1,
    value: |scores| scores.clean_si_sdr_db,
};
const ATTENUATION: Metric = Metric {
    title: "noise alone, attenuation (dB)",
    decimals: 1,
    value: |scores| scores.attenuation_db,
};

/// Means over all pairs, one line for each system.
pub fn summary(report: &Report) -> String {
    let header: Vec<String> = std::iter::once("system")
        .chain(METRICS.iter().map(|metric| metric.title))
        .map(str::to_owned)
        .collect();
    let row = |(system, name): (usize, &String)| {
        let cells = METRICS.iter().map(|metric| cell(&report.pairs, system, metric));
        std::iter::once(name.clone()).chain(cells).collect()
    };
    let rows: Vec<Vec<String>> = report.systems.iter().enumerate().map(row).collect();
    format!(
        "{}\nPauses are frames whose clean speech lies 35 dB below its loud frames; the attenuation there and the ratio of \
         the power spectrum's kurtosis after to before (1: the noise keeps its character; more: musical noise) are taken at 16 kHz.\n\n{}",
        heading(report),
        table(&header, &rows)
    )
}

/// The whole section.
pub fn markdown(report: &Report) -> String {
    let mut text = heading(report);
    let groups = by_snr(&report.pairs);
    for metric in &METRICS {
        if report
            .pairs
            .iter()
            .any(|pair| pair.scores.iter().any(|scores| (metric.value)(scores).is_some()))
        {
            text += &format!(
                "\n### {} by input SNR\n\n{}",
                metric.title,
                snr_table(report, &groups, metric)
            );
        }
    }
    text += &format!("\n### Clean speech and noise alone\n\n{}", alone_table(report));
    text += &format!("\n### By noise type\n\n{}", noise_table(report));
    for model in &report.models {
        text += &lead::table(report, model);
        text += &learning::table(report, model);
    }
    text
}

fn heading(report: &Report) -> String {
    let full_band = report.pairs.iter().filter(|pair| pair.score_rate_hz > 16_000).count();
    let mut text = format!(
        "Made by `{}` on {}: {} pairs, {full_band} of them full-band. SI-SDR and SDR are taken at 48 kHz on full-band \
         speech and at 16 kHz on the rest, PESQ-WB and STOI at 16 kHz. The engine runs with its default settings, \
         floor {} dB; figures are means over the pairs. \"RNNoise, phase undone\" is \
         RNNoise without the phase shift of its 24 Hz high-pass filter, which costs it SI-SDR on low voices.\n",
        report.command,
        report.date,
        report.pairs.len(),
        report.floor_db,
    );
    for model in &report.models {
        text += &format!(
            "\n- {}: {} parameters, {:.1} million multiply-adds per second, {}, sha256 `{}`",
            model.name,
            model.parameters,
            model.macs_per_second / 1e6,
            model.provenance,
            model.sha256
        );
    }
    text + "\n"
}

/// Pairs by SNR in millibels, an orderable key.
fn by_snr(pairs: &[PairReport]) -> BTreeMap<i64, Vec<&PairReport>> {
    let mut groups = BTreeMap::<i64, Vec<&PairReport>>::new();
    for pair in pairs {
        groups
            .entry((pair.snr_db * 100.0).round() as i64)
            .or_default()
            .push(pair);
    }
    groups
}

/// Mean of a metric of one system over pairs, as text; a dash where it was not measured.
fn cell<'a>(pairs: impl IntoIterator<Item = &'a PairReport>, system: usize, metric: &Metric) -> String {
    let values: Vec<f64> = pairs
        .into_iter()
        .filter_map(|pair| (metric.value)(&pair.scores[system]))
        .collect();
    if values.is_empty() {
        "–".to_owned()
    } else {
        format!("{:.*}", metric.decimals, mean(&values))
    }
}

fn snr_table(report: &Report, groups: &BTreeMap<i64, Vec<&PairReport>>, metric: &Metric) -> String {
    let snrs = groups
        .keys()
        .map(|millibels| format!("{} dB", *millibels as f64 / 100.0));
    let header: Vec<String> = std::iter::once("system".to_owned())
        .chain(snrs)
        .chain(["mean".to_owned(), "mean to 9 dB".to_owned()])
        .collect();
    let row = |(system, name): (usize, &String)| {
        let cells = groups.values().map(|pairs| cell(pairs.iter().copied(), system, metric));
        let all = cell(&report.pairs, system, metric);
        let to_9_db = cell(report.pairs.iter().filter(|pair| pair.snr_db <= 9.0), system, metric);
        std::iter::once(name.clone())
            .chain(cells)
            .chain([all, to_9_db])
            .collect()
    };
    table(&header, &report.systems.iter().enumerate().map(row).collect::<Vec<_>>())
}

fn alone_table(report: &Report) -> String {
    let header = ["system", CLEAN.title, ATTENUATION.title].map(str::to_owned);
    let row = |(system, name): (usize, &String)| {
        let cells = [&CLEAN, &ATTENUATION].map(|metric| cell(&report.pairs, system, metric));
        std::iter::once(name.clone()).chain(cells).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<String>> = report.systems.iter().enumerate().map(row).collect();
    // Input and oracle have no figure here.
    let measured: Vec<Vec<String>> = rows
        .into_iter()
        .filter(|row| row[1..].iter().any(|cell| cell != "–"))
        .collect();
    table(&header, &measured)
}

fn system_named(report: &Report, name: &str) -> Option<usize> {
    report.systems.iter().position(|system| system == name)
}

/// SI-SDR, and PESQ where measured, of the input, each model's full depth and RNNoise.
fn noise_table(report: &Report) -> String {
    let mut columns = vec![0];
    // Each model's full depth, with and without learnt noise, and RNNoise's better row.
    for model in &report.models {
        for learnt in [Learnt::Nothing, Learnt::Noise] {
            columns.extend(system_named(report, &unfold_name(&model.name, model.layers, learnt)));
        }
    }
    columns.extend(system_named(report, PHASE_UNDONE));
    let metrics: Vec<&Metric> = [&METRICS[0], &METRICS[2]]
        .into_iter()
        .filter(|metric| cell(&report.pairs, 0, metric) != "–")
        .collect();
    let mut header = vec!["noise".to_owned(), "pairs".to_owned()];
    for metric in &metrics {
        header.extend(
            columns
                .iter()
                .map(|&system| format!("{}: {}", metric.title, report.systems[system])),
        );
    }
    let mut groups = BTreeMap::<&str, Vec<&PairReport>>::new();
    for pair in &report.pairs {
        groups.entry(&pair.noise_type).or_default().push(pair);
    }
    let row = |(noise, pairs): (&&str, &Vec<&PairReport>)| {
        let cells = metrics.iter().flat_map(|metric| {
            columns
                .iter()
                .map(|&system| cell(pairs.iter().copied(), system, metric))
        });
        [(*noise).to_owned(), pairs.len().to_string()]
            .into_iter()
            .chain(cells)
            .collect()
    };
    table(&header, &groups.iter().map(row).collect::<Vec<_>>())
}
