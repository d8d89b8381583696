use super::*;
use crate::mix::Example;
use crate::train::batch::{Preparer, TRAINING_RATE_HZ, loss_bins};
use crate::train::config::NetworkConfig;
use unfold::units::hop_samples;

const FRAMES: usize = 80;

fn window_samples() -> usize {
    NetworkConfig::default().window_hops * hop_samples(TRAINING_RATE_HZ)
}

fn pseudo_random(seed: &mut u32) -> f32 {
    *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    (*seed >> 8) as f32 / (1 << 24) as f32 - 0.5
}

/// A buzz of 150 Hz that pauses in the second half, and white noise of a given size under all of it.
fn example(speech_size: f32, noise_size: f32) -> Prepared {
    let mut seed = 7;
    let length = FRAMES * hop_samples(TRAINING_RATE_HZ);
    let speech: Vec<f32> = (0..length)
        .map(|n| {
            let sum: f32 = (1..20)
                .map(|h| (n as f32 * h as f32 * 0.019_635).sin() / h as f32)
                .sum();
            if n < length / 2 { speech_size * sum } else { 0.0 }
        })
        .collect();
    Preparer::new(&NetworkConfig::default().model_config()).prepare(&Example {
        mix: speech
            .iter()
            .map(|s| s + noise_size * pseudo_random(&mut seed))
            .collect(),
        speech,
        bandwidth_hz: 24_000.0,
        learnt_noise: Vec::new(),
    })
}

/// The term for gains by frame and bin, and its derivative.
fn run(example: &Prepared, mask: &[f32]) -> (f64, Vec<f32>) {
    let bins = loss_bins(window_samples());
    let mut term = Loudness::new(window_samples());
    term.start();
    let frames = || mask.chunks_exact(bins).zip(example.mix_power.chunks_exact(bins));
    for (mask, power) in frames() {
        term.push(mask, power, example);
    }
    let value = term.finish(example, 1.0);
    let mut gradient = vec![0.0; mask.len()];
    for (t, (mask, power)) in frames().enumerate() {
        term.add_gradient(t, mask, power, &mut gradient[t * bins..(t + 1) * bins]);
    }
    (value, gradient)
}

fn score(example: &Prepared, gain: impl Fn(usize, usize) -> f32) -> f64 {
    let bins = loss_bins(window_samples());
    let mask: Vec<f32> = (0..FRAMES * bins).map(|at| gain(at / bins, at % bins)).collect();
    run(example, &mask).0
}

#[test]
fn gradient_matches_finite_differences() {
    let example = example(0.1, 0.1);
    let mut seed = 11;
    let length = FRAMES * loss_bins(window_samples());
    let mask: Vec<f32> = (0..length).map(|_| 0.6 + pseudo_random(&mut seed)).collect();
    let (_, gradient) = run(&example, &mask);
    for direction in 0..12 {
        // The gradient's own direction in a stretch of frames, with random weights.
        let stretch = direction * length / 12..(direction + 1) * length / 12;
        let norm = gradient[stretch.clone()].iter().map(|g| g * g).sum::<f32>().sqrt();
        assert!(norm > 1e-5, "stretch {direction} has no gradient");
        let mut along = vec![0.0; length];
        for at in stretch {
            along[at] = gradient[at] / norm * (0.7 + pseudo_random(&mut seed));
        }
        let at = |step: f32| {
            let moved: Vec<f32> = mask.iter().zip(&along).map(|(g, d)| g + step * d).collect();
            run(&example, &moved).0
        };
        let slope = |step: f32| (at(step) - at(-step)) / (2.0 * f64::from(step));
        // Two steps cancel the error that grows with the square of the step.
        let numeric = (4.0 * slope(0.02) - slope(0.04)) / 3.0;
        let exact: f64 = gradient.iter().zip(&along).map(|(g, d)| f64::from(g * d)).sum();
        assert!(
            (numeric - exact).abs() < 0.01 * exact.abs() + 1e-5,
            "{direction}: {exact} {numeric}"
        );
    }
}

#[test]
fn what_is_heard_costs_and_a_perfect_output_does_not() {
    let clean = example(0.1, 0.0);
    assert!(score(&clean, |_, _| 1.0) < 1e-6);
    assert!(
        score(&clean, |t, _| if t < FRAMES / 4 { 0.1 } else { 1.0 }) > 0.02,
        "lost speech"
    );
    let noisy = example(0.1, 0.05);
    let gated = score(&noisy, |t, _| if t < FRAMES / 2 { 1.0 } else { 0.0 });
    let open = score(&noisy, |_, _| 1.0);
    assert!(open > gated + 0.02, "noise in the pause: {open} {gated}");
    let silent = example(0.0, 0.05);
    assert_eq!(score(&silent, |_, _| 1.0), 0.0);
}

#[test]
fn sound_added_costs_more_than_as_much_sound_lost() {
    let clean = example(0.1, 0.0);
    // Alternate frames, so that the mean spectrum stays comparable: ten times more or less power.
    let factor = 10.0_f32.sqrt();
    let added = score(&clean, |t, _| if t % 8 < 4 { factor } else { 1.0 });
    let lost = score(&clean, |t, _| if t % 8 < 4 { 1.0 / factor } else { 1.0 });
    assert!(lost > 0.01 && added > lost, "{added} {lost}");
}
