//! One measured configuration: what is run, what it is fed, and the times of its hops.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use cpu_time::ThreadTime;
use nnnoiseless::DenoiseState;
use serde::Serialize;
use unfold::engine::{Engine, Settings, learn_noise};
use unfold::model::Model;
use unfold::units::hop_samples;

/// Hops that a lane runs before the next lane's turn.
pub const BURST_HOPS: usize = 50;
/// Distinct hops of test signal, repeated: 2 s.
pub const SIGNAL_HOPS: usize = 200;
/// Rate of the comparison with RNNoise, the only one that it knows.
pub const PEER_RATE_HZ: f64 = 48_000.0;
/// Largest sample of the lane that is fed nothing but subnormal numbers.
const SUBNORMAL: f32 = 1e-39;
/// Decades by which the decaying signal falls: to the smallest subnormal number.
const DECAY_DECADES: f32 = 45.0;

/// What a lane is fed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Signal {
    /// A modulated buzz in noise.
    Voice,
    /// The noise alone.
    Noise,
    /// Zeros.
    Silence,
    /// Noise of subnormal samples.
    Subnormal,
    /// Noise that falls from full scale through the subnormal numbers in two seconds, again and again. Powers, the
    /// squares, are subnormal from the middle on.
    Decay,
}

impl Signal {
    fn suffix(self) -> &'static str {
        match self {
            Self::Voice => "",
            Self::Noise => ", noise",
            Self::Silence => ", digital silence",
            Self::Subnormal => ", subnormal input",
            Self::Decay => ", decay to nothing",
        }
    }

    /// [`SIGNAL_HOPS`] hops.
    pub fn samples(self, rate_hz: f64) -> Vec<f32> {
        let mut state = 1_u32;
        let length = SIGNAL_HOPS * hop_samples(rate_hz);
        let sample = |n: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 8) as f32 / (1 << 23) as f32 - 1.0;
            let time_s = n as f64 / rate_hz;
            let syllable = (std::f64::consts::TAU * 3.0 * time_s).sin().max(0.0) as f32;
            let buzz = (2.0 * (130.0 * time_s).fract() - 1.0) as f32;
            match self {
                Self::Voice => 0.2 * syllable * buzz + 0.03 * noise,
                Self::Noise => 0.03 * noise,
                Self::Silence => 0.0,
                Self::Subnormal => SUBNORMAL * noise,
                Self::Decay => noise * 10.0_f32.powf(-DECAY_DECADES * n as f32 / length as f32),
            }
        };
        (0..length).map(sample).collect()
    }
}

enum Runner {
    Unfold { engine: Box<Engine>, settings: Settings },
    RnNoise(Box<DenoiseState<'static>>),
}

/// One measured configuration.
pub struct Lane {
    name: String,
    runner: Runner,
    signal: Vec<f32>,
    hop: usize,
    /// Work buffers, one per channel.
    buffers: Vec<Vec<f32>>,
    times_us: Vec<f64>,
    /// Processor time of the same hops: what they cost without what else the machine was doing.
    processor_us: Vec<f64>,
    done_hops: usize,
}

impl Lane {
    /// The engine with one or two channels at a rate and depth.
    ///
    /// # Errors
    /// The engine refuses.
    pub fn unfold(model: &Arc<Model>, rate_hz: f64, channels: usize, layers: usize, signal: Signal) -> Result<Self> {
        let hop = hop_samples(rate_hz);
        let shape = if channels == 1 { "mono" } else { "stereo" };
        let plural = if layers == 1 { "" } else { "s" };
        let settings = Settings {
            layers,
            ..Settings::default()
        };
        Ok(Self {
            name: format!(
                "unfold, {} kHz {shape}, {layers} layer{plural}{}",
                rate_hz / 1000.0,
                signal.suffix()
            ),
            runner: Runner::Unfold {
                engine: Box::new(Engine::new(model.clone(), rate_hz, channels)?),
                settings,
            },
            signal: signal.samples(rate_hz),
            hop,
            buffers: vec![vec![0.0; hop]; channels],
            times_us: Vec::new(),
            processor_us: Vec::new(),
            done_hops: 0,
        })
    }

    /// The same after learning the noise of its signal.
    ///
    /// # Errors
    /// The model cannot use learnt noise.
    pub fn learn_noise(mut self, model: &Arc<Model>) -> Result<Self> {
        if let Runner::Unfold { engine, .. } = &mut self.runner {
            let profile = learn_noise(model, PEER_RATE_HZ, &[Signal::Noise.samples(PEER_RATE_HZ)])?;
            engine.set_noise_profile(Some(&profile))?;
            self.name += ", noise learnt";
        }
        Ok(self)
    }

    /// RNNoise, mono.
    pub fn rnnoise() -> Self {
        let signal = Signal::Voice
            .samples(PEER_RATE_HZ)
            .into_iter()
            .map(|x| x * 32_768.0)
            .collect();
        Self {
            name: "RNNoise (nnnoiseless), 48 kHz mono".to_owned(),
            runner: Runner::RnNoise(DenoiseState::new()),
            signal,
            hop: DenoiseState::FRAME_SIZE,
            buffers: vec![vec![0.0; DenoiseState::FRAME_SIZE]],
            times_us: Vec::new(),
            processor_us: Vec::new(),
            done_hops: 0,
        }
    }

    /// Runs and times [`BURST_HOPS`] hops.
    pub fn run_burst(&mut self) {
        for _ in 0..BURST_HOPS {
            let start = self.done_hops % SIGNAL_HOPS * self.hop;
            let input = &self.signal[start..start + self.hop];
            self.buffers.iter_mut().for_each(|buffer| buffer.copy_from_slice(input));
            let processor = ThreadTime::now();
            let begin = Instant::now();
            match &mut self.runner {
                Runner::Unfold { engine, settings } => match self.buffers.as_mut_slice() {
                    [left, right] => engine.process(settings, &mut [left, right]),
                    others => engine.process(settings, &mut [&mut others[0]]),
                },
                Runner::RnNoise(state) => {
                    state.process_frame(&mut self.buffers[0], input);
                }
            }
            self.times_us.push(begin.elapsed().as_secs_f64() * 1e6);
            self.processor_us.push(processor.elapsed().as_secs_f64() * 1e6);
            self.done_hops += 1;
        }
    }

    /// Forgets the times so far, which only warmed up caches and trackers.
    pub fn forget_times(&mut self) {
        self.times_us.clear();
        self.processor_us.clear();
    }

    /// What the times come to.
    pub fn figure(&self) -> Figure {
        Figure {
            name: self.name.clone(),
            hops: self.times_us.len(),
            median_us: quantile(&self.times_us, 0.5),
            p999_us: quantile(&self.times_us, 0.999),
            p999_processor_us: quantile(&self.processor_us, 0.999),
        }
    }
}

/// The value that `share` of the values do not exceed.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() as f64 * share) as usize).min(sorted.len() - 1)]
}

/// Times of one lane.
#[derive(Serialize)]
pub struct Figure {
    /// What was run.
    pub name: String,
    /// Hops timed.
    pub hops: usize,
    /// Median time of a hop.
    pub median_us: f64,
    /// Time that one hop in a thousand exceeds.
    pub p999_us: f64,
    /// The same of the processor time, which leaves out what else the machine was doing.
    pub p999_processor_us: f64,
}
