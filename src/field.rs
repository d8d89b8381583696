//! Inference in a binary pairwise Markov random field, unfolded into layers (paper, sections on mean field and belief
//! propagation; docs/algorithm.md section 6).
//!
//! A field over labels y_i in {0, 1} on the nodes of a [`Graph`]:
//!
//! ```text
//! p(y) ~ exp( sum_i theta_i y_i + sum_edges J_ij (y_i - 1/2)(y_j - 1/2) )
//! ```
//! The couplings are centred: a coupling alone favours no label. In the form `J y_i y_j` the same field has the unary
//! terms `theta_i - sum_j J_ij / 2`.
//!
//! Each iteration of [`mean_field()`] or [`belief_propagation`] is a [`Layer`]. *Tied*: one layer, used in every
//! iteration, which is the inference algorithm. *Untied*: a layer of its own for each iteration, which for mean field
//! is a sigmoid network whose every layer sees the input again. N nodes, E edges.

mod belief;
mod chain;
mod graph;
mod mean_field;
mod presence;

use std::f32::consts::LOG2_E;

use thiserror::Error;

use crate::kernels::exp2;

pub use belief::{BeliefState, belief_propagation, link, transfer};
pub use chain::Chain;
pub use graph::{Graph, Incoming};
pub use mean_field::{MeanFieldState, mean_field};
pub use presence::{LARGEST_EVIDENCE, Presence, PresenceState};

/// Unary terms act within +- this, so that every product of odds stays finite.
pub const LARGEST_UNARY: f32 = 30.0;

/// Couplings act within +- this, for the same reason.
pub const LARGEST_COUPLING: f32 = 40.0;

/// One iteration of either algorithm, with the weights that it uses.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// `[N]`: factor of the unary terms.
    pub unary_gain: Vec<f32>,
    /// `[N]`: added to them.
    pub unary_bias: Vec<f32>,
    /// J `[E]`.
    pub coupling: Vec<f32>,
    /// Share of the way that this iteration goes, above 0 and at most 1: below 1 it is damped.
    pub step: f32,
}

impl Layer {
    /// The field's own iteration: unary terms as given, these couplings, undamped.
    pub fn plain(nodes: usize, coupling: Vec<f32>) -> Self {
        Self {
            unary_gain: vec![1.0; nodes],
            unary_bias: vec![0.0; nodes],
            coupling,
            step: 1.0,
        }
    }

    /// What the labels of node `i` are told by its own observation.
    #[inline(always)]
    pub fn unary(&self, i: usize, theta: f32) -> f32 {
        (self.unary_gain[i] * theta + self.unary_bias[i]).clamp(-LARGEST_UNARY, LARGEST_UNARY)
    }
}

/// A field and how often it is iterated.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Who neighbours whom.
    pub graph: Graph,
    /// One layer (tied) or one for each iteration (untied).
    pub layers: Vec<Layer>,
    /// Iterations.
    pub depth: usize,
}

/// Why layers do not make a field.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum InvalidField {
    /// Neither tied nor untied.
    #[error("a field of {depth} iterations has {layers} layers, allowed are 1 or one for each")]
    Layers {
        /// Layers given.
        layers: usize,
        /// Iterations asked for.
        depth: usize,
    },
    /// A layer of another graph.
    #[error("layer {layer} of the field does not have one weight for each node and edge")]
    Sizes {
        /// Its index.
        layer: usize,
    },
    /// A number that cannot be computed with.
    #[error("layer {layer} of the field holds a weight that is not finite or a step that is not above 0 and at most 1")]
    Value {
        /// Its index.
        layer: usize,
    },
    /// An edge that is none.
    #[error("edge {edge} of the graph does not join two different nodes of {nodes}")]
    Edge {
        /// Its index.
        edge: usize,
        /// Nodes of the graph.
        nodes: usize,
    },
}

impl Field {
    /// Checks sizes and values.
    ///
    /// # Errors
    /// [`InvalidField`].
    pub fn new(graph: Graph, layers: Vec<Layer>, depth: usize) -> Result<Self, InvalidField> {
        if layers.is_empty() || (layers.len() != 1 && layers.len() != depth) {
            return Err(InvalidField::Layers {
                layers: layers.len(),
                depth,
            });
        }
        for (index, layer) in layers.iter().enumerate() {
            let (nodes, edges) = (graph.nodes(), graph.edges().len());
            if layer.unary_gain.len() != nodes || layer.unary_bias.len() != nodes || layer.coupling.len() != edges {
                return Err(InvalidField::Sizes { layer: index });
            }
            let mut weights = layer.unary_gain.iter().chain(&layer.unary_bias).chain(&layer.coupling);
            if weights.any(|w| !w.is_finite()) || layer.step.is_nan() || layer.step <= 0.0 || layer.step > 1.0 {
                return Err(InvalidField::Value { layer: index });
            }
        }
        Ok(Self { graph, layers, depth })
    }

    /// Index of the layer that iteration `k` uses.
    #[inline(always)]
    pub fn layer_index(&self, k: usize) -> usize {
        k.min(self.layers.len() - 1)
    }

    /// The layer that iteration `k` uses.
    #[inline(always)]
    pub fn layer(&self, k: usize) -> &Layer {
        &self.layers[self.layer_index(k)]
    }
}

/// What a trainer keeps of an inference. `()` keeps nothing.
pub trait Tape {
    /// The posteriors `[N]` or messages `[2 E]` that iteration `k` starts from; once more after the last one.
    fn values(&mut self, k: usize, values: &[f32]);
}

impl Tape for () {
    #[inline(always)]
    fn values(&mut self, _: usize, _: &[f32]) {}
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp2(-LOG2_E * x))
}

#[cfg(test)]
mod tests;
