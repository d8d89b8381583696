//! Promise: training works end to end, is deterministic for a seed, survives interruption and refuses bad input in
//! words. Everything it hears is synthesised here.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use unfold::engine::{Settings, denoise};
use unfold::model::{FieldInference, SpeechField};
use unfold::model_file;

use common::{fail, repository};

const RATE_HZ: u32 = 48_000;

fn write_wav(path: &Path, samples: impl Iterator<Item = f32>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    samples.for_each(|x| writer.write_sample((x * 32_767.0) as i16).unwrap());
    writer.finalize().unwrap();
}

fn noise(mut seed: u32) -> impl FnMut() -> f32 {
    move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// A harmonic tone that comes and goes like syllables.
fn voice(n: usize, pitch_hz: f32) -> f32 {
    let t = n as f32 / RATE_HZ as f32;
    let envelope = (std::f32::consts::TAU * 2.0 * t).sin().max(0.0);
    let harmonics: f32 = (1..=10)
        .map(|k| (std::f32::consts::TAU * pitch_hz * k as f32 * t).sin() / k as f32)
        .sum();
    0.2 * envelope * harmonics
}

/// A folder with a little corpus and a configuration that trains in seconds.
struct Workplace(tempfile::TempDir);

impl Workplace {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for (index, pitch_hz) in [110.0, 150.0, 210.0].into_iter().enumerate() {
            let path = place.path(&format!("speech/made/voice_{index}.wav"));
            write_wav(&path, (0..4 * RATE_HZ as usize).map(|n| voice(n, pitch_hz)));
        }
        for seed in 1..=2 {
            let mut next = noise(seed);
            let path = place.path(&format!("noise/made/hiss_{seed}.wav"));
            write_wav(&path, (0..3 * RATE_HZ as usize).map(|_| 0.3 * next()));
        }
        let config = r#"{
            "steps": 24, "lanes": 4, "groups": 2, "frames": 40, "pool": 16, "passes": 2,
            "score_every": 6, "dev_examples": 8, "warm_up_steps": 2, "averaging": 0.8,
            "network": {"growth": 0.15, "speech_atoms": 6, "noise_atoms": 4, "adaptive_atoms": 2, "layers": 2,
                        "untied_layers": 2, "context_frames": 2, "initial_iterations": 10}
        }"#;
        std::fs::write(place.path("config.json"), config).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, out: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .arg("train")
            .arg("--speech")
            .arg(self.path("speech"))
            .arg("--noise")
            .arg(self.path("noise"));
        command
            .arg("--config")
            .arg(self.path("config.json"))
            .arg("--out")
            .arg(self.path(out));
        command
    }

    fn train(&self, out: &str, more: &[&str]) -> Output {
        let output = self.command(out).args(more).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output
    }
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn training_learns_repeats_itself_and_survives_interruption() {
    let place = Workplace::new();
    place.train("a.unfold", &[]);
    let first = std::fs::read(place.path("a.unfold")).unwrap();

    place.train("b.unfold", &[]);
    assert_eq!(
        first,
        std::fs::read(place.path("b.unfold")).unwrap(),
        "the same seed must give the same bytes"
    );

    // Wherever the run is killed, going on from its last checkpoint ends in the same bytes. The checkpoint has the whole
    // name of its model.
    let mut child = place.command("c0.1").spawn().unwrap();
    while !place.path("c0.1.checkpoint").exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().ok();
    child.wait().unwrap();
    place.train("c0.1", &["--resume"]);
    assert_eq!(
        first,
        std::fs::read(place.path("c0.1")).unwrap(),
        "a resumed run must end where the other did"
    );
    std::fs::remove_file(place.path("noise/made/hiss_2.wav")).unwrap();
    let text = refused(&place.command("c0.1").arg("--resume").output().unwrap());
    assert!(text.contains("other speech or noise"), "{text}");

    // What it learnt: the hiss goes down, the voice stays above it.
    let model = std::sync::Arc::new(model_file::from_bytes(&first).unwrap());
    let mut next = noise(77);
    let hiss: Vec<f32> = (0..RATE_HZ).map(|_| 0.05 * next()).collect();
    let result = denoise(
        &model,
        &Settings::default(),
        f64::from(RATE_HZ),
        std::slice::from_ref(&hiss),
    )
    .unwrap();
    let energy = |signal: &[f32]| signal.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
    let change_db = 10.0 * (energy(&result[0]) / energy(&hiss)).log10();
    assert!(change_db < -3.0, "hiss changed by {change_db:.2} dB");
}

#[test]
fn bad_input_is_refused_in_words_and_nothing_is_overwritten() {
    let place = Workplace::new();
    std::fs::write(place.path("mine.unfold"), b"precious").unwrap();
    let text = refused(&place.command("mine.unfold").output().unwrap());
    assert!(text.contains("mine.unfold exists already"), "{text}");
    assert_eq!(std::fs::read(place.path("mine.unfold")).unwrap(), b"precious");

    std::fs::write(place.path("lost.checkpoint"), b"precious").unwrap();
    let text = refused(&place.command("lost").output().unwrap());
    assert!(text.contains("lost.checkpoint exists already"), "{text}");
    assert_eq!(std::fs::read(place.path("lost.checkpoint")).unwrap(), b"precious");

    let text = refused(&place.command("x.unfold").arg("--resume").output().unwrap());
    assert!(text.contains("x.unfold.checkpoint"), "{text}");

    std::fs::write(place.path("config.json"), r#"{"stepz": 3}"#).unwrap();
    let text = refused(&place.command("x.unfold").output().unwrap());
    assert!(text.contains("config.json") && text.contains("stepz"), "{text}");

    std::fs::write(place.path("config.json"), r#"{"network": {"layers": 0}}"#).unwrap();
    let text = refused(&place.command("x.unfold").output().unwrap());
    assert!(text.contains("config.json") && text.contains("0 layers"), "{text}");

    std::fs::write(place.path("config.json"), r#"{"score_every": 0}"#).unwrap();
    let text = refused(&place.command("x.unfold").output().unwrap());
    assert!(text.contains("config.json") && text.contains("score_every"), "{text}");

    std::fs::write(place.path("config.json"), "{}").unwrap();
    std::fs::remove_dir_all(place.path("noise")).unwrap();
    let text = refused(&place.command("x.unfold").output().unwrap());
    assert!(text.contains("noise"), "{text}");
    assert!(!place.path("x.unfold").exists());
}

#[test]
fn mixtures_without_speech_or_without_noise_are_refused_in_words() {
    let place = Workplace::new();
    let config = std::fs::read_to_string(place.path("config.json")).unwrap();
    for (missing, mix) in [
        ("no speech", r#""pure_noise_share": 1"#),
        // Clipping would count as noise.
        (
            "no noise",
            r#""pure_noise_share": 0, "noise_count_weights": [1, 0, 0, 0], "clip_chance": 0"#,
        ),
    ] {
        let config = config.replacen('{', &format!(r#"{{"mix": {{{mix}}}, "#), 1);
        std::fs::write(place.path("config.json"), config).unwrap();
        let text = refused(&place.command("x.unfold").output().unwrap());
        assert!(text.contains(missing) && text.contains("pure_noise_share"), "{text}");
    }
}

#[test]
fn a_model_to_start_from_loses_its_field_and_must_have_the_right_sizes() {
    let place = Workplace::new();
    let config = std::fs::read_to_string(place.path("config.json")).unwrap();
    std::fs::write(
        place.path("config.json"),
        config.replace(r#""steps": 24"#, r#""steps": 2"#),
    )
    .unwrap();
    place.train("plain.unfold", &[]);
    let read = |name: &str| model_file::from_bytes(&std::fs::read(place.path(name)).unwrap()).unwrap();
    let mut model = read("plain.unfold");
    model.field = Some(SpeechField::neutral(
        FieldInference::MeanField,
        model.config.bands(),
        1,
        1,
    ));
    let with_field = place.path("field.unfold");
    std::fs::write(&with_field, model_file::to_bytes(&model).unwrap()).unwrap();
    place.train("next.unfold", &["--from", with_field.to_str().unwrap()]);
    assert!(
        read("next.unfold").field.is_none(),
        "a field that was fitted to other weights"
    );

    // Said before the corpus is read, which may take minutes.
    std::fs::remove_dir_all(place.path("noise")).unwrap();
    let mut command = place.command("x.unfold");
    command.arg("--from").arg(repository().join("models/speech-v1.unfold"));
    let text = refused(&command.output().unwrap());
    assert!(text.contains("speech-v1.unfold has other sizes"), "{text}");
}

#[test]
fn counts_of_nothing_are_refused_by_option() {
    for arguments in [
        "train-field --model m --corpus c --variant bp --out o --lanes 0",
        "field-cost --model m --bursts 0",
    ] {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        let text = fail(&repository(), &words);
        assert!(text.contains(words[words.len() - 2]), "{text}");
    }
}
