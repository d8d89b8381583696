//! What an interrupted run goes on from: one file for each system in a folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::score::Score;
use crate::atomic_file;
use crate::train::adam::{Adam, LogAdam};

/// How the weights of one system are moved.
#[derive(Serialize, Deserialize)]
pub enum Optimiser {
    /// Nothing moves.
    None,
    /// Multiplicative back-propagation keeps no state.
    Multiplicative,
    /// Adam on log-weights.
    Log(LogAdam),
    /// Plain Adam.
    Plain(Adam),
}

/// One epoch of one system.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Epoch {
    /// Mean error per frame while it was trained.
    pub loss: f64,
    pub dev_sdr_db: f64,
    pub seconds: f64,
}

/// A system in progress or finished.
#[derive(Serialize, Deserialize)]
pub struct State {
    pub epochs: Vec<Epoch>,
    pub optimiser: Optimiser,
    /// Weights now; empty once finished.
    pub current: Vec<f32>,
    /// Weights after the epoch with the best dev SDR.
    pub best: Vec<f32>,
    pub best_epoch: usize,
    /// On the test mixes, once finished.
    pub scores: Option<Vec<Score>>,
}

/// The folder, bound to one plan and its sounds.
pub struct Work {
    folder: PathBuf,
}

const IDENTITY: &str = "run.txt";

impl Work {
    /// Opens the folder of a run, or begins it.
    ///
    /// # Errors
    /// The folder holds another run, holds this one without `resume`, or cannot be written.
    pub fn open(folder: &Path, identity: &str, resume: bool) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let path = folder.join(IDENTITY);
        match std::fs::read_to_string(&path) {
            Ok(_) if !resume => bail!(
                "{} holds an earlier run; go on with --resume or choose another --work",
                folder.display()
            ),
            Ok(found) => ensure!(
                found == identity,
                "{} holds a run with other settings or other sounds",
                folder.display()
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                atomic_file::write(&path, identity.as_bytes())?;
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.state"))
    }

    /// What was kept under this name, if anything.
    ///
    /// # Errors
    /// The file cannot be read or is not one of this program.
    pub fn read<T: DeserializeOwned>(&self, id: &str) -> Result<Option<T>> {
        let path = self.path(id);
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let decoded = bincode::serde::decode_from_slice(&bytes, bincode::config::standard());
        let (state, _) = decoded.with_context(|| format!("{} is not a checkpoint of this program", path.display()))?;
        Ok(Some(state))
    }

    /// Replaces what is kept under this name, at once.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write<T: Serialize>(&self, id: &str, value: &T) -> Result<()> {
        let bytes = bincode::serde::encode_to_vec(value, bincode::config::standard())?;
        atomic_file::write(&self.path(id), &bytes)
    }
}
