//! `cargo xtask denoise` and `inspect` as a user runs them: good files of every kind, and every kind of bad input.

mod common;

use common::{Stored, fail, names_in, noisy_tone, repository, succeed};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Asserts one sentence on one line that holds all the words.
fn assert_sentence(stderr: &str, words: &[&str]) {
    let line = stderr.trim_end();
    assert!(
        line.starts_with("error: ") && !line.contains('\n'),
        "not one sentence: {stderr:?}"
    );
    for word in words {
        assert!(line.contains(word), "{word:?} is missing in {line:?}");
    }
}

#[test]
fn every_format_comes_back_in_its_own_format_and_with_less_noise() {
    let folder = folder();
    let cases = [
        ("a.wav", 48_000, 1, 16, false),
        ("b.wav", 44_100, 2, 24, false),
        ("c.wav", 8_000, 1, 32, false),
        ("d.wav", 192_000, 3, 32, true),
        ("e.wav", 16_000, 7, 16, false),
        ("f.flac", 48_000, 2, 16, false),
        ("g.flac", 96_000, 1, 24, false),
        ("h.flac", 22_050, 8, 16, false),
    ];
    for (name, sample_rate_hz, channels, bits, float) in cases {
        let input = noisy_tone(sample_rate_hz, channels, bits, float, 0.4);
        input.write(&folder.path().join(name));
        let out = format!("out_{name}");
        succeed(folder.path(), &["denoise", name, &out]);
        let output = Stored::read(&folder.path().join(&out));
        assert_eq!(output.samples.len(), input.samples.len(), "{name}");
        assert_eq!(
            (output.sample_rate_hz, output.channels, output.bits, output.float),
            (sample_rate_hz, channels, bits, float),
            "{name}"
        );
        assert!(output.energy() < input.energy(), "{name}: nothing was taken away");
        assert!(output.energy() > 0.0, "{name}: nothing is left");
    }
    assert_eq!(
        names_in(folder.path()).len(),
        2 * cases.len(),
        "a temporary file was left behind"
    );
}

#[test]
fn amount_0_returns_the_input_without_delay() {
    let folder = folder();
    let input = noisy_tone(44_100, 2, 16, false, 0.5);
    input.write(&folder.path().join("in.wav"));
    succeed(folder.path(), &["denoise", "in.wav", "out.wav", "--amount", "0"]);
    assert_eq!(Stored::read(&folder.path().join("out.wav")), input);
}

#[test]
fn result_and_removed_add_up_to_the_input() {
    let folder = folder();
    let input = noisy_tone(48_000, 2, 32, true, 0.5);
    input.write(&folder.path().join("in.wav"));
    succeed(
        folder.path(),
        &["denoise", "in.wav", "result.wav", "--listen", "result"],
    );
    succeed(
        folder.path(),
        &["denoise", "in.wav", "removed.wav", "--listen", "removed"],
    );
    let (result, removed) = (
        Stored::read(&folder.path().join("result.wav")),
        Stored::read(&folder.path().join("removed.wav")),
    );
    assert!(removed.energy() > 0.0);
    for (at, input) in input.samples.iter().enumerate() {
        let sum = result.samples[at] + removed.samples[at];
        assert!((sum - input).abs() < 1e-5, "sample {at}: {sum} for {input}");
    }
}

#[test]
fn each_option_changes_the_result() {
    let folder = folder();
    noisy_tone(48_000, 2, 24, false, 0.6).write(&folder.path().join("in.wav"));
    let run = |arguments: &[&str]| {
        succeed(folder.path(), &[&["denoise", "in.wav", "out.wav"], arguments].concat());
        Stored::read(&folder.path().join("out.wav"))
    };
    let plain = run(&[]);
    for option in [
        ["--layers", "1"],
        ["--amount", "0.5"],
        ["--floor-db", "-6"],
        ["--floor-db", "-inf"],
        ["--mix", "independent"],
    ] {
        assert_ne!(run(&option).samples, plain.samples, "{option:?} has no effect");
    }
    assert!(
        run(&["--floor-db", "-6"]).energy() > plain.energy(),
        "a higher floor must leave more noise"
    );
    let model = repository().join("models/speech-v1.unfold");
    assert_eq!(
        run(&["--model", model.to_str().unwrap()]),
        plain,
        "the built-in model is the shipped file"
    );
}

#[test]
fn linked_channels_share_one_mask() {
    let folder = folder();
    // The right channel is the left one at half the level: one mask keeps that ratio.
    let mut input = noisy_tone(48_000, 2, 32, true, 0.4);
    for at in (0..input.samples.len()).step_by(2) {
        input.samples[at + 1] = input.samples[at] / 2.0;
    }
    input.write(&folder.path().join("in.wav"));
    succeed(folder.path(), &["denoise", "in.wav", "out.wav", "--mix", "linked"]);
    let output = Stored::read(&folder.path().join("out.wav"));
    for (left, right) in output.channel(0).iter().zip(output.channel(1)) {
        assert!((left - 2.0 * right).abs() < 1e-5);
    }
}

#[test]
fn a_folder_is_denoised_into_a_folder() {
    let folder = folder();
    let input = folder.path().join("in");
    std::fs::create_dir_all(input.join("deep")).unwrap();
    noisy_tone(16_000, 1, 16, false, 0.1).write(&input.join("one.wav"));
    noisy_tone(16_000, 1, 16, false, 0.1).write(&input.join("deep/two.flac"));
    std::fs::write(input.join("notes.txt"), "not audio").unwrap();
    let printed = succeed(folder.path(), &["denoise", "in", "out"]);
    assert!(printed.contains("2 files written"), "{printed}");
    assert_eq!(names_in(&folder.path().join("out")), ["deep", "one.wav"]);
    assert_eq!(names_in(&folder.path().join("out/deep")), ["two.flac"]);
}

#[test]
fn one_bad_file_of_several_does_not_stop_the_others() {
    let folder = folder();
    for name in ["a.wav", "c.wav"] {
        noisy_tone(16_000, 1, 16, false, 0.1).write(&folder.path().join(name));
    }
    std::fs::write(folder.path().join("b.wav"), "RIFF but no more").unwrap();
    let stderr = fail(folder.path(), &["denoise", "a.wav", "b.wav", "c.wav", "out"]);
    assert!(stderr.contains("b.wav") && stderr.contains("1 of 3 files"), "{stderr}");
    assert_eq!(names_in(&folder.path().join("out")), ["a.wav", "c.wav"]);
}

#[test]
fn bad_input_is_one_sentence_and_writes_nothing() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let good = noisy_tone(16_000, 1, 16, false, 0.1);
    good.write(&path("good.wav"));
    good.write(&path("good.flac"));
    Stored {
        samples: Vec::new(),
        ..good.clone()
    }
    .write(&path("no_samples.wav"));
    let mut not_finite = noisy_tone(16_000, 2, 32, true, 0.1);
    not_finite.samples[7] = f64::NAN;
    not_finite.write(&path("nan.wav"));
    not_finite.samples[7] = f64::INFINITY;
    not_finite.write(&path("inf.wav"));
    noisy_tone(16_000, 65, 16, false, 0.01).write(&path("65.wav"));
    noisy_tone(400, 1, 16, false, 0.1).write(&path("400.wav"));
    noisy_tone(16_000, 1, 32, true, 0.1).write(&path("float.wav"));
    noisy_tone(16_000, 9, 16, false, 0.1).write(&path("nine.wav"));
    let whole = std::fs::read(path("good.flac")).unwrap();
    std::fs::write(path("cut.flac"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(path("empty.wav"), "").unwrap();
    std::fs::write(path("text.wav"), "I am a letter.").unwrap();
    std::fs::create_dir(path("folder.wav")).unwrap();
    std::fs::create_dir(path("no_audio")).unwrap();
    let before = names_in(folder.path());

    let cases: &[(&[&str], &[&str])] = &[
        (&["missing.wav", "out.wav"], &["missing.wav", "no such file"]),
        (&["empty.wav", "out.wav"], &["empty.wav", "no samples"]),
        (&["no_samples.wav", "out.wav"], &["no_samples.wav", "no samples"]),
        (
            &["text.wav", "out.wav"],
            &["text.wav", "not a WAV, FLAC or Ogg Vorbis file"],
        ),
        (&["cut.flac", "out.flac"], &["cut.flac", "damaged"]),
        (
            &["nan.wav", "out.wav"],
            &["nan.wav", "sample 4 of channel 2", "not a finite number"],
        ),
        (
            &["inf.wav", "out.wav"],
            &["inf.wav", "sample 4 of channel 2", "not a finite number"],
        ),
        (&["65.wav", "out.wav"], &["65.wav", "65 channels", "1 to 64"]),
        (&["400.wav", "out.wav"], &["400.wav", "400 Hz"]),
        (&["good.wav", "out.mp3"], &["out.mp3", ".wav or .flac"]),
        (&["good.wav", "out"], &["out", ".wav or .flac"]),
        (
            &["good.wav", "nowhere/out.wav"],
            &["nowhere/out.wav", "cannot be written"],
        ),
        (&["float.wav", "out.flac"], &["out.flac", "floating-point", "FLAC"]),
        (&["nine.wav", "out.flac"], &["out.flac", "9 channels", "FLAC"]),
        (&["good.wav", "good.wav"], &["same file"]),
        (&["good.wav", "no_audio/../good.wav"], &["same file"]),
        (&["no_audio", "out"], &["no_audio", "no WAV or FLAC"]),
        (&["no_audio", "no_audio/out"], &["output folder"]),
        (&["good.wav", "good.flac", "nan.wav"], &["nan.wav", "folder"]),
        (&["good.wav", "no_audio/../good.wav", "out"], &["two inputs"]),
    ];
    for (paths, words) in cases {
        let stderr = fail(folder.path(), &[&["denoise"], *paths].concat());
        assert_sentence(&stderr, words);
        assert_eq!(names_in(folder.path()), before, "{paths:?} left something behind");
    }
}

#[test]
fn options_out_of_range_are_refused() {
    let folder = folder();
    noisy_tone(16_000, 1, 16, false, 0.1).write(&folder.path().join("in.wav"));
    let cases: &[(&[&str], &str)] = &[
        (&["--amount", "1.1"], "--amount"),
        (&["--amount", "-0.1"], "--amount"),
        (&["--amount", "nan"], "--amount"),
        (&["--floor-db", "1"], "--floor-db"),
        (&["--floor-db", "nan"], "--floor-db"),
        (&["--layers", "0"], "--layers"),
        (&["--layers", "-1"], "--layers"),
        (&["--layers", "1000"], "--layers"),
    ];
    for (option, name) in cases {
        let stderr = fail(folder.path(), &[&["denoise", "in.wav", "out.wav"], *option].concat());
        assert_sentence(&stderr, &[name]);
    }
    for malformed in [["--amount", "much"], ["--listen", "loud"], ["--nothing", "1"]] {
        let stderr = fail(
            folder.path(),
            &[&["denoise", "in.wav", "out.wav"], malformed.as_slice()].concat(),
        );
        assert!(stderr.contains(malformed[0]), "{stderr}");
    }
    assert_eq!(names_in(folder.path()), ["in.wav"]);
}

#[test]
fn a_bad_model_file_is_refused() {
    let folder = folder();
    noisy_tone(16_000, 1, 16, false, 0.1).write(&folder.path().join("in.wav"));
    let model = std::fs::read(repository().join("models/speech-v1.unfold")).unwrap();
    let mut flipped = model.clone();
    *flipped.last_mut().unwrap() ^= 1;
    std::fs::write(folder.path().join("cut.unfold"), &model[..model.len() / 2]).unwrap();
    std::fs::write(folder.path().join("flipped.unfold"), &flipped).unwrap();
    std::fs::write(folder.path().join("text.unfold"), "a model").unwrap();
    for (file, words) in [
        ("missing.unfold", "cannot be read"),
        ("text.unfold", "not an Unfold model file"),
        ("cut.unfold", "damaged"),
        ("flipped.unfold", "damaged"),
    ] {
        let stderr = fail(folder.path(), &["denoise", "in.wav", "out.wav", "--model", file]);
        assert_sentence(&stderr, &[file, words]);
        assert_sentence(&fail(folder.path(), &["inspect", file]), &[file, words]);
    }
    assert!(!folder.path().join("out.wav").exists());
}

#[cfg(unix)]
#[test]
fn a_link_to_the_input_is_not_overwritten() {
    let folder = folder();
    let input = noisy_tone(16_000, 1, 16, false, 0.1);
    input.write(&folder.path().join("in.wav"));
    std::os::unix::fs::symlink("in.wav", folder.path().join("link.wav")).unwrap();
    std::fs::hard_link(folder.path().join("in.wav"), folder.path().join("hard.wav")).unwrap();
    for other in ["link.wav", "hard.wav"] {
        assert_sentence(
            &fail(folder.path(), &["denoise", "in.wav", other]),
            &[other, "same file"],
        );
        assert_sentence(
            &fail(folder.path(), &["denoise", other, "in.wav"]),
            &[other, "same file"],
        );
    }
    assert_eq!(Stored::read(&folder.path().join("in.wav")), input);
}

#[test]
fn inspect_tells_sizes_cost_and_provenance() {
    let model = repository().join("models/speech-v1.unfold");
    let printed = succeed(&repository(), &["inspect", model.to_str().unwrap()]);
    for word in ["bands", "atoms", "layers", "parameters", "MAC per second", "provenance"] {
        assert!(printed.contains(word), "{word:?} is missing in:\n{printed}");
    }
}

#[test]
fn a_learnt_noise_changes_the_result_and_is_never_overwritten() {
    let folder = folder();
    let (at, read) = (folder.path(), |name: &str| {
        std::fs::read(folder.path().join(name)).unwrap()
    });
    noisy_tone(48_000, 1, 16, false, 2.0).write(&at.join("in.wav"));
    let learn = ["learn", "in.wav", "--out", "room.unfold-noise"];
    succeed(at, &learn);
    let denoise = |output: &'static str| ["denoise", "in.wav", output, "--floor-db", "-inf"];
    succeed(at, &denoise("plain.wav"));
    succeed(
        at,
        &[&denoise("learnt.wav")[..], &["--noise-profile", "room.unfold-noise"]].concat(),
    );
    assert_ne!(read("plain.wav"), read("learnt.wav"));
    let profile = read("room.unfold-noise");
    assert_sentence(&fail(at, &learn), &["room.unfold-noise", "exists already"]);
    assert_eq!(read("room.unfold-noise"), profile);
    let no_profile = [&denoise("x.wav")[..], &["--noise-profile", "in.wav"]].concat();
    assert_sentence(&fail(at, &no_profile), &["in.wav", "not an Unfold noise profile"]);
}

#[test]
fn a_profile_that_does_not_fit_the_model_is_refused_once_and_by_name() {
    let folder = folder();
    let at = folder.path();
    for name in ["a.wav", "b.wav"] {
        noisy_tone(48_000, 1, 16, false, 1.0).write(&at.join(name));
    }
    succeed(at, &["learn", "a.wav", "--out", "room.unfold-noise"]);
    let mut model = (*unfold::model_file::shipped()).clone();
    model.config.band_centres_hz[0] *= 0.9;
    let bytes = unfold::model_file::to_bytes(&model).unwrap();
    std::fs::write(at.join("other.unfold"), bytes).unwrap();
    let inputs = ["denoise", "a.wav", "b.wav", "out"];
    let options = ["--model", "other.unfold", "--noise-profile", "room.unfold-noise"];
    assert_sentence(&fail(at, &[&inputs[..], &options].concat()), &["room.unfold-noise"]);
    assert!(!at.join("out").exists());
}

#[test]
fn what_is_no_noise_is_refused_in_one_sentence() {
    let folder = folder();
    let at = folder.path();
    let mut silence = noisy_tone(48_000, 1, 16, false, 2.0);
    silence.samples.fill(0.0);
    silence.write(&at.join("silence.wav"));
    noisy_tone(48_000, 1, 16, false, 0.1).write(&at.join("short.wav"));
    for (file, words) in [("silence.wav", "only silence"), ("short.wav", "at least 0.4 s")] {
        let stderr = fail(at, &["learn", file, "--out", "out.unfold-noise"]);
        assert_sentence(&stderr, &[file, words]);
        assert!(!at.join("out.unfold-noise").exists());
    }
}
