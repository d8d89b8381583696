//! Adam on the logarithms of the weights: they stay positive and move by factors (algorithm.md sections 4 and 5).

use serde::{Deserialize, Serialize};

/// Weights below this are held there, so that they can come back.
const LEAST_WEIGHT: f32 = 1e-6;
const MOMENTUM: f32 = 0.9;
const SQUARE_MOMENTUM: f32 = 0.99;

/// Optimiser state over flat parameters; also keeps their running average, which is what ships.
#[derive(Serialize, Deserialize)]
pub struct LogAdam {
    log_weight: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
    average: Vec<f32>,
    steps: i32,
}

impl LogAdam {
    /// Starts from weights.
    pub fn new(weights: &[f32]) -> Self {
        let log_weight: Vec<f32> = weights.iter().map(|w| w.max(LEAST_WEIGHT).ln()).collect();
        let zeros = vec![0.0; weights.len()];
        Self {
            first: zeros.clone(),
            second: zeros,
            average: log_weight.clone(),
            log_weight,
            steps: 0,
        }
    }

    /// Steps taken.
    pub fn steps(&self) -> usize {
        self.steps as usize
    }

    /// One step of size `rate` against `gradient` (by the weights themselves), its norm by the log-weights limited to
    /// `largest_norm`. Returns that norm. A gradient that is not finite is skipped.
    pub fn step(&mut self, gradient: &[f32], rate: f32, largest_norm: f32, averaging: f32) -> f32 {
        let by_log = |(g, t): (&f32, &f32)| g * t.exp();
        let norm = gradient
            .iter()
            .zip(&self.log_weight)
            .map(|pair| f64::from(by_log(pair)).powi(2))
            .sum::<f64>()
            .sqrt() as f32;
        if !norm.is_finite() {
            return norm;
        }
        let scale = if norm > largest_norm { largest_norm / norm } else { 1.0 };
        self.steps += 1;
        let first_bias = 1.0 - MOMENTUM.powi(self.steps);
        let second_bias = 1.0 - SQUARE_MOMENTUM.powi(self.steps);
        let averaging = averaging.min(self.steps as f32 / (self.steps as f32 + 10.0));
        for (i, g) in gradient.iter().enumerate() {
            let g = by_log((g, &self.log_weight[i])) * scale;
            self.first[i] += (1.0 - MOMENTUM) * (g - self.first[i]);
            self.second[i] += (1.0 - SQUARE_MOMENTUM) * (g * g - self.second[i]);
            let direction = (self.first[i] / first_bias) / ((self.second[i] / second_bias).sqrt() + 1e-8);
            self.log_weight[i] = (self.log_weight[i] - rate * direction).max(LEAST_WEIGHT.ln());
            self.average[i] += (1.0 - averaging) * (self.log_weight[i] - self.average[i]);
        }
        norm
    }

    /// The weights now.
    pub fn weights(&self) -> impl Iterator<Item = f32> + '_ {
        self.log_weight.iter().map(|t| t.exp())
    }

    /// Their running (geometric) average.
    pub fn averaged_weights(&self) -> impl Iterator<Item = f32> + '_ {
        self.average.iter().map(|t| t.exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_minimum_and_stays_positive() {
        let target = [3.0_f32, 0.02, 1.0];
        let mut adam = LogAdam::new(&[1.0, 1.0, 1.0]);
        for step in 0..3000 {
            let w: Vec<f32> = adam.weights().collect();
            assert!(w.iter().all(|w| *w > 0.0));
            let gradient: Vec<f32> = w.iter().zip(&target).map(|(w, t)| 2.0 * (w - t)).collect();
            adam.step(&gradient, 0.02 * (1.0 - step as f32 / 3000.0), 1.0, 0.99);
        }
        for (w, t) in adam.averaged_weights().zip(&target) {
            assert!((w / t - 1.0).abs() < 0.02, "{w} for {t}");
        }
    }
}
