//! Sum-product belief propagation with log-ratio messages, all messages of an iteration at once ("flooding").

use std::f32::consts::{LN_2, LOG2_E};

use super::{Field, LARGEST_COUPLING, LARGEST_UNARY, Tape, sigmoid};
use crate::kernels::{exp2, log2};

/// Buffers of [`belief_propagation`].
pub struct BeliefState {
    /// Output q `[N]`: probability of label 1.
    pub posterior: Vec<f32>,
    /// nu `[2 E]`: log-ratio messages, numbered as in [`Graph`](super::Graph).
    messages: Vec<f32>,
    /// `[N]`: unary term plus all incoming messages.
    total: Vec<f32>,
}

impl BeliefState {
    /// For a field's graph. Allocates everything.
    pub fn new(field: &Field) -> Self {
        Self {
            posterior: vec![0.0; field.graph.nodes()],
            messages: vec![0.0; 2 * field.graph.edges().len()],
            total: vec![0.0; field.graph.nodes()],
        }
    }
}

/// `e^(-J/2)`: a coupling in the form that messages are made with.
#[inline(always)]
pub fn link(coupling: f32) -> f32 {
    exp2(-0.5 * LOG2_E * coupling.clamp(-LARGEST_COUPLING, LARGEST_COUPLING))
}

/// The odds that a node of odds `odds` sends over an edge of this [`link`]: `(link + odds) / (1 + link odds)`.
#[inline(always)]
pub(super) fn transfer_odds(link: f32, odds: f32) -> f32 {
    (link + odds) / (1.0 + link * odds)
}

/// The log-ratio message over an edge: `softplus(x + J/2) - softplus(x - J/2) - J/2 = 2 atanh(tanh(J/4) tanh(x/2))`,
/// where x is all that the sending node knows from elsewhere. Never beyond +-|J|/2.
#[inline(always)]
pub fn transfer(coupling: f32, x: f32) -> f32 {
    let odds = exp2(LOG2_E * x.clamp(-2.0 * LARGEST_UNARY, 2.0 * LARGEST_UNARY));
    LN_2 * log2(transfer_odds(link(coupling), odds))
}

/// Starts from silent messages and runs all iterations. Exact on a tree once the iterations are as many as its longest
/// path has edges (tied, undamped). The unary terms at the end are those of the last layer. No allocation.
pub fn belief_propagation(field: &Field, unary: &[f32], state: &mut BeliefState, tape: &mut impl Tape) {
    state.messages.fill(0.0);
    for k in 0..field.depth {
        tape.values(k, &state.messages);
        add_up(field, k, unary, state);
        let layer = field.layer(k);
        // Both messages of an edge at a time: each leaves out what the other one told its sender.
        let pairs = state.messages.chunks_exact_mut(2).zip(field.graph.edges());
        for ((pair, &(a, b)), coupling) in pairs.zip(&layer.coupling) {
            let there = transfer(*coupling, state.total[a] - pair[1]);
            let back = transfer(*coupling, state.total[b] - pair[0]);
            pair[0] += layer.step * (there - pair[0]);
            pair[1] += layer.step * (back - pair[1]);
        }
    }
    tape.values(field.depth, &state.messages);
    add_up(field, field.depth.saturating_sub(1), unary, state);
    for (q, total) in state.posterior.iter_mut().zip(&state.total) {
        *q = sigmoid(*total);
    }
}

fn add_up(field: &Field, k: usize, unary: &[f32], state: &mut BeliefState) {
    let layer = field.layer(k);
    for (i, (total, theta)) in state.total.iter_mut().zip(unary).enumerate() {
        let told = field
            .graph
            .incoming(i)
            .iter()
            .map(|incoming| state.messages[incoming.message]);
        *total = layer.unary(i, *theta) + told.sum::<f32>();
    }
}
