use super::*;

/// A little of everything: three unequal channels, full scale included.
fn example(format: SampleFormat, channels: usize, samples: usize) -> Audio {
    let step = match format {
        SampleFormat::Int { bits } => 1.0 / full_scale(bits.min(24)),
        SampleFormat::Float => 1e-3,
    };
    let channel = |channel: usize| -> Vec<f32> {
        let wave = |at: usize| ((at * (channel + 3)) as f32 * 0.01).sin() * 0.9;
        // On the format's own grid, so that a round trip must be exact.
        (0..samples)
            .map(|at| {
                if at == 0 {
                    -1.0
                } else {
                    (wave(at) / step).round() * step
                }
            })
            .collect()
    };
    Audio {
        sample_rate_hz: 44_100,
        channels: (0..channels).map(channel).collect(),
        format,
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn wav_keeps_every_sample_rate_and_depth() {
    let folder = folder();
    let formats = [8, 16, 24, 32].map(|bits| SampleFormat::Int { bits });
    for format in formats.into_iter().chain([SampleFormat::Float]) {
        for channels in [1, 2, 3, 64] {
            let path = folder.path().join("x.wav");
            let written = example(format, channels, 1000);
            write_atomically(&path, &written).unwrap();
            assert_eq!(read(&path).unwrap(), written, "{format:?}, {channels} channels");
        }
    }
}

#[test]
fn flac_keeps_every_sample_rate_and_depth() {
    let folder = folder();
    for bits in [8, 12, 16, 20, 24, 32] {
        for (channels, samples, sample_rate_hz) in
            [(1, 1, 8000), (2, 5000, 44_100), (8, 4096, 96_000), (1, 4097, 192_000)]
        {
            let path = folder.path().join("x.flac");
            let written = Audio {
                sample_rate_hz,
                ..example(SampleFormat::Int { bits }, channels, samples)
            };
            write_atomically(&path, &written).unwrap();
            assert_eq!(
                read(&path).unwrap(),
                written,
                "{bits} bits, {channels} channels, {samples} samples"
            );
        }
    }
}

#[test]
fn samples_beyond_full_scale_are_clipped_in_integer_files_only() {
    let folder = folder();
    let loud = |format| Audio {
        sample_rate_hz: 8000,
        channels: vec![vec![1.5, -1.5, 1.0]],
        format,
    };
    let path = folder.path().join("loud.wav");
    write_atomically(&path, &loud(SampleFormat::Int { bits: 16 })).unwrap();
    let top = 32767.0 / 32768.0;
    assert_eq!(read(&path).unwrap().channels[0], [top, -1.0, top]);
    write_atomically(&path, &loud(SampleFormat::Float)).unwrap();
    assert_eq!(read(&path).unwrap().channels[0], [1.5, -1.5, 1.0]);
}

#[test]
fn a_damaged_file_is_an_error_or_audio_but_never_a_panic() {
    let folder = folder();
    for name in ["x.wav", "x.flac"] {
        let path = folder.path().join(name);
        write_atomically(&path, &example(SampleFormat::Int { bits: 16 }, 2, 300)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(read(&path).is_err(), "{name} cut to {cut} bytes was accepted");
        }
        for at in 0..whole.len().min(100) {
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= flip;
                std::fs::write(&path, &bytes).unwrap();
                if let Ok(audio) = read(&path) {
                    assert!(audio.len_samples() > 0 && audio.channels.len() <= MAX_CHANNELS);
                }
            }
        }
    }
}

#[test]
fn a_sample_that_is_no_number_is_named_by_its_position() {
    let folder = folder();
    let path = folder.path().join("nan.wav");
    let mut audio = example(SampleFormat::Float, 2, 50);
    audio.channels[0][30] = f32::INFINITY;
    audio.channels[1][20] = f32::NAN;
    write_atomically(&path, &audio).unwrap();
    let error = read(&path).unwrap_err();
    assert!(
        matches!(
            error,
            AudioFileError::NotFinite {
                sample: 21,
                channel: 2,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_failed_write_leaves_the_folder_as_it_was() {
    let folder = folder();
    let path = folder.path().join("old.flac");
    std::fs::write(&path, b"precious").unwrap();
    // FLAC takes neither floating point nor nine channels.
    for audio in [
        example(SampleFormat::Float, 1, 10),
        example(SampleFormat::Int { bits: 16 }, 9, 10),
    ] {
        let error = write_atomically(&path, &audio).unwrap_err();
        assert!(matches!(error, AudioFileError::Unrepresentable { .. }), "{error}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "a temporary file was left behind"
    );
}

#[cfg(unix)]
#[test]
fn a_link_is_written_through_and_recognised_as_its_target() {
    let folder = folder();
    let (file, link) = (folder.path().join("file.wav"), folder.path().join("link.wav"));
    let hard_link = folder.path().join("hard.wav");
    let audio = example(SampleFormat::Int { bits: 16 }, 1, 10);
    write_atomically(&file, &audio).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    std::fs::hard_link(&file, &hard_link).unwrap();
    assert!(check_not_same(&file, &link).is_err());
    assert!(check_not_same(&file, &hard_link).is_err());
    assert!(check_not_same(&file, &folder.path().join("none.wav")).is_ok());

    let longer = example(SampleFormat::Int { bits: 16 }, 1, 20);
    write_atomically(&link, &longer).unwrap();
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(read(&file).unwrap(), longer);
}

/// Found by fuzzing: such a file made the decoder's arithmetic overflow, which a build with overflow checks turns
/// into a panic. The workspace's profile leaves those checks out for the decoder.
#[test]
fn a_damaged_flac_whose_prediction_overflows_is_refused() {
    let bytes: &[u8] = include_bytes!("../../tests/data/overflowing.flac");
    let refused = decode(Path::new("x.flac"), std::io::Cursor::new(bytes)).unwrap_err();
    assert!(
        refused.to_string().starts_with("x.flac: the audio is damaged"),
        "{refused}"
    );
}
