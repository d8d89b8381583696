//! What the panel shows of the engine: a plain frame in display bands.

/// Display bands, spaced logarithmically from 50 Hz to 20 kHz.
pub const DISPLAY_BANDS: usize = 96;

/// Most atoms whose activations a frame holds; further ones are left out.
pub const MAX_ATOMS: usize = 256;

const LOWEST_HZ: f32 = 50.0;
const HIGHEST_HZ: f32 = 20_000.0;

/// Centre frequency of a display band.
pub fn display_band_hz(index: usize) -> f32 {
    LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ).powf(index as f32 / (DISPLAY_BANDS - 1) as f32)
}

/// One look at the engine, of its last hop. Plain data: copying it allocates nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeterFrame {
    /// Input power density per display band, dB re full scale.
    pub input_db: [f32; DISPLAY_BANDS],
    /// Output power density per display band, dB re full scale.
    pub output_db: [f32; DISPLAY_BANDS],
    /// Gain that the mask applies, 0..=1.
    pub mask_gain: [f32; DISPLAY_BANDS],
    /// Tracked noise floor per display band, dB re full scale.
    pub noise_db: [f32; DISPLAY_BANDS],
    /// Level of the last frame's input (RMS, dB re full scale).
    pub input_level_db: f32,
    /// Level of the last frame's output.
    pub output_level_db: f32,
    /// Output level minus input level: 0 or below.
    pub reduction_db: f32,
    /// Layers that ran.
    pub depth: u32,
    /// Speech atoms: the first activations.
    pub speech_atoms: u32,
    /// Noise atoms: the next activations.
    pub noise_atoms: u32,
    /// Adaptive atoms: the last activations.
    pub runtime_atoms: u32,
    /// Activation of each atom, relative to the running level.
    pub activations: [f32; MAX_ATOMS],
}

impl Default for MeterFrame {
    fn default() -> Self {
        Self {
            input_db: [f32::NEG_INFINITY; DISPLAY_BANDS],
            output_db: [f32::NEG_INFINITY; DISPLAY_BANDS],
            mask_gain: [1.0; DISPLAY_BANDS],
            noise_db: [f32::NEG_INFINITY; DISPLAY_BANDS],
            input_level_db: f32::NEG_INFINITY,
            output_level_db: f32::NEG_INFINITY,
            reduction_db: 0.0,
            depth: 0,
            speech_atoms: 0,
            noise_atoms: 0,
            runtime_atoms: 0,
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
}
