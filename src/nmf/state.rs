//! The network's memory and buffers.

use super::rows::group_means;
use super::user_atoms::UserAtoms;
use crate::model::Config;
#[cfg(doc)]
use crate::nmf::Tape;

/// Everything that changes from frame to frame. Preallocated; public buffers are inputs, outputs and what a
/// [`Tape`] may record.
pub struct State {
    /// Input: stacked features `[I, lanes]`, oldest first, the current frame last.
    pub input: Vec<f32>,
    /// Input: noise floor `[F, lanes]`.
    pub floor: Vec<f32>,
    /// H `[R, lanes]`, kept from frame to frame.
    pub activation: Vec<f32>,
    /// Activations of the adaptive atoms `[J, lanes]`, kept from frame to frame.
    pub adaptive_activation: Vec<f32>,
    /// Atoms learnt from the user's noise.
    pub user: UserAtoms,
    /// L `[I, lanes]`: the modelled input.
    pub modelled: Vec<f32>,
    /// M / L `[I, lanes]`.
    pub ratio: Vec<f32>,
    /// log2(N / d) `[R, lanes]`.
    pub log_update: Vec<f32>,
    /// The same for the adaptive atoms `[J, lanes]`.
    pub adaptive_log_update: Vec<f32>,
    /// E (M / L) of the adaptive atoms `[J, lanes]`.
    pub adaptive_numerator: Vec<f32>,
    /// Output: speech estimate S_s `[F, lanes]`.
    pub speech: Vec<f32>,
    /// Output: noise estimate S_n `[F, lanes]`.
    pub noise: Vec<f32>,
    /// Output: mask g `[F, lanes]`.
    pub mask: Vec<f32>,
    /// Sum of each adaptive atom `[J, lanes]`.
    pub(super) floor_sum: Vec<f32>,
    pub(super) band_scratch: Vec<f32>,
    pub(super) group_scratch: Vec<f32>,
    pub(super) start: Vec<f32>,
}

impl State {
    /// Buffers for a model and a number of lanes. Allocates everything.
    pub fn new(config: &Config, lanes: usize) -> Self {
        let rows = |rows: usize| vec![0.0; rows * lanes];
        let (r, i, f, j) = (
            config.atoms(),
            config.input_rows(),
            config.bands(),
            config.adaptive_atoms,
        );
        Self {
            input: rows(i),
            floor: rows(f),
            activation: rows(r),
            adaptive_activation: rows(j),
            user: UserAtoms::new(config, lanes),
            modelled: rows(i),
            ratio: rows(i),
            log_update: rows(r),
            adaptive_log_update: rows(j),
            adaptive_numerator: rows(j),
            speech: rows(f),
            noise: rows(f),
            mask: rows(f),
            floor_sum: rows(j),
            band_scratch: rows(f),
            group_scratch: rows(config.groups()),
            start: rows(r),
        }
    }

    /// Forgets the past; the user atoms stay.
    pub fn reset(&mut self) {
        self.input.fill(0.0);
        self.floor.fill(0.0);
        self.activation.fill(0.0);
        self.adaptive_activation.fill(0.0);
        self.user.activation.fill(0.0);
    }

    /// Stacks a frame of features `[F, lanes]` (and the floor, if the model wants it) into the input.
    pub fn push_features(&mut self, config: &Config, features: &[f32]) {
        let lanes = features.len() / config.bands();
        let block = config.groups() * lanes;
        let first_past = if config.floor_rows { block } else { 0 };
        let current = self.input.len() - features.len();
        if config.context_frames > 1 {
            // The past frames move up; the frame that was the current one joins them, grouped.
            self.input.copy_within(first_past + block..current, first_past);
            let (context, newest) = self.input.split_at_mut(current);
            group_means(newest, config.context_group, lanes, &mut context[current - block..]);
        }
        if config.floor_rows {
            group_means(&self.floor, config.context_group, lanes, &mut self.input[..block]);
        }
        self.input[current..].copy_from_slice(features);
    }

    /// Takes over the memory of another state of the same size, without allocating.
    pub fn copy_from(&mut self, other: &Self) {
        self.input.copy_from_slice(&other.input);
        self.activation.copy_from_slice(&other.activation);
        self.adaptive_activation.copy_from_slice(&other.adaptive_activation);
        self.user.activation.copy_from_slice(&other.user.activation);
    }
}
