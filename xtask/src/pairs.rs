//! Noisy/clean pairs that scores are computed on: mixed from a corpus folder, or listed in a manifest.

mod manifest;
mod mixing;

use anyhow::Result;

pub use manifest::{read_manifest, write_pairs};
pub use mixing::{MixOptions, mix_corpus, mix_training};

use crate::resample::resample;

/// Rate of every pair, in Hz: the peers know no other.
pub const SAMPLE_RATE_HZ: u32 = 48_000;

/// Rate of the speech scores STOI and PESQ, in Hz.
pub const SPEECH_SCORE_RATE_HZ: u32 = 16_000;

/// Rate at which a pair is scored whose clean recording has this one, in Hz: one that ends at 8 kHz says nothing about what
/// is above.
fn score_rate_hz(recorded_hz: u32) -> u32 {
    if recorded_hz > SPEECH_SCORE_RATE_HZ {
        SAMPLE_RATE_HZ
    } else {
        SPEECH_SCORE_RATE_HZ
    }
}

/// A noisy signal and the clean speech in it, both mono at 48 kHz, of one length.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Kind of noise, such as `esc10/rain`.
    pub noise_type: String,
    /// Ratio of active speech to active noise power, in dB.
    pub snr_db: f64,
    /// Rate at which SI-SDR and SDR are taken: 16 kHz when the clean recording ends at 8 kHz, because its true
    /// content above is unknown.
    pub score_rate_hz: u32,
    /// Input of the denoisers.
    pub noisy: Vec<f32>,
    /// What they should give.
    pub clean: Vec<f32>,
    /// What was heard of the same noise just before, at the same level; empty if unknown.
    pub earlier_noise: Vec<f32>,
}

impl Pair {
    /// The noise alone.
    pub fn noise(&self) -> Vec<f32> {
        self.noisy
            .iter()
            .zip(&self.clean)
            .map(|(noisy, clean)| noisy - clean)
            .collect()
    }

    /// `signal` (48 kHz) at the rate of this pair's SI-SDR and SDR.
    ///
    /// # Errors
    /// The rate conversion fails.
    pub fn at_score_rate(&self, signal: &[f32]) -> Result<Vec<f32>> {
        resample(signal, SAMPLE_RATE_HZ, self.score_rate_hz)
    }
}
