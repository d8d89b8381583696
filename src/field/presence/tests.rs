use super::super::{Field, Graph, Layer, MeanFieldState, mean_field};
use super::*;

const BANDS: usize = 9;

fn wave(i: usize) -> f32 {
    ((i * 7919 + 13) % 101) as f32 / 50.0 - 1.0
}

/// A field whose weights are all different.
fn rough(inference: FieldInference, iterations: usize, layers: usize) -> SpeechField {
    let mut field = SpeechField::neutral(inference, BANDS, iterations, layers);
    for (block, weights) in field.blocks_mut().into_iter().enumerate() {
        for (i, w) in weights.iter_mut().enumerate() {
            *w *= 1.0 + 0.5 * wave(block * 31 + i);
        }
    }
    field.hold_in_range();
    field
}

fn estimates(t: usize) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let speech: Vec<f32> = (0..BANDS).map(|b| (2.0 * wave(t * 17 + b)).exp()).collect();
    let noise: Vec<f32> = (0..BANDS).map(|b| (wave(t * 5 + b + 3)).exp()).collect();
    let mask = speech.iter().zip(&noise).map(|(s, n)| s / (s + n)).collect();
    (speech, noise, mask)
}

fn close(a: f32, b: f32) -> bool {
    (a - b).abs() < 2e-5
}

/// The unary terms of one frame by the formula of section 6, with `f32`'s own logarithm.
fn plain_evidence(layer: &crate::model::FieldLayer, speech: &[f32], noise: &[f32], before: &[f32]) -> Vec<f32> {
    (0..BANDS)
        .map(|b| {
            let theta = layer.unary_slope[b] * (speech[b] / noise[b]).ln() + layer.unary_bias[b];
            theta.clamp(-8.0, 8.0) + layer.time_coupling[b] * (before[b] - 0.5)
        })
        .collect()
}

#[test]
fn mean_field_over_the_bands_follows_its_formula_frame_by_frame() {
    for (layers, iterations, depth) in [(1, 3, 3), (3, 3, 3), (3, 3, 2), (1, 4, 9)] {
        let field = rough(FieldInference::MeanField, iterations, layers);
        let presence = Presence::new(&field);
        let mut state = presence.state();
        let mut q = vec![0.5; BANDS];
        for t in 0..5 {
            let (speech, noise, mut mask) = estimates(t);
            let unrefined = mask.clone();
            presence.refine(&speech, &noise, &mut mask, depth, &mut state, &mut ());
            let before = q.clone();
            for k in 0..depth.min(iterations) {
                let layer = &field.layers[field.layer_index(k)];
                let mut z = plain_evidence(layer, &speech, &noise, &before);
                for b in 1..BANDS {
                    z[b] += layer.band_coupling[b - 1] * (q[b - 1] - 0.5);
                    z[b - 1] += layer.band_coupling[b - 1] * (q[b] - 0.5);
                }
                for (q, z) in q.iter_mut().zip(z) {
                    *q += layer.step[0] * (1.0 / (1.0 + (-z).exp()) - *q);
                }
            }
            for b in 0..BANDS {
                let (present, absent) = (field.present_ln_gain[b].exp(), field.absent_ln_gain[b]);
                let gain = (q[b] * unrefined[b].max(present).ln() + (1.0 - q[b]) * absent).exp();
                assert!(close(mask[b], gain), "frame {t} band {b}: {} for {gain}", mask[b]);
                assert!(close(state.centred_posterior()[b], q[b] - 0.5));
            }
        }
    }
}

#[test]
fn the_first_iterations_are_those_of_the_general_field() {
    // With nothing known of the past and the same start, the bands are a chain like any other.
    let mut field = rough(FieldInference::MeanField, 2, 1);
    field.layers[0].time_coupling.fill(0.0);
    field.layers[0].step[0] = 1.0;
    let presence = Presence::new(&field);
    let mut state = presence.state();
    let (speech, noise, mut mask) = estimates(0);
    presence.refine(&speech, &noise, &mut mask, 2, &mut state, &mut ());
    let layer = Layer::plain(BANDS, field.layers[0].band_coupling.clone());
    // The general field starts from its unary terms, which is what the first iteration from 1/2 gives here.
    let general = Field::new(Graph::chain(BANDS), vec![layer], 1).unwrap();
    let mut mean = MeanFieldState::new(BANDS);
    let unary = plain_evidence(&field.layers[0], &speech, &noise, &[0.5; BANDS]);
    mean_field(&general, &unary, &mut mean, &mut ());
    for (q, centred) in mean.posterior.iter().zip(state.centred_posterior()) {
        assert!(close(*q - 0.5, *centred));
    }
}

#[test]
fn belief_propagation_over_the_bands_is_exact_given_the_frame_before() {
    let field = rough(FieldInference::BeliefPropagation, 1, 1);
    let layer = &field.layers[0];
    let presence = Presence::new(&field);
    let mut state = presence.state();
    let mut before = vec![0.5; BANDS];
    for t in 0..4 {
        let (speech, noise, mut mask) = estimates(t);
        presence.refine(&speech, &noise, &mut mask, 1, &mut state, &mut ());
        let unary = plain_evidence(layer, &speech, &noise, &before);
        let (mut ones, mut all) = ([0.0_f64; BANDS], 0.0);
        for labels in 0..1_u32 << BANDS {
            let y = |b: usize| (labels >> b & 1) as f32;
            let mut energy: f32 = (0..BANDS).map(|b| unary[b] * y(b)).sum();
            energy += (1..BANDS)
                .map(|b| layer.band_coupling[b - 1] * (y(b - 1) - 0.5) * (y(b) - 0.5))
                .sum::<f32>();
            let weight = f64::from(energy).exp();
            all += weight;
            (0..BANDS).for_each(|b| ones[b] += weight * f64::from(y(b)));
        }
        for b in 0..BANDS {
            before[b] = (ones[b] / all) as f32;
            assert!(
                close(state.centred_posterior()[b] + 0.5, before[b]),
                "frame {t} band {b}"
            );
        }
    }
}

#[test]
fn hostile_estimates_and_weights_stay_finite() {
    for inference in [FieldInference::MeanField, FieldInference::BeliefPropagation] {
        let mut field = rough(inference, 3, 1);
        for weights in field.blocks_mut() {
            weights.iter_mut().for_each(|w| *w *= 1e30);
        }
        field.hold_in_range();
        let presence = Presence::new(&field);
        let mut state = presence.state();
        for (s, n) in [(1e-30, 1e30), (1e30, 1e-30), (1.0, 1.0)] {
            let mut mask = vec![0.0, 1.0, 0.5, 1e-38, 0.1, 0.0, 1.0, 0.2, 0.9];
            presence.refine(&[s; BANDS], &[n; BANDS], &mut mask, 3, &mut state, &mut ());
            assert!(mask.iter().all(|g| (0.0..=1.0001).contains(g)), "{mask:?}");
        }
    }
}

#[test]
fn memory_is_forgotten_and_handed_over() {
    let presence = Presence::new(&rough(FieldInference::MeanField, 2, 1));
    let run = |state: &mut PresenceState, t: usize| {
        let (speech, noise, mut mask) = estimates(t);
        presence.refine(&speech, &noise, &mut mask, 2, state, &mut ());
        mask
    };
    let (mut one, mut other) = (presence.state(), presence.state());
    let first = run(&mut one, 0);
    run(&mut one, 1);
    other.copy_from(&one);
    assert_eq!(run(&mut one, 2), run(&mut other, 2));
    assert_ne!(run(&mut one, 0), first);
    one.reset();
    assert_eq!(run(&mut one, 0), first);
}
