//! What the panel sees of the engine.

use super::{Channel, Engine};
use crate::meters::MeterFrame;
use crate::simd;

/// Independent sums per lane, so that the compiler can vectorise.
const LANES: usize = 16;

impl Engine {
    /// What the panel shows of the last hop. No allocation, no logarithm: about one per cent of a hop's work.
    pub fn meter_frame(&self, frame: &mut MeterFrame) {
        simd::dispatch(
            #[inline(always)]
            || self.fill(frame),
        );
    }

    #[inline(always)]
    fn fill(&self, frame: &mut MeterFrame) {
        let solver = &self.solvers[0];
        let config = &self.model.config;
        for (index, &(lower, weight)) in self.display.iter().enumerate() {
            let between = |low: f32, high: f32| low + weight * (high - low);
            frame.input_power[index] = between(solver.band_power[lower], solver.band_power[lower + 1]);
            frame.mask_gain[index] = 1.0 - between(solver.removal[lower], solver.removal[lower + 1]);
            frame.noise_power[index] = between(
                solver.front_end.floor_power(lower),
                solver.front_end.floor_power(lower + 1),
            );
        }
        let (mut input, mut output) = (0.0, 0.0);
        for channel in &self.channels {
            let (dry, wet) = energies(channel);
            input += dry;
            output += wet;
        }
        let samples = (self.channels.len() * self.channels[0].removed.len()) as f32;
        frame.input_mean_power = input / samples;
        frame.output_mean_power = output / samples;
        frame.depth = self.last_depth as u32;
        frame.speech_atoms = config.speech_atoms as u32;
        frame.noise_atoms = config.noise_atoms as u32;
        frame.adaptive_atoms = config.adaptive_atoms as u32;
        let user = &solver.state.user;
        frame.learnt_atoms = user.used as u32;
        let atoms = [
            &solver.state.activation[..],
            &solver.state.adaptive_activation,
            &user.activation[..user.used],
        ];
        let mut rest = &mut frame.activations[..];
        for activations in atoms {
            let (now, later) = rest.split_at_mut(activations.len().min(rest.len()));
            now.copy_from_slice(&activations[..now.len()]);
            rest = later;
        }
        rest.fill(0.0);
    }
}

/// Sums of squares of one hop: of the input, and of the input minus what is removed.
#[inline(always)]
fn energies(channel: &Channel) -> (f32, f32) {
    let (dry, dry_rest) = channel.dry().as_chunks::<LANES>();
    let (removed, removed_rest) = channel.removed.as_chunks::<LANES>();
    let (mut input, mut output) = ([0.0; LANES], [0.0; LANES]);
    for (dry, removed) in dry.iter().zip(removed) {
        for lane in 0..LANES {
            let kept = dry[lane] - removed[lane];
            input[lane] += dry[lane] * dry[lane];
            output[lane] += kept * kept;
        }
    }
    let mut sums = (input.iter().sum::<f32>(), output.iter().sum::<f32>());
    for (dry, removed) in dry_rest.iter().zip(removed_rest) {
        sums.0 += dry * dry;
        sums.1 += (dry - removed) * (dry - removed);
    }
    sums
}
