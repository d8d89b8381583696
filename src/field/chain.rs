//! Exact belief propagation on a chain: one sweep up, one sweep down.
//!
//! The sweeps pass odds, the exponentials of the log-ratio messages: the logarithms are never needed, and what is left
//! in the loop that cannot be vectorised is one division for each edge and direction.

use std::f32::consts::LOG2_E;

use super::{LARGEST_UNARY, belief::transfer_odds};
use crate::kernels::exp2;

/// Buffers of the two sweeps over N nodes.
#[derive(Clone, Debug)]
pub struct Chain {
    /// `[N]`: e^unary.
    odds: Vec<f32>,
    /// `[N]`: odds that each node is sent by the nodes before it.
    pub from_below: Vec<f32>,
    /// `[N]`: and by the nodes after it.
    pub from_above: Vec<f32>,
}

impl Chain {
    /// For N nodes. Allocates everything.
    pub fn new(nodes: usize) -> Self {
        Self {
            odds: vec![1.0; nodes],
            from_below: vec![1.0; nodes],
            from_above: vec![1.0; nodes],
        }
    }

    /// Writes the marginals of the field with these unary terms `[N]` and [`link`](super::link)s `[N - 1]` into
    /// `posterior [N]`. No allocation.
    #[inline(always)]
    pub fn posterior_into(&mut self, unary: &[f32], links: &[f32], posterior: &mut [f32]) {
        for (odds, theta) in self.odds.iter_mut().zip(unary) {
            *odds = exp2(LOG2_E * theta.clamp(-LARGEST_UNARY, LARGEST_UNARY));
        }
        let nodes = self.odds.len();
        let (mut up, mut down) = (1.0, 1.0);
        // The sweeps do not depend on each other, so they wait for their divisions together.
        let both_ways = links.iter().zip(links.iter().rev()).enumerate();
        for (i, (up_link, down_link)) in both_ways.take(nodes.saturating_sub(1)) {
            let j = nodes - 1 - i;
            up = transfer_odds(*up_link, self.odds[i] * up);
            down = transfer_odds(*down_link, self.odds[j] * down);
            self.from_below[i + 1] = up;
            self.from_above[j - 1] = down;
        }
        let told = self.from_below.iter().zip(&self.from_above);
        for ((q, odds), (below, above)) in posterior.iter_mut().zip(&self.odds).zip(told) {
            let odds = odds * below * above;
            *q = odds / (1.0 + odds);
        }
    }
}
