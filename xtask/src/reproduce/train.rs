//! One system from its first weights to its test scores.

use std::time::Instant;

use anyhow::{Result, ensure};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::deep_nmf::{DeepNmf, Parts};
use super::frames::{CHUNK_FRAMES, Chunk, Frames};
use super::mlp::Mlp;
use super::plan::{Plan, System, Training};
use super::score::{Score, ScoredSet, mean_sdr_db};
use super::work::{Epoch, Optimiser, State};
use crate::train::adam::{Adam, LogAdam};

/// A system's weights.
pub enum Network {
    Nmf(DeepNmf),
    Mlp(Mlp),
}

impl Network {
    fn chunk(&self, frames: &Frames, indices: &[usize]) -> Chunk {
        match self {
            Self::Nmf(_) => frames.magnitudes(indices),
            Self::Mlp(_) => frames.log_magnitudes(indices),
        }
    }

    fn gradient(&self, chunk: &Chunk, split: bool) -> Parts {
        match self {
            Self::Nmf(network) => network.gradient(chunk, split),
            Self::Mlp(network) => network.gradient(chunk),
        }
    }

    fn mask(&self, frames: &Frames, indices: &[usize]) -> Result<Vec<f32>> {
        let chunk = self.chunk(frames, indices);
        match self {
            Self::Nmf(network) => network.mask(&chunk),
            Self::Mlp(network) => Ok(network.mask(&chunk)),
        }
    }

    fn parameters(&self) -> Vec<f32> {
        match self {
            Self::Nmf(network) => network.parameters(),
            Self::Mlp(network) => network.parameters().to_vec(),
        }
    }

    fn set_parameters(&mut self, parameters: &[f32]) {
        match self {
            Self::Nmf(network) => network.set_parameters(parameters),
            Self::Mlp(network) => network.set_parameters(parameters),
        }
    }

    /// Scores on a set, with every promise of the system checked on the way.
    ///
    /// # Errors
    /// A promise is broken.
    pub fn score(&self, set: &ScoredSet) -> Result<Vec<Score>> {
        set.score(&|frames, indices| self.mask(frames, indices))
    }
}

/// What happened in a step, for the progress bar.
pub struct Step {
    pub epoch: usize,
    pub frames: usize,
    /// Mean error per frame in this epoch.
    pub loss: f64,
}

/// A system being trained.
pub struct Trainer<'a> {
    plan: &'a Plan,
    system: &'a System,
    network: Network,
    pub state: State,
}

impl<'a> Trainer<'a> {
    /// Starts `network`, or goes on from `state`.
    pub fn new(plan: &'a Plan, system: &'a System, network: Network, state: Option<State>) -> Self {
        let mut trainer = Self {
            state: state.unwrap_or_else(|| State {
                epochs: Vec::new(),
                optimiser: optimiser(system, &network),
                current: network.parameters(),
                best: network.parameters(),
                best_epoch: 0,
                scores: None,
            }),
            plan,
            system,
            network,
        };
        trainer.load();
        trainer
    }

    /// Takes the weights from the state, exactly as a resumed run would.
    fn load(&mut self) {
        match &self.state.optimiser {
            Optimiser::Log(adam) => self.network.set_parameters(&adam.weights().collect::<Vec<f32>>()),
            _ => self.network.set_parameters(&self.state.current),
        }
    }

    /// Epochs still to be trained.
    pub fn remaining_epochs(&self) -> usize {
        let wanted = if matches!(self.state.optimiser, Optimiser::None) {
            0
        } else {
            self.plan.epochs
        };
        wanted - self.state.epochs.len()
    }

    /// Trains one epoch and scores it on `dev`.
    ///
    /// # Errors
    /// The training diverged, or the system breaks a promise.
    pub fn epoch(&mut self, training: &Frames, dev: &ScoredSet, on_step: impl FnMut(Step)) -> Result<Epoch> {
        let begin = Instant::now();
        let loss = self.pass(training, on_step)?;
        let seconds = begin.elapsed().as_secs_f64();
        self.state.current = self.network.parameters();
        self.load();
        let epoch = Epoch {
            loss,
            dev_sdr_db: mean_sdr_db(&self.network.score(dev)?),
            seconds,
        };
        let epochs = &self.state.epochs;
        let best_db = epochs
            .iter()
            .map(|epoch| epoch.dev_sdr_db)
            .fold(f64::NEG_INFINITY, f64::max);
        if epoch.dev_sdr_db > best_db {
            self.state.best = self.network.parameters();
            self.state.best_epoch = epochs.len() + 1;
        }
        self.state.epochs.push(epoch);
        Ok(epoch)
    }

    /// One pass over all training frames in an order that only the seed and the epoch decide.
    fn pass(&mut self, training: &Frames, mut on_step: impl FnMut(Step)) -> Result<f64> {
        let epoch = self.state.epochs.len();
        let mut order: Vec<usize> = (0..training.len()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(
            self.plan.seed ^ ((epoch as u64 + 1) << 32),
        ));
        let steps = order.len().div_ceil(self.plan.batch_frames);
        let (mut loss, mut seen) = (0.0, 0);
        for (index, batch) in order.chunks(self.plan.batch_frames).enumerate() {
            let progress = (epoch * steps + index) as f32 / (self.plan.epochs * steps) as f32;
            loss += self.step(training, batch, progress)?;
            seen += batch.len();
            ensure!(loss.is_finite(), "the training of {} diverged", self.system.name());
            on_step(Step {
                epoch: epoch + 1,
                frames: batch.len(),
                loss: loss / seen as f64,
            });
        }
        Ok(loss / seen as f64)
    }

    /// One step; gives the summed error before it. The sum over chunks has a fixed order, whatever thread made them.
    fn step(&mut self, training: &Frames, batch: &[usize], progress: f32) -> Result<f64> {
        let split = matches!(self.state.optimiser, Optimiser::Multiplicative);
        let network = &self.network;
        let parts: Vec<Parts> = batch
            .par_chunks(CHUNK_FRAMES.min(batch.len().div_ceil(2)))
            .map(|indices| network.gradient(&network.chunk(training, indices), split))
            .collect();
        let mut parts = parts.into_iter();
        let mut total = parts.next().expect("a batch has frames");
        parts.for_each(|part| total.add(&part));
        let plan = self.plan;
        if let Network::Nmf(network) = &mut self.network {
            network.by_parameters(&mut total);
            if split {
                network.multiplicative_step(&total, plan.rate(plan.multiplicative_rate, progress));
            }
        }
        match &mut self.state.optimiser {
            Optimiser::None | Optimiser::Multiplicative => {}
            Optimiser::Log(adam) => {
                let rate = plan.rate(plan.log_adam_rate, progress);
                let norm = adam.step(&total.net(batch.len()), rate, f32::INFINITY, 0.0);
                ensure!(norm.is_finite(), "the gradient of {} is not finite", self.system.name());
                self.network.set_parameters(&adam.weights().collect::<Vec<f32>>());
            }
            Optimiser::Plain(adam) => {
                let mut weights = self.network.parameters();
                adam.step(
                    &mut weights,
                    &total.net(batch.len()),
                    plan.rate(plan.adam_rate, progress),
                );
                self.network.set_parameters(&weights);
            }
        }
        Ok(total.loss)
    }

    /// Scores the best epoch on `test` and keeps nothing else.
    ///
    /// # Errors
    /// The system breaks a promise.
    pub fn finish(mut self, test: &ScoredSet) -> Result<State> {
        self.network.set_parameters(&self.state.best);
        let scores = self.network.score(test)?;
        Ok(State {
            optimiser: Optimiser::None,
            current: Vec::new(),
            scores: Some(scores),
            ..self.state
        })
    }
}

fn optimiser(system: &System, network: &Network) -> Optimiser {
    match system {
        System::Nmf {
            training: Training::None,
            ..
        } => Optimiser::None,
        System::Nmf {
            training: Training::Multiplicative,
            ..
        } => Optimiser::Multiplicative,
        System::Nmf {
            training: Training::Adam,
            ..
        } => Optimiser::Log(LogAdam::new(&network.parameters())),
        System::Mlp { .. } => Optimiser::Plain(Adam::new(network.parameters().len())),
    }
}
