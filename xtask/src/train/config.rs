//! Settings of a training run; a JSON file may change any of them.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use unfold::bands::layout_hz;
use unfold::model::Config;
use unfold::noise_floor::FrontEndConfig;

use super::loss::LossConfig;
use crate::mix::MixConfig;

/// A training run. The settings of the shipped model are in `models/`, as the differences from the default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Everything random follows from this.
    pub seed: u64,
    /// Optimiser steps.
    pub steps: usize,
    /// Examples that one thread runs side by side.
    pub lanes: usize,
    /// Groups of `lanes` examples per step.
    pub groups: usize,
    /// Length of an example in hops.
    pub frames: usize,
    /// Examples made at a time.
    pub pool: usize,
    /// How often each example is used (in other batches, at other depths) before the next pool is made.
    pub passes: usize,
    /// Largest step of the log-weights; falls along a cosine to `last_rate`.
    pub rate: f32,
    /// Smallest step, at the end.
    pub last_rate: f32,
    /// Steps until the rate is reached.
    pub warm_up_steps: usize,
    /// Limit of the gradient's norm by the log-weights.
    pub largest_norm: f32,
    /// Share kept per step of the running average of the weights.
    pub averaging: f32,
    /// Blocks of a row of weights with less than this share of its sum are 0 in the model, and at the start of a training
    /// from a model.
    pub prune_share: f32,
    /// Share of steps that run at full depth; the others share the smaller depths equally.
    pub full_depth_share: f32,
    /// Share of steps without adaptive atoms.
    pub no_adapt_share: f32,
    /// Steps between dev scores and checkpoints.
    pub score_every: usize,
    /// Examples of a dev score.
    pub dev_examples: usize,
    /// Noise files whose path contains one of these are left out.
    pub excluded_noise: Vec<String>,
    /// Sizes of the network.
    pub network: NetworkConfig,
    /// The loss.
    pub loss: LossConfig,
    /// The mixtures.
    pub mix: MixConfig,
}

/// Sizes of the network to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// Hops that the analysis window spans.
    pub window_hops: usize,
    /// Width of the linearly spaced bands.
    pub linear_step_hz: f32,
    /// Relative spacing of the bands above.
    pub growth: f32,
    /// Highest band centre.
    pub last_band_hz: f32,
    pub context_frames: usize,
    pub context_group: usize,
    pub floor_rows: bool,
    pub speech_atoms: usize,
    pub noise_atoms: usize,
    pub adaptive_atoms: usize,
    /// Most atoms learnt from the user's noise; 0 trains a network that takes none.
    pub user_atoms: usize,
    pub layers: usize,
    pub untied_layers: usize,
    pub untied_encoder: bool,
    pub recurrent: bool,
    pub readout_per_depth: bool,
    pub epsilon: f32,
    pub front_end: FrontEndConfig,
    /// Sparsity of the dictionaries that training starts from.
    pub initial_sparsity: f32,
    /// Iterations that fit them.
    pub initial_iterations: usize,
}

/// Animals: they are no noise that anyone asks to have removed, and close to voices.
const EXCLUDED_NOISE: [&str; 2] = ["esc10/dog", "esc10/rooster"];

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            steps: 7500,
            lanes: 32,
            groups: 2,
            frames: 200,
            pool: 640,
            passes: 5,
            rate: 0.015,
            last_rate: 2e-4,
            warm_up_steps: 50,
            largest_norm: 1.0,
            averaging: 0.995,
            prune_share: 0.02,
            full_depth_share: 0.4,
            no_adapt_share: 0.08,
            score_every: 100,
            dev_examples: 128,
            excluded_noise: EXCLUDED_NOISE.map(String::from).to_vec(),
            network: NetworkConfig::default(),
            loss: LossConfig::default(),
            mix: MixConfig::default(),
        }
    }
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            window_hops: 4,
            linear_step_hz: 33.333,
            growth: 0.04,
            last_band_hz: 20_000.0,
            context_frames: 4,
            context_group: 4,
            floor_rows: true,
            speech_atoms: 72,
            noise_atoms: 44,
            adaptive_atoms: 8,
            user_atoms: 16,
            layers: 4,
            untied_layers: 4,
            untied_encoder: true,
            recurrent: true,
            readout_per_depth: true,
            epsilon: 1e-2,
            front_end: FrontEndConfig::default(),
            initial_sparsity: 0.05,
            initial_iterations: 60,
        }
    }
}

impl TrainConfig {
    /// Checks what would end in a panic, in a run without end or in one that keeps nothing.
    ///
    /// # Errors
    /// Names the first field that does not make sense.
    pub fn check(&self) -> Result<()> {
        ensure!(
            self.lanes * self.groups > 0 && self.pool >= self.lanes * self.groups,
            "pool must hold at least one batch"
        );
        ensure!(
            self.frames > 1 && self.passes > 0 && self.steps > 0 && self.score_every > 0,
            "passes, steps and score_every must be positive, and frames at least 2"
        );
        let network = &self.network;
        // The bands are laid out step by step: these limits end that, whatever else is asked for.
        for (name, value, [lowest, highest]) in [
            ("network.linear_step_hz", network.linear_step_hz, [1.0, 24_000.0]),
            ("network.growth", network.growth, [0.0, 10.0]),
            ("network.last_band_hz", network.last_band_hz, [1.0, 24_000.0]),
        ] {
            ensure!(
                (lowest..=highest).contains(&value),
                "{name} must lie between {lowest} and {highest}, not {value}"
            );
        }
        network.model_config().validate()?;
        self.mix.check()
    }
}

impl NetworkConfig {
    /// The model's configuration.
    pub fn model_config(&self) -> Config {
        Config {
            band_centres_hz: layout_hz(self.linear_step_hz, self.growth, self.last_band_hz),
            window_hops: self.window_hops,
            front_end: self.front_end.clone(),
            context_frames: self.context_frames,
            context_group: self.context_group,
            floor_rows: self.floor_rows,
            speech_atoms: self.speech_atoms,
            noise_atoms: self.noise_atoms,
            adaptive_atoms: self.adaptive_atoms,
            user_atoms: self.user_atoms,
            layers: self.layers,
            untied_layers: self.untied_layers,
            untied_encoder: self.untied_encoder,
            recurrent: self.recurrent,
            readout_per_depth: self.readout_per_depth,
            epsilon: self.epsilon,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl Fn(&mut TrainConfig)) -> String {
        let mut config = TrainConfig::default();
        change(&mut config);
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_trained_is_refused_by_field() {
        TrainConfig::default().check().unwrap();
        for value in [0.0, -33.0, 1e-30, f32::NAN, f32::INFINITY] {
            let text = refused(|config| config.network.linear_step_hz = value);
            assert!(text.contains("network.linear_step_hz"), "{value}: {text}");
        }
        for value in [-0.1, f32::NAN, f32::INFINITY] {
            let text = refused(|config| config.network.growth = value);
            assert!(text.contains("network.growth"), "{value}: {text}");
        }
        for value in [0.0, 1e9, f32::NAN] {
            let text = refused(|config| config.network.last_band_hz = value);
            assert!(text.contains("network.last_band_hz"), "{value}: {text}");
        }
        assert!(refused(|config| config.score_every = 0).contains("score_every"));
        assert!(refused(|config| config.network.context_group = 0).contains("context group"));
        assert!(refused(|config| config.mix.clip_chance = 2.0).contains("clip_chance"));
        let narrow = |config: &mut TrainConfig| (config.network.linear_step_hz, config.network.growth) = (1.0, 0.0);
        assert!(refused(narrow).contains("bands"));
    }
}
