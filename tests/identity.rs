//! Promises: amount 0 is the input; result + removed = input; listening to the input changes nothing; the same sound
//! gets the same mask at every sample rate.

mod signals;

use unfold::engine::{Engine, EngineError, Listen, Settings, StereoMode, denoise};
use unfold::meters::MeterFrame;
use unfold::model_file::shipped;

fn noisy(samples: usize, rate_hz: f64) -> Vec<f32> {
    signals::add(
        &signals::voice(samples, 0.2, rate_hz),
        &signals::noise(samples, 0.05, 9),
    )
}

fn denoised(settings: Settings, rate_hz: f64, input: &[f32]) -> Vec<f32> {
    denoise(&shipped(), &settings, rate_hz, &[input.to_vec()])
        .unwrap()
        .remove(0)
}

#[test]
fn amount_zero_is_the_input_at_every_rate() {
    for rate_hz in [8e3, 11_025.0, 22_050.0, 44_100.0, 48e3, 88_200.0, 192e3] {
        let input = noisy(rate_hz as usize / 2, rate_hz);
        let output = denoised(
            Settings {
                amount: 0.0,
                ..Settings::default()
            },
            rate_hz,
            &input,
        );
        assert_eq!(output.len(), input.len());
        let error_db = signals::difference_db(&output, &input);
        assert!(error_db < -120.0, "{error_db} dB at {rate_hz} Hz");
    }
}

#[test]
fn removed_is_exactly_input_minus_result() {
    let input = noisy(48_000, 48e3);
    let result = denoised(Settings::default(), 48e3, &input);
    let removed = denoised(
        Settings {
            listen: Listen::Removed,
            ..Settings::default()
        },
        48e3,
        &input,
    );
    let expected: Vec<f32> = input.iter().zip(&result).map(|(x, y)| x - y).collect();
    assert_eq!(removed, expected);
    assert!(
        signals::level_db(&removed) > -60.0,
        "nothing was removed, which would prove nothing"
    );
    assert_eq!(
        denoised(
            Settings {
                listen: Listen::Input,
                ..Settings::default()
            },
            48e3,
            &input
        ),
        input
    );
    assert_eq!(
        denoised(
            Settings {
                bypass: true,
                output_gain_db: 12.0,
                ..Settings::default()
            },
            48e3,
            &input
        ),
        input
    );
}

#[test]
fn the_floor_bounds_what_is_removed() {
    // A mask that may not go below -6 dB leaves pure noise at -6 dB or more.
    let input = signals::noise(96_000, 0.1, 4);
    let output = denoised(
        Settings {
            floor_db: -6.0,
            ..Settings::default()
        },
        48e3,
        &input,
    );
    let change_db = signals::level_db(&output) - signals::level_db(&input);
    assert!((-6.1..0.0).contains(&change_db), "{change_db} dB");
}

#[test]
fn linked_channels_share_one_mask_and_independent_ones_do_not() {
    let (left, right) = (noisy(48_000, 48e3), signals::noise(48_000, 0.02, 77));
    let run = |stereo, channels: &[Vec<f32>]| {
        denoise(
            &shipped(),
            &Settings {
                stereo,
                ..Settings::default()
            },
            48e3,
            channels,
        )
        .unwrap()
    };
    let pair = [left.clone(), right.clone()];
    let independent = run(StereoMode::Independent, &pair);
    assert_eq!(independent[0], run(StereoMode::Linked, std::slice::from_ref(&left))[0]);
    assert_eq!(independent[1], run(StereoMode::Linked, &[right])[0]);
    // Two copies of a signal have its own mean power, so linking changes nothing.
    let linked = run(StereoMode::Linked, &[left.clone(), left.clone()]);
    assert_eq!(linked[0], linked[1]);
    assert!(signals::difference_db(&linked[0], &run(StereoMode::Linked, &[left])[0]) < -100.0);
}

#[test]
fn the_mask_does_not_depend_on_the_sample_rate() {
    let masks: Vec<MeterFrame> = [44_100.0, 48e3, 96e3]
        .iter()
        .map(|&rate_hz| {
            let mut engine = Engine::new(shipped(), rate_hz, 1).unwrap();
            let mut signal = tones(rate_hz);
            engine.process(&Settings::default(), &mut [&mut signal]);
            let mut frame = MeterFrame::default();
            engine.meter_frame(&mut frame);
            frame
        })
        .collect();
    for other in &masks[1..] {
        // Compared where there is sound: up to 8 kHz.
        let pairs = masks[0].mask_gain.iter().zip(&other.mask_gain).take(80);
        let mean = pairs.map(|(a, b)| (a - b).abs()).sum::<f32>() / 80.0;
        assert!(mean < 0.05, "masks differ by {mean} on average");
    }
    let spread = masks[0].mask_gain.iter().fold(0.0_f32, |a, g| a.max(1.0 - g));
    assert!(spread > 0.05, "a mask of ones would prove nothing");
}

/// A sound that is the same at every rate: tones up to 8 kHz, some modulated like speech.
fn tones(rate_hz: f64) -> Vec<f32> {
    let tone = |t: f64, k: usize| {
        let frequency_hz = 90.0 * 1.17_f64.powi(k as i32);
        let depth = if k.is_multiple_of(3) {
            (std::f64::consts::TAU * 3.0 * t).sin().max(0.0)
        } else {
            0.2
        };
        depth * (std::f64::consts::TAU * frequency_hz * t + (k * k) as f64).sin()
    };
    (0..rate_hz as usize)
        .map(|n| {
            let t = n as f64 / rate_hz;
            (0..28).map(|k| 0.02 * tone(t, k)).sum::<f64>() as f32
        })
        .collect()
}

#[test]
fn impossible_engines_are_refused_in_words() {
    let refuse = |rate_hz, channels| Engine::new(shipped(), rate_hz, channels).err().unwrap().to_string();
    assert!(refuse(400.0, 1).contains("400 Hz"));
    assert!(refuse(f64::NAN, 1).contains("NaN"));
    assert!(refuse(48e3, 0).contains("0 channels"));
    assert!(refuse(48e3, 65).contains("65 channels"));
    let uneven = denoise(&shipped(), &Settings::default(), 48e3, &[vec![0.0; 10], vec![0.0; 9]]);
    assert_eq!(
        uneven,
        Err(EngineError::Lengths {
            channel: 1,
            expected: 10,
            got: 9
        })
    );
}

#[test]
fn changes_of_depth_amount_and_listening_do_not_click() {
    let rate_hz = 48e3;
    let mut engine = Engine::new(shipped(), rate_hz, 1).unwrap();
    // A pure tone: a click would show as energy far away from it.
    let tone: Vec<f32> = (0..96_000).map(|n| 0.3 * (n as f32 * 0.02).sin()).collect();
    let mut output = tone.clone();
    for (index, block) in output.chunks_mut(4000).enumerate() {
        let settings = Settings {
            layers: 1 + index % 4,
            amount: if index % 3 == 0 { 0.2 } else { 1.0 },
            listen: if index % 5 == 4 { Listen::Input } else { Listen::Result },
            bypass: index % 7 == 6,
            ..Settings::default()
        };
        engine.process(&settings, &mut [block]);
    }
    // The second difference of a click at 0.3 amplitude would be about 0.3; of the tone it is 1.2e-4.
    let roughness = output
        .windows(3)
        .skip(4000)
        .map(|w| (w[0] - 2.0 * w[1] + w[2]).abs())
        .fold(0.0, f32::max);
    assert!(roughness < 0.01, "second difference {roughness}");
}
