//! Whether what a model learnt from is the noise that it is then to remove.

use unfold::bands::Bands;

use crate::pairs::SAMPLE_RATE_HZ;
use crate::peers::{band_powers, transform};

/// Windows of 40 ms, as the network's.
const WINDOW_HOPS: usize = 4;

/// Third octaves from 100 Hz to 16 kHz.
const BANDS: i32 = 23;
const FIRST_CENTRE_HZ: f32 = 100.0;

/// Added to each band's share of the power, so that an empty band has a level: 70 dB below the mean.
const LEAST_SHARE: f64 = 1e-7;

/// How much the long-term spectra of two noises at 48 kHz differ, whatever their levels: root of the mean squared
/// difference over third octaves, in dB. NaN if one is shorter than a window.
pub fn spectral_difference_db(one: &[f32], other: &[f32]) -> f64 {
    let differences: Vec<f64> = levels_db(one)
        .iter()
        .zip(levels_db(other))
        .map(|(one, other)| one - other)
        .collect();
    let mean = differences.iter().sum::<f64>() / differences.len() as f64;
    let squares = differences.iter().map(|d| (d - mean).powi(2));
    (squares.sum::<f64>() / differences.len() as f64).sqrt()
}

/// Mean level of each third octave.
fn levels_db(signal: &[f32]) -> Vec<f64> {
    let centres_hz: Vec<f32> = (0..BANDS)
        .map(|band| FIRST_CENTRE_HZ * (band as f32 / 3.0).exp2())
        .collect();
    let mut transform = transform(WINDOW_HOPS);
    let bands = Bands::new(&centres_hz, transform.window_samples(), f64::from(SAMPLE_RATE_HZ));
    let mut sums = vec![0.0_f64; bands.bands()];
    for frame in band_powers(signal, &mut transform, &bands) {
        for (sum, power) in sums.iter_mut().zip(frame) {
            *sum += f64::from(power);
        }
    }
    let all: f64 = sums.iter().sum();
    sums.iter()
        .map(|sum| 10.0 * (sum / all + LEAST_SHARE).log10())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn white(seed: u32) -> Vec<f32> {
        let mut state = seed;
        let sample = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..96_000).map(sample).collect()
    }

    #[test]
    fn colour_counts_and_level_does_not() {
        let (noise, later) = (white(1), white(2));
        let softer: Vec<f32> = later.iter().map(|x| 0.01 * x).collect();
        assert!(spectral_difference_db(&noise, &softer) < 1.0);
        // A first difference rises by 6 dB per octave: over seven octaves, a standard deviation of about 12 dB.
        let bright: Vec<f32> = later.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let difference_db = spectral_difference_db(&noise, &bright);
        assert!((9.0..15.0).contains(&difference_db), "{difference_db}");
    }
}
