use std::path::Path;

use super::log_mmse::exponential_integral;
use super::*;
use crate::metrics::si_sdr_db;
use crate::resample::resample;

/// A synthesised voice at 48 kHz.
fn speech() -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/espeak_male_16k.wav");
    let mut reader = hound::WavReader::open(path).unwrap();
    let samples: Vec<f32> = reader
        .samples::<i16>()
        .map(|x| f32::from(x.unwrap()) / 32_768.0)
        .collect();
    resample(&samples, 16_000, SAMPLE_RATE_HZ).unwrap()
}

fn noise(length: usize, amplitude: f32) -> Vec<f32> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        amplitude * ((state >> 8) as f32 / (1 << 23) as f32 - 1.0)
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn noisy_pair() -> Pair {
    let clean = speech();
    let noisy = clean.iter().zip(noise(clean.len(), 0.04)).map(|(s, n)| s + n).collect();
    Pair {
        noise_type: "white".to_owned(),
        snr_db: 5.0,
        score_rate_hz: 48_000,
        noisy,
        clean,
        earlier_noise: Vec::new(),
    }
}

/// Shift of `estimate` against `reference` in samples at which their correlation is largest, within +-600.
fn delay_samples(estimate: &[f32], reference: &[f32]) -> i64 {
    let correlation = |lag: &i64| -> f64 {
        let inside = |n: usize| usize::try_from(n as i64 - lag).ok().and_then(|m| reference.get(m));
        estimate
            .iter()
            .enumerate()
            .filter_map(|(n, e)| inside(n).map(|r| f64::from(e * r)))
            .sum()
    };
    (-600..=600)
        .max_by(|a, b| correlation(a).total_cmp(&correlation(b)))
        .unwrap()
}

#[test]
fn no_peer_is_delayed_or_cut() {
    let pair = noisy_pair();
    let config = &unfold::model_file::shipped().config;
    let outputs = [rnnoise(&pair.noisy), log_mmse(&pair.noisy), oracle_mask(&pair, config)];
    for (output, name) in outputs.iter().zip(["RNNoise", "log-MMSE", "oracle"]) {
        assert_eq!(output.len(), pair.noisy.len(), "{name}");
        assert_eq!(delay_samples(output, &pair.clean), 0, "{name}");
    }
}

#[test]
fn rnnoise_keeps_clean_speech_best_with_its_phase_undone() {
    let clean = speech();
    let output = rnnoise(&clean);
    let (as_is, undone) = (
        si_sdr_db(&output, &clean),
        si_sdr_db(&undo_rnnoise_phase(&output), &clean),
    );
    assert!(undone > as_is + 1.0, "{as_is} dB, undone {undone} dB");
}

#[test]
fn every_peer_removes_steady_noise_and_the_oracle_most() {
    let pair = noisy_pair();
    let config = &unfold::model_file::shipped().config;
    let score = |signal: &[f32]| si_sdr_db(signal, &pair.clean);
    let (input, oracle) = (score(&pair.noisy), score(&oracle_mask(&pair, config)));
    for peer in [rnnoise(&pair.noisy), log_mmse(&pair.noisy)] {
        assert!(score(&peer) > input + 2.0, "{} of {input}", score(&peer));
        assert!(score(&peer) < oracle, "{} above the oracle's {oracle}", score(&peer));
    }
}

#[test]
fn frames_add_up_to_the_signal() {
    let signal = noise(5000, 0.5);
    let same = filter_frames(&signal, &mut transform(3), |_| ());
    assert!(same.iter().zip(&signal).all(|(a, b)| (a - b).abs() < 1e-6));
}

#[test]
fn exponential_integral_matches_tables() {
    for (x, expected) in [
        (0.01, 4.037_93),
        (0.5, 0.559_773_6),
        (1.0, 0.219_383_9),
        (5.0, 0.001_148_296),
    ] {
        assert!((exponential_integral(x) / expected - 1.0).abs() < 1e-4, "E1({x})");
    }
}
