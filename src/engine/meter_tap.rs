//! What the panel sees of the engine.

use super::{Channel, Engine};
use crate::meters::{MAX_ATOMS, MeterFrame};
use crate::units::power_to_db;

impl Engine {
    /// What the panel shows of the last hop. No allocation; costs a few microseconds, so call it only when somebody looks.
    pub fn meter_frame(&self, frame: &mut MeterFrame) {
        let solver = &self.solvers[0];
        let config = &self.model.config;
        for (index, &(lower, weight)) in self.display.iter().enumerate() {
            let between = |low: f32, high: f32| low + weight * (high - low);
            let power = between(solver.band_power[lower], solver.band_power[lower + 1]);
            let gain = 1.0 - between(solver.removal[lower], solver.removal[lower + 1]);
            let floor = between(
                solver.front_end.floor_power(lower),
                solver.front_end.floor_power(lower + 1),
            );
            frame.input_db[index] = power_to_db(power);
            frame.output_db[index] = power_to_db(power * gain * gain);
            frame.mask_gain[index] = gain;
            frame.noise_db[index] = power_to_db(floor);
        }
        let power = |buffer: fn(&Channel, usize) -> f32| {
            let sum: f32 = self
                .channels
                .iter()
                .flat_map(|c| (0..c.dry.len()).map(move |i| buffer(c, i).powi(2)))
                .sum();
            sum / (self.channels.len() * self.channels[0].dry.len()) as f32
        };
        frame.input_level_db = power_to_db(power(|c, i| c.dry[i]));
        frame.output_level_db = power_to_db(power(|c, i| c.dry[i] - c.removed[i]));
        let both_sound = frame.input_level_db.is_finite() && frame.output_level_db.is_finite();
        frame.reduction_db = if both_sound {
            frame.output_level_db - frame.input_level_db
        } else {
            0.0
        };
        frame.depth = self.last_depth as u32;
        frame.speech_atoms = config.speech_atoms as u32;
        frame.noise_atoms = config.noise_atoms as u32;
        frame.runtime_atoms = config.adaptive_atoms as u32;
        frame.activations = [0.0; MAX_ATOMS];
        let activations = solver.state.activation.iter().chain(&solver.state.adaptive_activation);
        for (out, h) in frame.activations.iter_mut().zip(activations) {
            *out = *h;
        }
    }
}
