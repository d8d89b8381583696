//! What is compared: every size of the run, and the systems.

use serde::{Deserialize, Serialize};

use super::stft::BINS;
use crate::train::adam::cosine_fall;

/// Frames that a system sees: nine past ones and the current one.
pub const CONTEXT_FRAMES: usize = 10;

/// Signal-to-noise ratios of the test, in dB.
pub const TEST_SNRS_DB: [f64; 6] = [-6.0, -3.0, 0.0, 3.0, 6.0, 9.0];

/// Sizes and settings of one run; they and the sounds determine its result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub seed: u64,
    /// Mixes to learn from and to choose the epoch by.
    pub training_mixes: usize,
    pub dev_mixes: usize,
    /// Excerpts of the test, each mixed at every ratio of [`TEST_SNRS_DB`].
    pub test_excerpts: usize,
    /// Layers K of the unfolded networks.
    pub iterations: Vec<usize>,
    /// Atoms for each of the two sources.
    pub atoms_per_source: Vec<usize>,
    /// Hidden layers of the feed-forward networks.
    pub hidden: Vec<Vec<usize>>,
    /// Passes over the training mixes, the same for every system.
    pub epochs: usize,
    /// Frames in one step.
    pub batch_frames: usize,
    /// Exponent of the divergence, 1 to 2.
    pub beta: f32,
    /// Weight of the activations in the cost of sparse NMF.
    pub sparsity: f32,
    /// Frames and updates for the sparse NMF dictionaries.
    pub dictionary_frames: usize,
    pub dictionary_updates: usize,
    /// Exponent of a multiplicative step.
    pub multiplicative_rate: f32,
    /// Step of Adam on the logarithms of deep NMF's weights.
    pub log_adam_rate: f32,
    /// Step of Adam on the weights of the feed-forward networks.
    pub adam_rate: f32,
    /// Every rate ends at this share of its first value, on a cosine.
    pub last_rate_share: f32,
}

impl Plan {
    /// The real run.
    pub fn full() -> Self {
        Self {
            seed: 1,
            training_mixes: 230,
            dev_mixes: 24,
            test_excerpts: 36,
            iterations: vec![4, 25],
            atoms_per_source: vec![100, 250],
            hidden: vec![vec![200; 2], vec![512; 2], vec![1024; 4]],
            epochs: 6,
            batch_frames: 256,
            beta: 1.0,
            sparsity: 5.0,
            dictionary_frames: 6000,
            dictionary_updates: 50,
            multiplicative_rate: 0.5,
            log_adam_rate: 0.02,
            adam_rate: 1e-3,
            last_rate_share: 0.1,
        }
    }

    /// The same systems at toy sizes: seconds of work, scores that mean nothing.
    pub fn quick() -> Self {
        Self {
            training_mixes: 6,
            dev_mixes: 2,
            test_excerpts: 3,
            atoms_per_source: vec![6, 10],
            hidden: vec![vec![8], vec![16; 2], vec![48; 2]],
            epochs: 2,
            batch_frames: 128,
            dictionary_frames: 150,
            dictionary_updates: 5,
            ..Self::full()
        }
    }

    /// Rate at `progress` 0..=1 of a training that starts with `first`.
    pub fn rate(&self, first: f32, progress: f32) -> f32 {
        first * (self.last_rate_share + (1.0 - self.last_rate_share) * cosine_fall(progress))
    }

    /// Every system, in the order of the report.
    pub fn systems(&self) -> Vec<System> {
        let mut systems = Vec::new();
        for &atoms in &self.atoms_per_source {
            for &iterations in &self.iterations {
                let nmf = |trained, training| System::Nmf {
                    iterations,
                    atoms,
                    trained,
                    training,
                };
                systems.push(nmf(0, Training::None));
                for training in [Training::Multiplicative, Training::Adam] {
                    systems.extend((1..=DEEPEST).map(|trained| nmf(trained, training)));
                }
            }
        }
        systems.extend(self.hidden.iter().cloned().map(|hidden| System::Mlp { hidden }));
        systems
    }
}

/// Largest number C of trained layers.
pub const DEEPEST: usize = 3;

/// How the trained layers of an unfolded network get their weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Training {
    /// Sparse NMF alone.
    None,
    /// Multiplicative back-propagation.
    Multiplicative,
    /// Adam on log-weights.
    Adam,
}

/// One row of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum System {
    /// Sparse NMF unfolded into `iterations` layers with 2 x `atoms` atoms, the last `trained` matrices untied.
    Nmf {
        iterations: usize,
        atoms: usize,
        trained: usize,
        training: Training,
    },
    /// Feed-forward network with a sigmoid mask.
    Mlp { hidden: Vec<usize> },
}

impl System {
    /// File name of its state.
    pub fn id(&self) -> String {
        match self {
            Self::Nmf {
                iterations,
                atoms,
                trained,
                training,
            } => {
                let suffix = match training {
                    Training::None => "",
                    Training::Multiplicative => "_multiplicative",
                    Training::Adam => "_adam",
                };
                format!("nmf_r{atoms}_k{iterations}_c{trained}{suffix}")
            }
            Self::Mlp { hidden } => format!("dnn_{}x{}", hidden.len(), hidden.first().unwrap_or(&0)),
        }
    }

    /// Row label.
    pub fn name(&self) -> String {
        match self {
            Self::Nmf {
                iterations,
                atoms,
                trained,
                training,
            } => {
                let kind = match trained {
                    0 => "SNMF",
                    1 => "DNMF",
                    _ => "deep NMF",
                };
                let suffix = match training {
                    Training::None => "",
                    Training::Multiplicative => ", multiplicative",
                    Training::Adam => ", Adam",
                };
                format!("{kind}, R=2x{atoms}, K={iterations}, C={trained}{suffix}")
            }
            Self::Mlp { hidden } => format!("DNN, {} x {}", hidden.len(), hidden.first().unwrap_or(&0)),
        }
    }

    /// Trained parameters: `F R + (C - 1) T F R` (docs/algorithm.md section 4), or weights and biases.
    pub fn parameters(&self) -> usize {
        match self {
            Self::Nmf { trained: 0, .. } => 0,
            Self::Nmf { atoms, trained, .. } => BINS * 2 * atoms * (1 + (trained - 1) * CONTEXT_FRAMES),
            Self::Mlp { hidden } => super::mlp::parameter_count(hidden),
        }
    }

    /// Multiply-adds for one frame of training, for the time left.
    pub fn training_cost(&self) -> u64 {
        let unit = |atoms: usize| (CONTEXT_FRAMES * BINS * 2 * atoms) as u64;
        match self {
            Self::Nmf { trained: 0, .. } => 0,
            Self::Nmf {
                atoms,
                trained,
                training,
                ..
            } => {
                // Products of the stacked size in a hidden layer: forward, its weights' gradient, its input's.
                let (weights, input) = if *training == Training::Multiplicative {
                    (6, 2)
                } else {
                    (3, 1)
                };
                let hidden = *trained as u64 - 1;
                unit(*atoms) * (hidden * (2 + weights) + hidden.saturating_sub(1) * input + 1)
            }
            Self::Mlp { .. } => 3 * self.parameters() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_counts_its_parameters_like_this() {
        let system = System::Nmf {
            iterations: 25,
            atoms: 100,
            trained: 2,
            training: Training::Adam,
        };
        // 440 000 with 200 bins.
        assert_eq!(system.parameters(), 201 * 200 * 11);
        let plan = Plan::full();
        let largest = plan.systems().iter().map(System::parameters).max().unwrap();
        assert!((5_000_000..6_000_000).contains(&largest));
        let ids: std::collections::BTreeSet<String> = plan.systems().iter().map(System::id).collect();
        assert_eq!(ids.len(), plan.systems().len());
        assert_eq!(ids.len(), 2 * 2 * 7 + 3);
    }
}
