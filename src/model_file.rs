//! Bytes <-> [`Model`]: the `.unfold` file.
//!
//! The payload of a [`container`] is `Payload`; weights are stored as bfloat16 in the order of [`Model::blocks`], those
//! of the field as they are.

use std::sync::{Arc, OnceLock};

use half::bf16;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::container::{self, ContainerError, LARGEST_PAYLOAD_BYTES};
use crate::model::{Config, InvalidModel, Model, SpeechField};

const MAGIC: &[u8; 8] = b"UNFOLD\r\n";

/// The only format version written and read.
pub const FORMAT_VERSION: u32 = 1;

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

impl From<ContainerError> for ModelError {
    fn from(error: ContainerError) -> Self {
        match error {
            ContainerError::OtherKind => Self::NotAModel,
            ContainerError::Version(found) => Self::Version {
                found,
                expected: FORMAT_VERSION,
            },
            ContainerError::Damaged(why) => Self::Damaged(why),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Payload {
    config: Config,
    provenance: String,
    blocks: Vec<Vec<u16>>,
    field: Option<SpeechField>,
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
        field: model.field.clone(),
    };
    Ok(container::seal(MAGIC, FORMAT_VERSION, &payload)?)
}

/// Reads a model. Every truncated, changed or added byte is an error.
///
/// # Errors
/// [`ModelError`], whose text is one sentence for the user.
pub fn from_bytes(bytes: &[u8]) -> Result<Model, ModelError> {
    unpack(container::open(MAGIC, FORMAT_VERSION, bytes)?)
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
    model.field = payload.field;
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
