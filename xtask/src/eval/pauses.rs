//! What a denoiser does to the noise in the pauses of the speech: how far it lowers it, and whether it turns it into
//! musical noise. Signals at 16 kHz.

use realfft::RealFftPlanner;

/// 20 ms at 16 kHz.
const FRAME_SAMPLES: usize = 320;
const HOP_SAMPLES: usize = FRAME_SAMPLES / 2;
/// A frame of the clean speech so far below its loud frames (95th percentile) is a pause.
const PAUSE_DB: f64 = 35.0;
/// If the frames this near to it are, too.
const MARGIN_FRAMES: usize = 3;
/// Fewer pauses than this (0.3 s) say nothing.
const LEAST_FRAMES: usize = 30;
/// Bins of 50 Hz from 100 Hz to 7.5 kHz.
const BINS: std::ops::Range<usize> = 2..151;

/// The pauses of one noisy signal.
pub struct Pauses {
    /// First samples of the frames.
    starts: Vec<usize>,
    energy: f64,
    kurtosis: Vec<f64>,
}

impl Pauses {
    /// Finds the pauses of `clean`; `None` where it has too few.
    pub fn find(noisy: &[f32], clean: &[f32]) -> Option<Self> {
        let length = noisy.len().min(clean.len());
        let levels_db: Vec<f64> = (0..length.saturating_sub(FRAME_SAMPLES))
            .step_by(HOP_SAMPLES)
            .map(|start| 10.0 * (energy(&clean[start..start + FRAME_SAMPLES]) + 1e-12).log10())
            .collect();
        let mut sorted = levels_db.clone();
        sorted.sort_by(f64::total_cmp);
        let loud_db = *sorted.get(sorted.len() * 95 / 100)?;
        let silent = |frame: usize| {
            let first = frame.saturating_sub(MARGIN_FRAMES);
            let last = (frame + MARGIN_FRAMES).min(levels_db.len() - 1);
            levels_db[first..=last].iter().all(|level| *level < loud_db - PAUSE_DB)
        };
        let starts: Vec<usize> = (0..levels_db.len())
            .filter(|frame| silent(*frame))
            .map(|frame| frame * HOP_SAMPLES)
            .collect();
        if starts.len() < LEAST_FRAMES {
            return None;
        }
        let mut pauses = Self {
            starts,
            energy: 0.0,
            kurtosis: Vec::new(),
        };
        pauses.energy = pauses.energy_of(noisy);
        pauses.kurtosis = pauses.kurtosis_of(noisy);
        (pauses.energy > 0.0).then_some(pauses)
    }

    /// Energy in the pauses of the noisy signal over that of `estimate`, in dB; digital silence counts as -120 dB.
    pub fn attenuation_db(&self, estimate: &[f32]) -> f64 {
        -10.0 * (self.energy_of(estimate) / self.energy).max(1e-12).log10()
    }

    /// Kurtosis ratio of the power spectrum in the pauses (Uemura et al. 2008): `E[P^4] / E[P^2]^2` of `estimate` over
    /// that of the noisy signal, geometric mean over frequency. 1 keeps the noise's character, more is more musical.
    /// `None` when nothing is left in the pauses.
    pub fn kurtosis_ratio(&self, estimate: &[f32]) -> Option<f64> {
        let after = self.kurtosis_of(estimate);
        let logs: Vec<f64> = after
            .iter()
            .zip(&self.kurtosis)
            .map(|(after, before)| (after / before).ln())
            .filter(|ln| ln.is_finite())
            .collect();
        (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
    }

    fn energy_of(&self, signal: &[f32]) -> f64 {
        self.frames_of(signal).map(energy).sum()
    }

    fn frames_of<'a>(&'a self, signal: &'a [f32]) -> impl Iterator<Item = &'a [f32]> {
        self.starts
            .iter()
            .filter_map(|&start| signal.get(start..start + FRAME_SAMPLES))
    }

    /// For each of [`BINS`]; powers are taken relative to their mean, so that no level is too low.
    fn kurtosis_of(&self, signal: &[f32]) -> Vec<f64> {
        let transform = RealFftPlanner::<f32>::new().plan_fft_forward(FRAME_SAMPLES);
        let (mut windowed, mut spectrum) = (transform.make_input_vec(), transform.make_output_vec());
        let mut powers = vec![Vec::new(); BINS.len()];
        for frame in self.frames_of(signal) {
            for (n, (w, x)) in windowed.iter_mut().zip(frame).enumerate() {
                let phase = std::f32::consts::TAU * n as f32 / FRAME_SAMPLES as f32;
                *w = x * (0.5 - 0.5 * phase.cos());
            }
            // The lengths are the plan's own.
            let _ = transform.process(&mut windowed, &mut spectrum);
            for (bin, x) in powers.iter_mut().zip(&spectrum[BINS]) {
                bin.push(f64::from(x.re).powi(2) + f64::from(x.im).powi(2));
            }
        }
        let kurtosis = |powers: &Vec<f64>| {
            let mean = |power: i32| {
                let scale = powers.iter().sum::<f64>() / powers.len() as f64;
                powers.iter().map(|p| (p / scale).powi(power)).sum::<f64>() / powers.len() as f64
            };
            mean(4) / mean(2).powi(2)
        };
        powers.iter().map(kurtosis).collect()
    }
}

fn energy(signal: &[f32]) -> f64 {
    signal.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// A second of tone, then two seconds of pause; noise over all of it.
    fn signals() -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let clean: Vec<f32> = (0..48_000)
            .map(|n| if n < 16_000 { (n as f32 * 0.3).sin() } else { 0.0 })
            .collect();
        let noise: Vec<f32> = (0..48_000).map(|_| rng.random_range(-0.1..0.1)).collect();
        let noisy = clean.iter().zip(&noise).map(|(c, n)| c + n).collect();
        (noisy, clean, noise)
    }

    #[test]
    fn a_plain_attenuation_is_measured_and_not_musical() {
        let (noisy, clean, noise) = signals();
        let pauses = Pauses::find(&noisy, &clean).unwrap();
        assert!(pauses.starts.iter().all(|start| *start >= 16_000) && pauses.starts.len() > 180);
        let estimate: Vec<f32> = clean.iter().zip(&noise).map(|(c, n)| c + 0.1 * n).collect();
        assert!((pauses.attenuation_db(&estimate) - 20.0).abs() < 0.1);
        assert!((pauses.kurtosis_ratio(&estimate).unwrap() - 1.0).abs() < 1e-3);
        assert_eq!(pauses.attenuation_db(&noisy), 0.0);
    }

    #[test]
    fn isolated_bursts_are_musical() {
        let (noisy, clean, _) = signals();
        let pauses = Pauses::find(&noisy, &clean).unwrap();
        let burst = |n: usize| if (n / 800).is_multiple_of(5) { 1.0 } else { 0.1 };
        let estimate: Vec<f32> = noisy.iter().enumerate().map(|(n, x)| x * burst(n)).collect();
        assert!(pauses.kurtosis_ratio(&estimate).unwrap() > 2.0);
    }

    #[test]
    fn speech_without_pauses_has_no_figure_and_silence_a_finite_one() {
        let (noisy, clean, _) = signals();
        assert!(Pauses::find(&noisy[..16_000], &clean[..16_000]).is_none());
        let pauses = Pauses::find(&noisy, &clean).unwrap();
        assert_eq!(pauses.kurtosis_ratio(&clean), None);
        assert_eq!(pauses.attenuation_db(&clean), 120.0);
    }
}
