//! Training of Markov random fields through their unfolded inference (algorithm.md section 6).

pub mod adam;
pub mod general;
pub mod task;
