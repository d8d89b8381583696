//! Any bytes as an audio file: an error of one sentence, or finite samples in channels of one length.
#![no_main]

use std::io::Cursor;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use xtask::audio_file::{MAX_CHANNELS, decode};

fuzz_target!(|input: &[u8]| {
    match decode(Path::new("input"), Cursor::new(input.to_vec())) {
        Ok(audio) => {
            assert!(audio.sample_rate_hz > 0);
            assert!((1..=MAX_CHANNELS).contains(&audio.channels.len()));
            let length = audio.len_samples();
            assert!(length > 0);
            for channel in &audio.channels {
                assert_eq!(channel.len(), length);
                assert!(channel.iter().all(|x| x.is_finite()));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
