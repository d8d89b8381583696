//! A model packed for its inner loops.

use std::ops::Range;

use ndarray::{Array1, Array2};

use crate::kernels::{Dictionary, Products, log2};
use crate::model::{Config, Layer, Model, Readout};
use crate::nmf::{TINY, collect};

/// A model made ready to run: dictionaries packed for their inner loops, the rest repeated over the lanes.
pub struct Network<D> {
    pub(super) config: Config,
    pub(super) lanes: usize,
    /// `[R, lanes]`: c.
    pub(super) bias: Vec<f32>,
    /// A; none when not recurrent.
    pub(super) recurrence: Option<D>,
    pub(super) adaptive_bias: Vec<f32>,
    pub(super) adaptive_recurrence: Vec<f32>,
    /// c and a of the user atoms.
    pub(super) user_start: (f32, f32),
    pub(super) layers: Vec<NetworkLayer<D>>,
    pub(super) layer_of_iteration: Vec<usize>,
    pub(super) readouts: Vec<NetworkReadout<D>>,
    /// Bands between each adaptive window and the next one, the last band included.
    pub(super) windows: Vec<Range<usize>>,
    /// Weight of the next window in each band `[F]`; the rest belongs to the window below.
    pub(super) upper_weight: Vec<f32>,
    /// `[F, lanes]`: how often a band of the floor counts in the stacked input, its shares of groups included.
    pub(super) row_weight: Vec<f32>,
}

pub(super) struct NetworkLayer<D> {
    pub(super) decoder: D,
    /// None: the decoder serves.
    pub(super) encoder: Option<D>,
    /// `[R, lanes]`: log2(rowsum(E) + mu).
    pub(super) log_denominator: Vec<f32>,
    /// `[R, lanes]`: p.
    pub(super) exponent: Vec<f32>,
    /// `[J, lanes]`.
    pub(super) adaptive_sparsity: Vec<f32>,
    /// `[J, lanes]`.
    pub(super) adaptive_exponent: Vec<f32>,
    pub(super) user_sparsity: f32,
    pub(super) user_exponent: f32,
}

pub(super) struct NetworkReadout<D> {
    pub(super) speech: D,
    pub(super) noise: D,
    /// `[J, lanes]`.
    pub(super) adaptive_scale: Vec<f32>,
    pub(super) user_scale: f32,
    /// `[F, lanes]`: q.
    pub(super) mask_exponent: Vec<f32>,
}

impl<D: Dictionary> NetworkLayer<D> {
    fn new(layer: &Layer, config: &Config, lanes: usize) -> Self {
        let rows = config.input_rows();
        let (encoder, decoder_products) = if config.untied_encoder {
            (&layer.encoder, Products::Reconstruct)
        } else {
            (&layer.decoder, Products::Both)
        };
        let sums = encoder.rows().into_iter().zip(&layer.sparsity);
        let log_denominator: Array1<f32> = sums.map(|(row, mu)| log2(row.sum() + mu + TINY)).collect();
        Self {
            decoder: D::pack(flat(&layer.decoder), rows, decoder_products),
            encoder: config
                .untied_encoder
                .then(|| D::pack(flat(&layer.encoder), rows, Products::Correlate)),
            log_denominator: repeat(&log_denominator, lanes),
            exponent: repeat(&layer.exponent, lanes),
            adaptive_sparsity: repeat(&layer.adaptive_sparsity, lanes),
            adaptive_exponent: repeat(&layer.adaptive_exponent, lanes),
            user_sparsity: only(&layer.user_sparsity),
            user_exponent: only(&layer.user_exponent),
        }
    }
}

impl<D: Dictionary> NetworkReadout<D> {
    fn new(readout: &Readout, config: &Config, lanes: usize) -> Self {
        let bands = config.bands();
        let (speech, noise) = flat(&readout.dictionary).split_at(config.speech_atoms * bands);
        Self {
            speech: D::pack(speech, bands, Products::Reconstruct),
            noise: D::pack(noise, bands, Products::Reconstruct),
            adaptive_scale: repeat(&readout.adaptive_scale, lanes),
            user_scale: only(&readout.user_scale),
            mask_exponent: repeat(&readout.mask_exponent, lanes),
        }
    }
}

impl<D: Dictionary> Network<D> {
    /// Prepares a valid model for `lanes` lanes. Allocates.
    pub fn new(model: &Model, lanes: usize) -> Self {
        let config = &model.config;
        let warm = &model.warm_start;
        let layers = model.layers.iter().map(|layer| NetworkLayer::new(layer, config, lanes));
        let readouts = model
            .readouts
            .iter()
            .map(|readout| NetworkReadout::new(readout, config, lanes));
        let (windows, upper_weight) = adaptive_windows(config);
        let mut network = Self {
            lanes,
            bias: repeat(&warm.bias, lanes),
            recurrence: config
                .recurrent
                .then(|| D::pack(flat(&warm.recurrence), config.atoms(), Products::Correlate)),
            adaptive_bias: warm.adaptive_bias.to_vec(),
            adaptive_recurrence: warm.adaptive_recurrence.to_vec(),
            user_start: (only(&warm.user_bias), only(&warm.user_recurrence)),
            layers: layers.collect(),
            layer_of_iteration: (0..config.layers).map(|k| model.layer_index(k)).collect(),
            readouts: readouts.collect(),
            windows,
            upper_weight,
            row_weight: vec![0.0; config.bands() * lanes],
            config: config.clone(),
        };
        let ones = vec![1.0; config.input_rows() * lanes];
        let mut row_weight = std::mem::take(&mut network.row_weight);
        collect(
            &network,
            &ones,
            &mut vec![0.0; config.groups() * lanes],
            &mut row_weight,
        );
        network.row_weight = row_weight;
        network
    }

    /// Signals side by side.
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// How often each band counts in the stacked input when all its frames are alike `[F, lanes]`.
    pub fn row_weight(&self) -> &[f32] {
        &self.row_weight
    }

    /// log2(rowsum(E) + mu) of a layer `[R, lanes]`.
    pub fn log_denominator(&self, layer: usize) -> &[f32] {
        &self.layers[layer].log_denominator
    }
}

/// Each value `lanes` times.
fn repeat(values: &Array1<f32>, lanes: usize) -> Vec<f32> {
    values
        .iter()
        .flat_map(|&value| std::iter::repeat_n(value, lanes))
        .collect()
}

/// One number for all user atoms, absent from a model without them.
fn only(values: &Array1<f32>) -> f32 {
    values.first().copied().unwrap_or(0.0)
}

// Arrays of a model are always in standard layout.
fn flat(a: &Array2<f32>) -> &[f32] {
    a.as_slice().unwrap_or_default()
}

/// Overlapping triangles over the bands, one per adaptive atom, that add up to one: the bands from each to the next, and
/// the weight of the next in each band.
fn adaptive_windows(config: &Config) -> (Vec<Range<usize>>, Vec<f32>) {
    let last = config.adaptive_atoms.saturating_sub(1);
    let position = |band: usize| band as f32 * last as f32 / (config.bands() - 1) as f32;
    let lower = |band: usize| (position(band) as usize).min(last.saturating_sub(1));
    let bands = || 0..config.bands();
    let start = |window: usize| bands().position(|band| lower(band) >= window).unwrap_or(config.bands());
    let windows = (0..last.max(1)).map(|window| start(window)..start(window + 1));
    let weights = bands().map(|band| position(band) - lower(band) as f32);
    (windows.collect(), weights.collect())
}
