//! A training run: pools of mixtures, steps of the optimiser, dev scores, checkpoints.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use unfold::model::Model;
use unfold::model_file;

use super::adam::{LogAdam, cosine_fall};
use super::batch::{Prepared, Preparer};
use super::checkpoint::Checkpoint;
use super::config::TrainConfig;
use super::loss;
use super::prune::prune;
use super::sequence::Worker;
use crate::mix::Mixer;

/// A run in progress.
pub struct Trainer {
    config: TrainConfig,
    model: Model,
    adam: LogAdam,
    workers: Vec<Worker>,
    /// One per thread; they keep their plans of transforms.
    preparers: Vec<Preparer>,
    /// Provenance of the model that training started from; empty for sparse NMF dictionaries.
    origin: String,
    /// Fingerprint of the corpus.
    sounds: String,
}

/// Means over some examples.
#[derive(Clone, Copy, Debug, Default)]
pub struct Means {
    pub loss: f64,
    pub magnitude: f64,
    pub sdr_gain_db: f64,
}

impl Trainer {
    /// Starts from a model, on the corpus with the fingerprint `sounds`.
    pub fn new(config: TrainConfig, sounds: String, model: Model) -> Self {
        let adam = LogAdam::new(&model.blocks().concat());
        let workers = (0..config.groups)
            .map(|_| Worker::new(&model, config.lanes, &config.loss))
            .collect();
        let preparers = (0..rayon::current_num_threads())
            .map(|_| Preparer::new(&model.config))
            .collect();
        Self {
            config,
            origin: model.provenance.clone(),
            sounds,
            model,
            adam,
            workers,
            preparers,
        }
    }

    /// Goes on from a checkpoint.
    ///
    /// # Errors
    /// The checkpoint belongs to another configuration or another corpus.
    pub fn resume(config: TrainConfig, sounds: String, checkpoint: Checkpoint) -> Result<Self> {
        // The number of steps may change; anything else would be another run.
        let same_steps = TrainConfig {
            steps: config.steps,
            ..checkpoint.config
        };
        ensure!(
            same_steps == config,
            "the checkpoint belongs to another configuration than the one given"
        );
        ensure!(
            checkpoint.sounds == sounds,
            "the checkpoint belongs to other speech or noise than the folders hold now"
        );
        let mut trainer = Self::new(config.clone(), sounds, Model::zeros(config.network.model_config()));
        trainer.adam = checkpoint.adam;
        trainer.origin = checkpoint.origin;
        trainer.load_weights();
        Ok(trainer)
    }

    fn load_weights(&mut self) {
        let weights = self.adam.weights();
        write_weights(&mut self.model, weights);
    }

    /// Parameters of the model.
    pub fn parameter_count(&self) -> usize {
        self.model.parameter_count()
    }

    /// The running average of the weights, as a model.
    pub fn averaged_model(&self) -> Model {
        let mut model = self.model.clone();
        write_weights(&mut model, self.adam.averaged_weights());
        prune(&mut model, self.config.prune_share);
        model.provenance = format!(
            "deep NMF trained by `cargo xtask train`: seed {}, {} steps of {} examples of {:.1} s",
            self.config.seed,
            self.adam.steps(),
            self.config.lanes * self.config.groups,
            self.config.frames as f64 * unfold::units::HOP_S,
        );
        if !self.origin.is_empty() {
            model.provenance += &format!("; started from: {}", self.origin);
        }
        model
    }

    /// Writes the averaged model and the checkpoint.
    pub fn save(&self, out: &std::path::Path, checkpoint_path: &std::path::Path) -> Result<()> {
        let model = self.averaged_model();
        crate::atomic_file::write(out, &model_file::to_bytes(&model)?)?;
        Checkpoint::write(checkpoint_path, &self.config, &self.origin, &self.sounds, &self.adam)
    }

    /// Fixed examples of a corpus that is not trained on.
    pub fn dev_set(&mut self, mixer: &Mixer) -> Vec<Prepared> {
        let count = self.config.dev_examples.next_multiple_of(self.config.lanes);
        self.pool(mixer, 1 << 50, count)
    }

    /// The examples from `first_seed` on. Whichever thread is free makes the next one.
    fn pool(&mut self, mixer: &Mixer, first_seed: u64, count: usize) -> Vec<Prepared> {
        let (config, frames) = (&self.config, self.config.frames);
        let base = example_seed(config.seed, first_seed);
        let next = AtomicUsize::new(0);
        let drawn = self.preparers.par_iter_mut().flat_map_iter(|preparer| {
            std::iter::from_fn(|| {
                let index = next.fetch_add(1, Ordering::Relaxed);
                (index < count).then(|| (index, preparer.draw(mixer, base.wrapping_add(index as u64), frames)))
            })
        });
        let mut drawn: Vec<(usize, Prepared)> = drawn.collect();
        drawn.sort_by_key(|(index, _)| *index);
        drawn.into_iter().map(|(_, prepared)| prepared).collect()
    }

    /// Trains to the last step; `save` runs after every dev score.
    pub fn train(&mut self, mixer: &Mixer, dev: &[Prepared], save: impl Fn(&Self) -> Result<()>) -> Result<()> {
        let config = self.config.clone();
        let batch = config.lanes * config.groups;
        let steps_per_pool = config.pool / batch * config.passes;
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} steps, {msg}, {eta} left")?;
        let bar = ProgressBar::new(config.steps as u64)
            .with_style(style)
            .with_position(self.adam.steps() as u64);
        let mut recent = Means::default();
        let started = (Instant::now(), self.adam.steps());
        while self.adam.steps() < config.steps {
            // A resumed run goes on with the pool it was interrupted in.
            let pool_index = (self.adam.steps() / steps_per_pool) as u64;
            let pool = self.pool(mixer, pool_index * config.pool as u64, config.pool);
            let mut rng = ChaCha8Rng::seed_from_u64(config.seed ^ (pool_index << 20));
            for pass in 0..config.passes {
                for (index, batch) in draw_batches(&pool, batch, &mut rng).iter().enumerate() {
                    let (depth, adapt) = self.draw_depth(&mut rng);
                    let step = pool_index as usize * steps_per_pool + pass * (config.pool / batch.len()) + index;
                    if step < self.adam.steps() || self.adam.steps() >= config.steps {
                        continue;
                    }
                    let means = self.step(&pool, batch, depth, adapt)?;
                    let keep = 0.98 * f64::from(u8::from(recent.loss != 0.0));
                    recent.loss += (1.0 - keep) * (means.loss - recent.loss);
                    recent.sdr_gain_db += (1.0 - keep) * (means.sdr_gain_db - recent.sdr_gain_db);
                    bar.set_position(self.adam.steps() as u64);
                    bar.set_message(format!(
                        "loss {:.4}, SDR gain {:.2} dB",
                        recent.loss, recent.sdr_gain_db
                    ));
                    if self.adam.steps().is_multiple_of(config.score_every) {
                        self.report(dev, recent, started, &bar);
                        save(self)?;
                    }
                }
            }
        }
        bar.finish();
        Ok(())
    }

    fn draw_depth(&self, rng: &mut ChaCha8Rng) -> (usize, bool) {
        let layers = self.model.layers();
        let full = layers == 1 || rng.random::<f32>() < self.config.full_depth_share;
        let depth = if full { layers } else { rng.random_range(1..layers) };
        (depth, rng.random::<f32>() >= self.config.no_adapt_share)
    }

    /// One optimiser step on the examples `batch` of `pool`. All groups run at one depth, so that no thread waits.
    fn step(&mut self, pool: &[Prepared], batch: &[usize], depth: usize, adapt: bool) -> Result<Means> {
        let model = &self.model;
        let groups = batch.par_chunks(self.config.lanes).zip(&mut self.workers);
        let scores: Vec<Vec<loss::Score>> = groups
            .map(|(group, worker)| {
                let examples: Vec<&Prepared> = group.iter().map(|&index| &pool[index]).collect();
                worker.run(model, &examples, depth, adapt, true)
            })
            .collect();
        let mut gradient = self.workers[0].gradient.blocks().concat();
        for worker in &self.workers[1..] {
            let flat = worker.gradient.blocks().concat();
            gradient.iter_mut().zip(flat).for_each(|(sum, g)| *sum += g);
        }
        gradient.iter_mut().for_each(|g| *g /= self.config.groups as f32);
        let c = &self.config;
        let done = self.adam.steps();
        let cosine = cosine_fall(done as f32 / c.steps as f32);
        let warm = ((done + 1) as f32 / c.warm_up_steps.max(1) as f32).min(1.0);
        let rate = (c.last_rate + (c.rate - c.last_rate) * cosine) * warm;
        let norm = self.adam.step(&gradient, rate, c.largest_norm, c.averaging);
        ensure!(
            norm.is_finite(),
            "the gradient is not finite at step {done}: lower the rate"
        );
        self.load_weights();
        Ok(means(scores.iter().flatten()))
    }

    /// Prints one line: training means and the averaged model's dev scores at every depth.
    fn report(&mut self, dev: &[Prepared], recent: Means, started: (Instant, usize), bar: &ProgressBar) {
        let model = self.averaged_model();
        let mut line = format!("step {:5} train {:.4}", self.adam.steps(), recent.loss);
        for depth in 1..=model.layers() {
            if let Some(m) = self.score(&model, dev, depth) {
                line += &format!(
                    " | {depth}: {:.4} mag {:.4} +{:.2} dB",
                    m.loss, m.magnitude, m.sdr_gain_db
                );
            }
        }
        let seconds = started.0.elapsed().as_secs_f64();
        let heard_s = (self.adam.steps() - started.1) as f64
            * (self.config.lanes * self.config.groups * self.config.frames) as f64
            * unfold::units::HOP_S;
        bar.suspend(|| println!("{line} | {:.0} s, {:.0} x real time", seconds, heard_s / seconds));
    }

    fn score(&mut self, model: &Model, dev: &[Prepared], depth: usize) -> Option<Means> {
        let lanes = self.config.lanes;
        let mut scores = Vec::new();
        for round in dev.chunks(lanes * self.workers.len()) {
            let groups = round.par_chunks_exact(lanes).zip(&mut self.workers);
            let round: Vec<Vec<loss::Score>> = groups
                .map(|(group, worker)| worker.run(model, &group.iter().collect::<Vec<_>>(), depth, true, false))
                .collect();
            scores.extend(round.into_iter().flatten());
        }
        (!scores.is_empty()).then(|| means(scores.iter()))
    }
}

/// Seed of an example of a run. The factor sets the examples of different runs far apart.
pub fn example_seed(run_seed: u64, example: u64) -> u64 {
    run_seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(example)
}

/// Batches of a pool's examples in random order. Examples with as many learnt atoms share batches, because the most atoms that an
/// example has decide what its whole batch costs. What fills no batch is left out, whatever it holds.
fn draw_batches(pool: &[Prepared], batch: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..pool.len()).collect();
    order.shuffle(rng);
    order.truncate(pool.len() / batch * batch);
    order.sort_by_key(|&index| pool[index].user_atoms.len());
    let mut batches: Vec<Vec<usize>> = order.chunks_exact(batch).map(<[usize]>::to_vec).collect();
    batches.shuffle(rng);
    batches
}

fn write_weights(model: &mut Model, weights: impl Iterator<Item = f32>) {
    let targets = model.blocks_mut().into_iter().flat_map(|block| block.iter_mut());
    targets.zip(weights).for_each(|(target, w)| *target = w);
}

/// Means of scores.
pub fn means<'a>(scores: impl Iterator<Item = &'a loss::Score>) -> Means {
    let (mut sum, mut count) = (Means::default(), 0.0);
    for score in scores {
        sum.loss += score.total;
        sum.magnitude += score.magnitude;
        sum.sdr_gain_db += score.sdr_db - score.input_sdr_db;
        count += 1.0;
    }
    Means {
        loss: sum.loss / count,
        magnitude: sum.magnitude / count,
        sdr_gain_db: sum.sdr_gain_db / count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_share_no_examples() {
        // A run hears fewer than 2^32 examples.
        let seeds = (0..12).map(|power| 1 << power).chain([0, 4096, 1 << 44, 1 << 63]);
        let mut first: Vec<u64> = seeds.map(|seed| example_seed(seed, 0)).collect();
        first.sort_unstable();
        assert!(first.windows(2).all(|pair| pair[1] - pair[0] > 1 << 32));
    }
}
