use super::*;
use crate::augment::Biquad;
use crate::corpus::FULL_BAND_HZ;

const LENGTH: usize = 48_000;

/// Harmonic syllables with pauses: enough like speech for levels and pauses.
fn syllables(bandwidth_hz: f32, seconds: usize) -> Vec<f32> {
    let rate = f64::from(RATE_HZ);
    let tone = |index: usize, hz: f64| (std::f64::consts::TAU * hz / rate * index as f64).sin();
    (0..seconds * 48_000)
        .map(|index| {
            let syllable = tone(index, 2.0).max(0.0);
            let voice = (1..8).map(|order| tone(index, 160.0 * f64::from(order))).sum::<f64>();
            let hiss = tone(index, f64::from(bandwidth_hz) * 0.9) + tone(index, f64::from(bandwidth_hz) * 0.6);
            (syllable * (0.1 * voice + 0.1 * hiss)) as f32
        })
        .collect()
}

fn corpus() -> Corpus {
    let rng = &mut ChaCha8Rng::seed_from_u64(11);
    let hiss: Vec<f32> = (0..20_000).map(|_| rng.random::<f32>() - 0.5).collect();
    let knocks: Vec<f32> = (0..5 * 48_000)
        .map(|index| (-((index % 30_000) as f32) / 900.0).exp())
        .collect();
    let clip = |source: &str, hz, samples: &[f32]| Clip::new(source.into(), hz, samples);
    let speech = vec![
        clip("wide", 20_000.0, &syllables(20_000.0, 4)),
        clip("narrow", 7600.0, &syllables(7600.0, 4)),
    ];
    let noise = vec![clip("hiss", 20_000.0, &hiss), clip("knocks", 20_000.0, &knocks)];
    Corpus::from_clips(speech, noise).unwrap()
}

/// Exactly one noise over the whole example, nothing after the mix is made.
fn plain() -> MixConfig {
    MixConfig {
        pure_noise_share: 0.0,
        noise_count_weights: [0.0, 1.0, 0.0, 0.0],
        clip_chance: 0.0,
        learnt_noise_share: 0.0,
        ..MixConfig::default()
    }
}

fn examples(config: MixConfig, count: u64) -> Vec<Example> {
    let corpus = corpus();
    let mixer = Mixer::new(&corpus, config).unwrap();
    let mut scratch = Scratch::default();
    (0..count)
        .map(|seed| mixer.example(seed, LENGTH, &mut scratch))
        .collect()
}

fn noise_of(example: &Example) -> Vec<f32> {
    example.mix.iter().zip(&example.speech).map(|(x, y)| x - y).collect()
}

/// Share of the power that a steep high-pass leaves, in dB.
fn above_db(signal: &[f32], hz: f32) -> f32 {
    let mut high = signal.to_vec();
    for q in [0.51, 0.6, 0.9, 2.56] {
        Biquad::high_pass(hz, q).run(&mut high);
    }
    let energy = |x: &[f32]| x.iter().map(|y| f64::from(*y).powi(2)).sum::<f64>();
    (10.0 * (energy(&high) / energy(signal)).log10()) as f32
}

#[test]
fn an_example_depends_on_its_seed_alone() {
    let corpus = corpus();
    let mixer = Mixer::new(&corpus, MixConfig::default()).unwrap();
    let mut used = Scratch::default();
    for seed in 0..12 {
        let first = mixer.example(seed, LENGTH, &mut used);
        let again = mixer.example(seed, LENGTH, &mut Scratch::default());
        assert!(first.mix == again.mix && first.speech == again.speech && first.bandwidth_hz == again.bandwidth_hz);
        let other = mixer.example(seed + 1, LENGTH, &mut used);
        assert!(first.mix != other.mix, "seeds {seed} and {} agree", seed + 1);
    }
}

#[test]
fn examples_are_finite_bounded_and_as_long_as_asked() {
    for (seed, example) in examples(MixConfig::default(), 120).into_iter().enumerate() {
        assert_eq!((example.mix.len(), example.speech.len()), (LENGTH, LENGTH));
        let both = || example.mix.iter().chain(&example.speech);
        assert!(both().all(|x| x.is_finite() && x.abs() <= 1.0), "seed {seed}");
        assert!(peak(&example.mix) > 1e-4, "seed {seed} is silent");
        assert!((1000.0..=ALL_FREQUENCIES_HZ).contains(&example.bandwidth_hz));
    }
}

#[test]
fn the_rest_beside_the_speech_has_the_asked_ratio() {
    for snr_db in [-8.0, 0.0, 15.0] {
        let config = MixConfig {
            snr_db: [snr_db; 2],
            snr_mode_db: snr_db,
            high_snr_share: 0.0,
            ..plain()
        };
        for (seed, example) in examples(config, 25).iter().enumerate() {
            let speech = active_power(&example.speech, SPEECH_RANGE_DB);
            let noise = active_power(&noise_of(example), NOISE_RANGE_DB);
            let measured = 10.0 * (speech / noise).log10();
            assert!(
                (measured - snr_db).abs() < 0.2,
                "seed {seed}: {measured} instead of {snr_db} dB"
            );
        }
    }
}

#[test]
fn a_noise_of_which_next_to_nothing_is_left_stays_finite() {
    let corpus = corpus();
    let mixer = Mixer::new(&corpus, plain()).unwrap();
    let mut noise = vec![1e-21; LENGTH];
    mixer.set_snr(&mut ChaCha8Rng::seed_from_u64(1), &syllables(7600.0, 1), &mut noise);
    assert!(noise.iter().all(|x| x.is_finite()));
}

#[test]
fn the_level_is_met_unless_it_would_clip() {
    let config = MixConfig {
        level_db: [-40.0, -40.0],
        ..plain()
    };
    for example in examples(config, 20) {
        let measured = 10.0 * active_power(&example.mix, NOISE_RANGE_DB).log10();
        assert!((measured + 40.0).abs() < 0.2, "{measured}");
    }
    let loud = MixConfig {
        level_db: [-1.0, -1.0],
        ..plain()
    };
    for example in examples(loud, 10) {
        assert!(peak(&example.mix).max(peak(&example.speech)) <= PEAK_LIMIT + 1e-5);
    }
}

#[test]
fn clean_and_speechless_examples_exist_when_asked_for() {
    let clean = MixConfig {
        noise_count_weights: [1.0, 0.0, 0.0, 0.0],
        ..plain()
    };
    assert!(
        examples(clean, 10)
            .iter()
            .all(|example| example.mix == example.speech && peak(&example.speech) > 0.0)
    );
    let noise_only = MixConfig {
        pure_noise_share: 1.0,
        noise_count_weights: [1.0, 0.0, 0.0, 0.0],
        ..plain()
    };
    for example in examples(noise_only, 10) {
        assert_eq!(peak(&example.speech), 0.0);
        assert!(peak(&example.mix) > 0.0);
        assert_eq!(example.bandwidth_hz, ALL_FREQUENCIES_HZ);
    }
}

#[test]
fn narrow_speech_is_either_unknown_or_empty_above_its_bandwidth() {
    let narrow = MixConfig {
        full_band_share: 0.0,
        speech_eq_chance: 0.0,
        band_limit_chance: 0.0,
        ..plain()
    };
    let noisy = MixConfig {
        snr_db: [0.0; 2],
        snr_mode_db: 0.0,
        high_snr_share: 0.0,
        ..narrow
    };
    for example in examples(
        MixConfig {
            band_unknown_share: 1.0,
            ..noisy.clone()
        },
        15,
    ) {
        assert!(
            (7600.0 * 0.61..7600.0 * 1.56).contains(&example.bandwidth_hz),
            "{}",
            example.bandwidth_hz
        );
        assert!(above_db(&noise_of(&example), 1.7 * example.bandwidth_hz) < -25.0);
    }
    let mut full_band_noises = 0;
    for example in examples(
        MixConfig {
            band_unknown_share: 0.0,
            ..noisy
        },
        15,
    ) {
        assert_eq!(example.bandwidth_hz, ALL_FREQUENCIES_HZ);
        assert!(above_db(&example.speech, 13_000.0) < -30.0);
        full_band_noises += usize::from(above_db(&noise_of(&example), 13_000.0) > -20.0);
    }
    assert!(full_band_noises >= 3, "{full_band_noises}");
}

#[test]
fn full_band_speech_takes_its_share() {
    let config = MixConfig {
        band_unknown_share: 1.0,
        ..plain()
    };
    let full = examples(config, 300)
        .iter()
        .filter(|example| example.bandwidth_hz > FULL_BAND_HZ)
        .count();
    assert!((40..=80).contains(&full), "{full} of 300");
}

#[test]
fn clipping_changes_the_mix_and_not_the_speech() {
    let quiet = MixConfig {
        level_db: [-40.0, -30.0],
        ..plain()
    };
    let clipped = examples(
        MixConfig {
            clip_chance: 1.0,
            ..quiet.clone()
        },
        10,
    );
    for (clean, clipped) in examples(quiet, 10).iter().zip(&clipped) {
        assert!(clean.speech == clipped.speech);
        assert!(peak(&clipped.mix) < 0.95 * peak(&clean.mix));
    }
}

#[test]
fn short_clips_repeat_without_a_gap() {
    let clip = Clip::new("hum".into(), 20_000.0, &vec![0.5; 7000]);
    let long = noise::repeat(&mut ChaCha8Rng::seed_from_u64(3), &clip, 50_000);
    // Joints of equal samples rise by at most sqrt(2), never fall.
    assert!(
        long.iter()
            .all(|x| (0.89..=0.91 * std::f32::consts::SQRT_2).contains(x))
    );
}

#[test]
fn the_triangle_has_its_range_and_mean() {
    let rng = &mut ChaCha8Rng::seed_from_u64(2);
    let draws: Vec<f32> = (0..20_000).map(|_| triangular(rng, [-8.0, 25.0], -2.0)).collect();
    assert!(draws.iter().all(|x| (-8.0..=25.0).contains(x)));
    assert!((draws.iter().sum::<f32>() / 20_000.0 - 5.0).abs() < 0.2);
    assert_eq!(triangular(rng, [3.0, 3.0], 3.0), 3.0);
}

#[test]
fn a_senseless_configuration_is_refused_by_name() {
    let corpus = corpus();
    let refusal = |config| Mixer::new(&corpus, config).err().unwrap().to_string();
    let share = MixConfig {
        clip_chance: 1.5,
        ..MixConfig::default()
    };
    assert_eq!(refusal(share), "clip_chance must be between 0 and 1, not 1.5");
    let order = MixConfig {
        noise_speed: [1.4, 0.7],
        ..MixConfig::default()
    };
    assert!(refusal(order).starts_with("noise_speed must lie"));
    let strength = MixConfig {
        noise_texture_strength: [0.3, 1.5],
        ..MixConfig::default()
    };
    assert!(refusal(strength).starts_with("noise_texture_strength must lie"));
    let count = MixConfig {
        noise_count_weights: [0.0; 4],
        ..MixConfig::default()
    };
    assert!(refusal(count).starts_with("noise_count_weights"));
    assert!(
        refusal(MixConfig {
            rt60_s: [f32::NAN, 1.0],
            ..MixConfig::default()
        })
        .starts_with("rt60_s")
    );
}

#[test]
fn a_configuration_file_may_name_only_what_differs() {
    let config: MixConfig = serde_json::from_str(r#"{"clip_chance": 0.2}"#).unwrap();
    assert_eq!(
        config,
        MixConfig {
            clip_chance: 0.2,
            ..MixConfig::default()
        }
    );
    assert!(serde_json::from_str::<MixConfig>(r#"{"clip_chanse": 0.2}"#).is_err());
}

#[test]
fn some_examples_bring_another_stretch_of_their_noise() {
    let config = MixConfig {
        learnt_noise_share: 1.0,
        learnt_noise_s: [1.0, 2.0],
        learnt_amiss_share: 0.0,
        ..plain()
    };
    for example in examples(config, 10) {
        let seconds = example.learnt_noise.len() as f32 / RATE_HZ;
        assert!((1.0..=2.0).contains(&seconds), "{seconds} s");
        assert!(example.learnt_noise.iter().all(|x| x.is_finite()));
    }
    assert!(
        examples(plain(), 10)
            .iter()
            .all(|example| example.learnt_noise.is_empty())
    );
}

/// One recorded noise and nothing that changes it.
fn untouched() -> MixConfig {
    MixConfig {
        recorded_noise_share: 1.0,
        noise_speed_chance: 0.0,
        noise_grain_chance: 0.0,
        noise_texture_chance: 0.0,
        noise_reverse_chance: 0.0,
        noise_reverb_chance: 0.0,
        noise_eq_chance: 0.0,
        noise_fade_chance: 0.0,
        band_limit_chance: 0.0,
        band_unknown_share: 0.0,
        level_db: [-40.0, -40.0],
        snr_db: [0.0; 2],
        snr_mode_db: 0.0,
        high_snr_share: 0.0,
        ..plain()
    }
}

/// Correlation of two signals, -1..=1.
fn likeness(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn a_reversed_noise_is_the_same_backwards() {
    let reversed = MixConfig {
        noise_reverse_chance: 1.0,
        ..untouched()
    };
    for (plain, reversed) in examples(untouched(), 10).iter().zip(&examples(reversed, 10)) {
        let mut backwards = noise_of(reversed);
        assert!(likeness(&noise_of(plain), &backwards) < 0.9);
        backwards.reverse();
        assert!(likeness(&noise_of(plain), &backwards) > 0.999);
    }
}

#[test]
fn each_change_of_a_noise_changes_it_and_leaves_the_speech() {
    let with = |change: fn(&mut MixConfig)| {
        let mut config = untouched();
        change(&mut config);
        config
    };
    let grains = with(|config| config.noise_grain_chance = 1.0);
    let texture = with(|config| config.noise_texture_chance = 1.0);
    let reverb = with(|config| config.noise_reverb_chance = 1.0);
    let plain = examples(untouched(), 6);
    for config in [grains, texture, reverb] {
        for (plain, changed) in plain.iter().zip(&examples(config, 6)) {
            let noise = noise_of(changed);
            assert!(noise.iter().all(|x| x.is_finite()) && peak(&noise) > 1e-4);
            assert!(likeness(&noise_of(plain), &noise).abs() < 0.99);
            assert!(likeness(&plain.speech, &changed.speech) > 0.999);
        }
    }
}

#[test]
fn a_room_fills_the_pauses_of_a_noise() {
    let corpus = corpus();
    let knocks = Corpus::from_clips(
        vec![Clip::new("wide".into(), 20_000.0, &syllables(20_000.0, 4))],
        corpus
            .noise
            .into_iter()
            .filter(|clip| clip.source == "knocks")
            .collect(),
    )
    .unwrap();
    let quietest_db = |noise_reverb_chance| {
        let config = MixConfig {
            noise_reverb_chance,
            noise_rt60_s: [0.6, 0.6],
            ..untouched()
        };
        let mixer = Mixer::new(&knocks, config).unwrap();
        let example = mixer.example(3, LENGTH, &mut Scratch::default());
        let noise = noise_of(&example);
        let powers = noise
            .chunks(2400)
            .map(|x| x.iter().map(|y| y * y).sum::<f32>() / 2400.0);
        let quietest = powers.fold(f32::MAX, f32::min);
        10.0 * (quietest / active_power(&noise, NOISE_RANGE_DB)).max(1e-12).log10()
    };
    assert!(quietest_db(1.0) > quietest_db(0.0) + 10.0);
}
