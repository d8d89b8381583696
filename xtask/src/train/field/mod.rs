//! Training of Markov random fields through their unfolded inference (algorithm.md section 6).

mod adam;
pub mod command;
mod general;
mod presence;
pub mod task;
