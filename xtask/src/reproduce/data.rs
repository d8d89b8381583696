//! The mixes of a run: from a corpus, or synthesised for the quick one.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::plan::{Plan, TEST_SNRS_DB};
use super::stft::RATE_HZ;
use crate::augment::{Spectral, active_power, db_to_gain, uniform};
use crate::pairs::{self, MixOptions, Pair};
use crate::resample::resample;
use crate::synth_noise::{KindSampler, generate};

/// Length of a synthesised mix, in samples at 16 kHz: 0.75 s.
const SYNTHETIC_SAMPLES: usize = 12_000;

/// Speech plus noise, mono, 16 kHz.
pub struct Mix {
    pub noisy: Vec<f32>,
    pub clean: Vec<f32>,
}

/// All mixes of a run.
pub struct Data {
    pub training: Vec<Mix>,
    pub dev: Vec<Mix>,
    /// All excerpts at the first ratio of [`TEST_SNRS_DB`], then at the next.
    pub test: Vec<Mix>,
    /// Where they come from, in words for the report.
    pub origin: String,
}

impl Data {
    /// Mixes `corpus/train` for training and dev, `corpus/dev` for the test.
    ///
    /// # Errors
    /// A file cannot be read, or a folder holds too little.
    pub fn from_corpus(corpus: &Path, plan: &Plan) -> Result<Self> {
        let snrs_db = TEST_SNRS_DB[0]..TEST_SNRS_DB[TEST_SNRS_DB.len() - 1];
        let parts = pairs::mix_training(corpus, plan.seed, [plan.training_mixes, plan.dev_mixes], snrs_db)?;
        let options = MixOptions {
            seed: plan.seed,
            pairs_per_snr: plan.test_excerpts,
            ..MixOptions::default()
        };
        let mut test = pairs::mix_corpus(corpus, &options)?;
        test.retain(|pair| TEST_SNRS_DB.contains(&pair.snr_db));
        ensure!(
            test.len() == TEST_SNRS_DB.len() * plan.test_excerpts,
            "the test pairs do not cover the signal-to-noise ratios"
        );
        Ok(Self {
            training: to_mixes(&parts.training)?,
            dev: to_mixes(&parts.held_out)?,
            test: to_mixes(&test)?,
            origin:
                "training speech and noise of the corpus (speakers take turns, then noise sources) at ratios drawn \
                     evenly from -6 to 9 dB; the dev mixes, which choose the epoch, are of training speakers and noise \
                     files that were held out; the test mixes are of the corpus' dev speakers and dev noise recordings"
                    .to_owned(),
        })
    }

    /// Harmonic voices in synthetic noise.
    ///
    /// # Errors
    /// A rate conversion fails.
    pub fn synthetic(plan: &Plan) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
        let mut drawn = |count: usize| -> Result<Vec<Mix>> {
            let range_db = [TEST_SNRS_DB[0] as f32, TEST_SNRS_DB[TEST_SNRS_DB.len() - 1] as f32];
            (0..count)
                .map(|_| {
                    let snr_db = f64::from(uniform(&mut rng, range_db));
                    Ok(add(snr_db, &voice(&mut rng), &noise(&mut rng)?))
                })
                .collect()
        };
        let (training, dev) = (drawn(plan.training_mixes)?, drawn(plan.dev_mixes)?);
        let excerpts = (0..plan.test_excerpts)
            .map(|_| Ok((voice(&mut rng), noise(&mut rng)?)))
            .collect::<Result<Vec<_>>>()?;
        let test = TEST_SNRS_DB.iter().flat_map(|&snr_db| {
            let mixes = excerpts.iter();
            mixes.map(move |(voice, noise)| add(snr_db, voice, noise))
        });
        Ok(Self {
            training,
            dev,
            test: test.collect(),
            origin:
                "harmonic tones that come and go like syllables, in synthetic noise: a check of the program, whose \
                     scores say nothing about speech"
                    .to_owned(),
        })
    }

    /// Seconds of audio.
    pub fn seconds(mixes: &[Mix]) -> f64 {
        mixes.iter().map(|mix| mix.noisy.len()).sum::<usize>() as f64 / f64::from(RATE_HZ)
    }

    /// What distinguishes these mixes from any others.
    pub fn fingerprint(&self) -> String {
        let samples = [&self.training, &self.dev, &self.test]
            .into_iter()
            .flatten()
            .flat_map(|mix| mix.noisy.iter().chain(&mix.clean));
        crate::report::sha256(&samples.flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())
    }
}

fn to_mixes(pairs: &[Pair]) -> Result<Vec<Mix>> {
    let at_16_khz = |signal: &[f32]| resample(signal, pairs::SAMPLE_RATE_HZ, RATE_HZ);
    pairs
        .par_iter()
        .map(|pair| {
            Ok(Mix {
                noisy: at_16_khz(&pair.noisy)?,
                clean: at_16_khz(&pair.clean)?,
            })
        })
        .collect()
}

/// A wandering pitch with two formant-like humps, in syllables.
fn voice(rng: &mut impl Rng) -> Vec<f32> {
    let pitch_hz = uniform(rng, [90.0, 240.0]);
    let formants_hz = [uniform(rng, [300.0, 900.0]), uniform(rng, [1000.0, 2800.0])];
    let (syllable_hz, phase) = (uniform(rng, [2.5, 5.0]), uniform(rng, [0.0, 6.0]));
    let rate_hz = RATE_HZ as f32;
    let level = |hz: f32| {
        let hump = |formant: f32| (-((hz - formant) / 250.0).powi(2)).exp();
        0.05 + hump(formants_hz[0]) + 0.5 * hump(formants_hz[1])
    };
    let harmonics: Vec<(f32, f32)> = (1..24)
        .map(|k| (std::f32::consts::TAU * pitch_hz * k as f32, level(pitch_hz * k as f32)))
        .collect();
    (0..SYNTHETIC_SAMPLES)
        .map(|n| {
            let time_s = n as f32 / rate_hz + 0.004 * (8.0 * n as f32 / rate_hz).sin();
            let syllable = (std::f32::consts::TAU * syllable_hz * time_s + phase).sin().max(0.0);
            let tone: f32 = harmonics
                .iter()
                .map(|(step, level)| level * (step * time_s).sin())
                .sum();
            0.1 * syllable * tone
        })
        .collect()
}

fn noise(rng: &mut impl Rng) -> Result<Vec<f32>> {
    let kind = KindSampler::default().pick(rng);
    let ratio = (pairs::SAMPLE_RATE_HZ / RATE_HZ) as usize;
    let wide = generate(kind, ratio * SYNTHETIC_SAMPLES, rng, &mut Spectral::default());
    resample(&wide, pairs::SAMPLE_RATE_HZ, RATE_HZ).context("cannot resample synthetic noise")
}

fn add(snr_db: f64, voice: &[f32], noise: &[f32]) -> Mix {
    let power = |signal: &[f32]| active_power(signal, 30.0).max(1e-12);
    let gain = (power(voice) / power(noise)).sqrt() * db_to_gain(-snr_db as f32);
    Mix {
        noisy: voice.iter().zip(noise).map(|(x, n)| x + gain * n).collect(),
        clean: voice.to_vec(),
    }
}
