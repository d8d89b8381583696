//! Promises: a field in a model acts in the engine, allocates nothing there, and a model without one is as before.

mod signals;

use std::sync::Arc;

use unfold::engine::{Engine, Settings, denoise};
use unfold::model::{FieldInference, Model, SpeechField};
use unfold::model_file::shipped;

const RATE_HZ: f64 = 48_000.0;

fn with_field(inference: FieldInference, change: impl FnOnce(&mut SpeechField)) -> Arc<Model> {
    let mut model = Model::clone(&shipped());
    let mut field = SpeechField::neutral(inference, model.config.bands(), 3, 1);
    change(&mut field);
    model.field = Some(field);
    assert_eq!(model.validate(), Ok(()));
    Arc::new(model)
}

/// Half a second of a voice in noise.
fn noisy() -> Vec<f32> {
    let noise = signals::noise(24_000, 0.1, 1);
    let voice = signals::voice(24_000, 0.3, RATE_HZ);
    noise.iter().zip(&voice).map(|(n, v)| n + v).collect()
}

fn result(model: &Arc<Model>) -> Vec<f32> {
    denoise(model, &Settings::default(), RATE_HZ, &[noisy()])
        .unwrap()
        .remove(0)
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn a_field_that_always_sees_speech_keeps_the_mask_and_one_that_never_does_closes_it() {
    let plain = result(&shipped());
    let energy = |signal: &[f32]| signal.iter().map(|x| x * x).sum::<f32>();
    for inference in [FieldInference::MeanField, FieldInference::BeliefPropagation] {
        let decided = |bias: f32| {
            result(&with_field(inference, |field| {
                field.layers[0].unary_slope.fill(0.0);
                field.layers[0].unary_bias.fill(bias);
                field.layers[0].step[0] = 1.0;
                field.present_ln_gain.fill(-20.0);
                field.absent_ln_gain.fill(-20.0);
            }))
        };
        let (open, closed) = (decided(100.0), decided(-100.0));
        assert!(distance(&open, &plain) < 0.01 && distance(&open, &noisy()) > 0.05);
        // What is left is the default floor of -24 dB.
        let floor = energy(&closed) / energy(&noisy());
        assert!((10.0 * floor.log10() + 24.0).abs() < 0.5, "{floor}");
    }
}

#[test]
fn engines_with_a_field_repeat_themselves_after_a_reset() {
    let model = with_field(FieldInference::MeanField, |_| ());
    let mut engine = Engine::new(model, RATE_HZ, 1).unwrap();
    let run = |engine: &mut Engine| {
        let mut samples = noisy();
        engine.process(&Settings::default(), &mut [&mut samples]);
        samples
    };
    let first = run(&mut engine);
    assert_ne!(run(&mut engine), first);
    engine.reset();
    assert_eq!(run(&mut engine), first);
}

#[test]
#[cfg(not(feature = "assert_process_allocs"))]
fn an_engine_with_a_field_never_allocates() {
    use unfold::engine::StereoMode;
    for inference in [FieldInference::MeanField, FieldInference::BeliefPropagation] {
        let mut engine = Engine::new(with_field(inference, |_| ()), RATE_HZ, 2).unwrap();
        let (mut left, mut right) = (noisy(), noisy());
        for (layers, stereo) in [
            (4, StereoMode::Linked),
            (1, StereoMode::Independent),
            (2, StereoMode::Linked),
        ] {
            let settings = Settings {
                layers,
                stereo,
                ..Settings::default()
            };
            let counts = allocation_counter::measure(|| engine.process(&settings, &mut [&mut left, &mut right]));
            assert_eq!((counts.count_total, counts.count_current), (0, 0));
        }
    }
}
