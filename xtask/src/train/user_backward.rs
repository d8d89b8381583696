//! The part of the backward pass that belongs to the user atoms: their activations and the few numbers they share.
//! Shapes as in `unfold::nmf`: `[rows, lanes]`, U user atoms, F bands.

#![allow(clippy::needless_range_loop, reason = "one index runs over several buffers")]

use ndarray::Array1;
use unfold::kernels::exp2;
use unfold::model::{Layer, WarmStart};
use unfold::nmf::{ACTIVATION_RANGE, Network, TINY, UserAtoms};

use super::products::Dense;
use super::tape::{FrameRecord, LayerRecord};

/// Gradients of the user atoms for one batch of lanes; all buffers `[U, lanes]`.
pub struct UserBackward {
    lanes: usize,
    /// By the activations after the layer at hand.
    activation: Vec<f32>,
    /// By N.
    numerator: Vec<f32>,
    /// Sum of each atom over the input rows.
    sum: Vec<f32>,
    scratch: Vec<f32>,
}

impl UserBackward {
    /// Buffers of `length` = U * lanes.
    pub fn new(length: usize) -> Self {
        Self {
            lanes: 1,
            activation: vec![0.0; length],
            numerator: vec![0.0; length],
            sum: vec![0.0; length],
            scratch: vec![0.0; length],
        }
    }

    /// Before the last frame of a sequence.
    pub fn start(&mut self, network: &Network<Dense>, atoms: &UserAtoms) {
        self.lanes = network.lanes();
        self.activation.fill(0.0);
        atoms.correlate(network.row_weight(), &mut self.sum, self.lanes);
    }

    /// From the derivative by the noise estimate `noise [F, lanes]`.
    #[inline(always)]
    pub fn readout(
        &mut self,
        atoms: &UserAtoms,
        scale: &Array1<f32>,
        noise: &[f32],
        frame: &FrameRecord,
        into: &mut Array1<f32>,
    ) {
        let (Some(scale), Some(into)) = (scale.first(), into.first_mut()) else {
            return;
        };
        if atoms.used == 0 {
            return;
        }
        atoms.correlate(noise, &mut self.scratch, self.lanes);
        let used = atoms.used * self.lanes;
        let products = self.scratch[..used].iter().zip(&frame.user_activation);
        for (d, (product, h)) in self.activation.iter_mut().zip(products) {
            *into += product * h;
            *d += product * scale;
        }
    }

    /// `H+ = H (N / d)^p`: turns `activation` into the derivative by H and leaves that by the per-band ratio sums in
    /// `bands [F, lanes]`.
    #[inline(always)]
    pub fn through_update(
        &mut self,
        atoms: &UserAtoms,
        layer: &Layer,
        record: &LayerRecord,
        after: &[f32],
        into: &mut Layer,
        bands: &mut [f32],
    ) {
        let (p, mu) = (layer.user_exponent[0], layer.user_sparsity[0]);
        let (low, high) = ACTIVATION_RANGE;
        for i in 0..atoms.used * self.lanes {
            let inside = after[i] > low && after[i] < high;
            let u = if inside { self.activation[i] * after[i] } else { 0.0 };
            let x = record.user_log_update[i];
            let denominator = self.sum[i] + mu + TINY;
            into.user_exponent[0] += u * x * std::f32::consts::LN_2;
            into.user_sparsity[0] -= u * p / denominator;
            self.numerator[i] = u * p * exp2(-x) / denominator;
            self.activation[i] = u / record.user_activation[i];
        }
        atoms.reconstruct(&self.numerator, bands, self.lanes);
    }

    /// Adds what the modelled input's derivative, summed per band, says.
    #[inline(always)]
    pub fn add_model_gradient(&mut self, atoms: &UserAtoms, bands: &[f32]) {
        atoms.correlate(bands, &mut self.scratch, self.lanes);
        for (d, product) in self
            .activation
            .iter_mut()
            .zip(&self.scratch)
            .take(atoms.used * self.lanes)
        {
            *d += product;
        }
    }

    /// Through `H^0 = c + a H^K_{t-1}` into the frame before.
    #[inline(always)]
    pub fn warm_start(&mut self, warm: &WarmStart, before: Option<&FrameRecord>, into: &mut WarmStart) {
        if let Some(bias) = into.user_bias.first_mut() {
            *bias += self.activation.iter().sum::<f32>();
        }
        let kept = warm.user_recurrence.first().copied();
        let (Some(before), Some(kept), Some(into)) = (before, kept, into.user_recurrence.first_mut()) else {
            self.activation.fill(0.0);
            return;
        };
        for (d, h) in self.activation.iter_mut().zip(&before.user_activation) {
            *into += *d * h;
            *d *= kept;
        }
    }
}
