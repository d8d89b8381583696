use super::*;

/// A corpus of two speakers and two noise sources of very different sizes.
fn small_corpus() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut write = |name: &str, rate_hz: u32, burst_share: f32| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: rate_hz,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(path, spec).unwrap();
        for n in 0..rate_hz {
            let on = (n as f32 / rate_hz as f32 * 5.0).fract() < burst_share;
            let sample = if on {
                rng.random_range(-8000..8000)
            } else {
                rng.random_range(-20..20)
            };
            writer.write_sample(sample as i16).unwrap();
        }
        writer.finalize().unwrap();
    };
    write("dev/speech/a/ann_0.wav", 16_000, 0.8);
    write("dev/speech/b/ben_0.wav", 48_000, 0.8);
    write("dev/noise/one/rain_12A_0.wav", 44_100, 1.0);
    for n in 0..4 {
        write(&format!("dev/noise/many/click_{n}.wav"), 48_000, 0.2);
    }
    folder
}

#[test]
fn only_audio_files_are_mixed_however_deep_they_lie() {
    let corpus = small_corpus();
    let noise = corpus.path().join("dev/noise");
    std::fs::write(noise.join("one/LICENSE.txt"), "no audio").unwrap();
    std::fs::create_dir_all(noise.join("one/deep")).unwrap();
    std::fs::copy(noise.join("many/click_0.wav"), noise.join("one/deep/wind_0.wav")).unwrap();
    let listing = list(&noise).unwrap();
    let kinds: Vec<&String> = listing.values().flat_map(BTreeMap::keys).collect();
    assert_eq!(kinds, ["many/click", "one/rain", "one/deep/wind"]);
    assert_eq!(listing["many"]["many/click"].len(), 4);
    let empty = tempfile::tempdir().unwrap();
    let error = list(empty.path()).err().unwrap().to_string();
    assert!(error.contains("holds no FLAC, Ogg or WAV file"), "{error}");
}

#[test]
fn an_excerpt_that_is_silent_is_refused_by_name() {
    let corpus = small_corpus();
    let at = |name: &str| corpus.path().join(name);
    // Half a minute of silence after a short sound: every excerpt tried is silent for some seed.
    let mut samples = vec![0.0; 30 * SAMPLE_RATE_HZ as usize];
    samples[..4800].fill(0.5);
    let audio = audio_file::Audio {
        sample_rate_hz: SAMPLE_RATE_HZ,
        channels: vec![samples],
        format: audio_file::SampleFormat::Float,
    };
    audio_file::write_atomically(&at("knock.wav"), &audio).unwrap();
    let recording = |name: &str| Recording {
        path: at(name),
        kind: String::new(),
    };
    let mixed = |speech: &str, noise: &str| -> Vec<String> {
        let mix = |seed| {
            mix(&Recipe {
                speech: recording(speech),
                noise: recording(noise),
                snr_db: 0.0,
                speech_level_db: -26.0,
                seed,
            })
        };
        let pairs: Vec<Result<Pair>> = (0..8).map(mix).collect();
        for pair in pairs.iter().flatten() {
            assert!(pair.noisy.iter().chain(&pair.earlier_noise).all(|x| x.is_finite()));
        }
        pairs
            .into_iter()
            .filter_map(Result::err)
            .map(|e| e.to_string())
            .collect()
    };
    for errors in [
        mixed("dev/speech/a/ann_0.wav", "knock.wav"),
        mixed("knock.wav", "dev/noise/one/rain_12A_0.wav"),
    ] {
        assert!(!errors.is_empty());
        for error in errors {
            assert!(
                error.ends_with("knock.wav is silent in the excerpt that was drawn"),
                "{error}"
            );
        }
    }
}

#[test]
fn pairs_are_balanced_and_reproducible() {
    let corpus = small_corpus();
    let options = MixOptions {
        seed: 3,
        pairs_per_snr: 4,
        ..MixOptions::default()
    };
    let pairs = mix_corpus(corpus.path(), &options).unwrap();
    assert_eq!(pairs.len(), 4 * SNRS_DB.len());
    assert_eq!(
        pairs.iter().filter(|pair| pair.noise_type == "one/rain").count(),
        pairs.len() / 2
    );
    assert_eq!(
        pairs.iter().filter(|pair| pair.score_rate_hz == 16_000).count(),
        pairs.len() / 2
    );
    let again = mix_corpus(corpus.path(), &options).unwrap();
    assert!(
        pairs
            .iter()
            .zip(&again)
            .all(|(a, b)| a.noisy == b.noisy && a.clean == b.clean)
    );
    let other = mix_corpus(corpus.path(), &MixOptions { seed: 4, ..options }).unwrap();
    assert!(pairs.iter().zip(&other).any(|(a, b)| a.noisy != b.noisy));
}

#[test]
fn the_ratio_holds_over_active_frames() {
    let corpus = small_corpus();
    for pair in mix_corpus(
        corpus.path(),
        &MixOptions {
            seed: 3,
            pairs_per_snr: 2,
            ..MixOptions::default()
        },
    )
    .unwrap()
    {
        // Bursts of constant level: their level is the 95th percentile of the frames, in speech and in noise.
        let loud_db = |signal: &[f32]| active_threshold_db(&frame_levels_db(signal)) + ACTIVE_RANGE_DB;
        let snr_db = loud_db(&pair.clean) - loud_db(&pair.noise());
        assert!(
            (snr_db - pair.snr_db).abs() < 1.0,
            "{} at {} dB: {snr_db}",
            pair.noise_type,
            pair.snr_db
        );
        assert!(pair.noisy.iter().all(|x| x.abs() <= 1.0));
    }
}

#[test]
fn held_out_sources_come_from_both_folders_and_alone() {
    let corpus = small_corpus();
    let trained_on = corpus.path().join("train/noise/one");
    std::fs::create_dir_all(&trained_on).unwrap();
    std::fs::copy(
        corpus.path().join("dev/noise/many/click_0.wav"),
        trained_on.join("wind_0.wav"),
    )
    .unwrap();
    let mix = |held_out: &str| {
        let options = MixOptions {
            pairs_per_snr: 4,
            held_out: vec![held_out.to_owned()],
            ..MixOptions::default()
        };
        mix_corpus(corpus.path(), &options)
    };
    let kinds: std::collections::BTreeSet<String> =
        mix("one").unwrap().into_iter().map(|pair| pair.noise_type).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["one/rain", "one/wind"]);
    let unknown = mix("three").unwrap_err().to_string();
    assert_eq!(unknown, "the corpus has no noise source three");
}

#[test]
fn the_noise_heard_before_is_the_same_noise_at_the_same_level() {
    let corpus = small_corpus();
    for pair in mix_corpus(corpus.path(), &MixOptions::default()).unwrap() {
        assert_eq!(pair.earlier_noise.len(), EARLIER_SAMPLES);
        let difference_db = active_level_db(&pair.earlier_noise) - active_level_db(&pair.noise());
        assert!(difference_db.abs() < 1.5, "{}: {difference_db} dB", pair.noise_type);
    }
}
