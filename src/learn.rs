//! Noise atoms from the user's own noise (docs/algorithm.md section 5, item 7). Allocates; not for the audio thread.

use ndarray::Array2;
use thiserror::Error;

use crate::noise_floor::SILENCE;
use crate::snmf;
use crate::units::HOP_S;

/// Fewest and most atoms that are fitted.
pub const MIN_ATOMS: usize = 4;
/// See [`MIN_ATOMS`].
pub const MAX_ATOMS: usize = 16;

/// Hops of sound below which there is nothing to learn from: 0.4 s.
pub const LEAST_HOPS: usize = 40;

/// Hops softer than this share of the mean teach nothing.
const LEAST_LEVEL: f32 = 0.05;

/// Samples from here on count as clipped.
const FULL_SCALE: f32 = 0.999;

const SPARSITY: f32 = 0.02;
const ITERATIONS: usize = 20;

/// Why a noise cannot be learnt.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum LearnError {
    /// Too little noise.
    #[error("only {got_s:.1} s of noise to learn from, at least {} s are needed", LEAST_HOPS as f64 * HOP_S)]
    Short {
        /// Seconds that were neither silent nor all speech.
        got_s: f64,
    },
    /// Nothing but silence, or soft speech, which counts for less (see `Engine::noise_magnitudes_into`).
    #[error("there was only silence or speech to learn from")]
    Silent,
    /// The noise overloaded the input.
    #[error("the noise was clipped; lower the input and learn again")]
    Clipped,
    /// A sample was NaN or infinite.
    #[error("the noise held samples that are not numbers")]
    NotFinite,
}

/// Counts the samples that make a noise useless. Cheap enough for the audio thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct SampleCheck {
    samples: u64,
    clipped: u64,
    not_finite: u64,
}

impl SampleCheck {
    /// Looks at more samples.
    pub fn push(&mut self, samples: &[f32]) {
        self.samples += samples.len() as u64;
        for x in samples {
            self.clipped += u64::from(x.abs() >= FULL_SCALE);
            self.not_finite += u64::from(!x.is_finite());
        }
    }

    /// What they say.
    ///
    /// # Errors
    /// [`LearnError::NotFinite`] for a single such sample, [`LearnError::Clipped`] for more than one in a thousand.
    pub fn verdict(&self) -> Result<(), LearnError> {
        if self.not_finite > 0 {
            Err(LearnError::NotFinite)
        } else if self.clipped * 1000 > self.samples {
            Err(LearnError::Clipped)
        } else {
            Ok(())
        }
    }
}

/// Fits `atoms` noise atoms to hops of compressed band magnitudes `[N][bands]` at any level from silence on: `[atoms][bands]`, each of
/// unit L2 norm.
///
/// # Errors
/// [`LearnError`] when there is too little sound in them, or a value is not a number.
pub fn learn_atoms(hops: &[f32], bands: usize, atoms: usize) -> Result<Vec<f32>, LearnError> {
    if hops.iter().any(|v| !v.is_finite()) {
        return Err(LearnError::NotFinite);
    }
    let level = |hop: &[f32]| hop.iter().sum::<f32>() / hop.len().max(1) as f32;
    let mean = level(hops);
    let loud: Vec<&[f32]> = hops
        .chunks_exact(bands)
        .filter(|hop| level(hop) > (LEAST_LEVEL * mean).max(SILENCE))
        .collect();
    if loud.is_empty() && hops.len() >= LEAST_HOPS * bands {
        return Err(LearnError::Silent);
    }
    if loud.len() < LEAST_HOPS {
        return Err(LearnError::Short {
            got_s: loud.len() as f64 * HOP_S,
        });
    }
    let data = Array2::from_shape_fn((bands, loud.len()), |(f, n)| loud[n][f] / mean);
    // Hops spread over the whole noise, a little flattened so that no band starts at zero for good.
    let start = Array2::from_shape_fn((atoms, bands), |(r, f)| {
        data[[f, (2 * r + 1) * loud.len() / (2 * atoms)]] + 0.05
    });
    let dictionary = snmf::fit(data.view(), start, SPARSITY, ITERATIONS);
    Ok(dictionary.atoms.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two spectra that take turns, over 8 bands.
    fn two_noises(hops: usize) -> Vec<f32> {
        (0..hops * 8)
            .map(|i| {
                let (n, f) = (i / 8, i % 8);
                let loud = if (n / 5) % 2 == 0 { f < 4 } else { f >= 4 };
                0.01 * if loud { 1.0 + 0.2 * ((n + f) % 3) as f32 } else { 0.05 }
            })
            .collect()
    }

    #[test]
    fn atoms_take_the_shapes_of_the_noise() {
        let atoms = learn_atoms(&two_noises(200), 8, 4).unwrap();
        let concentrated = |atom: &[f32]| {
            let low: f32 = atom[..4].iter().map(|w| w * w).sum();
            low.max(1.0 - low)
        };
        assert_eq!(atoms.len(), 32);
        assert!(atoms.chunks(8).all(|atom| concentrated(atom) > 0.9), "{atoms:?}");
    }

    #[test]
    fn clipped_and_broken_samples_are_named() {
        let mut check = SampleCheck::default();
        check.push(&[0.5; 1000]);
        check.push(&[1.0, -0.3]);
        assert_eq!(check.verdict(), Ok(()));
        check.push(&[-1.5]);
        assert_eq!(check.verdict(), Err(LearnError::Clipped));
        check.push(&[f32::INFINITY]);
        assert_eq!(check.verdict(), Err(LearnError::NotFinite));
    }

    #[test]
    fn bad_noise_is_named() {
        assert_eq!(learn_atoms(&vec![0.0; 8 * 300], 8, 4), Err(LearnError::Silent));
        let short = learn_atoms(&two_noises(10), 8, 4).unwrap_err();
        assert_eq!(
            short.to_string(),
            "only 0.1 s of noise to learn from, at least 0.4 s are needed"
        );
        let mut broken = two_noises(100);
        broken[77] = f32::NAN;
        assert_eq!(learn_atoms(&broken, 8, 4), Err(LearnError::NotFinite));
    }
}
