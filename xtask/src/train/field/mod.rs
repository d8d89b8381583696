//! Training of Markov random fields through their unfolded inference (docs/algorithm.md section 6).

pub mod command;
mod general;
mod presence;
pub mod task;

use super::adam::cosine_fall;

/// Step size after `done` of `steps` steps: falls from `rate` to a hundredth along a cosine.
fn falling_rate(rate: f32, done: usize, steps: usize) -> f32 {
    rate * (0.01 + 0.99 * cosine_fall(done as f32 / steps as f32))
}

#[cfg(test)]
mod tests {
    use super::falling_rate;
    use crate::train::adam::Adam;

    #[test]
    fn finds_a_minimum_on_either_side_of_zero() {
        let target = [3.0_f32, -0.5];
        let (mut weights, mut adam) = (vec![0.0; 2], Adam::new(2));
        for done in 0..2000 {
            let gradient: Vec<f32> = weights.iter().zip(&target).map(|(x, t)| 2.0 * (x - t)).collect();
            adam.step(&mut weights, &gradient, falling_rate(0.02, done, 2000));
        }
        for (x, t) in weights.iter().zip(&target) {
            assert!((x - t).abs() < 1e-3, "{x} for {t}");
        }
    }
}
