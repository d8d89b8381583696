//! From masks to sound to SDR and SI-SDR.

use std::sync::OnceLock;

use anyhow::{Result, ensure};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::data::Mix;
use super::frames::{CHUNK_FRAMES, Frames};
use super::stft::{BINS, analyse, synthesise};
use crate::metrics::{SdrReference, si_sdr_db};

/// Scores of one enhanced mix.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// SDR of BSS-eval v3, 512 taps.
    pub sdr_db: f64,
    pub si_sdr_db: f64,
}

/// Mixes that are scored again and again, with their frames.
pub struct ScoredSet {
    pub mixes: Vec<Mix>,
    pub frames: Frames,
    references: Vec<OnceLock<SdrReference>>,
}

/// What a system says for chosen frames: the mask, `[F, lanes]`.
pub type Masker<'a> = dyn Fn(&Frames, &[usize]) -> Result<Vec<f32>> + Sync + 'a;

impl ScoredSet {
    /// Analyses the mixes.
    pub fn new(mixes: Vec<Mix>) -> Self {
        Self {
            frames: Frames::new(&mixes),
            references: mixes.iter().map(|_| OnceLock::new()).collect(),
            mixes,
        }
    }

    /// Scores of a system on every mix.
    ///
    /// # Errors
    /// The system breaks a promise, or speech and noise after the mask do not sum to the input.
    pub fn score(&self, masker: &Masker) -> Result<Vec<Score>> {
        let mut starts = Vec::with_capacity(self.mixes.len());
        let mut start = 0;
        for _ in &self.mixes {
            starts.push(start);
            start = self.frames.of_mix(start).end;
        }
        starts
            .par_iter()
            .enumerate()
            .map(|(index, &start)| {
                let mask = self.mask(start, masker)?;
                let (speech, noise) = split(&self.mixes[index].noisy, &mask);
                let sums = speech.iter().zip(&noise).zip(&self.mixes[index].noisy);
                let worst = sums.fold(0.0_f32, |worst, ((s, n), x)| worst.max((s + n - x).abs()));
                ensure!(
                    worst <= 1e-4,
                    "speech and noise differ from the input by {worst} when added"
                );
                Ok(self.score_signal(index, &speech))
            })
            .collect()
    }

    /// Scores of the mixes as they are.
    pub fn score_input(&self) -> Vec<Score> {
        let each = self.mixes.par_iter().enumerate();
        each.map(|(index, mix)| self.score_signal(index, &mix.noisy)).collect()
    }

    /// Scores of the ratio mask of the true powers, which no system can know.
    ///
    /// # Errors
    /// None of its own.
    pub fn score_oracle(&self) -> Result<Vec<Score>> {
        self.score(&|frames, indices| {
            let lanes = indices.len();
            let mut mask = vec![0.0; BINS * lanes];
            for (lane, &index) in indices.iter().enumerate() {
                for bin in 0..BINS {
                    let speech = frames.speech[index * BINS + bin].powi(2);
                    let noise = frames.noise[index * BINS + bin].powi(2);
                    mask[bin * lanes + lane] = speech / (speech + noise).max(1e-12);
                }
            }
            Ok(mask)
        })
    }

    fn score_signal(&self, index: usize, estimate: &[f32]) -> Score {
        let clean = &self.mixes[index].clean;
        let reference = self.references[index].get_or_init(|| SdrReference::new(clean));
        Score {
            sdr_db: reference.sdr_db(estimate),
            si_sdr_db: si_sdr_db(estimate, clean),
        }
    }

    /// Mask of the mix whose frames begin at `start`, `[frame][F]`.
    fn mask(&self, start: usize, masker: &Masker) -> Result<Vec<f32>> {
        let indices: Vec<usize> = self.frames.of_mix(start).collect();
        let mut mask = vec![0.0; indices.len() * BINS];
        for (chunk, target) in indices.chunks(CHUNK_FRAMES).zip(mask.chunks_mut(CHUNK_FRAMES * BINS)) {
            let columns = masker(&self.frames, chunk)?;
            ensure!(
                columns.iter().all(|g| (0.0..=1.0 + 1e-5).contains(g)),
                "a mask is not between 0 and 1"
            );
            for (lane, frame) in target.chunks_exact_mut(BINS).enumerate() {
                for (bin, g) in frame.iter_mut().enumerate() {
                    *g = columns[bin * chunk.len() + lane];
                }
            }
        }
        Ok(mask)
    }
}

/// The signal after `mask` and after `1 - mask`.
fn split(noisy: &[f32], mask: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let spectra = analyse(noisy);
    let masked = |gain: fn(f32) -> f32| {
        let bins: Vec<_> = spectra.iter().zip(mask).map(|(bin, g)| bin * gain(*g)).collect();
        synthesise(&bins, noisy.len())
    };
    (masked(|g| g), masked(|g| 1.0 - g))
}

/// Mean SDR in dB.
pub fn mean_sdr_db(scores: &[Score]) -> f64 {
    scores.iter().map(|score| score.sdr_db).sum::<f64>() / scores.len().max(1) as f64
}
