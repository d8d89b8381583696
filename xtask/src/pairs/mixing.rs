//! Deterministic dev pairs mixed from the audio files `DIR/dev/{speech,noise}/<source>/<speaker-or-type>_<n>`.
//!
//! Noise sources take turns, then the types within a source, then the files of a type, so that a collection of
//! many short clips weighs no more than one long recording; speakers take turns likewise.

mod training;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use unfold::units::db_to_gain;

use super::{Pair, SAMPLE_RATE_HZ, score_rate_hz};
use crate::audio_file;
use crate::corpus::{self, Entry, category};
use crate::resample::resample;
use crate::spectrum_filter::without_rumble;

pub use training::mix_training;

/// Signal-to-noise ratios of the pairs.
const SNRS_DB: [f64; 7] = [-6.0, -3.0, 0.0, 3.0, 6.0, 9.0, 15.0];

const LONGEST_SAMPLES: usize = 4 * SAMPLE_RATE_HZ as usize;
/// Noise heard before the excerpt: 3 s.
const EARLIER_SAMPLES: usize = 3 * SAMPLE_RATE_HZ as usize;
const FADE_SAMPLES: usize = SAMPLE_RATE_HZ as usize / 100;
const LEVEL_FRAME_SAMPLES: usize = SAMPLE_RATE_HZ as usize / 50;
/// Frames further below the loud ones (95th percentile) than this are pauses of the speech or the noise.
const ACTIVE_RANGE_DB: f64 = 25.0;
/// Positions tried for the most active excerpt of a recording.
const EXCERPT_TRIES: usize = 8;
/// Active speech level, in dBFS.
const SPEECH_LEVEL_DB: std::ops::Range<f32> = -32.0..-20.0;
const HIGHEST_PEAK: f32 = 0.95;
/// Softer than anything recorded, in dBFS, and louder than what the rounding of a filter leaves of silence.
const SILENCE_DB: f64 = -100.0;

/// How many pairs to mix, and which.
#[derive(Clone, Debug)]
pub struct MixOptions {
    /// Seed of every choice.
    pub seed: u64,
    /// Pairs at each of [`SNRS_DB`].
    pub pairs_per_snr: usize,
    /// Noise sources that the model never trained on: their noise comes from `train` and `dev` alike, and no other source
    /// is used. None: all noise of `dev`.
    pub held_out: Vec<String>,
}

impl Default for MixOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            pairs_per_snr: 36,
            held_out: Vec::new(),
        }
    }
}

/// Mixes the pairs, the same ones for the same files and options.
///
/// # Errors
/// The corpus has no dev speech or noise, or a file cannot be read.
pub fn mix_corpus(corpus: &Path, options: &MixOptions) -> Result<Vec<Pair>> {
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let speakers = Turns::flat(list(&corpus.join("dev/speech"))?, &mut rng);
    let noises = Turns::nested(noise_listing(corpus, &options.held_out)?, &mut rng);
    // Noise sources take turns; the speakers' turns are shuffled, or each speaker would meet the same few sources.
    let mut speech_turns: Vec<usize> = (0..options.pairs_per_snr).collect();
    speech_turns.shuffle(&mut rng);
    let at_first_snr: Vec<Recipe> = (0..options.pairs_per_snr)
        .map(|turn| Recipe {
            speech: speakers.at(speech_turns[turn]).clone(),
            noise: noises.at(turn).clone(),
            snr_db: SNRS_DB[0],
            speech_level_db: rng.random_range(SPEECH_LEVEL_DB),
            seed: rng.random(),
        })
        .collect();
    // The same excerpts at every ratio, so that the ratios can be compared with each other.
    let recipes: Vec<Recipe> = SNRS_DB
        .iter()
        .flat_map(|&snr_db| {
            at_first_snr.iter().map(move |recipe| Recipe {
                snr_db,
                ..recipe.clone()
            })
        })
        .collect();
    recipes.par_iter().map(mix).collect()
}

#[derive(Clone)]
struct Recording {
    path: PathBuf,
    /// `source/type` or `source/speaker`.
    kind: String,
}

#[derive(Clone)]
struct Recipe {
    speech: Recording,
    noise: Recording,
    snr_db: f64,
    speech_level_db: f32,
    seed: u64,
}

/// Recordings by source, then by kind.
type Listing = BTreeMap<String, BTreeMap<String, Vec<Recording>>>;

fn noise_listing(corpus: &Path, held_out: &[String]) -> Result<Listing> {
    let mut listing = list(&corpus.join("dev/noise"))?;
    if held_out.is_empty() {
        return Ok(listing);
    }
    for (source, kinds) in list(&corpus.join("train/noise"))? {
        let merged = listing.entry(source).or_default();
        for (kind, recordings) in kinds {
            merged.entry(kind).or_default().extend(recordings);
        }
    }
    for source in held_out {
        ensure!(listing.contains_key(source), "the corpus has no noise source {source}");
    }
    listing.retain(|source, _| held_out.contains(source));
    Ok(listing)
}

fn list(folder: &Path) -> Result<Listing> {
    let mut listing = Listing::new();
    for Entry { path, source } in corpus::list(&[folder.to_owned()], &[])? {
        let kind = format!("{source}/{}", category(&path));
        let kinds = listing.entry(source).or_default();
        kinds.entry(kind.clone()).or_default().push(Recording { path, kind });
    }
    ensure!(
        !listing.is_empty(),
        "{} holds no FLAC, Ogg or WAV file",
        folder.display()
    );
    Ok(listing)
}

/// Recordings in an order where groups take turns.
enum Turns {
    Recordings(Vec<Recording>),
    Groups(Vec<Turns>),
}

impl Turns {
    /// Kinds (speakers) of all sources take turns.
    fn flat(listing: Listing, rng: &mut impl Rng) -> Self {
        let mut kinds: Vec<Self> = listing
            .into_values()
            .flat_map(BTreeMap::into_values)
            .map(Self::Recordings)
            .collect();
        kinds.shuffle(rng);
        Self::Groups(kinds)
    }

    /// Sources take turns, and within each its kinds.
    fn nested(listing: Listing, rng: &mut impl Rng) -> Self {
        let sources = listing
            .into_iter()
            .map(|source| Self::flat(BTreeMap::from([source]), rng))
            .collect();
        Self::Groups(sources)
    }

    fn at(&self, turn: usize) -> &Recording {
        match self {
            Self::Recordings(recordings) => &recordings[turn % recordings.len()],
            Self::Groups(groups) => groups[turn % groups.len()].at(turn / groups.len()),
        }
    }
}

fn mix(recipe: &Recipe) -> Result<Pair> {
    let mut rng = ChaCha8Rng::seed_from_u64(recipe.seed);
    let (speech, speech_rate_hz) = load(&recipe.speech.path, without_rumble)?;
    let (noise, _) = load(&recipe.noise.path, |samples, _| samples)?;
    let length = speech.len().min(LONGEST_SAMPLES);
    let mut clean = most_active_excerpt(&speech, length, &mut rng);
    // A short loop is repeated.
    let repeated: Vec<f32> = noise.iter().copied().cycle().take(noise.len().max(length)).collect();
    let start = most_active_start(&repeated, length, &mut rng);
    let mut noise = repeated[start..start + length].to_vec();
    // What came before it, in a loop that is longer than both if the recording is.
    let before = |n: usize| repeated[(start + repeated.len() * EARLIER_SAMPLES - EARLIER_SAMPLES + n) % repeated.len()];
    let mut earlier_noise: Vec<f32> = (0..EARLIER_SAMPLES).map(before).collect();
    let clean_gain = db_to_gain(recipe.speech_level_db - excerpt_level_db(&clean, &recipe.speech)?);
    let noise_level_db = recipe.speech_level_db - recipe.snr_db as f32;
    let noise_gain = db_to_gain(noise_level_db - excerpt_level_db(&noise, &recipe.noise)?);
    clean.iter_mut().for_each(|x| *x *= clean_gain);
    noise
        .iter_mut()
        .chain(&mut earlier_noise)
        .for_each(|x| *x *= noise_gain);
    fade_ends(&mut clean);
    let mut noisy: Vec<f32> = clean.iter().zip(&noise).map(|(clean, noise)| clean + noise).collect();
    let peak = noisy.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
    let guard = (HIGHEST_PEAK / peak).min(1.0);
    let signals = noisy.iter_mut().chain(&mut clean).chain(&mut earlier_noise);
    signals.for_each(|x| *x *= guard);
    Ok(Pair {
        noise_type: recipe.noise.kind.clone(),
        snr_db: recipe.snr_db,
        score_rate_hz: score_rate_hz(speech_rate_hz),
        noisy,
        clean,
        earlier_noise,
    })
}

/// A recording after `treat(samples, rate in Hz)` at 48 kHz, mono, and the rate of its file in Hz.
fn load(path: &Path, treat: fn(Vec<f32>, u32) -> Vec<f32>) -> Result<(Vec<f32>, u32)> {
    let audio = audio_file::read(path)?;
    let samples = treat(audio.to_mono(), audio.sample_rate_hz);
    let samples = resample(&samples, audio.sample_rate_hz, SAMPLE_RATE_HZ)?;
    ensure!(is_audible(&samples), "{} is silent", path.display());
    Ok((samples, audio.sample_rate_hz))
}

/// Active level of an excerpt, in dBFS. A recording may be silent wherever an excerpt was tried.
fn excerpt_level_db(excerpt: &[f32], recording: &Recording) -> Result<f32> {
    ensure!(
        is_audible(excerpt),
        "{} is silent in the excerpt that was drawn",
        recording.path.display()
    );
    Ok(active_level_db(excerpt) as f32)
}

/// Whether a signal can be brought to a level and scored: no score of silence is a number.
pub(super) fn is_audible(signal: &[f32]) -> bool {
    active_level_db(signal) > SILENCE_DB
}

/// The excerpt at [`most_active_start`].
fn most_active_excerpt(signal: &[f32], length: usize, rng: &mut impl Rng) -> Vec<f32> {
    let start = most_active_start(signal, length, rng);
    signal[start..start + length].to_vec()
}

/// Where the excerpt of `length` samples with the most active frames begins, among a few random positions.
fn most_active_start(signal: &[f32], length: usize, rng: &mut impl Rng) -> usize {
    let threshold_db = active_threshold_db(&frame_levels_db(signal));
    let active_frames = |start: usize| {
        frame_levels_db(&signal[start..start + length])
            .iter()
            .filter(|level| **level > threshold_db)
            .count()
    };
    let starts: Vec<usize> = (0..EXCERPT_TRIES)
        .map(|_| rng.random_range(0..=signal.len() - length))
        .collect();
    let best = starts.into_iter().max_by_key(|&start| active_frames(start));
    best.unwrap_or(0)
}

fn frame_levels_db(signal: &[f32]) -> Vec<f64> {
    let power = |frame: &[f32]| frame.iter().map(|x| f64::from(x * x)).sum::<f64>() / frame.len() as f64;
    signal
        .chunks(LEVEL_FRAME_SAMPLES)
        .map(|frame| 10.0 * power(frame).log10())
        .collect()
}

fn active_threshold_db(levels_db: &[f64]) -> f64 {
    let mut sorted = levels_db.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() * 19 / 20).copied().unwrap_or(f64::NEG_INFINITY) - ACTIVE_RANGE_DB
}

/// Mean power over the active frames, in dBFS; `-inf` for silence.
fn active_level_db(signal: &[f32]) -> f64 {
    let levels_db = frame_levels_db(signal);
    let threshold_db = active_threshold_db(&levels_db);
    let active: Vec<f64> = levels_db
        .into_iter()
        .filter(|level| *level >= threshold_db && level.is_finite())
        .collect();
    let power = active.iter().map(|level| 10_f64.powf(level / 10.0)).sum::<f64>() / active.len().max(1) as f64;
    10.0 * power.log10()
}

/// Short fades, because an excerpt may start in the middle of a word.
fn fade_ends(signal: &mut [f32]) {
    let length = signal.len();
    for n in 0..FADE_SAMPLES.min(length / 2) {
        let gain = n as f32 / FADE_SAMPLES as f32;
        signal[n] *= gain;
        signal[length - 1 - n] *= gain;
    }
}

#[cfg(test)]
mod tests;
