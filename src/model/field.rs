//! Weights of the speech-presence field over time and bands, an optional part of a model (docs/algorithm.md section 6).

use serde::{Deserialize, Serialize};

use super::config::{InvalidModel, check_blocks, check_size};

/// Most iterations of a field.
const MOST_ITERATIONS: usize = 64;

/// Gains of a field lie between this (in nepers) and 0.
const LEAST_LN_GAIN: f32 = -20.0;

/// Least damped iteration that a field may ask for; 0 would never arrive.
const LEAST_STEP: f32 = 1e-3;

/// How the posterior of a speech-presence field is inferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldInference {
    /// Iterations of mean field, started from the posterior of the frame before.
    MeanField,
    /// One sweep up the bands and one down: exact, given the frame before.
    BeliefPropagation,
}

/// One iteration of a speech-presence field over F bands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldLayer {
    /// s `[F]`: factor of `ln (S_s / S_n)` in the unary term.
    pub unary_slope: Vec<f32>,
    /// c `[F]`: added to it.
    pub unary_bias: Vec<f32>,
    /// V `[F]`: pull of the posterior of the frame before.
    pub time_coupling: Vec<f32>,
    /// J `[F - 1]`: pull between neighbouring bands.
    pub band_coupling: Vec<f32>,
    /// `[1]`: share of the way that the iteration goes (mean field).
    pub step: Vec<f32>,
}

/// A field y_{t,b} in {0, 1}, "speech is present", whose posterior refines the mask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpeechField {
    /// How the posterior is found.
    pub inference: FieldInference,
    /// Iterations at full depth (mean field).
    pub iterations: usize,
    /// One layer that serves all iterations (tied) or one for each (untied).
    pub layers: Vec<FieldLayer>,
    /// `ln g_1 [F]`: where speech is present, the mask counts as at least this.
    pub present_ln_gain: Vec<f32>,
    /// `ln g_min [F]`: gain where speech is absent.
    pub absent_ln_gain: Vec<f32>,
}

impl SpeechField {
    /// A field that leaves the mask nearly as it is: speech is taken as present unless the network is sure that it is not.
    pub fn neutral(inference: FieldInference, bands: usize, iterations: usize, layers: usize) -> Self {
        let layer = FieldLayer {
            unary_slope: vec![0.5; bands],
            unary_bias: vec![4.0; bands],
            time_coupling: vec![0.5; bands],
            band_coupling: vec![0.5; bands.saturating_sub(1)],
            step: vec![0.8],
        };
        Self {
            inference,
            iterations,
            layers: vec![layer; layers],
            present_ln_gain: vec![-6.0; bands],
            absent_ln_gain: vec![-4.0; bands],
        }
    }

    /// The layer that iteration `k` uses.
    pub fn layer_index(&self, k: usize) -> usize {
        k.min(self.layers.len() - 1)
    }

    /// Every block of weights: each layer's, then the gains.
    pub fn blocks(&self) -> Vec<&[f32]> {
        let layers = self.layers.iter().flat_map(|l| {
            [
                &l.unary_slope[..],
                &l.unary_bias,
                &l.time_coupling,
                &l.band_coupling,
                &l.step,
            ]
        });
        layers
            .chain([&self.present_ln_gain[..], &self.absent_ln_gain])
            .collect()
    }

    /// [`Self::blocks`], writable.
    pub fn blocks_mut(&mut self) -> Vec<&mut [f32]> {
        let layers = self.layers.iter_mut().flat_map(|l| {
            [
                &mut l.unary_slope[..],
                &mut l.unary_bias,
                &mut l.time_coupling,
                &mut l.band_coupling,
                &mut l.step,
            ]
        });
        layers
            .chain([&mut self.present_ln_gain[..], &mut self.absent_ln_gain])
            .collect()
    }

    /// Moves steps and gains back to where they are valid.
    pub fn hold_in_range(&mut self) {
        for layer in &mut self.layers {
            layer.step.iter_mut().for_each(|s| *s = s.clamp(LEAST_STEP, 1.0));
        }
        for gain in self.present_ln_gain.iter_mut().chain(&mut self.absent_ln_gain) {
            *gain = gain.clamp(LEAST_LN_GAIN, 0.0);
        }
    }

    /// Checks sizes against the model's bands, and values.
    ///
    /// # Errors
    /// [`InvalidModel`].
    pub fn validate(&self, bands: usize) -> Result<(), InvalidModel> {
        check_size("field iterations", self.iterations, 1, MOST_ITERATIONS)?;
        if self.layers.len() != 1 {
            check_size("field layers", self.layers.len(), self.iterations, self.iterations)?;
        }
        let layer_lengths = [bands, bands, bands, bands - 1, 1].repeat(self.layers.len());
        let lengths = layer_lengths.into_iter().chain([bands, bands]);
        check_blocks(&self.blocks(), lengths)?;
        if self.blocks().into_iter().flatten().any(|w| !w.is_finite()) {
            return Err(InvalidModel::Value { what: "field weights" });
        }
        let mut held = self.clone();
        held.hold_in_range();
        if held != *self {
            return Err(InvalidModel::Value { what: "field gains" });
        }
        Ok(())
    }
}
