use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use realfft::RealFftPlanner;

use super::*;
use crate::augment::peak;

const LENGTH: usize = 96_000;

fn make(kind: Kind, seed: u64) -> Vec<f32> {
    generate(
        kind,
        LENGTH,
        &mut ChaCha8Rng::seed_from_u64(seed),
        &mut Spectral::default(),
    )
}

/// Power per bin and the bin spacing in Hz, over the whole signal.
fn power_spectrum(signal: &[f32]) -> (Vec<f32>, f32) {
    let forward = RealFftPlanner::<f32>::new().plan_fft_forward(signal.len());
    let mut input = signal.to_vec();
    let mut spectrum = forward.make_output_vec();
    forward.process(&mut input, &mut spectrum).unwrap();
    (
        spectrum.iter().map(|x| x.norm_sqr()).collect(),
        RATE_HZ / signal.len() as f32,
    )
}

/// Share of the power between two frequencies.
fn share(signal: &[f32], low_hz: f32, high_hz: f32) -> f32 {
    let (power, bin_hz) = power_spectrum(signal);
    let inside = &power[(low_hz / bin_hz) as usize..((high_hz / bin_hz) as usize).min(power.len())];
    inside.iter().sum::<f32>() / power.iter().sum::<f32>()
}

/// Mean power density around a frequency (a third of an octave), in dB.
fn density_db(signal: &[f32], hz: f32) -> f32 {
    let (power, bin_hz) = power_spectrum(signal);
    let band = &power[(hz / 1.12 / bin_hz) as usize..(hz * 1.12 / bin_hz) as usize];
    10.0 * (band.iter().sum::<f32>() / band.len() as f32).log10()
}

#[test]
fn every_kind_sounds_and_depends_on_its_seed_alone() {
    let mut used = Spectral::default();
    for (kind, _) in KINDS {
        for seed in 0..8 {
            let noise = make(kind, seed);
            assert_eq!(noise.len(), LENGTH);
            assert!(noise.iter().all(|x| x.is_finite()), "{kind:?} {seed}");
            assert!((active_power_of(&noise) - 1.0).abs() < 1e-3, "{kind:?} {seed}");
            let again = generate(kind, LENGTH, &mut ChaCha8Rng::seed_from_u64(seed), &mut used);
            assert!(noise == again, "{kind:?} {seed} changed");
            assert!(noise != make(kind, seed + 100), "{kind:?} ignores its seed");
        }
    }
}

fn active_power_of(noise: &[f32]) -> f32 {
    crate::augment::active_power(noise, ACTIVE_RANGE_DB)
}

#[test]
fn any_length_works() {
    for (kind, _) in KINDS {
        for length in [1, 479, 480, 1000, 48_001] {
            let noise = generate(
                kind,
                length,
                &mut ChaCha8Rng::seed_from_u64(1),
                &mut Spectral::default(),
            );
            assert_eq!(noise.len(), length);
            assert!(noise.iter().all(|x| x.is_finite()), "{kind:?} {length}");
        }
    }
}

#[test]
fn coloured_noise_has_the_asked_slope() {
    let mut spectral = Spectral::default();
    for slope in [-12.0, -6.0, -3.0, 0.0, 6.0] {
        let rng = &mut ChaCha8Rng::seed_from_u64(2);
        let noise = spectral.noise(rng, LENGTH, |hz| coloured(hz, slope));
        let measured = (density_db(&noise, 8000.0) - density_db(&noise, 250.0)) / 5.0;
        assert!(
            (measured - slope).abs() < 0.3,
            "{measured} instead of {slope} dB per octave"
        );
    }
}

#[test]
fn shaped_noise_follows_its_curve() {
    let rng = &mut ChaCha8Rng::seed_from_u64(7);
    let shape = random_shape(rng);
    let noise = Spectral::default().noise(rng, LENGTH, &shape);
    let reference_db = density_db(&noise, 1000.0) - shape(1000.0);
    for hz in [125.0, 500.0, 2000.0, 4000.0, 12_000.0] {
        let error_db = density_db(&noise, hz) - shape(hz) - reference_db;
        assert!(error_db.abs() < 3.0, "{hz} Hz is off by {error_db} dB");
    }
}

#[test]
fn random_shapes_differ_by_many_decibels() {
    let rng = &mut ChaCha8Rng::seed_from_u64(8);
    let shapes: Vec<_> = (0..50).map(|_| random_shape(rng)).collect();
    let tilts: Vec<f32> = shapes.iter().map(|shape| shape(4000.0) - shape(500.0)).collect();
    let mean = tilts.iter().sum::<f32>() / 50.0;
    let deviation = (tilts.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 50.0).sqrt();
    assert!((6.0..20.0).contains(&deviation), "{deviation}");
}

#[test]
fn rumble_and_wind_are_low() {
    for seed in 0..10 {
        let rumble = make(Kind::Rumble, seed);
        assert!(share(&rumble, 0.0, 600.0) > 0.9, "rumble {seed}");
        let wind = make(Kind::Wind, seed);
        assert!(share(&wind, 0.0, 1500.0) > 0.9, "wind {seed}");
    }
}

#[test]
fn hum_sits_on_mains_harmonics() {
    for seed in 0..6 {
        let noise = make(Kind::Hum, seed);
        let (power, bin_hz) = power_spectrum(&noise);
        let on_harmonics = |f0: f32| {
            let near = |bin: &usize| {
                let order = *bin as f32 * bin_hz / f0;
                order > 0.5 && (order - order.round()).abs() * f0 < 2.0 + 0.005 * *bin as f32 * bin_hz
            };
            (0..(1500.0 / bin_hz) as usize)
                .filter(near)
                .map(|bin| power[bin])
                .sum::<f32>()
        };
        let below: f32 = power[..(1500.0 / bin_hz) as usize].iter().sum();
        assert!(on_harmonics(50.0).max(on_harmonics(60.0)) > 0.9 * below, "hum {seed}");
    }
}

#[test]
fn bands_leave_most_of_the_spectrum_empty() {
    let emptiness_db = |seed| {
        let noise = make(Kind::Bands, seed);
        let mut levels: Vec<f32> = (0..24)
            .map(|third| density_db(&noise, 60.0 * (third as f32 / 3.0).exp2()))
            .collect();
        levels.sort_by(f32::total_cmp);
        levels[23] - levels[12]
    };
    let mean = (0..12).map(emptiness_db).sum::<f32>() / 12.0;
    assert!(
        mean > 25.0,
        "the middle third of an octave lies only {mean} dB below the loudest"
    );
}

#[test]
fn clicks_and_crackle_are_peaky_and_steady_noise_is_not() {
    let crest = |noise: &[f32]| peak(noise) / (noise.iter().map(|x| x * x).sum::<f32>() / LENGTH as f32).sqrt();
    let mean = |kind| (0..12).map(|seed| crest(&make(kind, seed))).sum::<f32>() / 12.0;
    assert!(mean(Kind::Clicks) > 8.0);
    assert!(mean(Kind::Crackle) > 8.0);
    assert!(mean(Kind::Shaped) < 7.0);
}

#[test]
fn modulated_noise_swings_and_shaped_noise_stays() {
    let swing_db = |kind, seed| {
        let noise = make(kind, seed);
        let mut levels: Vec<f32> = noise
            .chunks(2400)
            .map(|x| x.iter().map(|y| y * y).sum::<f32>())
            .collect();
        levels.sort_by(f32::total_cmp);
        10.0 * (levels[levels.len() * 9 / 10] / levels[levels.len() / 10]).log10()
    };
    let mean = |kind| (0..12).map(|seed| swing_db(kind, seed)).sum::<f32>() / 12.0;
    let (modulated, shaped) = (mean(Kind::Modulated), mean(Kind::Shaped));
    assert!(
        modulated > 5.0 && modulated > shaped + 2.0,
        "{modulated} against {shaped} dB"
    );
}

/// Smallest share of all bins that holds 80 % of the power.
fn line_share(signal: &[f32]) -> f32 {
    let (mut power, _) = power_spectrum(signal);
    power.sort_by(|a, b| b.total_cmp(a));
    let wanted = 0.8 * power.iter().sum::<f32>();
    let mut sum = 0.0;
    let count = power.iter().take_while(|x| {
        sum += **x;
        sum < wanted
    });
    count.count() as f32 / power.len() as f32
}

#[test]
fn clinks_are_bright_peaky_and_tonal() {
    let raw = |seed| tonal::clinks(&mut ChaCha8Rng::seed_from_u64(seed), LENGTH);
    let (mut crest, mut lines) = (0.0, 0.0);
    for seed in 0..12 {
        let noise = raw(seed);
        assert!(share(&noise, 600.0, 24_000.0) > 0.95, "clinks {seed} are dull");
        crest += peak(&noise) / (noise.iter().map(|x| x * x).sum::<f32>() / LENGTH as f32).sqrt() / 12.0;
        lines += line_share(&noise) / 12.0;
    }
    assert!(crest > 6.0, "crest factor {crest}");
    assert!(lines < 0.1, "80 % of the power fill {lines} of the spectrum");
}

#[test]
fn calls_are_tones_without_low_frequencies() {
    let mut lines = 0.0;
    for seed in 0..16 {
        let noise = tonal::calls(&mut ChaCha8Rng::seed_from_u64(seed), LENGTH);
        assert!(share(&noise, 250.0, 21_700.0) > 0.98, "calls {seed}");
        lines += line_share(&noise) / 16.0;
    }
    assert!(lines < 0.05, "80 % of the power fill {lines} of the spectrum");
}

#[test]
fn a_ring_has_its_pitch_rise_and_decay() {
    let mut rising = vec![0.0; 4800];
    let ring = partials::Ring {
        hz: 1000.0,
        rise_per_s: 1000.0,
        decay_s: 0.1,
        gain: 1.0,
    };
    ring.add_to(&mut rising);
    let crossings = |x: &[f32]| x.windows(2).filter(|pair| (pair[0] < 0.0) != (pair[1] < 0.0)).count() as f32;
    // Mean pitch over each half of 50 ms, from the integral of 1000 * 1000^t.
    for (half, expected_hz) in [(&rising[..2400], 1194.0), (&rising[2400..4790], 1687.0)] {
        let hz = crossings(half) / 2.0 / (half.len() as f32 / RATE_HZ);
        assert!((hz - expected_hz).abs() < 30.0, "{hz} instead of {expected_hz} Hz");
    }
    let energy = |x: &[f32]| x.iter().map(|y| y * y).sum::<f32>();
    let fall_db = 10.0 * (energy(&rising[..480]) / energy(&rising[2400..2880])).log10();
    assert!((fall_db - 30.0).abs() < 1.0, "{fall_db}");
}

#[test]
fn bubbles_stay_in_their_range() {
    for seed in 0..12 {
        let noise = tonal::bubbles(&mut ChaCha8Rng::seed_from_u64(seed), LENGTH);
        assert!(share(&noise, 250.0, 12_000.0) > 0.97, "bubbles {seed}");
    }
}

#[test]
fn kinds_are_drawn_by_their_share() {
    let sampler = KindSampler::default();
    let rng = &mut ChaCha8Rng::seed_from_u64(6);
    let draws: Vec<Kind> = (0..20_000).map(|_| sampler.pick(rng)).collect();
    let total: f32 = KINDS.iter().map(|(_, share)| share).sum();
    for (kind, share) in KINDS {
        let drawn = draws.iter().filter(|other| **other == kind).count() as f32 / draws.len() as f32;
        assert!((drawn - share / total).abs() < 0.015, "{kind:?}: {drawn}");
    }
}
