//! Training audio held in memory: every clip mono, 48 kHz, 16-bit, with what is known about its bandwidth.
//!
//! A corpus folder holds one folder per source, and a source any number of FLAC, Ogg Vorbis or WAV files.

mod listing;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use rand::Rng;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rayon::prelude::*;

pub use listing::{Entry, category, list};

use crate::audio_file;
use crate::report::sha256;
use crate::resample::resample;
use crate::spectrum_filter::without_rumble;

/// Rate of every clip and of everything made from them, in Hz.
pub const SAMPLE_RATE_HZ: u32 = 48_000;

/// At and above this bandwidth a clip counts as full-band.
pub const FULL_BAND_HZ: f32 = 19_000.0;

/// Share of the file's own sample rate below which its content is trusted.
const TRUSTED_SHARE: f32 = 0.475;

/// Bandwidth taken for material of 44.1 kHz and above: what lossy codecs usually leave.
const HIGH_RATE_BANDWIDTH_HZ: f32 = 20_000.0;

/// Peak to which clips are scaled before the 16-bit rounding, so that quiet recordings keep their detail.
const STORED_PEAK: f32 = 0.9;

/// Length of the frames whose level is kept to find active stretches: 100 ms.
const LEVEL_FRAME_SAMPLES: usize = SAMPLE_RATE_HZ as usize / 10;

/// Level of a digitally silent frame, in dB.
const SILENCE_DB: f32 = -120.0;

/// One recording: mono, 48 kHz.
pub struct Clip {
    /// Folder of the corpus that it came from.
    pub source: String,
    /// What it is a recording of, within its source; empty when unknown.
    pub category: String,
    /// Above this frequency the recording's content is absent or unknown, in Hz.
    pub bandwidth_hz: f32,
    samples: Vec<i16>,
    frame_level_db: Vec<f32>,
    loud_level_db: f32,
}

impl Clip {
    /// Keeps `samples` (mono, 48 kHz, any level) as a clip.
    pub fn new(source: String, bandwidth_hz: f32, samples: &[f32]) -> Self {
        let peak = samples.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
        let scale = f32::from(i16::MAX) * STORED_PEAK / peak.max(1e-6);
        let samples: Vec<i16> = samples.iter().map(|x| (x * scale).round() as i16).collect();
        let frame_level_db: Vec<f32> = samples.chunks(LEVEL_FRAME_SAMPLES).map(level_db).collect();
        let mut sorted = frame_level_db.clone();
        sorted.sort_by(f32::total_cmp);
        let loud_level_db = sorted.get(sorted.len() * 19 / 20).copied().unwrap_or(SILENCE_DB);
        Self {
            source,
            category: String::new(),
            bandwidth_hz,
            samples,
            frame_level_db,
            loud_level_db,
        }
    }

    /// Length in samples at 48 kHz.
    pub fn len_samples(&self) -> usize {
        self.samples.len()
    }

    /// Length in minutes.
    pub fn minutes(&self) -> f32 {
        self.samples.len() as f32 / (60.0 * SAMPLE_RATE_HZ as f32)
    }

    /// Whether the recording reaches the top of the audible band.
    pub fn is_full_band(&self) -> bool {
        self.bandwidth_hz >= FULL_BAND_HZ
    }

    /// Fills `out` with the samples from `start` on, peak at most 1, and with zeros past the clip's end.
    pub fn copy_to(&self, start: usize, out: &mut [f32]) {
        let available = self.samples.get(start..).unwrap_or_default();
        let count = available.len().min(out.len());
        for (to, from) in out.iter_mut().zip(available) {
            *to = f32::from(*from) * (1.0 / 32_768.0);
        }
        out[count..].fill(0.0);
    }

    /// Share of the 100 ms frames in `start..start + length` that are within `range_db` of the clip's loud
    /// frames (their 95th percentile); 0..=1.
    pub fn active_share(&self, start: usize, length: usize, range_db: f32) -> f32 {
        let first = start / LEVEL_FRAME_SAMPLES;
        let count = length.div_ceil(LEVEL_FRAME_SAMPLES).max(1);
        let threshold_db = (self.loud_level_db - range_db).max(SILENCE_DB + 1.0);
        let active = self
            .frame_level_db
            .iter()
            .skip(first)
            .take(count)
            .filter(|level| **level >= threshold_db);
        active.count() as f32 / count as f32
    }

    /// Of its name and every sample.
    fn fingerprint(&self) -> String {
        let name = format!("{}\n{}\n{}\n", self.source, self.category, self.bandwidth_hz);
        let samples = self.samples.iter().flat_map(|x| x.to_le_bytes());
        sha256(&name.bytes().chain(samples).collect::<Vec<u8>>())
    }
}

fn level_db(frame: &[i16]) -> f32 {
    let energy: f64 = frame.iter().map(|x| f64::from(*x).powi(2)).sum();
    let power = energy / frame.len().max(1) as f64 / 32_768.0_f64.powi(2);
    (10.0 * power.max(1e-12).log10()) as f32
}

/// All speech and all noise of a training run.
pub struct Corpus {
    /// Clean speech clips, in path order.
    pub speech: Vec<Clip>,
    /// Noise clips, in path order.
    pub noise: Vec<Clip>,
}

impl Corpus {
    /// Reads every audio file below the folders, in parallel.
    ///
    /// A noise file is left out when its path relative to its folder (`source/name`) contains one of
    /// `excluded_noise`. `progress` is called with (files done, files in all) from several threads.
    ///
    /// # Errors
    /// A folder or a file cannot be read, or speech or noise is missing altogether.
    pub fn load(
        speech_dirs: &[PathBuf],
        noise_dirs: &[PathBuf],
        excluded_noise: &[String],
        progress: impl Fn(usize, usize) + Sync,
    ) -> Result<Self> {
        let speech_files = list(speech_dirs, &[])?;
        let noise_files = list(noise_dirs, excluded_noise)?;
        let total = speech_files.len() + noise_files.len();
        let done = AtomicUsize::new(0);
        let load_all = |files: &[Entry], is_speech: bool| -> Result<Vec<Clip>> {
            files
                .par_iter()
                .map(|file| {
                    let clip = read_clip(file, is_speech);
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
                    clip
                })
                .collect()
        };
        Ok(Self {
            speech: audible(load_all(&speech_files, true)?, speech_dirs)?,
            noise: audible(load_all(&noise_files, false)?, noise_dirs)?,
        })
    }

    /// A corpus of clips already in memory.
    #[cfg(test)]
    pub fn from_clips(speech: Vec<Clip>, noise: Vec<Clip>) -> Result<Self> {
        Ok(Self {
            speech: audible(speech, &[])?,
            noise: audible(noise, &[])?,
        })
    }

    /// What distinguishes these sounds from any others.
    pub fn fingerprint(&self) -> String {
        let prints = |clips: &[Clip]| -> Vec<String> { clips.par_iter().map(Clip::fingerprint).collect() };
        let both = [prints(&self.speech), prints(&self.noise)].map(|prints| prints.join("\n"));
        sha256(both.join("\n\n").as_bytes())
    }
}

/// Drops digitally silent clips; `dirs` are what an error names.
fn audible(mut clips: Vec<Clip>, dirs: &[PathBuf]) -> Result<Vec<Clip>> {
    clips.retain(|clip| clip.loud_level_db > SILENCE_DB);
    let names: Vec<String> = dirs.iter().map(|dir| dir.display().to_string()).collect();
    ensure!(
        !clips.is_empty(),
        "no audible FLAC, Ogg or WAV file to use is in {}",
        names.join(" or ")
    );
    Ok(clips)
}

/// Draws clips so that each source is heard in proportion to a power of its minutes, within a source each category
/// to the same power of its own, and within a category each clip: short ones stay audible beside long ones.
pub struct Sampler<'a> {
    clips: Vec<&'a Clip>,
    weights: WeightedIndex<f32>,
}

impl<'a> Sampler<'a> {
    /// Sampler over `clips`; `exponent` is that power (1: by length, 0: all alike) and `factor` scales each clip's
    /// weight (0 leaves it out). `None` when nothing is left.
    pub fn new(clips: &'a [Clip], exponent: f32, factor: impl Fn(&Clip) -> f32) -> Option<Self> {
        let source_of = |clip: &'a Clip| clip.source.as_str();
        let category_of = |clip: &'a Clip| (clip.source.as_str(), clip.category.as_str());
        let (mut sources, mut categories) = (BTreeMap::new(), BTreeMap::new());
        for clip in clips {
            *sources.entry(source_of(clip)).or_insert(0.0) += clip.minutes();
            // Minutes of the category, and the sum of its clips' powers.
            let (minutes, powers) = categories.entry(category_of(clip)).or_insert((0.0_f32, 0.0));
            *minutes += clip.minutes();
            *powers += clip.minutes().powf(exponent);
        }
        let mut category_powers = BTreeMap::new();
        for ((source, _), (minutes, _)) in &categories {
            *category_powers.entry(*source).or_insert(0.0) += minutes.powf(exponent);
        }
        let weight = |clip: &'a Clip| {
            let source = source_of(clip);
            let (minutes, powers) = categories[&category_of(clip)];
            let source_power = f32::powf(sources[source], exponent);
            let category_share = minutes.powf(exponent) / category_powers[source];
            factor(clip) * source_power * category_share * clip.minutes().powf(exponent) / powers
        };
        let weights = WeightedIndex::new(clips.iter().map(weight)).ok()?;
        Some(Self {
            clips: clips.iter().collect(),
            weights,
        })
    }

    /// One clip.
    pub fn pick(&self, rng: &mut impl Rng) -> &'a Clip {
        self.clips[self.weights.sample(rng)]
    }
}

fn read_clip(entry: &Entry, is_speech: bool) -> Result<Clip> {
    let audio = audio_file::read(&entry.path)?;
    let rate_hz = audio.sample_rate_hz;
    // Recorded rumble is noise: a target that held it would teach the network to keep it.
    let mono = if is_speech {
        without_rumble(audio.to_mono(), rate_hz)
    } else {
        audio.to_mono()
    };
    let samples = resample(&mono, rate_hz, SAMPLE_RATE_HZ)
        .with_context(|| format!("cannot resample {}", entry.path.display()))?;
    let bandwidth_hz = (TRUSTED_SHARE * rate_hz as f32).min(HIGH_RATE_BANDWIDTH_HZ);
    let mut clip = Clip::new(entry.source.clone(), bandwidth_hz, &samples);
    if !is_speech {
        clip.category = category(&entry.path);
    }
    Ok(clip)
}

#[cfg(test)]
mod tests;
