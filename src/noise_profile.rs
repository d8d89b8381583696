//! What was learnt from a user's noise: atoms in the bands of a model, and the `.unfold-noise` file that keeps them.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::bands::display_shape;
use crate::container::{self, ContainerError};
use crate::learn::{LearnError, MAX_ATOMS, learn_atoms};
use crate::meters::DISPLAY_BANDS;
use crate::model::Config;

const MAGIC: &[u8; 8] = b"UNFNOI\r\n";

/// The only format version written and read.
pub const FORMAT_VERSION: u32 = 1;

/// Atoms that are learnt unless there is room for fewer.
const ATOMS: usize = 8;

/// Noise atoms learnt at run time. They are defined over frequencies in Hz, so they serve at every sample rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseProfile {
    band_centres_hz: Vec<f32>,
    /// `[atoms][bands]`, each of unit L2 norm.
    spectra: Vec<f32>,
}

/// Why bytes are not a noise profile, or a profile does not fit.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ProfileError {
    /// The magic is missing.
    #[error("this is not an Unfold noise profile")]
    NotAProfile,
    /// Written by another version of the format.
    #[error("the noise profile has format version {0}, this program reads version {FORMAT_VERSION}")]
    Version(u32),
    /// Truncated, extended or changed.
    #[error("the noise profile is damaged: {0}")]
    Damaged(&'static str),
    /// Learnt in the bands of another model.
    #[error("the noise profile was learnt with a model of other frequency bands; learn the noise again")]
    OtherBands,
    /// The model was trained without such atoms.
    #[error("this model cannot use learnt noise")]
    NotSupported,
}

impl NoiseProfile {
    /// Learns from hops of compressed band magnitudes `[N][bands]`, weighted by
    /// [`crate::engine::Engine::noise_magnitudes_into`]. Allocates.
    ///
    /// # Errors
    /// [`LearnError`] if there is nothing to learn from.
    pub fn learn(config: &Config, hops: &[f32]) -> Result<Self, LearnError> {
        let atoms = ATOMS.min(config.user_atoms.max(1));
        Ok(Self {
            band_centres_hz: config.band_centres_hz.clone(),
            spectra: learn_atoms(hops, config.bands(), atoms)?,
        })
    }

    /// Number of atoms.
    pub fn atoms(&self) -> usize {
        self.spectra.len() / self.band_centres_hz.len()
    }

    /// Spectra `[atoms][bands]`.
    pub fn spectra(&self) -> &[f32] {
        &self.spectra
    }

    /// Checks that a model can use the profile.
    ///
    /// # Errors
    /// [`ProfileError::OtherBands`] or [`ProfileError::NotSupported`].
    pub fn check(&self, config: &Config) -> Result<(), ProfileError> {
        if config.user_atoms == 0 {
            return Err(ProfileError::NotSupported);
        }
        if self.band_centres_hz != config.band_centres_hz || self.atoms() > config.user_atoms {
            return Err(ProfileError::OtherBands);
        }
        Ok(())
    }

    /// Spectrum of an atom in the display bands: linear, peak 1; all zero if there is no such atom.
    pub fn atom_spectrum(&self, atom: usize, out: &mut [f32; DISPLAY_BANDS]) {
        match self.spectra.chunks_exact(self.band_centres_hz.len()).nth(atom) {
            Some(spectrum) => display_shape(&self.band_centres_hz, spectrum, out),
            None => out.fill(0.0),
        }
    }

    /// The `.unfold-noise` file. Allocates.
    ///
    /// # Errors
    /// None in practice: a profile is small.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ProfileError> {
        Ok(container::seal(MAGIC, FORMAT_VERSION, self)?)
    }

    /// Reads a profile. Every truncated, changed or added byte is an error.
    ///
    /// # Errors
    /// [`ProfileError`], whose text is one sentence for the user.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProfileError> {
        let profile: Self = container::open(MAGIC, FORMAT_VERSION, bytes)?;
        let (bands, values) = (profile.band_centres_hz.len(), profile.spectra.len());
        let centres = &profile.band_centres_hz;
        let sizes_fit = bands >= 2 && values > 0 && values % bands == 0 && values / bands <= MAX_ATOMS;
        let ascending = centres.windows(2).all(|pair| pair[0] < pair[1]) && centres.iter().all(|hz| hz.is_finite());
        let magnitudes = profile.spectra.iter().all(|w| (0.0..=1.001).contains(w));
        if !(sizes_fit && ascending && magnitudes) {
            return Err(ProfileError::Damaged("its values are not those of a noise"));
        }
        Ok(profile)
    }
}

impl From<ContainerError> for ProfileError {
    fn from(error: ContainerError) -> Self {
        match error {
            ContainerError::OtherKind => Self::NotAProfile,
            ContainerError::Version(found) => Self::Version(found),
            ContainerError::Damaged(why) => Self::Damaged(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::small_model;

    fn profile() -> NoiseProfile {
        let hops: Vec<f32> = (0..5 * 60).map(|i| 0.01 * (1.0 + ((i * 7) % 5) as f32)).collect();
        NoiseProfile::learn(&small_model().config, &hops).unwrap()
    }

    #[test]
    fn a_profile_survives_its_file_and_every_damage_is_found() {
        let profile = profile();
        let bytes = profile.to_bytes().unwrap();
        assert_eq!(NoiseProfile::from_bytes(&bytes), Ok(profile));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(NoiseProfile::from_bytes(&damaged).is_err(), "byte {at}");
            assert!(NoiseProfile::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_profile_fits_its_own_bands_alone() {
        let mut config = small_model().config;
        assert_eq!(profile().check(&config), Ok(()));
        assert_eq!(profile().atoms(), 3);
        config.band_centres_hz[0] += 1.0;
        assert_eq!(profile().check(&config), Err(ProfileError::OtherBands));
        config.user_atoms = 0;
        assert_eq!(profile().check(&config), Err(ProfileError::NotSupported));
    }
}
