//! Any bytes as a model file: an error or a model, and a model runs and survives being written and read.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use unfold::engine::{Engine, Settings};
use unfold::model_file::{FORMAT_VERSION, from_bytes, to_bytes};

/// Larger models are read but not run: a fuzzer wants many inputs a second.
const LARGEST_RUN_MACS: usize = 200_000;

fuzz_target!(|input: &[u8]| {
    // As it is, which the checksum nearly always refuses; and as the payload of a file whose checksum is right.
    let _ = from_bytes(input);
    let mut file = b"UNFOLD\r\n".to_vec();
    file.extend(FORMAT_VERSION.to_le_bytes());
    file.extend(input);
    file.extend(crc32fast::hash(&file).to_le_bytes());
    let Ok(model) = from_bytes(&file) else { return };

    let written = to_bytes(&model).expect("what was read can be written");
    assert_eq!(from_bytes(&written).as_ref(), Ok(&model));
    if model.config.most_macs_per_hop(model.config.layers) > LARGEST_RUN_MACS {
        return;
    }
    let mut engine = Engine::new(Arc::new(model), 16_000.0, 1).expect("a valid model makes an engine");
    let mut signal: Vec<f32> = (0..1600).map(|n| (n as f32 * 0.37).sin()).collect();
    engine.process(&Settings::default(), &mut [&mut signal]);
    assert!(signal.iter().all(|y| y.is_finite()), "a model made the output infinite");
});
