//! Gains over time and bands: the fine structure of one sound under the band envelopes of another (cross-synthesis), or
//! under its own at another pitch, as another vocal tract would give.

use super::{RATE_HZ, Spectral, db_to_gain};

/// Frame of the transform: 32 ms.
const FRAME_SAMPLES: usize = 1536;

/// Step between frames: half a frame.
const HOP_SAMPLES: usize = FRAME_SAMPLES / 2;

/// Bands in which envelopes are taken, spaced evenly in log frequency.
const BANDS: usize = 20;

/// Lower edge of the first band (what lies below belongs to it) and upper edge of the last one, in Hz.
const BAND_RANGE_HZ: [f32; 2] = [100.0, 20_000.0];

/// Largest gain and largest attenuation of a band, in dB.
pub(super) const MAX_GAIN_DB: f32 = 30.0;

/// The same where formants move.
const MAX_FORMANT_GAIN_DB: f32 = 15.0;

/// Envelopes count as at least this far below the loudest band of their sound, in dB.
const ENVELOPE_RANGE_DB: f32 = 70.0;

/// Band levels of one sound in dB, frames x bands.
type Envelopes = Vec<[f32; BANDS]>;

impl Spectral {
    /// Multiplies `fine` by (band envelopes of `envelope` / its own)^`strength`, both sounds taken at equal power.
    ///
    /// Gains stay within ±30 dB and are smoothed over three frames. `envelope` is as long as `fine`; where it
    /// ends earlier, its last frame holds.
    pub fn transfer_texture(&mut self, fine: &mut [f32], envelope: &[f32], strength: f32) {
        let own = self.envelopes(fine);
        let other = self.envelopes(envelope);
        let Some(last) = other.last() else { return };
        let mut gains_db: Envelopes = own
            .iter()
            .enumerate()
            .map(|(frame, own_db)| {
                let other_db = other.get(frame).unwrap_or(last);
                let gain_db = |band| strength * (other_db[band] - own_db[band]);
                std::array::from_fn(|band| gain_db(band).clamp(-MAX_GAIN_DB, MAX_GAIN_DB))
            })
            .collect();
        smooth_over_frames(&mut gains_db);
        self.apply_band_gains(fine, &gains_db);
    }

    /// Moves the band envelopes up by `octaves` (down if negative) and leaves the pitch: a voice with a shorter or longer
    /// vocal tract. Gains stay within ±15 dB.
    pub fn shift_formants(&mut self, voice: &mut [f32], octaves: f32) {
        let [low_hz, high_hz] = BAND_RANGE_HZ;
        let bands_up = octaves * BANDS as f32 / (high_hz / low_hz).log2();
        let mut gains_db = self.envelopes(voice);
        for bands_db in &mut gains_db {
            let own_db = *bands_db;
            *bands_db = std::array::from_fn(|band| {
                let source = (band as f32 - bands_up).clamp(0.0, (BANDS - 1) as f32);
                let at = (source as usize).min(BANDS - 2);
                let moved_db = own_db[at] + (source - at as f32) * (own_db[at + 1] - own_db[at]);
                (moved_db - own_db[band]).clamp(-MAX_FORMANT_GAIN_DB, MAX_FORMANT_GAIN_DB)
            });
        }
        smooth_over_frames(&mut gains_db);
        self.apply_band_gains(voice, &gains_db);
    }

    /// Band levels of every frame, relative to the sound's mean power.
    fn envelopes(&mut self, signal: &[f32]) -> Envelopes {
        let window = window();
        let forward = self.planner.plan_fft_forward(FRAME_SAMPLES);
        let mut spectrum = forward.make_output_vec();
        let mut frame = forward.make_input_vec();
        let band_of_bin: Vec<usize> = (0..spectrum.len())
            .map(|bin| band_position(bin).clamp(0.0, (BANDS - 1) as f32) as usize)
            .collect();
        let mut powers: Envelopes = Vec::new();
        for index in 0..frames(signal.len()) {
            load_frame(signal, index, &window, &mut frame);
            forward
                .process(&mut frame, &mut spectrum)
                .expect("buffers made for this plan");
            let (mut sums, mut counts) = ([0.0; BANDS], [0.0_f32; BANDS]);
            for (value, band) in spectrum.iter().zip(&band_of_bin) {
                sums[*band] += value.norm_sqr();
                counts[*band] += 1.0;
            }
            powers.push(std::array::from_fn(|band| sums[band] / counts[band].max(1.0)));
        }
        let values = || powers.iter().flatten().copied();
        let mean = values().sum::<f32>() / (powers.len() * BANDS).max(1) as f32;
        let floor = values().fold(0.0, f32::max) * 10.0_f32.powf(-ENVELOPE_RANGE_DB / 10.0);
        let level_db = |power: f32| 10.0 * ((power.max(floor) + 1e-20) / (mean + 1e-20)).log10();
        powers.into_iter().map(|bands| bands.map(level_db)).collect()
    }

    /// Overlap-add synthesis with gains that run linearly between the centres of the bands.
    fn apply_band_gains(&mut self, signal: &mut [f32], gains_db: &[[f32; BANDS]]) {
        let window = window();
        let forward = self.planner.plan_fft_forward(FRAME_SAMPLES);
        let inverse = self.planner.plan_fft_inverse(FRAME_SAMPLES);
        let mut spectrum = forward.make_output_vec();
        let mut frame = forward.make_input_vec();
        let mut sum = vec![0.0; signal.len() + 2 * FRAME_SAMPLES];
        let positions: Vec<f32> = (0..spectrum.len())
            .map(|bin| (band_position(bin) - 0.5).clamp(0.0, (BANDS - 1) as f32))
            .collect();
        for (index, bands_db) in gains_db.iter().enumerate() {
            let gains = bands_db.map(db_to_gain);
            load_frame(signal, index, &window, &mut frame);
            forward
                .process(&mut frame, &mut spectrum)
                .expect("buffers made for this plan");
            for (value, position) in spectrum.iter_mut().zip(&positions) {
                let at = (*position as usize).min(BANDS - 2);
                *value *= gains[at] + (position - at as f32) * (gains[at + 1] - gains[at]);
            }
            inverse
                .process(&mut spectrum, &mut frame)
                .expect("buffers made for this plan");
            let target = &mut sum[index * HOP_SAMPLES..];
            for ((to, from), weight) in target.iter_mut().zip(&frame).zip(&window) {
                *to += from * weight / FRAME_SAMPLES as f32;
            }
        }
        // The first frame begins one hop before the signal.
        signal.copy_from_slice(&sum[HOP_SAMPLES..HOP_SAMPLES + signal.len()]);
    }
}

/// Frames that cover every sample twice.
fn frames(length: usize) -> usize {
    length.div_ceil(HOP_SAMPLES) + 1
}

/// Position of a bin on the scale of bands: 0 at the lower edge of the first.
fn band_position(bin: usize) -> f32 {
    let [low_hz, high_hz] = BAND_RANGE_HZ;
    let hz = bin as f32 * RATE_HZ / FRAME_SAMPLES as f32;
    BANDS as f32 * (hz.max(1.0) / low_hz).ln() / (high_hz / low_hz).ln()
}

/// Root of a periodic Hann window: squared, its halves add up to 1.
fn window() -> Vec<f32> {
    let step = std::f32::consts::PI / FRAME_SAMPLES as f32;
    (0..FRAME_SAMPLES).map(|index| (step * index as f32).sin()).collect()
}

/// Windowed samples of frame `index`, zeros outside the signal.
fn load_frame(signal: &[f32], index: usize, window: &[f32], frame: &mut [f32]) {
    let first = (index * HOP_SAMPLES) as isize - HOP_SAMPLES as isize;
    for (offset, (x, weight)) in frame.iter_mut().zip(window).enumerate() {
        let at = first + offset as isize;
        *x = usize::try_from(at)
            .ok()
            .and_then(|at| signal.get(at))
            .map_or(0.0, |y| y * weight);
    }
}

/// Weights 1/4, 1/2, 1/4 over neighbouring frames.
fn smooth_over_frames(gains_db: &mut [[f32; BANDS]]) {
    let raw = gains_db.to_vec();
    let end = raw.len().saturating_sub(1);
    for (frame, bands) in gains_db.iter_mut().enumerate() {
        let (before, after) = (raw[frame.saturating_sub(1)], raw[(frame + 1).min(end)]);
        for (band, gain) in bands.iter_mut().enumerate() {
            *gain = 0.5 * *gain + 0.25 * (before[band] + after[band]);
        }
    }
}
