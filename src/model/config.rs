//! Sizes and front-end settings of a model, and what makes them invalid.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::noise_floor::FrontEndConfig;
use crate::stft::SYNTHESIS_HOPS;

/// 2 billion multiply-adds per second of audio: about 80 times the shipped model, and still no frozen audio thread.
const MOST_MACS_PER_HOP: usize = 20_000_000;

/// Sizes and front-end settings: everything that is not a trained weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Band centres in Hz, ascending `[F]`.
    pub band_centres_hz: Vec<f32>,
    /// Hops that the analysis window of the transform spans.
    pub window_hops: usize,
    /// Level and floor trackers.
    pub front_end: FrontEndConfig,
    /// Stacked frames T: the current one and T - 1 past ones, oldest first.
    pub context_frames: usize,
    /// Neighbouring bands that share one row (their mean) in the past frames and in the floor; 1 keeps all bands.
    pub context_group: usize,
    /// Whether the noise floor is stacked as one more frame, before the past ones.
    pub floor_rows: bool,
    /// Speech atoms.
    pub speech_atoms: usize,
    /// Noise atoms.
    pub noise_atoms: usize,
    /// Adaptive noise atoms J: overlapping frequency windows of the noise floor; 0 for none.
    pub adaptive_atoms: usize,
    /// Most noise atoms learnt from the user's own noise that may join at run time; 0 if it was trained without any.
    pub user_atoms: usize,
    /// Unfolded iterations K that run.
    pub layers: usize,
    /// Layers with weights of their own; the first `layers - untied_layers + 1` iterations share the first.
    pub untied_layers: usize,
    /// Whether each layer has encoder atoms apart from its decoder atoms.
    pub untied_encoder: bool,
    /// Whether the activations of a frame start from those of the frame before.
    pub recurrent: bool,
    /// Whether each depth has a reconstruction dictionary of its own; otherwise one serves all.
    pub readout_per_depth: bool,
    /// Lower bound of the modelled input L, in units of the level-normalised features.
    pub epsilon: f32,
}

impl Config {
    /// F.
    pub fn bands(&self) -> usize {
        self.band_centres_hz.len()
    }

    /// R.
    pub fn atoms(&self) -> usize {
        self.speech_atoms + self.noise_atoms
    }

    /// I: rows of the stacked input.
    pub fn input_rows(&self) -> usize {
        self.bands() + self.context_blocks() * self.groups()
    }

    /// Blocks of rows before the current frame: the floor, if stacked, and the past frames.
    pub fn context_blocks(&self) -> usize {
        self.context_frames - 1 + usize::from(self.floor_rows)
    }

    /// Rows of one such block.
    pub fn groups(&self) -> usize {
        self.bands().div_ceil(self.context_group)
    }

    /// 1 if the network takes user atoms, which share their weights, otherwise 0.
    pub fn user_values(&self) -> usize {
        self.user_atoms.min(1)
    }

    /// Reconstruction dictionaries.
    pub fn readouts(&self) -> usize {
        if self.readout_per_depth { self.layers } else { 1 }
    }

    /// The readout after `depth` iterations.
    pub fn readout_index(&self, depth: usize) -> usize {
        if self.readout_per_depth { depth - 1 } else { 0 }
    }

    /// Most multiply-adds in the matrix products of one hop at a depth: those of a model without empty blocks.
    pub fn most_macs_per_hop(&self, depth: usize) -> usize {
        let (r, i) = (self.atoms(), self.input_rows());
        let recurrence = if self.recurrent { r * r } else { 0 };
        recurrence + depth.clamp(1, self.layers) * (2 * r * i + self.adaptive_macs()) + r * self.bands()
    }

    /// Multiply-adds of the adaptive atoms in one layer: each band lies in two windows at most, and is used twice.
    pub fn adaptive_macs(&self) -> usize {
        if self.adaptive_atoms > 0 {
            4 * self.input_rows()
        } else {
            0
        }
    }

    /// Values in each weight block of a model of these sizes, in the order of [`Model::blocks`](super::Model::blocks).
    pub fn block_lengths(&self) -> Vec<usize> {
        let (r, i, f, j) = (self.atoms(), self.input_rows(), self.bands(), self.adaptive_atoms);
        let user = self.user_values();
        let (recurrence, kept, user_kept) = if self.recurrent { (r * r, j, user) } else { (0, 0, 0) };
        let encoder = if self.untied_encoder { r * i } else { 0 };
        let mut lengths = vec![r, recurrence, j, kept, user, user_kept];
        for _ in 0..self.untied_layers {
            lengths.extend([r * i, encoder, r, r, j, j, user, user]);
        }
        for _ in 0..self.readouts() {
            lengths.extend([r * f, j, user, f]);
        }
        lengths
    }

    /// Checks that every size is possible, and small enough that a hostile file cannot exhaust memory.
    pub fn validate(&self) -> Result<(), InvalidModel> {
        let sizes = [
            ("bands", self.bands(), 2, 1024),
            ("hops in a window", self.window_hops, SYNTHESIS_HOPS, 8),
            ("context frames", self.context_frames, 1, 32),
            ("bands in a context group", self.context_group, 1, 1024),
            ("speech atoms", self.speech_atoms, 1, 2048),
            ("noise atoms", self.noise_atoms, 1, 2048),
            ("adaptive atoms", self.adaptive_atoms, 0, 64),
            ("user atoms", self.user_atoms, 0, 64),
            ("layers", self.layers, 1, 64),
            ("layers with weights of their own", self.untied_layers, 1, self.layers),
        ];
        for (what, value, least, most) in sizes {
            check_size(what, value, least, most)?;
        }
        let macs = self.most_macs_per_hop(self.layers);
        if macs > MOST_MACS_PER_HOP {
            return Err(InvalidModel::Cost {
                macs,
                most: MOST_MACS_PER_HOP,
            });
        }
        let front = &self.front_end;
        let times_ms = [front.level_ms, front.floor_smoothing_ms, front.floor_fall_ms];
        let numbers = times_ms.iter().chain(&self.band_centres_hz).chain([&self.epsilon]);
        if numbers.clone().any(|x| !x.is_finite() || *x <= 0.0) {
            return Err(InvalidModel::Value {
                what: "front-end settings",
            });
        }
        if !front.floor_rise_db_per_s.is_finite() || !(0.0..=1000.0).contains(&front.floor_rise_db_per_s) {
            return Err(InvalidModel::Value { what: "floor rise" });
        }
        if self.band_centres_hz.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(InvalidModel::Value { what: "band centres" });
        }
        Ok(())
    }
}

/// Checks that a count lies between its limits.
pub(super) fn check_size(what: &'static str, value: usize, least: usize, most: usize) -> Result<(), InvalidModel> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(InvalidModel::Size {
        what,
        value,
        least,
        most,
    })
}

/// Checks that every block of weights is as long as the sizes ask for.
pub(super) fn check_blocks(blocks: &[&[f32]], lengths: impl IntoIterator<Item = usize>) -> Result<(), InvalidModel> {
    for (block, (got, expected)) in blocks.iter().zip(lengths).enumerate() {
        if got.len() != expected {
            return Err(InvalidModel::Length {
                block,
                expected,
                got: got.len(),
            });
        }
    }
    Ok(())
}

/// Why a set of sizes or weights is not a model.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum InvalidModel {
    /// A size is out of range.
    #[error("the model has {value} {what}, allowed are {least} to {most}")]
    Size {
        /// What is counted.
        what: &'static str,
        /// The count found.
        value: usize,
        /// Smallest allowed count.
        least: usize,
        /// Largest allowed count.
        most: usize,
    },
    /// A block of weights has another length than the sizes ask for.
    #[error("weight block {block} of the model has {got} values, expected {expected}")]
    Length {
        /// Index in the order of [`Model::blocks`](super::Model::blocks).
        block: usize,
        /// Values expected.
        expected: usize,
        /// Values found.
        got: usize,
    },
    /// More work per hop than an audio thread can be asked for.
    #[error("the model needs {macs} multiply-adds per hop, allowed are {most}")]
    Cost {
        /// Multiply-adds per hop at full depth.
        macs: usize,
        /// Most allowed.
        most: usize,
    },
    /// A number is not finite, negative or out of order.
    #[error("the model's {what} hold a value that is negative, not finite or out of order")]
    Value {
        /// Which numbers.
        what: &'static str,
    },
}
