use std::fs;
use std::path::Path;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;

fn write_wav(path: &Path, rate_hz: u32, channels: &[&[f32]]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let spec = hound::WavSpec {
        channels: channels.len() as u16,
        sample_rate: rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for index in 0..channels[0].len() {
        for channel in channels {
            writer.write_sample((channel[index] * 32_767.0) as i16).unwrap();
        }
    }
    writer.finalize().unwrap();
}

fn tone(hz: f32, rate_hz: u32, seconds: f32) -> Vec<f32> {
    let step = std::f32::consts::TAU * hz / rate_hz as f32;
    (0..(seconds * rate_hz as f32) as usize)
        .map(|index| 0.25 * (step * index as f32).sin())
        .collect()
}

/// Fades a tenth at both ends, where the rumble cut would answer an edge with ringing.
fn faded(mut samples: Vec<f32>) -> Vec<f32> {
    let (length, fade) = (samples.len(), samples.len() / 10);
    for index in 0..fade {
        let gain = index as f32 / fade as f32;
        samples[index] *= gain;
        samples[length - 1 - index] *= gain;
    }
    samples
}

fn loaded(excluded: &[&str]) -> Result<Corpus> {
    let folder = tempfile::tempdir().unwrap();
    let (speech, noise) = (folder.path().join("speech"), folder.path().join("noise"));
    let low = faded(tone(300.0, 16_000, 1.0));
    write_wav(&speech.join("people/anna.wav"), 16_000, &[&low]);
    let (left, right) = (faded(tone(300.0, 44_100, 1.5)), vec![0.0; 66_150]);
    write_wav(&speech.join("people/deep/bert.wav"), 44_100, &[&left, &right]);
    write_wav(&noise.join("animals/dog_1.wav"), 48_000, &[&tone(900.0, 48_000, 0.5)]);
    write_wav(&noise.join("animals/silent.wav"), 48_000, &[&[0.0; 4800]]);
    write_wav(&noise.join("rain.wav"), 48_000, &[&tone(2000.0, 48_000, 0.5)]);
    fs::write(noise.join("licence.txt"), "no audio").unwrap();
    let excluded: Vec<String> = excluded.iter().map(|part| (*part).to_owned()).collect();
    Corpus::load(&[speech], &[noise], &excluded, |_, _| {})
}

#[test]
fn loading_resamples_averages_and_names() {
    let corpus = loaded(&[]).unwrap();
    let sources = |clips: &[Clip]| clips.iter().map(|clip| clip.source.clone()).collect::<Vec<_>>();
    assert_eq!(sources(&corpus.speech), ["people", "people/deep"]);
    assert_eq!(sources(&corpus.noise), ["animals", "noise"]);
    let [anna, bert] = &corpus.speech[..] else {
        panic!("two clips")
    };
    assert_eq!((anna.bandwidth_hz, anna.is_full_band()), (7600.0, false));
    assert_eq!((bert.bandwidth_hz, bert.is_full_band()), (20_000.0, true));
    assert_eq!((anna.len_samples(), bert.len_samples()), (48_000, 72_000));
    for clip in [anna, bert] {
        // The same tone in phase at 48 kHz: no delay is left, and the peak is the stored one.
        let mut samples = vec![0.0; 24_000];
        clip.copy_to(9600, &mut samples);
        let expected = tone(300.0, 48_000, 0.5).into_iter().map(|x| x * STORED_PEAK / 0.25);
        let worst = samples
            .iter()
            .zip(expected)
            .map(|(x, y)| (x - y).abs())
            .fold(0.0, f32::max);
        assert!(worst < 0.02, "{} is off by {worst}", clip.source);
    }
}

#[test]
fn exclusion_goes_by_source_and_name() {
    let sources = |excluded: &[&str]| {
        let noise = loaded(excluded).unwrap().noise;
        noise.into_iter().map(|clip| clip.source).collect::<Vec<_>>()
    };
    assert_eq!(sources(&["animals/dog"]), ["noise"]);
    assert_eq!(sources(&["noise/rain.wav"]), ["animals"]);
    assert_eq!(sources(&["speech", "cats"]), ["animals", "noise"]);
    let nothing_left = loaded(&["animals", "rain"]).err().unwrap().to_string();
    assert!(
        nothing_left.starts_with("no audible FLAC") && nothing_left.ends_with("/noise"),
        "{nothing_left}"
    );
}

#[test]
fn progress_counts_every_file() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c"] {
        write_wav(
            &folder.path().join(format!("{name}.wav")),
            48_000,
            &[&tone(500.0, 48_000, 0.1)],
        );
    }
    let calls = std::sync::Mutex::new(Vec::new());
    let dirs = [folder.path().to_path_buf()];
    Corpus::load(&dirs, &dirs, &[], |done, total| {
        calls.lock().unwrap().push((done, total))
    })
    .unwrap();
    let mut calls = calls.into_inner().unwrap();
    calls.sort_unstable();
    assert_eq!(calls, (1..=6).map(|done| (done, 6)).collect::<Vec<_>>());
}

#[test]
fn a_missing_folder_is_named() {
    let error = Corpus::load(&[PathBuf::from("nowhere/speech")], &[], &[], |_, _| {})
        .err()
        .unwrap();
    assert_eq!(error.to_string(), "cannot read the folder nowhere/speech");
}

#[test]
fn stretches_end_in_zeros_and_know_their_activity() {
    let mut samples = vec![0.0; 48_000];
    samples[24_000..].fill(0.5);
    let clip = Clip::new("source".into(), 20_000.0, &samples);
    let mut out = vec![1.0; 30_000];
    clip.copy_to(20_000, &mut out);
    assert!(out[..4000].iter().all(|x| *x == 0.0) && out[28_000..].iter().all(|x| *x == 0.0));
    assert!(out[4000..28_000].iter().all(|x| (x - STORED_PEAK).abs() < 1e-3));
    assert_eq!(clip.active_share(0, 24_000, 30.0), 0.0);
    assert_eq!(clip.active_share(24_000, 24_000, 30.0), 1.0);
    assert_eq!(clip.active_share(0, 48_000, 30.0), 0.5);
    clip.copy_to(90_000, &mut out);
    assert!(out.iter().all(|x| *x == 0.0));
}

#[test]
fn sources_are_drawn_by_the_root_of_their_minutes() {
    let clip = |source: &str, seconds: usize| Clip::new(source.into(), 20_000.0, &vec![0.1; seconds * 48_000]);
    // "long" has 16 times the material of "short", in clips of 1 s and 15 s.
    let clips = [clip("long", 1), clip("long", 15), clip("short", 1), clip("left_out", 4)];
    let sampler = Sampler::new(&clips, 0.5, |clip| if clip.source == "left_out" { 0.0 } else { 1.0 }).unwrap();
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let draws: Vec<&Clip> = (0..20_000).map(|_| sampler.pick(rng)).collect();
    let share = |test: &dyn Fn(&Clip) -> bool| draws.iter().filter(|clip| test(clip)).count() as f32 / 20_000.0;
    assert!((share(&|clip| clip.source == "long") - 0.8).abs() < 0.015);
    let root = 15.0_f32.sqrt();
    assert!((share(&|clip| clip.len_samples() > 48_000) - 0.8 * root / (1.0 + root)).abs() < 0.015);
    assert_eq!(share(&|clip| clip.source == "left_out"), 0.0);
    assert!(Sampler::new(&clips, 0.5, |_| 0.0).is_none());
}

#[test]
fn categories_share_their_source_whatever_their_number_of_clips() {
    let clip = |category: &str, seconds: usize| {
        let mut clip = Clip::new("source".into(), 20_000.0, &vec![0.1; seconds * 48_000]);
        clip.category = category.into();
        clip
    };
    // Nine clips of rain, one of wind.
    let mut clips: Vec<Clip> = (0..9).map(|_| clip("rain", 1)).collect();
    clips.push(clip("wind", 1));
    for (exponent, expected) in [(1.0, 0.1), (0.5, 0.25), (0.0, 0.5)] {
        let sampler = Sampler::new(&clips, exponent, |_| 1.0).unwrap();
        let rng = &mut ChaCha8Rng::seed_from_u64(2);
        let winds = (0..20_000).filter(|_| sampler.pick(rng).category == "wind").count() as f32 / 20_000.0;
        assert!((winds - expected).abs() < 0.015, "exponent {exponent}: {winds}");
    }
}

#[test]
fn the_fingerprint_is_of_every_name_and_sample_and_of_what_is_speech() {
    let clip = |source: &str, last: f32| {
        let mut samples = vec![0.1; 4800];
        samples[4799] = last;
        Clip::new(source.into(), 20_000.0, &samples)
    };
    let print = |speech: Vec<Clip>, noise: Vec<Clip>| Corpus::from_clips(speech, noise).unwrap().fingerprint();
    let first = print(vec![clip("a", 0.1)], vec![clip("b", 0.1)]);
    assert_eq!(first, print(vec![clip("a", 0.1)], vec![clip("b", 0.1)]));
    let others = [
        print(vec![clip("c", 0.1)], vec![clip("b", 0.1)]),
        print(vec![clip("a", 0.05)], vec![clip("b", 0.1)]),
        print(vec![clip("a", 0.1), clip("b", 0.1)], vec![clip("b", 0.1)]),
        print(vec![clip("a", 0.1)], vec![clip("b", 0.1), clip("b", 0.1)]),
        print(vec![clip("b", 0.1)], vec![clip("a", 0.1)]),
    ];
    assert!(others.iter().all(|other| *other != first));
}
