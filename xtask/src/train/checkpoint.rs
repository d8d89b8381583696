//! What an interrupted run goes on from.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::adam::LogAdam;
use super::config::TrainConfig;
use crate::atomic_file;

/// Optimiser state and what it belongs to.
#[derive(Serialize, Deserialize)]
pub struct Checkpoint {
    pub config: TrainConfig,
    /// Provenance of the model that the run started from.
    pub origin: String,
    /// Fingerprint of the corpus.
    pub sounds: String,
    pub adam: LogAdam,
}

#[derive(Serialize)]
struct CheckpointView<'a> {
    config: &'a TrainConfig,
    origin: &'a str,
    sounds: &'a str,
    adam: &'a LogAdam,
}

impl Checkpoint {
    /// Reads a checkpoint.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read the checkpoint {}", path.display()))?;
        let decoded = bincode::serde::decode_from_slice(&bytes, bincode::config::standard());
        Ok(decoded
            .with_context(|| format!("{} is not a checkpoint of this program", path.display()))?
            .0)
    }

    /// Replaces the checkpoint at once: an interruption leaves the old or the new one.
    pub fn write(path: &Path, config: &TrainConfig, origin: &str, sounds: &str, adam: &LogAdam) -> Result<()> {
        let view = CheckpointView {
            config,
            origin,
            sounds,
            adam,
        };
        atomic_file::write(
            path,
            &bincode::serde::encode_to_vec(&view, bincode::config::standard())?,
        )
    }
}
