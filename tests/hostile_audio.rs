//! Promises: whatever comes in, what goes out is finite and bounded, and one second of good input later nothing of
//! it is heard.

mod signals;

use unfold::engine::{Engine, Settings, StereoMode};
use unfold::model_file::shipped;
use unfold::units::HOP_S;

const RATE_HZ: f64 = 48e3;
const SECOND: usize = RATE_HZ as usize;
/// The engine's own bound on its input, +40 dBFS.
const LARGEST_SAMPLE: f32 = 100.0;
/// What may be left after a second, in dB re the good signal: less than the noise of an 8-bit recording.
const RECOVERED_DB: f64 = -30.0;

fn square(amplitude: f32, half_period_samples: usize) -> Vec<f32> {
    let sample = |n: usize| {
        if (n / half_period_samples).is_multiple_of(2) {
            amplitude
        } else {
            -amplitude
        }
    };
    (0..2 * SECOND).map(sample).collect()
}

fn every(period_samples: usize, value: f32, otherwise: f32) -> Vec<f32> {
    (0..2 * SECOND)
        .map(|n| if n % period_samples == 77 { value } else { otherwise })
        .collect()
}

/// Two seconds of everything that should not come in.
fn hostile() -> Vec<(&'static str, Vec<f32>)> {
    let constant = |value| vec![value; 2 * SECOND];
    vec![
        ("NaN", constant(f32::NAN)),
        ("infinity", constant(f32::INFINITY)),
        ("a NaN now and then", every(997, f32::NAN, 0.1)),
        ("infinities of both signs", square(f32::NEG_INFINITY, 50)),
        ("1e30", constant(1e30)),
        ("a square wave of 1e30", square(-1e30, 50)),
        ("a single 1e30 now and then", every(9_973, 1e30, 0.0)),
        ("noise of +40 dBFS", signals::noise(2 * SECOND, LARGEST_SAMPLE, 5)),
        ("noise at full scale", signals::noise(2 * SECOND, 1.0, 5)),
        ("a square wave at full scale, 50 Hz", square(1.0, 480)),
        ("a square wave at full scale, 480 Hz", square(1.0, 50)),
        ("a square wave at full scale, 24 kHz", square(1.0, 1)),
        ("DC at full scale", constant(1.0)),
        ("a small negative DC", constant(-0.01)),
        ("impulses", every(4_801, 1.0, 0.0)),
        ("digital silence", constant(0.0)),
        ("subnormal samples", square(1e-40, 7)),
        ("the smallest normal samples", square(f32::MIN_POSITIVE, 3)),
    ]
}

/// A voice in noise; `seed` picks the noise.
fn good(seconds: usize, gain: f32, seed: u32) -> Vec<f32> {
    let samples = seconds * SECOND;
    signals::add(
        &signals::voice(samples, 0.1 * gain, RATE_HZ),
        &signals::noise(samples, 0.01 * gain, seed),
    )
}

fn engine(channels: usize) -> Engine {
    Engine::new(shipped(), RATE_HZ, channels).unwrap()
}

fn processed(engine: &mut Engine, input: &[f32]) -> Vec<f32> {
    let mut output = input.to_vec();
    engine.process(&Settings::default(), &mut [&mut output]);
    output
}

fn assert_bounded(output: &[f32], inputs: [&[f32]; 2], what: &str) {
    let peak = |signal: &[f32]| {
        let held = |x: &f32| {
            if x.is_finite() {
                x.abs().min(LARGEST_SAMPLE)
            } else {
                0.0
            }
        };
        signal.iter().map(held).fold(0.0, f32::max)
    };
    assert!(output.iter().all(|y| y.is_finite()), "{what}: not finite");
    // The removed part has at most the power of each windowed frame; a factor of 4 covers its peaks.
    let (out, allowed) = (peak(output), 4.0 * inputs.map(peak).into_iter().fold(0.0, f32::max));
    assert!(out <= allowed, "{what}: {out} came out, at most {allowed} is allowed");
}

/// Level of the worst second after the first one, of the difference from what should be heard, re the latter.
fn left_after_a_second_db(output: &[f32], expected: &[f32]) -> f64 {
    let seconds = output.chunks(SECOND).zip(expected.chunks(SECOND)).skip(1);
    let worst = seconds
        .map(|(a, b)| signals::difference_db(a, b))
        .fold(f64::NEG_INFINITY, f64::max);
    worst - signals::level_db(expected)
}

#[test]
fn output_is_bounded_and_the_state_recovers_within_a_second() {
    // Quiet speech shows a state that was left too loud, loud speech one left too quiet.
    for gain in [1.0, 0.2] {
        let (before, after) = (good(2, gain, 1), good(3, gain, 2));
        let mut undisturbed = engine(1);
        processed(&mut undisturbed, &before);
        let continued = processed(&mut undisturbed, &after);
        let from_the_start = processed(&mut engine(1), &after);
        for (what, bad) in hostile() {
            for (expected, heard_before) in [(&continued, true), (&from_the_start, false)] {
                let mut engine = engine(1);
                let before = if heard_before { before.as_slice() } else { &[] };
                processed(&mut engine, before);
                assert_bounded(
                    &processed(&mut engine, &bad),
                    [before, &bad],
                    &format!("{what}, after good input: {heard_before}"),
                );
                let left_db = left_after_a_second_db(&processed(&mut engine, &after), expected);
                assert!(
                    left_db < RECOVERED_DB,
                    "{what}, after good input: {heard_before}, gain {gain}: {left_db} dB apart after a second"
                );
            }
        }
    }
}

#[test]
fn a_broken_channel_does_not_reach_the_other_one() {
    let voice = good(3, 1.0, 3);
    for (what, bad) in hostile() {
        let settings = Settings {
            stereo: StereoMode::Independent,
            ..Settings::default()
        };
        let (mut broken, mut heard) = (bad, voice.clone());
        broken.resize(heard.len(), 0.0);
        engine(2).process(&settings, &mut [&mut broken, &mut heard]);
        assert!(broken.iter().all(|y| y.is_finite()), "{what}");
        assert_eq!(heard, processed(&mut engine(1), &voice), "{what}");
    }
}

#[test]
fn an_hour_of_silence_is_silent_and_forgets_nothing() {
    // The cheapest configuration: what silence does to the trackers and activations is the same in all.
    let settings = Settings {
        layers: 1,
        ..Settings::default()
    };
    let mut engine = Engine::new(shipped(), 8e3, 1).unwrap();
    let (mut quiet, mut nothing) = (vec![0.0; 8_000], vec![0.0; 8_000]);
    let noise = signals::noise(16_000, 0.05, 6);
    engine.process(&settings, &mut [&mut noise.clone()]);
    engine.process(&settings, &mut [&mut quiet]);
    for second in 0..3600 {
        engine.process(&settings, &mut [&mut nothing]);
        assert!(nothing.iter().all(|y| *y == 0.0), "sound in second {second}");
    }
    assert_eq!(engine.hops(), (3.0 / HOP_S).round() as u64 + 360_000);
    // The noise is known still: it is removed from the first word on as it was before the silence.
    let mut again = noise.clone();
    engine.process(&settings, &mut [&mut again]);
    let removed_db = signals::level_db(&noise) - signals::level_db(&again[400..2_400]);
    assert!(removed_db > 6.0, "only {removed_db} dB of the noise removed");
}
