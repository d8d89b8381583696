//! Mean field: each label is taken as independent of the others, given their means.

use super::{Field, Tape, sigmoid};

/// Buffers of [`mean_field()`].
pub struct MeanFieldState {
    /// Output q `[N]`: probability of label 1.
    pub posterior: Vec<f32>,
    next: Vec<f32>,
}

impl MeanFieldState {
    /// For a number of nodes. Allocates everything.
    pub fn new(nodes: usize) -> Self {
        Self {
            posterior: vec![0.0; nodes],
            next: vec![0.0; nodes],
        }
    }
}

/// Starts from the unary terms `unary [N]` alone and runs all iterations, all nodes at once:
/// `q_i <- q_i + step (sigma(unary_i + sum_j J_ij (q_j - 1/2)) - q_i)`. No allocation.
pub fn mean_field(field: &Field, unary: &[f32], state: &mut MeanFieldState, tape: &mut impl Tape) {
    for (i, (q, theta)) in state.posterior.iter_mut().zip(unary).enumerate() {
        *q = sigmoid(field.layer(0).unary(i, *theta));
    }
    for k in 0..field.depth {
        tape.values(k, &state.posterior);
        let layer = field.layer(k);
        for (i, (next, theta)) in state.next.iter_mut().zip(unary).enumerate() {
            let mut z = layer.unary(i, *theta);
            for incoming in field.graph.incoming(i) {
                z += layer.coupling[incoming.message / 2] * (state.posterior[incoming.source] - 0.5);
            }
            let q = state.posterior[i];
            *next = q + layer.step * (sigmoid(z) - q);
        }
        std::mem::swap(&mut state.posterior, &mut state.next);
    }
    tape.values(field.depth, &state.posterior);
}
