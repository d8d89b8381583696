//! Which mix of delayed input and removed part is heard, with ramps between the settings.

use crate::settings::{Listen, Settings};
use crate::units::{db_to_gain, ms_to_samples};

/// Length of every ramp.
const RAMP_MS: f64 = 10.0;

/// A value that moves linearly to its target.
#[derive(Clone, Copy)]
struct Ramp {
    from: f32,
    target: f32,
    /// Samples of the ramp that have passed.
    passed: usize,
}

impl Ramp {
    fn at(value: f32) -> Self {
        Self {
            from: value,
            target: value,
            passed: usize::MAX,
        }
    }

    fn aim(&mut self, target: f32, length: usize) {
        if target != self.target {
            *self = Self {
                from: self.value(0, length),
                target,
                passed: 0,
            };
        }
    }

    /// Value `offset` samples from now.
    fn value(&self, offset: usize, length: usize) -> f32 {
        let passed = self.passed.saturating_add(offset);
        if passed >= length {
            return self.target;
        }
        self.from + (self.target - self.from) * (passed as f32 / length as f32)
    }
}

/// `output = gain (input_weight * input + result_weight * result)`.
pub(crate) struct OutputMix {
    input_weight: Ramp,
    result_weight: Ramp,
    gain: Ramp,
    ramp_samples: usize,
    /// The first settings apply at once.
    fresh: bool,
}

impl OutputMix {
    pub(crate) fn new(sample_rate_hz: f64) -> Self {
        Self {
            input_weight: Ramp::at(0.0),
            result_weight: Ramp::at(1.0),
            gain: Ramp::at(1.0),
            ramp_samples: ms_to_samples(RAMP_MS, sample_rate_hz),
            fresh: true,
        }
    }

    pub(crate) fn reset(&mut self) {
        self.fresh = true;
    }

    /// Sets the targets.
    pub(crate) fn aim(&mut self, settings: &Settings) {
        let (input, result) = match settings.listen {
            _ if settings.bypass => (1.0, 0.0),
            Listen::Result => (0.0, 1.0),
            Listen::Removed => (1.0, -1.0),
            Listen::Input => (1.0, 0.0),
        };
        let gain = if settings.bypass {
            1.0
        } else {
            db_to_gain(settings.output_gain_db)
        };
        let targets = [input, result, gain];
        for (ramp, target) in [&mut self.input_weight, &mut self.result_weight, &mut self.gain]
            .into_iter()
            .zip(targets)
        {
            if self.fresh {
                *ramp = Ramp::at(target);
            } else {
                ramp.aim(target, self.ramp_samples);
            }
        }
        self.fresh = false;
    }

    /// Writes `output` from the delayed input and what is removed from it.
    pub(crate) fn render(&self, dry: &[f32], removed: &[f32], output: &mut [f32]) {
        let length = self.ramp_samples;
        let ramps = [self.input_weight, self.result_weight, self.gain];
        let mix = |[input, result, gain]: [f32; 3], x: f32, r: f32| gain * (input * x + result * (x - r));
        let samples = output.iter_mut().zip(dry).zip(removed);
        if ramps.iter().all(|ramp| ramp.passed >= length) {
            let weights = ramps.map(|ramp| ramp.target);
            samples.for_each(|((y, &x), &r)| *y = mix(weights, x, r));
        } else {
            for (offset, ((y, &x), &r)) in samples.enumerate() {
                *y = mix(ramps.map(|ramp| ramp.value(offset, length)), x, r);
            }
        }
    }

    /// Moves on after all channels were rendered.
    pub(crate) fn advance(&mut self, samples: usize) {
        for ramp in [&mut self.input_weight, &mut self.result_weight, &mut self.gain] {
            ramp.passed = ramp.passed.saturating_add(samples);
        }
    }
}
