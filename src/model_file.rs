//! Bytes <-> [`Model`]: the `.unfold` file.
//!
//! ```text
//! 8 bytes   magic "UNFOLD\r\n"      (a text-mode transfer breaks it visibly)
//! 4 bytes   format version, little-endian
//! n bytes   payload: bincode 2 (little-endian, fixed-width integers) of `Payload`
//! m bytes   only in a model with a field: the same coding of its `SpeechField`
//! 4 bytes   CRC-32 (IEEE) of everything before it, little-endian
//! ```
//! Weights are stored as bfloat16 in the order of [`Model::blocks`], those of the field as they are.

use std::sync::{Arc, OnceLock};

use half::bf16;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::{Config, InvalidModel, Model, SpeechField};

const MAGIC: &[u8; 8] = b"UNFOLD\r\n";

/// The only format version written and read.
pub const FORMAT_VERSION: u32 = 1;

/// Decoding never allocates more than this, whatever lengths a file claims.
const LARGEST_PAYLOAD_BYTES: usize = 64 << 20;

const HEADER_BYTES: usize = 12;
const CRC_BYTES: usize = 4;

static SHIPPED: &[u8] = include_bytes!("../models/speech-v1.unfold");

/// Why bytes are not a model.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ModelError {
    /// The magic is missing.
    #[error("this is not an Unfold model file")]
    NotAModel,
    /// Written by another version of the format.
    #[error("the model file has format version {found}, this program reads version {expected}")]
    Version {
        /// Version in the file.
        found: u32,
        /// Version that can be read.
        expected: u32,
    },
    /// Truncated, extended or changed.
    #[error("the model file is damaged: {0}")]
    Damaged(&'static str),
    /// Intact, but not a network.
    #[error("the model file cannot be used: {0}")]
    Invalid(#[from] InvalidModel),
}

#[derive(Serialize, Deserialize)]
struct Payload {
    config: Config,
    provenance: String,
    blocks: Vec<Vec<u16>>,
}

fn coding() -> impl bincode::config::Config {
    bincode::config::standard()
        .with_little_endian()
        .with_fixed_int_encoding()
        .with_limit::<LARGEST_PAYLOAD_BYTES>()
}

/// The file of a model. Allocates.
///
/// # Errors
/// [`ModelError`] if the model is not valid or too large: nothing is written that could not be read back.
pub fn to_bytes(model: &Model) -> Result<Vec<u8>, ModelError> {
    model.validate()?;
    let packed = |weights: &[f32]| weights.iter().map(|w| bf16::from_f32(*w).to_bits()).collect();
    let payload = Payload {
        config: model.config.clone(),
        provenance: model.provenance.clone(),
        blocks: model.blocks().into_iter().map(packed).collect(),
    };
    let mut bytes = MAGIC.to_vec();
    bytes.extend(FORMAT_VERSION.to_le_bytes());
    // The limit of the coding holds for reading alone.
    let too_large = ModelError::Damaged("it is larger than 64 MiB");
    let mut encoded = bincode::serde::encode_to_vec(&payload, coding()).map_err(|_| too_large.clone())?;
    if let Some(field) = &model.field {
        let field = bincode::serde::encode_to_vec(field, coding());
        encoded.extend(field.map_err(|_| too_large.clone())?);
    }
    if encoded.len() > LARGEST_PAYLOAD_BYTES {
        return Err(too_large);
    }
    bytes.extend(encoded);
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    Ok(bytes)
}

/// Reads a model. Every truncated, changed or added byte is an error.
///
/// # Errors
/// [`ModelError`], whose text is one sentence for the user.
pub fn from_bytes(bytes: &[u8]) -> Result<Model, ModelError> {
    if !bytes.starts_with(MAGIC) {
        return Err(ModelError::NotAModel);
    }
    if bytes.len() < HEADER_BYTES + CRC_BYTES {
        return Err(ModelError::Damaged("it ends early"));
    }
    let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let found = number(MAGIC.len());
    if found != FORMAT_VERSION {
        return Err(ModelError::Version {
            found,
            expected: FORMAT_VERSION,
        });
    }
    let end = bytes.len() - CRC_BYTES;
    if number(end) != crc32fast::hash(&bytes[..end]) {
        return Err(ModelError::Damaged("its checksum does not match"));
    }
    let undecodable = |_| ModelError::Damaged("its contents cannot be decoded");
    let (payload, used): (Payload, usize) =
        bincode::serde::decode_from_slice(&bytes[HEADER_BYTES..end], coding()).map_err(undecodable)?;
    let rest = &bytes[HEADER_BYTES + used..end];
    let mut model = unpack(payload)?;
    if !rest.is_empty() {
        let (field, used): (SpeechField, usize) =
            bincode::serde::decode_from_slice(rest, coding()).map_err(undecodable)?;
        if used != rest.len() {
            return Err(ModelError::Damaged("it holds more than a model"));
        }
        field.validate(model.config.bands())?;
        model.field = Some(field);
    }
    Ok(model)
}

fn unpack(payload: Payload) -> Result<Model, ModelError> {
    payload.config.validate()?;
    let expected_bytes = 2 * payload.config.block_lengths().iter().sum::<usize>();
    if expected_bytes > LARGEST_PAYLOAD_BYTES {
        return Err(ModelError::Damaged("its sizes are larger than any file"));
    }
    let mut model = Model::zeros(payload.config);
    model.provenance = payload.provenance;
    let mut blocks = model.blocks_mut();
    if blocks.len() != payload.blocks.len() {
        return Err(ModelError::Damaged(
            "it has another number of weight blocks than its sizes ask for",
        ));
    }
    for (block, (target, source)) in blocks.iter_mut().zip(&payload.blocks).enumerate() {
        if target.len() != source.len() {
            return Err(InvalidModel::Length {
                block,
                expected: target.len(),
                got: source.len(),
            }
            .into());
        }
        for (w, bits) in target.iter_mut().zip(source) {
            *w = bf16::from_bits(*bits).to_f32();
        }
    }
    model.validate()?;
    Ok(model)
}

/// The bytes of the model inside this program.
pub fn shipped_bytes() -> &'static [u8] {
    SHIPPED
}

/// The model inside this program, decoded once.
///
/// # Panics
/// If the embedded file is not a model, which a test excludes.
pub fn shipped() -> Arc<Model> {
    static MODEL: OnceLock<Arc<Model>> = OnceLock::new();
    let decode = || Arc::new(from_bytes(SHIPPED).expect("the embedded model is valid"));
    MODEL.get_or_init(decode).clone()
}
