//! The network's parameters: immutable dictionaries and per-layer weights, with their shapes and validation.
//!
//! Shapes use R = speech + noise atoms (speech first), F = bands, I = stacked input rows, K = layers,
//! J = adaptive noise atoms, U = 1 where the network takes user atoms, otherwise 0. All parameters are non-negative.

mod config;
mod field;

use ndarray::{Array1, Array2};

use crate::bands::display_shape;
use crate::kernels::BLOCK;
use crate::meters::DISPLAY_BANDS;

use self::config::check_blocks;
pub use config::{Config, InvalidModel};
pub use field::{FieldInference, FieldLayer, SpeechField};

/// Start of the iterations of a frame: `H^0_t = bias + recurrence H^K_{t-1}` (docs/algorithm.md section 5.2).
#[derive(Clone, Debug, PartialEq)]
pub struct WarmStart {
    /// `[R]`, above 0: zeros would be absorbing.
    pub bias: Array1<f32>,
    /// `[R, R]`, row = atom now, column = atom one frame ago; `[0, 0]` when not recurrent.
    pub recurrence: Array2<f32>,
    /// `[J]`.
    pub adaptive_bias: Array1<f32>,
    /// `[J]`: each adaptive atom remembers itself alone.
    pub adaptive_recurrence: Array1<f32>,
    /// `[U]`: one start for all user atoms.
    pub user_bias: Array1<f32>,
    /// `[U]`; `[0]` when not recurrent.
    pub user_recurrence: Array1<f32>,
}

/// One iteration: `H <- H * (E (M / L) / (rowsum(E) + mu))^p` with `L = D' H + adaptive part` (sections 4 and 5).
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// D `[R, I]`: what each atom adds to the modelled input.
    pub decoder: Array2<f32>,
    /// E `[R, I]`: how each atom reads the ratio of input to model; `[0, 0]` when the decoder serves.
    pub encoder: Array2<f32>,
    /// mu `[R]`.
    pub sparsity: Array1<f32>,
    /// p `[R]`.
    pub exponent: Array1<f32>,
    /// mu of the adaptive atoms `[J]`.
    pub adaptive_sparsity: Array1<f32>,
    /// p of the adaptive atoms `[J]`.
    pub adaptive_exponent: Array1<f32>,
    /// mu of the user atoms `[U]`.
    pub user_sparsity: Array1<f32>,
    /// p of the user atoms `[U]`.
    pub user_exponent: Array1<f32>,
}

/// Last step: one-frame reconstruction of speech and noise and the exponent of the mask.
#[derive(Clone, Debug, PartialEq)]
pub struct Readout {
    /// `[R, F]`.
    pub dictionary: Array2<f32>,
    /// `[J]`: weight of each adaptive atom in the noise estimate.
    pub adaptive_scale: Array1<f32>,
    /// `[U]`: weight of the user atoms in the noise estimate.
    pub user_scale: Array1<f32>,
    /// q `[F]` in `S_s^q / (S_s^q + S_n^q)`.
    pub mask_exponent: Array1<f32>,
}

/// A complete network.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Sizes and front end.
    pub config: Config,
    /// Who made it, from what, how.
    pub provenance: String,
    /// Start of each frame.
    pub warm_start: WarmStart,
    /// `config.untied_layers` layers.
    pub layers: Vec<Layer>,
    /// `config.readouts()` readouts.
    pub readouts: Vec<Readout>,
    /// A field that refines the mask, if the model has one (section 6).
    pub field: Option<SpeechField>,
}

impl Model {
    /// A model of the given sizes with every weight 0, without a field.
    pub fn zeros(config: Config) -> Self {
        let (r, i, f, j) = (
            config.atoms(),
            config.input_rows(),
            config.bands(),
            config.adaptive_atoms,
        );
        let user = config.user_values();
        let recurrent = if config.recurrent { r } else { 0 };
        let encoder = if config.untied_encoder { (r, i) } else { (0, 0) };
        let layer = Layer {
            decoder: Array2::zeros((r, i)),
            encoder: Array2::zeros(encoder),
            sparsity: Array1::zeros(r),
            exponent: Array1::zeros(r),
            adaptive_sparsity: Array1::zeros(j),
            adaptive_exponent: Array1::zeros(j),
            user_sparsity: Array1::zeros(user),
            user_exponent: Array1::zeros(user),
        };
        let readout = Readout {
            dictionary: Array2::zeros((r, f)),
            adaptive_scale: Array1::zeros(j),
            user_scale: Array1::zeros(user),
            mask_exponent: Array1::zeros(f),
        };
        Self {
            provenance: String::new(),
            warm_start: WarmStart {
                bias: Array1::zeros(r),
                recurrence: Array2::zeros((recurrent, recurrent)),
                adaptive_bias: Array1::zeros(j),
                adaptive_recurrence: Array1::zeros(if config.recurrent { j } else { 0 }),
                user_bias: Array1::zeros(user),
                user_recurrence: Array1::zeros(if config.recurrent { user } else { 0 }),
            },
            layers: vec![layer; config.untied_layers],
            readouts: vec![readout; config.readouts()],
            field: None,
            config,
        }
    }

    /// The weights that iteration `k` uses: the last ones are untied, the first ones share.
    pub fn layer_index(&self, k: usize) -> usize {
        (k + self.layers.len())
            .saturating_sub(self.config.layers)
            .min(self.layers.len() - 1)
    }

    /// Iterations K.
    pub fn layers(&self) -> usize {
        self.config.layers
    }

    /// Speech atoms.
    pub fn speech_atoms(&self) -> usize {
        self.config.speech_atoms
    }

    /// Noise atoms.
    pub fn noise_atoms(&self) -> usize {
        self.config.noise_atoms
    }

    /// Every block of the network's weights, in the order of the model file: warm start, layers, readouts. Not the field's.
    pub fn blocks(&self) -> Vec<&[f32]> {
        let w = &self.warm_start;
        let mut blocks = vec![
            flat(&w.bias),
            flat2(&w.recurrence),
            flat(&w.adaptive_bias),
            flat(&w.adaptive_recurrence),
            flat(&w.user_bias),
            flat(&w.user_recurrence),
        ];
        for l in &self.layers {
            blocks.extend([
                flat2(&l.decoder),
                flat2(&l.encoder),
                flat(&l.sparsity),
                flat(&l.exponent),
            ]);
            blocks.extend([flat(&l.adaptive_sparsity), flat(&l.adaptive_exponent)]);
            blocks.extend([flat(&l.user_sparsity), flat(&l.user_exponent)]);
        }
        for r in &self.readouts {
            blocks.extend([flat2(&r.dictionary), flat(&r.adaptive_scale)]);
            blocks.extend([flat(&r.user_scale), flat(&r.mask_exponent)]);
        }
        blocks
    }

    /// [`Self::blocks`], writable.
    pub fn blocks_mut(&mut self) -> Vec<&mut [f32]> {
        let w = &mut self.warm_start;
        let mut blocks = vec![
            flat_mut(&mut w.bias),
            flat2_mut(&mut w.recurrence),
            flat_mut(&mut w.adaptive_bias),
            flat_mut(&mut w.adaptive_recurrence),
            flat_mut(&mut w.user_bias),
            flat_mut(&mut w.user_recurrence),
        ];
        for l in &mut self.layers {
            blocks.extend([flat2_mut(&mut l.decoder), flat2_mut(&mut l.encoder)]);
            blocks.extend([flat_mut(&mut l.sparsity), flat_mut(&mut l.exponent)]);
            blocks.extend([flat_mut(&mut l.adaptive_sparsity), flat_mut(&mut l.adaptive_exponent)]);
            blocks.extend([flat_mut(&mut l.user_sparsity), flat_mut(&mut l.user_exponent)]);
        }
        for r in &mut self.readouts {
            blocks.extend([flat2_mut(&mut r.dictionary), flat_mut(&mut r.adaptive_scale)]);
            blocks.extend([flat_mut(&mut r.user_scale), flat_mut(&mut r.mask_exponent)]);
        }
        blocks
    }

    /// Checks sizes, finiteness and non-negativity of everything.
    pub fn validate(&self) -> Result<(), InvalidModel> {
        self.config.validate()?;
        check_blocks(&self.blocks(), self.config.block_lengths())?;
        if self.blocks().into_iter().flatten().any(|w| !w.is_finite() || *w < 0.0) {
            return Err(InvalidModel::Value { what: "weights" });
        }
        self.field
            .as_ref()
            .map_or(Ok(()), |field| field.validate(self.config.bands()))
    }

    /// Trained numbers.
    pub fn parameter_count(&self) -> usize {
        let field = self.field.iter().flat_map(SpeechField::blocks);
        self.blocks().into_iter().chain(field).map(<[f32]>::len).sum()
    }

    /// Multiply-accumulates of one hop at a depth, in the matrix products alone; blocks without weights cost none.
    pub fn macs_per_hop(&self, depth: usize) -> usize {
        let config = &self.config;
        let depth = depth.clamp(1, config.layers);
        let decoder_uses = if config.untied_encoder { 1 } else { 2 };
        let layers = (0..depth).map(|k| {
            let layer = &self.layers[self.layer_index(k)];
            decoder_uses * kept_weights(&layer.decoder) + kept_weights(&layer.encoder)
        });
        let readout = &self.readouts[config.readout_index(depth)].dictionary;
        layers.sum::<usize>()
            + depth * config.adaptive_macs()
            + kept_weights(readout)
            + kept_weights(&self.warm_start.recurrence)
    }

    /// [`Model::macs_per_hop`] per second of audio, 100 hops a second.
    pub fn macs_per_second(&self, depth: usize) -> f64 {
        100.0 * self.macs_per_hop(depth) as f64
    }

    /// Share of the matrices' weights that lie in blocks which are not empty.
    pub fn kept_share(&self) -> f64 {
        let layers = self.layers.iter().flat_map(|layer| [&layer.decoder, &layer.encoder]);
        let readouts = self.readouts.iter().map(|readout| &readout.dictionary);
        let matrices = layers.chain(readouts).chain([&self.warm_start.recurrence]);
        let (mut kept, mut all) = (0, 0);
        for matrix in matrices {
            kept += kept_weights(matrix);
            all += matrix.len();
        }
        kept as f64 / all.max(1) as f64
    }

    /// Spectrum of an atom (all zero if there is no such atom) of the full-depth reconstruction dictionary in the display bands: linear, peak 1.
    pub fn atom_spectrum(&self, atom: usize, out: &mut [f32; DISPLAY_BANDS]) {
        let bands = self.config.bands();
        let dictionary = flat2(&self.readouts[self.config.readout_index(self.config.layers)].dictionary);
        match dictionary.chunks_exact(bands).nth(atom) {
            Some(spectrum) => display_shape(&self.config.band_centres_hz, spectrum, out),
            None => out.fill(0.0),
        }
    }
}

/// Weights in the blocks that [`crate::kernels::Packed`] keeps.
fn kept_weights(matrix: &Array2<f32>) -> usize {
    let rows = flat2(matrix).chunks(matrix.ncols().max(1));
    rows.flat_map(|row| row.chunks(BLOCK))
        .filter(|block| block.iter().any(|w| *w != 0.0))
        .map(<[f32]>::len)
        .sum()
}

// Every array of a model is created by `zeros` in standard layout and only ever written in place.
fn flat(a: &Array1<f32>) -> &[f32] {
    a.as_slice().unwrap_or_default()
}

fn flat2(a: &Array2<f32>) -> &[f32] {
    a.as_slice().unwrap_or_default()
}

fn flat_mut(a: &mut Array1<f32>) -> &mut [f32] {
    a.as_slice_mut().unwrap_or_default()
}

fn flat2_mut(a: &mut Array2<f32>) -> &mut [f32] {
    a.as_slice_mut().unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests;
