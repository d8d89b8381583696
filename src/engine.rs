//! The denoiser: block in -> hops -> STFT > bands > NMF > field, if the model has one > mask > inverse STFT -> block out.
//!
//! What is synthesised is the part to *remove*; the result is the delayed input minus it. So amount 0 is the input
//! to the bit, and speech + noise = input holds at every setting.

mod meter_tap;
mod offline;
mod solve;

use std::sync::Arc;

use realfft::num_complex::Complex32;
use thiserror::Error;

use self::solve::Solver;
use crate::bands::{Bands, position};
use crate::field::Presence;
use crate::kernels::Packed;
use crate::learn::LearnError;
use crate::meters::{DISPLAY_BANDS, display_band_hz};
use crate::model::Model;
use crate::nmf::{self, Network};
use crate::noise_floor::{FrontEnd, compress};
use crate::noise_profile::{NoiseProfile, ProfileError};
use crate::output_mix::OutputMix;
pub use crate::settings::{Listen, Settings, StereoMode};
use crate::simd::dispatch;
use crate::stft::{SYNTHESIS_HOPS, Stft};
use crate::units::hop_samples;
pub use offline::{denoise, denoise_with, learn_noise, noise_magnitudes};

/// Sample rates that the engine takes: far beyond the 8 to 192 kHz that audio uses, because hosts try odd ones.
pub const SAMPLE_RATE_RANGE_HZ: (f64, f64) = (1_000.0, 2_000_000.0);

/// Most channels of one engine.
pub const MAX_CHANNELS: usize = 64;

/// Samples are held to this (+40 dBFS), so that no input can overflow anything.
const LARGEST_SAMPLE: f32 = 100.0;

/// Why an engine cannot be made.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum EngineError {
    /// Sample rate out of range.
    #[error("a sample rate of {0} Hz is not supported, allowed are 1000 to 2000000 Hz")]
    SampleRate(f64),
    /// Channel count out of range.
    #[error("{0} channels are not supported, allowed are 1 to 64")]
    Channels(usize),
    /// Channels of unequal lengths.
    #[error("channel {channel} has {got} samples, the first one has {expected}")]
    Lengths {
        /// Index of the odd channel.
        channel: usize,
        /// Samples of the first channel.
        expected: usize,
        /// Samples found.
        got: usize,
    },
    /// A noise profile that the model cannot use.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A noise that cannot be learnt.
    #[error(transparent)]
    Learn(#[from] LearnError),
}

/// One channel's buffers, each one hop long unless stated.
struct Channel {
    /// The newest hops, oldest first: as many as a window has, three at least. The last one is being filled; the third
    /// from the end is the delayed input that is heard meanwhile.
    history: Vec<f32>,
    /// What to remove from that.
    removed: Vec<f32>,
    overlap: Vec<f32>,
    /// `[bins]`
    spectrum: Vec<Complex32>,
    /// `[bins]`: of the frame before, whose newer hop is still to be heard.
    earlier: Vec<Complex32>,
}

impl Channel {
    /// The delayed input from which `removed` is taken: one hop.
    fn dry(&self) -> &[f32] {
        let hop = self.removed.len();
        let start = self.history.len() - (SYNTHESIS_HOPS + 1) * hop;
        &self.history[start..start + hop]
    }
}

/// A streaming denoiser for one sample rate and channel count. Everything is allocated by [`Engine::new`].
pub struct Engine {
    model: Arc<Model>,
    network: Network<Packed>,
    presence: Option<Presence>,
    bands: Bands,
    stft: Stft,
    channels: Vec<Channel>,
    solvers: Vec<Solver>,
    output_mix: OutputMix,
    /// `[bins]`
    bin_power: Vec<f32>,
    /// `[bins]`
    bin_removal: Vec<f32>,
    /// `[bins]`: what to remove of a spectrum.
    masked: Vec<Complex32>,
    features: Vec<f32>,
    /// Samples in the hop that is being filled.
    position: usize,
    hops: u64,
    last_depth: usize,
    last_stereo: StereoMode,
    display: [(usize, f32); DISPLAY_BANDS],
}

impl Engine {
    /// An engine for a valid model. Allocates everything it will ever need.
    ///
    /// # Errors
    /// [`EngineError`] for a sample rate outside 1 kHz..2 MHz or a channel count outside 1..64.
    pub fn new(model: Arc<Model>, sample_rate_hz: f64, channel_count: usize) -> Result<Self, EngineError> {
        if !(SAMPLE_RATE_RANGE_HZ.0..=SAMPLE_RATE_RANGE_HZ.1).contains(&sample_rate_hz) {
            return Err(EngineError::SampleRate(sample_rate_hz));
        }
        if !(1..=MAX_CHANNELS).contains(&channel_count) {
            return Err(EngineError::Channels(channel_count));
        }
        let hop = hop_samples(sample_rate_hz);
        let config = &model.config;
        let stft = Stft::new(hop, config.window_hops);
        let centres_hz = &config.band_centres_hz;
        let bands = Bands::new(centres_hz, stft.window_samples(), sample_rate_hz);
        let (bins, band_count) = (stft.bins(), config.bands());
        let channel = || Channel {
            history: vec![0.0; hop * config.window_hops.max(SYNTHESIS_HOPS + 1)],
            removed: vec![0.0; hop],
            overlap: vec![0.0; hop],
            spectrum: vec![Complex32::default(); bins],
            earlier: vec![Complex32::default(); bins],
        };
        let presence = model.field.as_ref().map(Presence::new);
        let solver = || Solver {
            front_end: FrontEnd::new(&config.front_end, band_count, config.window_hops),
            state: nmf::State::new(config, 1),
            presence: presence.as_ref().map(Presence::state),
            band_power: vec![0.0; band_count],
            removal: vec![0.0; band_count],
        };
        Ok(Self {
            network: Network::new(&model, 1),
            channels: (0..channel_count).map(|_| channel()).collect(),
            solvers: (0..channel_count).map(|_| solver()).collect(),
            presence,
            output_mix: OutputMix::new(sample_rate_hz),
            bin_power: vec![0.0; bins],
            bin_removal: vec![0.0; bins],
            masked: vec![Complex32::default(); bins],
            features: vec![0.0; band_count],
            position: 0,
            hops: 0,
            last_depth: 0,
            last_stereo: StereoMode::Linked,
            display: std::array::from_fn(|index| position(centres_hz, display_band_hz(index))),
            bands,
            stft,
            model,
        })
    }

    /// Replaces the atoms learnt from the user's noise; none clears them. No allocation: safe for the audio thread.
    ///
    /// # Errors
    /// [`ProfileError`] if the profile does not fit the model; nothing changes then.
    pub fn set_noise_profile(&mut self, profile: Option<&NoiseProfile>) -> Result<(), ProfileError> {
        let spectra = match profile {
            Some(profile) => {
                profile.check(&self.model.config)?;
                profile.spectra()
            }
            None => &[],
        };
        for solver in &mut self.solvers {
            solver.state.user.set(spectra);
        }
        Ok(())
    }

    /// Compressed magnitudes of the bands in the last hop `[F]`, as [`NoiseProfile::learn`] wants them: all channels
    /// together; times the share of noise that the network heard in the hop, so that speech, learnt by mistake or in part,
    /// counts for less.
    pub fn noise_magnitudes_into(&self, out: &mut [f32]) {
        let solvers = match self.last_stereo {
            StereoMode::Linked => &self.solvers[..1],
            StereoMode::Independent => &self.solvers[..],
        };
        out.fill(0.0);
        for solver in solvers {
            let bands = solver.band_power.iter().zip(&solver.state.mask);
            let (mut all, mut noise) = (0.0, 0.0);
            for (power, g) in bands.clone() {
                let v = compress(*power);
                all += v;
                noise += (1.0 - g) * v;
            }
            let share = if all > 0.0 { noise / all } else { 0.0 };
            let weight = share / solvers.len() as f32;
            for (out, power) in out.iter_mut().zip(&solver.band_power) {
                *out += weight * compress(*power);
            }
        }
    }

    /// Delay from input to output in samples: two hops, 20 ms. Never changes.
    pub fn latency_samples(&self) -> usize {
        self.stft.latency_samples()
    }

    /// Most samples for which the output sounds on after the input has gone silent.
    ///
    /// What is removed from a window fills all of it: the last window that holds a sound may end almost a whole window
    /// after it, and is heard one latency later.
    pub fn tail_samples(&self) -> usize {
        self.latency_samples() + self.stft.window_samples()
    }

    /// Hops processed since the last reset.
    pub fn hops(&self) -> u64 {
        self.hops
    }

    /// Forgets all audio and all adaptation. No allocation.
    pub fn reset(&mut self) {
        for channel in &mut self.channels {
            for buffer in [&mut channel.history, &mut channel.removed, &mut channel.overlap] {
                buffer.fill(0.0);
            }
            channel.earlier.fill(Complex32::default());
        }
        for solver in &mut self.solvers {
            solver.front_end.reset();
            solver.state.reset();
            if let Some(presence) = &mut solver.presence {
                presence.reset();
            }
            solver.band_power.fill(0.0);
            solver.removal.fill(0.0);
        }
        self.output_mix.reset();
        self.position = 0;
        self.hops = 0;
        self.last_depth = 0;
    }

    /// Denoises `channels` in place: as many as the engine was made for, all of one length, any length. Settings
    /// for the mask act from the next hop on; what is heard changes with a short ramp. Safe for the audio thread.
    /// Extra channels or samples beyond the shortest channel are left untouched.
    pub fn process(&mut self, settings: &Settings, channels: &mut [&mut [f32]]) {
        self.process_with(settings, channels, |_| ());
    }

    /// [`Engine::process`] that shows itself to `after_hop` after every hop.
    pub fn process_with(&mut self, settings: &Settings, channels: &mut [&mut [f32]], mut after_hop: impl FnMut(&Self)) {
        let hop = self.stft.hop_samples();
        let used = channels.len().min(self.channels.len());
        let length = channels[..used].iter().map(|channel| channel.len()).min().unwrap_or(0);
        // A channel that the host leaves out is silent.
        for missing in &mut self.channels[used..] {
            let filling = missing.history.len() - hop;
            missing.history[filling..].fill(0.0);
        }
        self.output_mix.aim(settings);
        let mut start = 0;
        while start < length {
            let count = (hop - self.position).min(length - start);
            for (channel, samples) in self.channels.iter_mut().zip(channels.iter_mut()) {
                let io = &mut samples[start..start + count];
                let range = self.position..self.position + count;
                let filling = channel.history.len() - hop + self.position;
                for (kept, &sample) in channel.history[filling..].iter_mut().zip(io.iter()) {
                    *kept = sanitise(sample);
                }
                self.output_mix
                    .render(&channel.dry()[range.clone()], &channel.removed[range], io);
            }
            self.output_mix.advance(count);
            self.position += count;
            start += count;
            if self.position == hop {
                self.position = 0;
                dispatch(
                    #[inline(always)]
                    || self.process_hop(settings),
                );
                after_hop(self);
            }
        }
    }

    #[inline(always)]
    fn process_hop(&mut self, settings: &Settings) {
        for channel in &mut self.channels {
            let window = &channel.history[channel.history.len() - self.stft.window_samples()..];
            self.stft.analyse(window, &mut channel.spectrum);
        }
        self.solve(settings);
        for (index, channel) in self.channels.iter_mut().enumerate() {
            // Linked channels share the first one's.
            if index == 0 || settings.stereo == StereoMode::Independent {
                self.bands
                    .interpolate_into(&self.solvers[index].removal, &mut self.bin_removal);
            }
            // The frame before is heard to its end under this frame's mask, which saw 10 ms more of it.
            mask_into(&channel.earlier, &self.bin_removal, &mut self.masked);
            self.stft.revise(&mut self.masked, &mut channel.overlap);
            mask_into(&channel.spectrum, &self.bin_removal, &mut self.masked);
            self.stft
                .synthesise(&mut self.masked, &mut channel.overlap, &mut channel.removed);
            std::mem::swap(&mut channel.spectrum, &mut channel.earlier);
            // The hop just filled becomes the previous one, whose own result was completed now.
            channel.history.copy_within(self.stft.hop_samples().., 0);
        }
        self.hops += 1;
    }
}

#[inline(always)]
fn mask_into(spectrum: &[Complex32], gain: &[f32], masked: &mut [Complex32]) {
    for (y, (x, gain)) in masked.iter_mut().zip(spectrum.iter().zip(gain)) {
        *y = x * gain;
    }
}

/// Non-finite samples become silence, absurd ones are held.
fn sanitise(sample: f32) -> f32 {
    if sample.is_finite() {
        sample.clamp(-LARGEST_SAMPLE, LARGEST_SAMPLE)
    } else {
        0.0
    }
}
