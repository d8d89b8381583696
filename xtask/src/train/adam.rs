//! Adam on the logarithms of the weights: they stay positive and move by factors (docs/algorithm.md sections 4 and 5). And
//! plain Adam, for weights of any sign.

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
        let biases = biases(self.steps);
        let averaging = averaging.min(self.steps as f32 / (self.steps as f32 + 10.0));
        for (i, g) in gradient.iter().enumerate() {
            let g = by_log((g, &self.log_weight[i])) * scale;
            let direction = direction(g, &mut self.first[i], &mut self.second[i], biases);
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

/// Half a cosine from 1 to 0 over `progress` 0..=1 of a training: how step sizes fall.
pub fn cosine_fall(progress: f32) -> f32 {
    0.5 * (1.0 + (std::f32::consts::PI * progress).cos())
}

/// What the moments of the first steps lack.
fn biases(steps: i32) -> [f32; 2] {
    [1.0 - MOMENTUM.powi(steps), 1.0 - SQUARE_MOMENTUM.powi(steps)]
}

/// Updates the moments of one gradient and gives the step's direction.
fn direction(g: f32, first: &mut f32, second: &mut f32, [first_bias, second_bias]: [f32; 2]) -> f32 {
    *first += (1.0 - MOMENTUM) * (g - *first);
    *second += (1.0 - SQUARE_MOMENTUM) * (g * g - *second);
    (*first / first_bias) / ((*second / second_bias).sqrt() + 1e-8)
}

/// Plain Adam's state; the weights lie outside.
#[derive(Serialize, Deserialize)]
pub struct Adam {
    first: Vec<f32>,
    second: Vec<f32>,
    steps: i32,
}

impl Adam {
    /// For `count` weights.
    pub fn new(count: usize) -> Self {
        Self {
            first: vec![0.0; count],
            second: vec![0.0; count],
            steps: 0,
        }
    }

    /// Moves `weights` by one step of size `rate` against `gradient`.
    pub fn step(&mut self, weights: &mut [f32], gradient: &[f32], rate: f32) {
        self.steps += 1;
        let biases = biases(self.steps);
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((w, g), (first, second)) in weights.iter_mut().zip(gradient).zip(moments) {
            *w -= rate * direction(*g, first, second, biases);
        }
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

    #[test]
    fn plain_steps_find_a_minimum_of_any_sign() {
        let target = [3.0_f32, -0.5, 0.0];
        let (mut weights, mut adam) = (vec![0.0; 3], Adam::new(3));
        for step in 0..2000 {
            let gradient: Vec<f32> = weights.iter().zip(&target).map(|(w, t)| 2.0 * (w - t)).collect();
            adam.step(&mut weights, &gradient, 0.02 * (1.0 - step as f32 / 2000.0));
        }
        assert!(
            weights.iter().zip(&target).all(|(w, t)| (w - t).abs() < 0.01),
            "{weights:?}"
        );
    }
}
