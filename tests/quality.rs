//! Promise: the shipped model denoises. The demo clip is synthesised speech in synthesised noise; the model was
//! trained on neither.

use unfold::engine::{Settings, denoise};
use unfold::model_file::shipped;

fn read(name: &str) -> (f64, Vec<f32>) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("assets")
        .join(name);
    let mut reader = hound::WavReader::open(path).unwrap();
    let rate_hz = f64::from(reader.spec().sample_rate);
    (
        rate_hz,
        reader
            .samples::<i16>()
            .map(|x| f32::from(x.unwrap()) / 32_768.0)
            .collect(),
    )
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// Scale-invariant signal-to-distortion ratio; the clips have no offset worth removing.
fn si_sdr_db(estimate: &[f32], reference: &[f32]) -> f64 {
    let scale = dot(estimate, reference) / dot(reference, reference);
    let target = scale * scale * dot(reference, reference);
    let error = dot(estimate, estimate) - target;
    10.0 * (target / error).log10()
}

#[test]
fn the_demo_clip_improves_at_every_depth() {
    let (rate_hz, noisy) = read("demo_noisy.wav");
    let (_, clean) = read("demo_clean.wav");
    let before = si_sdr_db(&noisy, &clean);
    for layers in 1..=shipped().layers() {
        let settings = Settings {
            layers,
            ..Settings::default()
        };
        let result = denoise(&shipped(), &settings, rate_hz, std::slice::from_ref(&noisy)).unwrap();
        let after = si_sdr_db(&result[0], &clean);
        assert!(
            after > before + 2.0,
            "{layers} layers: {before:.2} dB before, {after:.2} dB after"
        );
    }
}

#[test]
fn clean_speech_survives() {
    let (rate_hz, clean) = read("demo_clean.wav");
    let result = denoise(&shipped(), &Settings::default(), rate_hz, std::slice::from_ref(&clean)).unwrap();
    let kept = si_sdr_db(&result[0], &clean);
    assert!(kept > 15.0, "clean speech comes out at {kept:.2} dB");
}

#[test]
fn pure_noise_becomes_quieter() {
    let (rate_hz, noisy) = read("demo_noisy.wav");
    let (_, clean) = read("demo_clean.wav");
    let noise: Vec<f32> = noisy.iter().zip(&clean).map(|(x, s)| x - s).collect();
    let result = denoise(&shipped(), &Settings::default(), rate_hz, std::slice::from_ref(&noise)).unwrap();
    let change_db = 10.0 * (dot(&result[0], &result[0]) / dot(&noise, &noise)).log10();
    assert!(change_db < -6.0, "noise changed by {change_db:.2} dB");
}
