//! Adam on signed parameters. (The network's own optimiser moves logarithms: its weights are positive.)

const MOMENTUM: f32 = 0.9;
const SQUARE_MOMENTUM: f32 = 0.99;

/// Parameters and what the optimiser remembers of them.
pub struct Adam {
    /// The parameters.
    pub values: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
    steps: i32,
}

impl Adam {
    /// Starts from values.
    pub fn new(values: Vec<f32>) -> Self {
        let zeros = vec![0.0; values.len()];
        Self {
            values,
            first: zeros.clone(),
            second: zeros,
            steps: 0,
        }
    }

    /// One step of size `rate` against a gradient.
    pub fn step(&mut self, gradient: &[f32], rate: f32) {
        self.steps += 1;
        let first_bias = 1.0 - MOMENTUM.powi(self.steps);
        let second_bias = 1.0 - SQUARE_MOMENTUM.powi(self.steps);
        for (i, g) in gradient.iter().enumerate() {
            self.first[i] += (1.0 - MOMENTUM) * (g - self.first[i]);
            self.second[i] += (1.0 - SQUARE_MOMENTUM) * (g * g - self.second[i]);
            self.values[i] -= rate * (self.first[i] / first_bias) / ((self.second[i] / second_bias).sqrt() + 1e-8);
        }
    }
}

/// Step size after `done` of `steps` steps: falls from `rate` to a hundredth along a cosine.
pub fn cosine_rate(rate: f32, done: usize, steps: usize) -> f32 {
    let cosine = 0.5 * (1.0 + (std::f32::consts::PI * done as f32 / steps as f32).cos());
    rate * (0.01 + 0.99 * cosine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_minimum_on_either_side_of_zero() {
        let target = [3.0_f32, -0.5];
        let mut adam = Adam::new(vec![0.0; 2]);
        for done in 0..2000 {
            let gradient: Vec<f32> = adam.values.iter().zip(&target).map(|(x, t)| 2.0 * (x - t)).collect();
            adam.step(&gradient, cosine_rate(0.02, done, 2000));
        }
        for (x, t) in adam.values.iter().zip(&target) {
            assert!((x - t).abs() < 1e-3, "{x} for {t}");
        }
    }
}
