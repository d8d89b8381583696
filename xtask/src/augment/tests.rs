use std::f32::consts::FRAC_1_SQRT_2;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;

fn sine(hz: f32, length: usize) -> Vec<f32> {
    (0..length)
        .map(|index| (std::f64::consts::TAU * f64::from(hz / RATE_HZ) * index as f64).sin() as f32)
        .collect()
}

/// Level of a filtered sine against the unfiltered one, in dB, after the filter has settled.
fn gain_db(hz: f32, filter: impl Fn(&mut [f32])) -> f32 {
    let dry = sine(hz, 48_000);
    let mut wet = dry.clone();
    filter(&mut wet);
    let energy = |signal: &[f32]| signal[24_000..].iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
    (10.0 * (energy(&wet) / energy(&dry)).log10()) as f32
}

fn assert_near(value: f32, expected: f32, tolerance: f32) {
    assert!(
        (value - expected).abs() <= tolerance,
        "{value} is not within {tolerance} of {expected}"
    );
}

#[test]
fn shelves_and_bells_reach_their_gain_on_their_side_only() {
    for gain in [-12.0, 9.0] {
        let low = |x: &mut [f32]| Biquad::low_shelf(500.0, 0.7, gain).run(x);
        assert_near(gain_db(30.0, low), gain, 0.3);
        assert_near(gain_db(12_000.0, low), 0.0, 0.3);
        let high = |x: &mut [f32]| Biquad::high_shelf(2000.0, 0.7, gain).run(x);
        assert_near(gain_db(50.0, high), 0.0, 0.3);
        assert_near(gain_db(18_000.0, high), gain, 0.3);
        let bell = |x: &mut [f32]| Biquad::peak(1000.0, 2.0, gain).run(x);
        assert_near(gain_db(1000.0, bell), gain, 0.1);
        assert_near(gain_db(50.0, bell), 0.0, 0.1);
    }
}

#[test]
fn passes_have_their_corner_at_minus_3_db() {
    assert_near(
        gain_db(100.0, |x| Biquad::high_pass(100.0, FRAC_1_SQRT_2).run(x)),
        -3.0,
        0.1,
    );
    assert_near(
        gain_db(4000.0, |x| Biquad::low_pass(4000.0, FRAC_1_SQRT_2).run(x)),
        -3.0,
        0.1,
    );
    assert_near(gain_db(700.0, |x| Biquad::band_pass(700.0, 5.0).run(x)), 0.0, 0.1);
}

#[test]
fn the_band_limit_is_flat_below_and_empty_above() {
    assert_near(gain_db(6000.0, |x| band_limit(x, 8000.0)), 0.0, 0.2);
    assert_near(gain_db(8000.0, |x| band_limit(x, 8000.0)), -3.0, 0.2);
    assert!(gain_db(13_000.0, |x| band_limit(x, 8000.0)) < -40.0);
}

#[test]
fn a_cascade_equals_its_sections_one_by_one() {
    let sections = [
        Biquad::low_shelf(200.0, 0.7, 6.0),
        Biquad::peak(900.0, 1.0, -9.0),
        Biquad::high_shelf(5000.0, 0.7, 3.0),
        Biquad::low_pass(9000.0, 0.7),
        Biquad::high_pass(80.0, 0.7),
    ];
    let mut together = Cascade::default();
    let mut one_by_one = sine(440.0, 2000);
    let mut at_once = one_by_one.clone();
    for section in sections {
        together.push(section);
        section.run(&mut one_by_one);
    }
    together.run(&mut at_once);
    let difference = at_once
        .iter()
        .zip(&one_by_one)
        .map(|(x, y)| (x - y).abs())
        .fold(0.0, f32::max);
    assert!(difference < 1e-5, "{difference}");
}

#[test]
fn speed_moves_the_pitch_and_keeps_the_waveform() {
    for (hz, speed) in [(440.0, 0.85), (5000.0, 1.18), (12_000.0, 1.0), (9000.0, 1.4)] {
        let length = 4000;
        let change = SpeedChange::new(speed);
        let fast = change.run(&sine(hz, change.input_samples(length)), length);
        // The best-fitting sine of the expected pitch must leave next to nothing.
        let expected_hz = f64::from(hz) * f64::from(speed);
        let (mut re, mut im) = (0.0, 0.0);
        let angle = |index: usize| std::f64::consts::TAU * expected_hz / f64::from(RATE_HZ) * index as f64;
        for (index, x) in fast.iter().enumerate() {
            re += f64::from(*x) * angle(index).cos();
            im += f64::from(*x) * angle(index).sin();
        }
        let energy: f64 = fast.iter().map(|x| f64::from(*x).powi(2)).sum();
        let explained = 2.0 * (re * re + im * im) / length as f64;
        assert!(
            explained > 0.998 * energy,
            "{hz} Hz at speed {speed}: {explained} of {energy}"
        );
        assert!(energy > 0.4 * length as f64, "{hz} Hz at speed {speed} lost its level");
    }
}

#[test]
fn active_power_ignores_silence_around_a_sound() {
    let mut signal = vec![0.0; 48_000];
    signal[9600..19_200].fill(0.5);
    assert_near(active_power(&signal, 30.0), 0.25, 1e-6);
    assert_eq!(active_power(&[0.0; 960], 30.0), 0.0);
    normalise(&mut signal, 30.0);
    assert_near(active_power(&signal, 30.0), 1.0, 1e-5);
}

#[test]
fn convolution_equals_its_definition() {
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    let signal: Vec<f32> = (0..700).map(|_| uniform(rng, [-1.0, 1.0])).collect();
    let response: Vec<f32> = (0..90).map(|_| uniform(rng, [-1.0, 1.0])).collect();
    let mut fast = signal.clone();
    Spectral::default().convolve(&mut fast, &response);
    for (index, value) in fast.iter().enumerate() {
        let direct: f32 = response
            .iter()
            .take(index + 1)
            .enumerate()
            .map(|(at, h)| h * signal[index - at])
            .sum();
        assert_near(*value, direct, 1e-4);
    }
}

#[test]
fn a_room_has_the_asked_decay_and_ratio() {
    let rng = &mut ChaCha8Rng::seed_from_u64(4);
    let response = room_response(rng, 0.5, 6.0);
    let energy = |part: &[f32]| part.iter().map(|x| x * x).sum::<f32>();
    assert_eq!(response[0], 1.0);
    assert_near(10.0 * (1.0 / energy(&response[1..])).log10(), 6.0, 0.1);
    let frame = 2400;
    let early = energy(&response[frame..2 * frame]);
    let late = energy(&response[5 * frame..6 * frame]);
    // Four frames of 50 ms at 60 dB per 0.5 s.
    assert_near(10.0 * (early / late).log10(), 24.0, 2.0);
}

#[test]
fn clipping_bounds_and_keeps_small_values() {
    let loud: Vec<f32> = sine(500.0, 960).iter().map(|x| 4.0 * x).collect();
    for soft in [false, true] {
        let mut clipped = loud.clone();
        clip(&mut clipped, 0.5, soft);
        assert!(peak(&clipped) <= 0.5 && peak(&clipped) > 0.45);
        let mut small = [0.01];
        clip(&mut small, 0.5, soft);
        assert_near(small[0], 0.01, 1e-5);
    }
}

#[test]
fn fades_silence_one_side_and_leave_the_other() {
    let mut signal = vec![1.0; 100];
    fade_in(&mut signal, 20, 10);
    fade_out(&mut signal, 80, 10);
    assert!(signal[..20].iter().chain(&signal[80..]).all(|x| *x == 0.0));
    assert!(signal[30..70].iter().all(|x| *x == 1.0));
    assert!(signal[20..30].is_sorted() && signal[70..80].iter().rev().is_sorted());
}

#[test]
fn wandering_stays_in_range_and_moves_smoothly() {
    let rng = &mut ChaCha8Rng::seed_from_u64(5);
    let curve = wander(rng, 480_000, 0.5);
    assert_eq!(curve.len(), control_points(480_000));
    assert!(curve.iter().all(|x| x.abs() <= 1.0));
    assert!(curve.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 0.07), "a jump");
    assert!(peak(&curve) > 0.5, "it hardly moved");
}

#[test]
fn a_gain_curve_is_met_at_its_points() {
    let mut signal = vec![1.0; 3 * CONTROL_SAMPLES];
    apply_gain_curve(&mut signal, &[0.0, -6.0, 6.0, 0.0]);
    assert_near(signal[0], 1.0, 1e-5);
    assert_near(signal[CONTROL_SAMPLES], db_to_gain(-6.0), 1e-4);
    assert_near(signal[2 * CONTROL_SAMPLES], db_to_gain(6.0), 1e-4);
}

/// Level of each 20 ms frame, in dB.
fn levels_db(signal: &[f32]) -> Vec<f32> {
    let power = |frame: &[f32]| frame.iter().map(|x| x * x).sum::<f32>() / frame.len() as f32;
    signal.chunks(960).map(|x| 10.0 * (power(x) + 1e-12).log10()).collect()
}

fn hiss(seed: u64, length: usize) -> Vec<f32> {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    (0..length).map(|_| uniform(rng, [-1.0, 1.0])).collect()
}

/// Hiss that swings by 40 dB, twice a second.
fn swinging_hiss(seed: u64, length: usize) -> Vec<f32> {
    let swing = sine(2.0, length);
    let mut hiss = hiss(seed, length);
    hiss.iter_mut().zip(swing).for_each(|(x, y)| *x *= db_to_gain(20.0 * y));
    hiss
}

#[test]
fn texture_brings_the_rhythm_of_another_sound_by_its_strength() {
    let envelope = swinging_hiss(1, 96_000);
    let fine = hiss(2, 96_000);
    let swing_db = |signal: &[f32]| {
        let mut levels = levels_db(signal);
        levels.sort_by(f32::total_cmp);
        levels[levels.len() * 9 / 10] - levels[levels.len() / 10]
    };
    let swing_at = |strength| {
        let mut signal = fine.clone();
        Spectral::default().transfer_texture(&mut signal, &envelope, strength);
        swing_db(&signal)
    };
    let expected = swing_db(&envelope);
    assert!(expected > 30.0);
    assert_near(swing_at(1.0), expected, 6.0);
    assert_near(swing_at(0.5), 0.5 * expected, 4.0);
    let mut same = fine.clone();
    Spectral::default().transfer_texture(&mut same, &envelope, 0.0);
    for (x, y) in same.iter().zip(&fine) {
        assert_near(*x, *y, 1e-4);
    }
}

#[test]
fn texture_keeps_the_fine_structure() {
    let mut tone = sine(1000.0, 48_000);
    Spectral::default().transfer_texture(&mut tone, &swinging_hiss(3, 48_000), 1.0);
    let energy = |x: &[f32]| x.iter().map(|y| f64::from(*y).powi(2)).sum::<f64>();
    let mut around = tone.clone();
    Biquad::band_pass(1000.0, 5.0).run(&mut around);
    assert!(energy(&around) > 0.9 * energy(&tone));
}

#[test]
fn texture_gains_are_bounded_whatever_the_envelope() {
    for (fine, envelope) in [
        (hiss(4, 20_000), vec![0.0; 20_000]),
        (hiss(4, 20_000), sine(5000.0, 20_000)),
        (sine(5000.0, 20_000), hiss(5, 20_000)),
        (vec![0.0; 500], vec![]),
    ] {
        let mut signal = fine.clone();
        Spectral::default().transfer_texture(&mut signal, &envelope, 1.0);
        assert!(signal.iter().all(|x| x.is_finite()));
        for (after, before) in levels_db(&signal).iter().zip(levels_db(&fine)) {
            assert!(
                (after - before).abs() < texture::MAX_GAIN_DB + 3.0,
                "{before} became {after} dB"
            );
        }
    }
}

#[test]
fn formants_move_and_the_pitch_stays() {
    let voice = |formant_hz: f32| {
        let mut voice = vec![0.0; 48_000];
        for order in 1..=40 {
            let partial = sine(150.0 * order as f32, voice.len());
            voice.iter_mut().zip(&partial).for_each(|(x, y)| *x += y);
        }
        Biquad::band_pass(formant_hz, 3.0).run(&mut voice);
        voice
    };
    // What is left between the partials once the pitch is taken out.
    let unpitched = |x: &[f32]| {
        let period = 320;
        let rest = x[period..].iter().zip(x).map(|(now, before)| (now - before).powi(2));
        rest.sum::<f32>() / x.iter().map(|y| y * y).sum::<f32>()
    };
    let band_db = |x: &[f32], hz: f32| {
        let mut band = x.to_vec();
        Biquad::band_pass(hz, 6.0).run(&mut band);
        10.0 * (peak(&band[24_000..47_000]) / peak(&x[24_000..47_000])).log10()
    };
    for (octaves, expected_hz) in [(0.4, 1320.0), (-0.4, 758.0)] {
        let mut moved = voice(1000.0);
        Spectral::default().shift_formants(&mut moved, octaves);
        assert!(unpitched(&moved[2000..46_000]) < 0.01, "{octaves}: the pitch is lost");
        let wanted = voice(expected_hz);
        for hz in [1000.0, expected_hz] {
            assert_near(band_db(&moved, hz), band_db(&wanted, hz), 2.0);
        }
    }
    let mut same = hiss(9, 20_000);
    Spectral::default().shift_formants(&mut same, 0.0);
    for (x, y) in same.iter().zip(&hiss(9, 20_000)) {
        assert_near(*x, *y, 1e-4);
    }
}

fn grains(speed: [f32; 2], gain_db: f32) -> Grains {
    Grains {
        length_s: [0.03, 0.4],
        speed,
        gain_db,
    }
}

#[test]
fn grains_join_without_a_gap_and_differ_by_their_gain() {
    for seed in 0..8 {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let flat = grains([0.6, 1.6], 0.0).render(rng, 50_000, |_, grain| grain.fill(1.0));
        assert_eq!(flat.len(), 50_000);
        assert!(flat.iter().all(|x| (0.97..1.46).contains(x)), "seed {seed}");
        let rough = grains([0.6, 1.6], 6.0).render(rng, 50_000, |_, grain| grain.fill(1.0));
        let (low, high) = rough
            .iter()
            .fold((f32::MAX, 0.0_f32), |(low, high), x| (low.min(*x), high.max(*x)));
        assert!(
            low > 0.49 && high < 2.9 && high > 1.5 * low,
            "seed {seed}: {low} to {high}"
        );
    }
}

#[test]
fn grains_move_the_pitch_within_their_range() {
    let (mut moved, mut lower, mut higher) = (0, 0, 0);
    for seed in 0..12 {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let tone = sine(2000.0, 60_000);
        let out = grains([0.6, 1.6], 6.0).render(rng, 48_000, |rng, grain| {
            let start = rng.random_range(0..1000);
            grain.copy_from_slice(&tone[start..start + grain.len()]);
        });
        let energy = |x: &[f32]| x.iter().map(|y| f64::from(*y).powi(2)).sum::<f64>();
        let mut outside = out.clone();
        band_limit(&mut outside, 900.0);
        assert!(
            energy(&outside) < 0.02 * energy(&out),
            "seed {seed} falls far below 1200 Hz"
        );
        let mut original = out.clone();
        Biquad::band_pass(2000.0, 20.0).run(&mut original);
        moved += usize::from(energy(&original) < 0.6 * energy(&out));
        let (mut low, mut high) = (out.clone(), out.clone());
        band_limit(&mut low, 1800.0);
        Biquad::high_pass(2600.0, 2.0).run(&mut high);
        lower += usize::from(energy(&low) > 0.1 * energy(&out));
        higher += usize::from(energy(&high) > 0.25 * energy(&out));
    }
    assert!(
        lower >= 2 && higher >= 2,
        "{lower} with lower, {higher} with higher grains"
    );
    assert!((2..=10).contains(&moved), "{moved} of 12 re-pitched");
}
