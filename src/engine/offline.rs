//! Whole signals at once: what files need. Everything here allocates; nothing is for the audio thread.

use std::sync::Arc;

use super::{Engine, EngineError, Settings};
use crate::learn::SampleCheck;
use crate::model::Model;
use crate::noise_profile::NoiseProfile;

/// Denoises whole signals of one length, latency removed. Allocates: for files, not for the audio thread.
///
/// # Errors
/// As [`Engine::new`], and for channels of unequal lengths.
pub fn denoise(
    model: &Arc<Model>,
    settings: &Settings,
    sample_rate_hz: f64,
    channels: &[Vec<f32>],
) -> Result<Vec<Vec<f32>>, EngineError> {
    denoise_with(None, model, settings, sample_rate_hz, channels)
}

/// [`denoise`] with atoms learnt from the noise.
///
/// # Errors
/// As [`denoise`], and for a noise profile that does not fit the model.
pub fn denoise_with(
    profile: Option<&NoiseProfile>,
    model: &Arc<Model>,
    settings: &Settings,
    sample_rate_hz: f64,
    channels: &[Vec<f32>],
) -> Result<Vec<Vec<f32>>, EngineError> {
    let mut engine = Engine::new(model.clone(), sample_rate_hz, channels.len())?;
    engine.set_noise_profile(profile)?;
    let length = channels[0].len();
    if let Some((channel, odd)) = channels.iter().enumerate().find(|(_, c)| c.len() != length) {
        return Err(EngineError::Lengths {
            channel,
            expected: length,
            got: odd.len(),
        });
    }
    let latency = engine.latency_samples();
    let mut padded: Vec<Vec<f32>> = channels.to_vec();
    padded
        .iter_mut()
        .for_each(|channel| channel.resize(length + latency, 0.0));
    let mut views: Vec<&mut [f32]> = padded.iter_mut().map(Vec::as_mut_slice).collect();
    engine.process(settings, &mut views);
    Ok(padded.into_iter().map(|channel| channel[latency..].to_vec()).collect())
}

/// Learns noise atoms from a recording of noise alone (all channels together). Allocates.
///
/// # Errors
/// [`EngineError`] as [`Engine::new`]; otherwise
/// [`EngineError::Learn`] says what is wrong with the noise.
pub fn learn_noise(
    model: &Arc<Model>,
    sample_rate_hz: f64,
    channels: &[Vec<f32>],
) -> Result<NoiseProfile, EngineError> {
    let mut check = SampleCheck::default();
    channels.iter().for_each(|channel| check.push(channel));
    let magnitudes = noise_magnitudes(model, sample_rate_hz, channels)?;
    check.verdict()?;
    Ok(NoiseProfile::learn(&model.config, &magnitudes)?)
}

/// [`Engine::noise_magnitudes_into`] for each hop of whole signals: `[hops][F]`, at full depth.
/// Allocates. The shortest channel counts.
///
/// # Errors
/// As [`Engine::new`].
pub fn noise_magnitudes(
    model: &Arc<Model>,
    sample_rate_hz: f64,
    channels: &[Vec<f32>],
) -> Result<Vec<f32>, EngineError> {
    let mut engine = Engine::new(model.clone(), sample_rate_hz, channels.len())?;
    let bands = model.config.bands();
    let mut magnitudes = Vec::new();
    let mut signals: Vec<Vec<f32>> = channels.to_vec();
    let mut views: Vec<&mut [f32]> = signals.iter_mut().map(Vec::as_mut_slice).collect();
    engine.process_with(&Settings::default(), &mut views, |engine| {
        let start = magnitudes.len();
        magnitudes.resize(start + bands, 0.0);
        engine.noise_magnitudes_into(&mut magnitudes[start..]);
    });
    Ok(magnitudes)
}
