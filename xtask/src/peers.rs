//! What the network is compared with. Every peer takes mono 48 kHz and gives as many samples without delay.

mod log_mmse;

use nnnoiseless::DenoiseState;
use realfft::num_complex::{Complex32, Complex64};
use unfold::bands::Bands;
use unfold::model::Config;
use unfold::stft::Stft;
use unfold::units::hop_samples;

use crate::pairs::{Pair, SAMPLE_RATE_HZ};
use crate::spectrum_filter::filter;

pub use log_mmse::log_mmse;

/// RNNoise works on floats in the range of 16-bit integers.
const RNNOISE_SCALE: f32 = 32_768.0;

/// RNNoise (the `nnnoiseless` port with its built-in network). Its delay is one frame of 10 ms, removed here.
///
/// Its input high-pass filter shifts the phase of low voices, which alone limits SI-SDR to about 17 dB; see
/// [`undo_rnnoise_phase`].
pub fn rnnoise(noisy: &[f32]) -> Vec<f32> {
    const FRAME: usize = DenoiseState::FRAME_SIZE;
    let mut state = DenoiseState::new();
    let (mut input, mut output) = ([0.0; FRAME], [0.0; FRAME]);
    let mut result = Vec::with_capacity(noisy.len() + 2 * FRAME);
    // One more frame of silence drives the last real one out.
    for frame in noisy.chunks(FRAME).chain([&[0.0; FRAME][..]]) {
        input.fill(0.0);
        for (slot, sample) in input.iter_mut().zip(frame) {
            *slot = sample * RNNOISE_SCALE;
        }
        state.process_frame(&mut output, &input);
        result.extend(output.iter().map(|x| x / RNNOISE_SCALE));
    }
    result.drain(..FRAME);
    result.truncate(noisy.len());
    result
}

/// RNNoise's output with the phase shift of its 24 Hz high-pass filter undone, the loss of level below left as it is: a
/// kinder figure in scores that compare waveforms.
pub fn undo_rnnoise_phase(output: &[f32]) -> Vec<f32> {
    filter(output, SAMPLE_RATE_HZ, |hz| {
        let delay = Complex64::from_polar(1.0, -std::f64::consts::TAU * hz / f64::from(SAMPLE_RATE_HZ));
        // The coefficients of the filter in `nnnoiseless` and the original.
        let high_pass = (1.0 - delay).powi(2) / (1.0 - 1.995_99 * delay + 0.996 * delay * delay);
        let phase = high_pass / high_pass.norm().max(f64::MIN_POSITIVE);
        phase.conj()
    })
}

/// The ratio mask `speech / (speech + noise)` of the true band powers, in the bands and the windows of a model: about the
/// best that any mask in these bands can do.
pub fn oracle_mask(pair: &Pair, config: &Config) -> Vec<f32> {
    let noise = pair.noise();
    let mut transform = transform(config.window_hops);
    let bands = Bands::new(
        &config.band_centres_hz,
        transform.window_samples(),
        f64::from(SAMPLE_RATE_HZ),
    );
    let [speech_powers, noise_powers] =
        [&pair.clean, &noise].map(|part| band_powers(&padded(part, &transform), &mut transform, &bands));
    let (mut band_gain, mut bin_gain) = (vec![0.0; bands.bands()], vec![0.0; bands.bins()]);
    let mut frame = 0;
    filter_frames(&pair.noisy, &mut transform, |spectrum| {
        for ((gain, speech), noise) in band_gain
            .iter_mut()
            .zip(&speech_powers[frame])
            .zip(&noise_powers[frame])
        {
            *gain = speech / (speech + noise).max(f32::MIN_POSITIVE);
        }
        bands.interpolate_into(&band_gain, &mut bin_gain);
        spectrum.iter_mut().zip(&bin_gain).for_each(|(bin, gain)| *bin *= gain);
        frame += 1;
    })
}

/// A transform of 10 ms hops at the rate of the pairs.
pub fn transform(window_hops: usize) -> Stft {
    Stft::new(hop_samples(f64::from(SAMPLE_RATE_HZ)), window_hops)
}

/// Band powers `[frame][band]` of each whole window of a signal.
pub fn band_powers(signal: &[f32], transform: &mut Stft, bands: &Bands) -> Vec<Vec<f32>> {
    let mut spectrum = vec![Complex32::default(); transform.bins()];
    signal
        .windows(transform.window_samples())
        .step_by(transform.hop_samples())
        .map(|frame| {
            transform.analyse(frame, &mut spectrum);
            let powers: Vec<f32> = spectrum.iter().map(|bin| bin.norm_sqr()).collect();
            let mut band_power = vec![0.0; bands.bands()];
            bands.mean_power_into(&powers, &mut band_power);
            band_power
        })
        .collect()
}

/// A signal as whole hops, after as much silence as a window looks back and before one hop of it.
fn padded(signal: &[f32], transform: &Stft) -> Vec<f32> {
    let hop = transform.hop_samples();
    let before = transform.window_samples() - hop;
    let mut samples = vec![0.0; before];
    samples.extend_from_slice(signal);
    samples.resize(before + (signal.len().div_ceil(hop) + 1) * hop, 0.0);
    samples
}

/// Passes a 48 kHz signal through `change`, called with the spectrum of each frame in turn.
fn filter_frames(signal: &[f32], transform: &mut Stft, mut change: impl FnMut(&mut [Complex32])) -> Vec<f32> {
    let hop = transform.hop_samples();
    let mut spectrum = vec![Complex32::default(); transform.bins()];
    let (mut overlap, mut output) = (vec![0.0; hop], vec![0.0; hop]);
    let mut result = Vec::with_capacity(signal.len() + 2 * hop);
    for frame in padded(signal, transform)
        .windows(transform.window_samples())
        .step_by(hop)
    {
        transform.analyse(frame, &mut spectrum);
        change(&mut spectrum);
        transform.synthesise(&mut spectrum, &mut overlap, &mut output);
        result.extend_from_slice(&output);
    }
    // The first frame completes the hop before the signal.
    result.drain(..hop);
    result.truncate(signal.len());
    result
}

#[cfg(test)]
mod tests;
