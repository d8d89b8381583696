//! The classical statistical denoiser: log-spectral amplitude estimator with decision-directed a-priori SNR.
//!
//! Y. Ephraim, D. Malah, "Speech enhancement using a minimum mean-square error log-spectral amplitude estimator",
//! 1985. The noise spectrum is tracked by speech presence probability: T. Gerkmann, R. Hendriks, "Unbiased
//! MMSE-based noise power estimation with low complexity and low tracking delay", 2012.

use super::{filter_frames, transform};

/// Weight of the last frame's estimate in the a-priori SNR.
const DECISION_WEIGHT: f32 = 0.98;
/// Least a-priori SNR: -25 dB.
const LEAST_PRIOR_SNR: f32 = 0.003_16;
/// A-priori SNR of a bin with speech, for its presence probability: 15 dB.
const SPEECH_SNR: f32 = 31.6;
const NOISE_SMOOTHING: f32 = 0.8;
const PRESENCE_SMOOTHING: f32 = 0.9;
/// A bin that held speech for this long is noise that grew: the tracker may not stop.
const HIGHEST_PRESENCE: f32 = 0.99;
/// Power of digital silence, as a bin of a 20 ms frame sees it.
const LEAST_POWER: f32 = 1e-12;

/// One frequency bin's trackers.
#[derive(Clone)]
struct Bin {
    noise_power: f32,
    presence: f32,
    /// Estimated speech power of the last frame over its noise power.
    last_snr: f32,
}

impl Bin {
    /// Gain for a frame of this power.
    fn gain(&mut self, power: f32) -> f32 {
        let power = power.max(LEAST_POWER);
        self.track_noise(power);
        let posterior_snr = (power / self.noise_power).clamp(1e-3, 1e4);
        let prior_snr = (DECISION_WEIGHT * self.last_snr + (1.0 - DECISION_WEIGHT) * (posterior_snr - 1.0).max(0.0))
            .max(LEAST_PRIOR_SNR);
        let wiener = prior_snr / (1.0 + prior_snr);
        let gain = (wiener * (0.5 * exponential_integral(wiener * posterior_snr)).exp()).min(1.0);
        self.last_snr = gain * gain * posterior_snr;
        gain
    }

    fn track_noise(&mut self, power: f32) {
        let exponent = -power / self.noise_power * SPEECH_SNR / (1.0 + SPEECH_SNR);
        let mut presence = 1.0 / (1.0 + (1.0 + SPEECH_SNR) * exponent.exp());
        self.presence = PRESENCE_SMOOTHING * self.presence + (1.0 - PRESENCE_SMOOTHING) * presence;
        if self.presence > HIGHEST_PRESENCE {
            presence = presence.min(HIGHEST_PRESENCE);
        }
        let noise_now = presence * self.noise_power + (1.0 - presence) * power;
        self.noise_power = NOISE_SMOOTHING * self.noise_power + (1.0 - NOISE_SMOOTHING) * noise_now;
    }
}

/// Denoises mono 48 kHz; the noise estimate starts from the first whole frame.
pub fn log_mmse(noisy: &[f32]) -> Vec<f32> {
    let mut bins: Vec<Bin> = Vec::new();
    let mut frame = 0;
    filter_frames(noisy, &mut transform(2), |spectrum| {
        // The first frame is half silence.
        if frame < 2 {
            let start = |power: f32| Bin {
                noise_power: power.max(LEAST_POWER),
                presence: 0.5,
                last_snr: 0.0,
            };
            bins = spectrum.iter().map(|bin| start(bin.norm_sqr())).collect();
        }
        for (bin, value) in bins.iter_mut().zip(spectrum) {
            *value *= bin.gain(value.norm_sqr());
        }
        frame += 1;
    })
}

/// E1(x) for x > 0: polynomial and rational fits of Abramowitz and Stegun 5.1.53 and 5.1.56.
pub(super) fn exponential_integral(x: f32) -> f32 {
    let x = f64::from(x.max(1e-8));
    let polynomial = |coefficients: &[f64]| coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c);
    let value = if x < 1.0 {
        let fit = [
            -0.577_215_66,
            0.999_991_93,
            -0.249_910_55,
            0.055_199_68,
            -0.009_760_04,
            0.001_078_57,
        ];
        polynomial(&fit) - x.ln()
    } else {
        let above = [0.267_773_734_3, 8.634_760_892_5, 18.059_016_973, 8.573_328_740_1, 1.0];
        let below = [
            3.958_496_922_8,
            21.099_653_082_7,
            25.632_956_148_6,
            9.573_322_345_4,
            1.0,
        ];
        polynomial(&above) / polynomial(&below) * (-x).exp() / x
    };
    value as f32
}
