//! What the panel shows of the engine: a plain frame in display bands.
//!
//! The audio thread fills a frame with powers and gains as it has them; logarithms are taken where the frame is shown.

use crate::units::power_to_db;

/// Display bands, spaced logarithmically from 50 Hz to 20 kHz.
pub const DISPLAY_BANDS: usize = 96;

/// Most atoms whose activations a frame holds; further ones are left out.
pub const MAX_ATOMS: usize = 256;

/// Hops from one frame to the next: 33 frames per second, a few more than a panel draws.
pub const FRAME_INTERVAL_HOPS: u64 = 3;

const LOWEST_HZ: f32 = 50.0;
const HIGHEST_HZ: f32 = 20_000.0;

/// Centre frequency of a display band.
pub fn display_band_hz(index: usize) -> f32 {
    LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ).powf(index as f32 / (DISPLAY_BANDS - 1) as f32)
}

/// One look at the engine, of its last hop. Plain data: copying it allocates nothing. Powers are relative to full scale.
/// With a mask per channel, bands and activations are those of the first channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeterFrame {
    /// Input power density per display band.
    pub input_power: [f32; DISPLAY_BANDS],
    /// Gain that the mask applies, 0..=1.
    pub mask_gain: [f32; DISPLAY_BANDS],
    /// Tracked noise floor per display band, a power density.
    pub noise_power: [f32; DISPLAY_BANDS],
    /// Mean square of the last hop's input, over all channels.
    pub input_mean_power: f32,
    /// Mean square of the last hop's output.
    pub output_mean_power: f32,
    /// Layers that ran.
    pub depth: u32,
    /// Speech atoms: the first activations.
    pub speech_atoms: u32,
    /// Noise atoms: the next activations.
    pub noise_atoms: u32,
    /// Adaptive atoms: the next ones.
    pub adaptive_atoms: u32,
    /// Atoms learnt from the user's noise: the last ones.
    pub learnt_atoms: u32,
    /// Activation of each atom, relative to the running level.
    pub activations: [f32; MAX_ATOMS],
}

impl MeterFrame {
    /// Output power density of a display band.
    pub fn output_power(&self, band: usize) -> f32 {
        self.input_power[band] * self.mask_gain[band].powi(2)
    }

    /// Level of the input (RMS, dB re full scale). Takes a logarithm: not for the audio thread.
    pub fn input_level_db(&self) -> f32 {
        power_to_db(self.input_mean_power)
    }

    /// Level of the output, as [`MeterFrame::input_level_db`].
    pub fn output_level_db(&self) -> f32 {
        power_to_db(self.output_mean_power)
    }

    /// Output level minus input level; 0 when either is silent, because silence has no reduction to speak of.
    pub fn reduction_db(&self) -> f32 {
        let difference_db = self.output_level_db() - self.input_level_db();
        if difference_db.is_finite() { difference_db } else { 0.0 }
    }
}

impl Default for MeterFrame {
    fn default() -> Self {
        Self {
            input_power: [0.0; DISPLAY_BANDS],
            mask_gain: [1.0; DISPLAY_BANDS],
            noise_power: [0.0; DISPLAY_BANDS],
            input_mean_power: 0.0,
            output_mean_power: 0.0,
            depth: 0,
            speech_atoms: 0,
            noise_atoms: 0,
            adaptive_atoms: 0,
            learnt_atoms: 0,
            activations: [0.0; MAX_ATOMS],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_bands_span_the_audible_range() {
        assert!((display_band_hz(0) - 50.0).abs() < 1e-3);
        assert!((display_band_hz(DISPLAY_BANDS - 1) - 20_000.0).abs() < 1.0);
    }

    #[test]
    fn levels_and_reduction_are_in_decibels() {
        let mut frame = MeterFrame {
            input_mean_power: 0.01,
            output_mean_power: 0.001,
            ..MeterFrame::default()
        };
        assert!((frame.input_level_db() + 20.0).abs() < 1e-4);
        assert!((frame.output_level_db() + 30.0).abs() < 1e-4);
        assert!((frame.reduction_db() + 10.0).abs() < 1e-4);
        frame.output_mean_power = 0.0;
        assert_eq!(frame.output_level_db(), f32::NEG_INFINITY);
        assert_eq!(frame.reduction_db(), 0.0);
        assert_eq!(MeterFrame::default().reduction_db(), 0.0);
    }

    #[test]
    fn the_output_of_a_band_is_its_input_times_the_squared_gain() {
        let mut frame = MeterFrame::default();
        frame.input_power[5] = 4.0;
        frame.mask_gain[5] = 0.5;
        assert_eq!(frame.output_power(5), 1.0);
    }
}
