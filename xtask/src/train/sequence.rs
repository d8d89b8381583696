//! One group of examples, side by side as lanes: forward through the engine's network, loss, and back.

use unfold::model::Model;
use unfold::nmf::{Network, State, forward};

use super::backward::Backward;
use super::batch::Prepared;
use super::loss::{Loss, LossConfig, Score};
use super::products::Dense;
use super::tape::Record;

/// Working memory for groups of one size; one per thread.
pub struct Worker {
    lanes: usize,
    state: State,
    record: Record,
    backward: Backward,
    loss: Loss,
    features: Vec<f32>,
    /// Gradient of the last group, summed over its lanes.
    pub gradient: Model,
}

impl Worker {
    /// For a model's sizes and a number of examples at once.
    pub fn new(model: &Model, lanes: usize, loss: &LossConfig) -> Self {
        Self {
            lanes,
            state: State::new(&model.config, lanes),
            record: Record::default(),
            backward: Backward::new(model, lanes),
            loss: Loss::new(loss, &model.config),
            features: vec![0.0; model.config.bands() * lanes],
            gradient: Model::zeros(model.config.clone()),
        }
    }

    /// Scores `examples` (as many as lanes, equally long) at a depth; with `learn`, leaves the gradient of their mean
    /// loss in `self.gradient`.
    pub fn run(&mut self, model: &Model, examples: &[&Prepared], depth: usize, adapt: bool, learn: bool) -> Vec<Score> {
        let network = self.forward(model, examples, depth, adapt);
        let (scores, mask_gradient) = self.losses(examples, model.config.bands());
        if learn {
            self.gradient.blocks_mut().into_iter().for_each(|block| block.fill(0.0));
            let atoms = &self.state.user;
            self.backward.run(
                model,
                &network,
                &self.record,
                atoms,
                depth,
                &mask_gradient,
                &mut self.gradient,
            );
        }
        scores
    }

    /// Runs the network over `examples` and keeps the record of it.
    pub fn forward(&mut self, model: &Model, examples: &[&Prepared], depth: usize, adapt: bool) -> Network<Dense> {
        assert_eq!(examples.len(), self.lanes, "one example per lane");
        let network = Network::<Dense>::new(model, self.lanes);
        self.state.reset();
        self.load_user_atoms(examples);
        self.record.rewind();
        for t in 0..examples[0].frames {
            self.load(examples, t);
            self.state.push_features(&model.config, &self.features);
            forward(&network, &mut self.state, depth, adapt, &mut self.record);
        }
        network
    }

    /// S_s, S_n and mask of one lane after [`Self::forward`], each `[T][F]`.
    pub fn estimates(&self, lane: usize) -> [Vec<f32>; 3] {
        let frames = &self.record.frames[..self.record.used];
        let of_lane = |all: &[f32]| all.iter().skip(lane).step_by(self.lanes).copied().collect::<Vec<_>>();
        [
            frames.iter().flat_map(|frame| of_lane(&frame.speech)).collect(),
            frames.iter().flat_map(|frame| of_lane(&frame.noise)).collect(),
            frames.iter().flat_map(|frame| of_lane(&frame.mask)).collect(),
        ]
    }

    /// Interleaves frame `t` of all examples.
    fn load(&mut self, examples: &[&Prepared], t: usize) {
        let (lanes, bands) = (self.lanes, self.features.len() / self.lanes);
        for (lane, example) in examples.iter().enumerate() {
            let frame = t * bands..(t + 1) * bands;
            let rows = example.features[frame.clone()].iter().zip(&example.floor[frame]);
            for (f, (v, n)) in rows.enumerate() {
                self.features[f * lanes + lane] = *v;
                self.state.floor[f * lanes + lane] = *n;
            }
        }
    }

    /// Interleaves the user atoms of all examples; who has fewer gets zeros.
    fn load_user_atoms(&mut self, examples: &[&Prepared]) {
        let (lanes, length) = (self.lanes, self.features.len() / self.lanes);
        let user = &mut self.state.user;
        let counts = examples.iter().map(|example| example.user_atoms.len() / length);
        user.used = counts.max().unwrap_or(0).min(user.activation.len() / lanes);
        user.spectra.fill(0.0);
        for (lane, example) in examples.iter().enumerate() {
            let values = example.user_atoms.iter().take(user.used * length);
            for (i, w) in values.enumerate() {
                user.spectra[i * lanes + lane] = *w;
            }
        }
    }

    fn losses(&mut self, examples: &[&Prepared], bands: usize) -> (Vec<Score>, Vec<Vec<f32>>) {
        let (lanes, frames) = (self.lanes, examples[0].frames);
        let length = frames * bands;
        // [lane][T][F]; frame by frame, so that a frame's lanes stay in the nearest cache.
        let mut masks = vec![0.0; lanes * length];
        for (t, frame) in self.record.frames.iter().take(frames).enumerate() {
            for (f, row) in frame.mask.chunks_exact(lanes).enumerate() {
                for (lane, g) in row.iter().enumerate() {
                    masks[lane * length + t * bands + f] = *g;
                }
            }
        }
        let mut gradients = vec![0.0; lanes * length];
        let each = masks.chunks_exact(length).zip(gradients.chunks_exact_mut(length));
        let scores = examples.iter().zip(each);
        let scores = scores.map(|(example, (mask, gradient))| self.loss.run(example, mask, gradient));
        let scores: Vec<Score> = scores.collect();
        let mut by_mask = vec![vec![0.0; bands * lanes]; frames];
        for (t, frame) in by_mask.iter_mut().enumerate() {
            for (f, row) in frame.chunks_exact_mut(lanes).enumerate() {
                for (lane, d) in row.iter_mut().enumerate() {
                    *d = gradients[lane * length + t * bands + f] / lanes as f32;
                }
            }
        }
        (scores, by_mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unfold::model::Config;

    fn config() -> Config {
        Config {
            band_centres_hz: unfold::bands::layout_hz(800.0, 0.5, 16_000.0),
            window_hops: 3,
            front_end: Default::default(),
            context_frames: 3,
            context_group: 4,
            floor_rows: true,
            speech_atoms: 4,
            noise_atoms: 3,
            adaptive_atoms: 2,
            user_atoms: 16,
            layers: 3,
            untied_layers: 2,
            untied_encoder: true,
            recurrent: true,
            readout_per_depth: true,
            epsilon: 1e-2,
        }
    }

    fn pseudo_random(seed: &mut u32) -> f32 {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*seed >> 8) as f32 / (1 << 24) as f32
    }

    fn random_model(config: Config) -> Model {
        let mut model = Model::zeros(config);
        let mut seed = 3;
        for block in model.blocks_mut() {
            block.iter_mut().for_each(|w| *w = 0.1 + 0.4 * pseudo_random(&mut seed));
        }
        model
    }

    fn random_examples(config: &Config, count: usize) -> Vec<Prepared> {
        use crate::mix::Example;
        let mut preparer = crate::train::batch::Preparer::new(config);
        let mut seed = 17;
        // The first has no user atoms, the second fewer than the third.
        (0..count)
            .map(|index| {
                let speech: Vec<f32> = (0..480 * 6).map(|n| 0.1 * (n as f32 * 0.05).sin()).collect();
                let mix = speech
                    .iter()
                    .map(|s| s + 0.1 * (pseudo_random(&mut seed) - 0.5))
                    .collect();
                preparer.prepare(&Example {
                    mix,
                    speech,
                    bandwidth_hz: 24_000.0,
                    learnt_noise: (0..480 * (index * 60))
                        .map(|_| pseudo_random(&mut seed) - 0.5)
                        .collect(),
                })
            })
            .collect()
    }

    /// Every kind of weight, against central differences of the loss itself.
    fn check_gradient(config: Config, depth: usize, adapt: bool) {
        check_gradient_of(&LossConfig::default(), config, depth, adapt);
    }

    fn check_gradient_of(loss: &LossConfig, config: Config, depth: usize, adapt: bool) {
        let model = random_model(config);
        let examples = random_examples(&model.config, 3);
        let lanes: Vec<&Prepared> = examples.iter().collect();
        let mut worker = Worker::new(&model, 3, loss);
        worker.run(&model, &lanes, depth, adapt, true);
        let gradient = worker.gradient.clone();
        let mut loss = |model: &Model| {
            let scores = worker.run(model, &lanes, depth, adapt, false);
            scores.iter().map(|s| s.total).sum::<f64>() / 3.0
        };
        let largest = |values: &[f32]| values.iter().fold(0.0_f32, |a, g| a.max(g.abs()));
        let (mut blocks_checked, mut blocks_moving) = (0, 0);
        for block in 0..model.blocks().len() {
            let exact = gradient.blocks()[block].to_vec();
            let block_scale = largest(&exact);
            blocks_moving += usize::from(block_scale > 0.0);
            let mut clear_of_noise = false;
            for index in (0..exact.len()).step_by(exact.len().div_ceil(6).max(1)) {
                let step = 2e-2 * model.blocks()[block][index];
                let mut at = |sign: f32| {
                    let mut changed = model.clone();
                    changed.blocks_mut()[block][index] += sign * step;
                    loss(&changed)
                };
                let numeric = ((at(1.0) - at(-1.0)) / (2.0 * f64::from(step))) as f32;
                // A loss of about 1 is known to about 4e-7 in single precision.
                let noise = 4e-7 / step;
                clear_of_noise |= exact[index].abs() > 10.0 * noise;
                let tolerance = 0.03 * numeric.abs().max(exact[index].abs()) + 0.01 * block_scale + noise;
                let error = (numeric - exact[index]).abs();
                assert!(
                    error <= tolerance,
                    "block {block}[{index}]: {} but {numeric}",
                    exact[index]
                );
            }
            blocks_checked += usize::from(clear_of_noise);
        }
        assert!(
            2 * blocks_checked > blocks_moving,
            "{blocks_checked} of {blocks_moving} blocks could be checked"
        );
    }

    #[test]
    fn gradient_matches_finite_differences_in_the_recurrent_form() {
        check_gradient(config(), 3, true);
        check_gradient(config(), 2, true);
        check_gradient(config(), 3, false);
        check_gradient(
            Config {
                adaptive_atoms: 1,
                context_group: 50,
                ..config()
            },
            3,
            true,
        );
    }

    #[test]
    fn gradient_matches_finite_differences_with_loudness_in_the_loss() {
        let loss = LossConfig {
            loudness_weight: 1.0,
            ..LossConfig::default()
        };
        check_gradient_of(&loss, config(), 3, true);
    }

    #[test]
    fn gradient_matches_finite_differences_in_the_paper_form() {
        let paper = Config {
            floor_rows: false,
            context_group: 1,
            adaptive_atoms: 0,
            user_atoms: 0,
            untied_encoder: false,
            recurrent: false,
            readout_per_depth: false,
            ..config()
        };
        check_gradient(paper, 3, true);
    }

    #[test]
    fn many_lanes_give_what_the_engine_gives_with_one() {
        let model = random_model(config());
        let examples = random_examples(&model.config, 3);
        let lanes: Vec<&Prepared> = examples.iter().collect();
        let mut worker = Worker::new(&model, 3, &LossConfig::default());
        worker.run(&model, &lanes, 3, true, false);
        let bands = model.config.bands();
        let network = Network::<unfold::kernels::Packed>::new(&model, 1);
        for (lane, example) in examples.iter().enumerate() {
            let mut state = State::new(&model.config, 1);
            for t in 0..example.frames {
                state.user.used = example.user_atoms.len() / bands;
                state.user.spectra[..example.user_atoms.len()].copy_from_slice(&example.user_atoms);
                state.floor.copy_from_slice(&example.floor[t * bands..(t + 1) * bands]);
                state.push_features(&model.config, &example.features[t * bands..(t + 1) * bands]);
                forward(&network, &mut state, 3, true, &mut ());
                for f in 0..bands {
                    let batched = worker.record.frames[t].mask[f * 3 + lane];
                    // The engine's weights are rounded to bfloat16 (relative error 2^-9).
                    assert!((state.mask[f] - batched).abs() < 1e-2, "frame {t} band {f}");
                }
            }
        }
    }
}
