//! Promises: a model survives its file; the format is frozen; every damaged byte is found; errors say what is wrong.

use proptest::prelude::*;
use unfold::model::{Config, FieldInference, Model, SpeechField};
use unfold::model_file::{FORMAT_VERSION, ModelError, from_bytes, shipped, shipped_bytes, to_bytes};
use unfold::noise_floor::FrontEndConfig;

fn tiny() -> Model {
    let config = Config {
        band_centres_hz: vec![100.0, 1000.0],
        window_hops: 2,
        front_end: FrontEndConfig {
            level_ms: 1000.0,
            floor_smoothing_ms: 60.0,
            floor_fall_ms: 40.0,
            floor_rise_db_per_s: 15.0,
        },
        context_frames: 2,
        context_group: 2,
        floor_rows: true,
        speech_atoms: 1,
        noise_atoms: 1,
        adaptive_atoms: 1,
        user_atoms: 2,
        layers: 2,
        untied_layers: 2,
        untied_encoder: true,
        recurrent: true,
        readout_per_depth: true,
        epsilon: 0.01,
    };
    let mut model = Model::zeros(config);
    model.provenance = "golden".into();
    let mut next = 0.0;
    for w in model.blocks_mut().into_iter().flatten() {
        next += 0.25;
        *w = next;
    }
    model
}

/// Recorded once from `to_bytes(&tiny())`; a change here breaks every model in the world.
const GOLDEN: &str = include_str!("golden_model.hex");

fn hex(bytes: &[u8]) -> String {
    bytes
        .chunks(32)
        .map(|line| line.iter().map(|b| format!("{b:02x}")).collect::<String>() + "\n")
        .collect()
}

#[test]
fn the_format_is_frozen() {
    assert_eq!(hex(&to_bytes(&tiny()).unwrap()), GOLDEN);
}

#[test]
fn golden_bytes_read_back() {
    let digits: String = GOLDEN.split_whitespace().collect();
    let bytes: Vec<u8> = (0..digits.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap())
        .collect();
    assert_eq!(from_bytes(&bytes).unwrap(), tiny());
}

/// [`tiny`] with a field.
fn tiny_with_field() -> Model {
    let field = SpeechField::neutral(FieldInference::MeanField, 2, 3, 3);
    Model {
        field: Some(field),
        ..tiny()
    }
}

#[test]
fn a_field_is_an_optional_end_of_the_file() {
    let (without, with) = (to_bytes(&tiny()).unwrap(), to_bytes(&tiny_with_field()).unwrap());
    assert_eq!(from_bytes(&with).unwrap(), tiny_with_field());
    // All but the byte that says whether there is a field, and the checksum.
    let end = without.len() - 5;
    assert_eq!(with[..end], without[..end]);
    let mut model = tiny_with_field();
    model.field.as_mut().unwrap().absent_ln_gain.push(-1.0);
    assert!(matches!(to_bytes(&model), Err(ModelError::Invalid(_))));
    model = tiny_with_field();
    model.field.as_mut().unwrap().layers[1].step[0] = 0.0;
    assert!(matches!(to_bytes(&model), Err(ModelError::Invalid(_))));
    model = tiny_with_field();
    model.field.as_mut().unwrap().layers.pop();
    assert!(matches!(to_bytes(&model), Err(ModelError::Invalid(_))));
    let longer = [&with[..with.len() - 4], &[0; 5]].concat();
    assert_eq!(
        from_bytes(&with_checksum(longer)),
        Err(ModelError::Damaged("it holds more than it should"))
    );
}

#[test]
fn the_shipped_model_is_valid_and_small() {
    let model = shipped();
    assert_eq!(model.validate(), Ok(()));
    assert!(model.layers() >= 2 && !model.provenance.is_empty());
    assert!(shipped_bytes().len() <= 600_000, "{} bytes", shipped_bytes().len());
    assert_eq!(to_bytes(&model).unwrap(), shipped_bytes());
}

#[test]
fn every_flipped_byte_and_every_truncation_is_found() {
    for model in [tiny(), tiny_with_field()] {
        damage_everywhere(to_bytes(&model).unwrap());
    }
}

fn damage_everywhere(bytes: Vec<u8>) {
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            assert!(from_bytes(&damaged).is_err(), "byte {at} changed by {flip:#x}");
        }
        assert!(from_bytes(&bytes[..at]).is_err(), "cut after {at} bytes");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(from_bytes(&longer).is_err());
}

/// `bytes` with a checksum that matches, so that what lies behind the checksum is tested too.
fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - 4;
    let crc = crc32fast::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

#[test]
fn another_version_names_both_numbers() {
    let mut bytes = to_bytes(&tiny()).unwrap();
    bytes[8..12].copy_from_slice(&7_u32.to_le_bytes());
    let error = from_bytes(&with_checksum(bytes)).unwrap_err();
    assert_eq!(
        error,
        ModelError::Version {
            found: 7,
            expected: FORMAT_VERSION
        }
    );
    assert!(error.to_string().contains('7') && error.to_string().contains(&FORMAT_VERSION.to_string()));
}

#[test]
fn errors_are_sentences() {
    assert_eq!(from_bytes(b"RIFF....WAVE").unwrap_err(), ModelError::NotAModel);
    assert_eq!(from_bytes(b"").unwrap_err(), ModelError::NotAModel);
    assert!(
        from_bytes(b"UNFOLD\r\n\x01")
            .unwrap_err()
            .to_string()
            .contains("ends early")
    );
    let mut model = tiny();
    model.config.band_centres_hz = vec![5.0, 5.0];
    assert!(matches!(to_bytes(&model), Err(ModelError::Invalid(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn damage_behind_a_matching_checksum_never_panics(at in 12_usize..400, value in any::<u8>(), cut in 0_usize..200) {
        let mut bytes = to_bytes(&tiny()).unwrap();
        let at = at % (bytes.len() - 4);
        bytes[at] = value;
        bytes.truncate((bytes.len() - cut % bytes.len()).max(16));
        if let Ok(model) = from_bytes(&with_checksum(bytes)) {
            prop_assert_eq!(model.validate(), Ok(()));
        }
    }

    #[test]
    fn damage_in_the_field_never_panics(at in 0_usize..2000, value in any::<u8>(), cut in 0_usize..200) {
        let mut bytes = to_bytes(&tiny_with_field()).unwrap();
        let start = to_bytes(&tiny()).unwrap().len() - 4;
        let at = start + at % (bytes.len() - 4 - start);
        bytes[at] = value;
        bytes.truncate(bytes.len() - cut % (bytes.len() - start));
        if let Ok(model) = from_bytes(&with_checksum(bytes)) {
            prop_assert_eq!(model.validate(), Ok(()));
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(from_bytes(&bytes).is_err());
    }
}
