//! Every system on every pair.

use std::sync::Arc;

use anyhow::Result;
use indicatif::{ParallelProgressIterator, ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde::Serialize;
use unfold::engine::Settings;
use unfold::model::Model;

use super::likeness::spectral_difference_db;
use super::pauses::Pauses;
use super::{ModelInfo, denoise_mono};
use crate::metrics::{self, SdrReference};
use crate::pairs::{Pair, SAMPLE_RATE_HZ, SPEECH_SCORE_RATE_HZ};
use crate::peers;
use crate::resample::resample;

/// What a model learnt before it hears a pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Learnt {
    /// Nothing.
    Nothing,
    /// The noise just before.
    Noise,
    /// The speech itself, by mistake.
    Speech,
}

/// Row label of RNNoise where the phase shift of its high-pass filter, which nobody hears, costs it no SI-SDR.
pub const PHASE_UNDONE: &str = "RNNoise, phase undone";

/// What turns a noisy signal into an estimate of the clean one.
pub enum System {
    /// The noisy signal itself.
    Input,
    /// The engine at one depth.
    Unfold {
        name: String,
        model: Arc<Model>,
        settings: Settings,
        learnt: Learnt,
    },
    /// RNNoise as it is, or with the phase shift of its high-pass filter undone.
    RnNoise { phase_undone: bool },
    /// Statistical denoiser.
    LogMmse,
    /// Ratio mask of the true powers in the bands and windows of this model.
    OracleMask { model: Arc<Model> },
}

impl System {
    /// Row label.
    pub fn name(&self) -> String {
        match self {
            Self::Input => "noisy input".to_owned(),
            Self::Unfold {
                name, settings, learnt, ..
            } => unfold_name(name, settings.layers, *learnt),
            Self::RnNoise { phase_undone: false } => "RNNoise".to_owned(),
            Self::RnNoise { phase_undone: true } => PHASE_UNDONE.to_owned(),
            Self::LogMmse => "log-MMSE".to_owned(),
            Self::OracleMask { .. } => "oracle ratio mask".to_owned(),
        }
    }

    fn enhance(&self, pair: &Pair) -> Result<Vec<f32>> {
        Ok(match self {
            Self::Input => pair.noisy.clone(),
            Self::Unfold {
                model,
                settings,
                learnt,
                ..
            } => {
                let heard = match learnt {
                    Learnt::Nothing => None,
                    Learnt::Noise => Some(pair.earlier_noise.as_slice()),
                    Learnt::Speech => Some(pair.clean.as_slice()),
                };
                denoise_mono(model, settings, heard, &pair.noisy)?
            }
            Self::RnNoise { phase_undone: false } => peers::rnnoise(&pair.noisy),
            Self::RnNoise { phase_undone: true } => peers::undo_rnnoise_phase(&peers::rnnoise(&pair.noisy)),
            Self::LogMmse => peers::log_mmse(&pair.noisy),
            Self::OracleMask { model } => peers::oracle_mask(pair, &model.config),
        })
    }

    /// Whether the system is a denoiser, which damages clean speech and attenuates noise.
    fn is_denoiser(&self) -> bool {
        !matches!(self, Self::Input | Self::OracleMask { .. })
    }
}

/// Row label of a model at a depth.
pub fn unfold_name(model: &str, layers: usize, learnt: Learnt) -> String {
    let learnt = match learnt {
        Learnt::Nothing => "",
        Learnt::Noise => ", noise learnt",
        Learnt::Speech => ", speech learnt by mistake",
    };
    let plural = if layers == 1 { "" } else { "s" };
    format!("{model}, {layers} layer{plural}{learnt}")
}

/// Input, every depth of every model (or the full one alone), and the peers; with `learn`, every depth again after
/// learning the noise.
pub fn systems(models: &[(ModelInfo, Arc<Model>)], floor_db: f32, full_depth: bool, learn: bool) -> Vec<System> {
    let mut systems = vec![System::Input];
    for (info, model) in models {
        let first = if full_depth { info.layers } else { 1 };
        let runs = |learnt: Learnt| {
            (first..=info.layers).map(move |layers| System::Unfold {
                name: info.name.clone(),
                model: model.clone(),
                settings: Settings {
                    layers,
                    floor_db,
                    ..Settings::default()
                },
                learnt,
            })
        };
        systems.extend(runs(Learnt::Nothing));
        if learn {
            systems.extend(runs(Learnt::Noise));
            systems.extend(runs(Learnt::Speech).next_back());
        }
    }
    systems.extend([
        System::RnNoise { phase_undone: false },
        System::RnNoise { phase_undone: true },
        System::LogMmse,
    ]);
    systems.extend(
        models
            .first()
            .map(|(_, model)| System::OracleMask { model: model.clone() }),
    );
    systems
}

/// Scores of one system on one pair; `None` where not measured.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Scores {
    pub si_sdr_db: f64,
    pub sdr_db: Option<f64>,
    pub pesq_wb: Option<f64>,
    pub stoi: Option<f64>,
    pub estoi: Option<f64>,
    /// Attenuation of the noise in the pauses of the speech.
    pub pause_attenuation_db: Option<f64>,
    /// How much more musical the noise in the pauses has become.
    pub pause_kurtosis_ratio: Option<f64>,
    /// SI-SDR of the output for the clean speech alone.
    pub clean_si_sdr_db: Option<f64>,
    /// Attenuation of the noise alone.
    pub attenuation_db: Option<f64>,
}

/// All systems' scores on one pair, in the order of the report's systems.
#[derive(Serialize)]
pub struct PairReport {
    pub noise_type: String,
    pub snr_db: f64,
    pub score_rate_hz: u32,
    /// Pairs of one excerpt are the same speech in the same noise at several ratios.
    pub excerpt: usize,
    /// How much the noise that was learnt from differs from the pair's; `None` where it is not known.
    pub learnt_difference_db: Option<f64>,
    pub scores: Vec<Scores>,
}

/// Scores all systems on all pairs, in parallel over pairs, with a progress bar. Clean speech alone and noise alone
/// are taken from the pairs whose SNR is nearest to 0 dB. There are `excerpts` of them, which take turns.
pub fn score_pairs(pairs: &[Pair], systems: &[System], excerpts: usize, fast: bool) -> Result<Vec<PairReport>> {
    let middle_snr_db = pairs
        .iter()
        .map(|pair| pair.snr_db)
        .min_by(|a, b| a.abs().total_cmp(&b.abs()));
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} pairs, {eta} left")?;
    let bar = ProgressBar::new(pairs.len() as u64).with_style(style);
    let score = |(index, pair): (usize, &Pair)| {
        let reference = Reference::new(pair, fast)?;
        let alone = Some(pair.snr_db) == middle_snr_db;
        let scores = systems
            .iter()
            .map(|system| score_system(system, pair, &reference, alone))
            .collect::<Result<_>>()?;
        Ok(PairReport {
            noise_type: pair.noise_type.clone(),
            snr_db: pair.snr_db,
            score_rate_hz: pair.score_rate_hz,
            excerpt: index % excerpts.max(1),
            learnt_difference_db: (!pair.earlier_noise.is_empty())
                .then(|| spectral_difference_db(&pair.earlier_noise, &pair.noise())),
            scores,
        })
    };
    pairs.par_iter().enumerate().progress_with(bar).map(score).collect()
}

/// The clean signal in the forms that the scores need.
struct Reference {
    at_score_rate: Vec<f32>,
    /// `None` in a fast run.
    full: Option<FullReference>,
}

struct FullReference {
    sdr: SdrReference,
    speech: Vec<f32>,
    /// `None` if the speech has too few.
    pauses: Option<Pauses>,
}

impl Reference {
    fn new(pair: &Pair, fast: bool) -> Result<Self> {
        let at_score_rate = pair.at_score_rate(&pair.clean)?;
        let full = if fast {
            None
        } else {
            let speech = speech_band(&pair.clean)?;
            Some(FullReference {
                sdr: SdrReference::new(&at_score_rate),
                pauses: Pauses::find(&speech_band(&pair.noisy)?, &speech),
                speech,
            })
        };
        Ok(Self { at_score_rate, full })
    }
}

fn speech_band(signal: &[f32]) -> Result<Vec<f32>> {
    resample(signal, SAMPLE_RATE_HZ, SPEECH_SCORE_RATE_HZ)
}

fn score_system(system: &System, pair: &Pair, reference: &Reference, alone: bool) -> Result<Scores> {
    let estimate = system.enhance(pair)?;
    let at_score_rate = pair.at_score_rate(&estimate)?;
    let mut scores = Scores {
        si_sdr_db: metrics::si_sdr_db(&at_score_rate, &reference.at_score_rate),
        ..Scores::default()
    };
    if let Some(FullReference { sdr, speech, pauses }) = &reference.full {
        let estimate = speech_band(&estimate)?;
        scores.sdr_db = Some(sdr.sdr_db(&at_score_rate));
        scores.pesq_wb = metrics::pesq_wb(&estimate, speech);
        scores.stoi = Some(metrics::stoi(&estimate, speech));
        scores.estoi = Some(metrics::estoi(&estimate, speech));
        scores.pause_attenuation_db = pauses.as_ref().map(|pauses| pauses.attenuation_db(&estimate));
        scores.pause_kurtosis_ratio = pauses.as_ref().and_then(|pauses| pauses.kurtosis_ratio(&estimate));
    }
    if alone && system.is_denoiser() {
        let clean = Pair {
            noisy: pair.clean.clone(),
            ..pair.clone()
        };
        let output = pair.at_score_rate(&system.enhance(&clean)?)?;
        scores.clean_si_sdr_db = Some(metrics::si_sdr_db(&output, &reference.at_score_rate));
        let noise = Pair {
            noisy: pair.noise(),
            ..pair.clone()
        };
        scores.attenuation_db = Some(energy_db(&noise.noisy) - energy_db(&system.enhance(&noise)?));
    }
    Ok(scores)
}

fn energy_db(signal: &[f32]) -> f64 {
    // The least energy stands for digital silence, so that a perfect gate has a finite figure.
    10.0 * signal
        .iter()
        .map(|&x| f64::from(x) * f64::from(x))
        .sum::<f64>()
        .max(1e-9)
        .log10()
}
