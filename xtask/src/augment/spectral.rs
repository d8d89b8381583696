//! Fourier transforms with kept plans: noise of any spectral shape, and convolution.

use std::collections::HashMap;
use std::sync::Arc;

use rand::Rng;
use realfft::RealFftPlanner;

use super::{RATE_HZ, db_to_gain};

/// Lowest frequency of the logarithmic grid on which spectral shapes are sampled, in Hz.
const GRID_LOW_HZ: f32 = 10.0;

/// Points per octave of that grid.
const GRID_PER_OCTAVE: f32 = 16.0;

/// Reusable plans and tables. They hold no signal, so results do not depend on what was made before.
pub struct Spectral {
    pub(super) planner: RealFftPlanner<f32>,
    /// For each transform length, the position of every bin on the logarithmic grid.
    grid_positions: HashMap<usize, Arc<[f32]>>,
}

impl Default for Spectral {
    fn default() -> Self {
        Self {
            planner: RealFftPlanner::new(),
            grid_positions: HashMap::new(),
        }
    }
}

impl Spectral {
    /// Stationary Gaussian noise whose amplitude spectrum follows `shape_db(frequency in Hz)`; arbitrary level.
    pub fn noise(&mut self, rng: &mut impl Rng, length: usize, shape_db: impl Fn(f32) -> f32) -> Vec<f32> {
        let size = length.next_power_of_two().max(1024);
        let positions = self.grid_positions(size);
        let points = positions.last().map_or(0, |last| *last as usize) + 2;
        let grid_gain: Vec<f32> = (0..points)
            .map(|point| db_to_gain(shape_db(GRID_LOW_HZ * (point as f32 / GRID_PER_OCTAVE).exp2())))
            .collect();
        let inverse = self.planner.plan_fft_inverse(size);
        let mut spectrum = inverse.make_input_vec();
        for (bin, position) in spectrum.iter_mut().zip(positions.iter()) {
            let point = *position as usize;
            let gain = grid_gain[point] + (position - point as f32) * (grid_gain[point + 1] - grid_gain[point]);
            bin.re = gain * (rng.random::<f32>() - 0.5);
            bin.im = gain * (rng.random::<f32>() - 0.5);
        }
        // The bins at 0 Hz and at half the rate are real; leaving them empty also removes any offset.
        let last = spectrum.len() - 1;
        spectrum[0] = Default::default();
        spectrum[last] = Default::default();
        let mut signal = inverse.make_output_vec();
        inverse
            .process(&mut spectrum, &mut signal)
            .expect("buffers made for this plan");
        signal.truncate(length);
        let scale = (size as f32).sqrt().recip();
        signal.iter_mut().for_each(|x| *x *= scale);
        signal
    }

    /// Convolves in place with `response`; what would ring past the signal's end is dropped.
    pub fn convolve(&mut self, signal: &mut [f32], response: &[f32]) {
        let size = (signal.len() + response.len()).next_power_of_two();
        let forward = self.planner.plan_fft_forward(size);
        let inverse = self.planner.plan_fft_inverse(size);
        let mut time = forward.make_input_vec();
        let mut transform = |samples: &[f32]| {
            time.fill(0.0);
            time[..samples.len()].copy_from_slice(samples);
            let mut spectrum = forward.make_output_vec();
            forward
                .process(&mut time, &mut spectrum)
                .expect("buffers made for this plan");
            spectrum
        };
        let mut product = transform(signal);
        let other = transform(response);
        let scale = 1.0 / size as f32;
        product.iter_mut().zip(&other).for_each(|(x, y)| *x = *x * *y * scale);
        let last = product.len() - 1;
        product[0].im = 0.0;
        product[last].im = 0.0;
        inverse
            .process(&mut product, &mut time)
            .expect("buffers made for this plan");
        signal.copy_from_slice(&time[..signal.len()]);
    }

    /// One period of `samples` (a power of two) samples with the given harmonic amplitudes and random phases.
    pub fn waveform(&mut self, rng: &mut impl Rng, samples: usize, harmonic_gain: &[f32]) -> Vec<f32> {
        let inverse = self.planner.plan_fft_inverse(samples);
        let mut spectrum = inverse.make_input_vec();
        let last = spectrum.len() - 1;
        for (bin, gain) in spectrum[1..last].iter_mut().zip(harmonic_gain) {
            let (sin, cos) = (std::f32::consts::TAU * rng.random::<f32>()).sin_cos();
            bin.re = gain * cos;
            bin.im = gain * sin;
        }
        let mut period = inverse.make_output_vec();
        inverse
            .process(&mut spectrum, &mut period)
            .expect("buffers made for this plan");
        period
    }

    fn grid_positions(&mut self, size: usize) -> Arc<[f32]> {
        let position = |bin: usize| {
            let hz = bin as f32 * RATE_HZ / size as f32;
            ((hz / GRID_LOW_HZ).max(1.0).log2() * GRID_PER_OCTAVE).max(0.0)
        };
        let make = || (0..=size / 2).map(position).collect();
        self.grid_positions.entry(size).or_insert_with(make).clone()
    }
}
