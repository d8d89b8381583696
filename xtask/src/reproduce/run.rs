//! All systems in an order that computes the layers they share once.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::data::Data;
use super::deep_nmf::{DeepNmf, Layer};
use super::figures;
use super::frames::Frames;
use super::mlp::Mlp;
use super::plan::{CONTEXT_FRAMES, Plan, System};
use super::score::{ScoredSet, mean_sdr_db};
use super::stft::BINS;
use super::tables::Row;
use super::train::{Network, Trainer};
use super::work::{State, Work};
use crate::train::snmf;

/// Frames below this share of their mix's mean level teach a dictionary nothing.
const LEAST_LEVEL: f32 = 0.3;

/// A run in progress.
pub struct Run<'a> {
    plan: &'a Plan,
    work: &'a Work,
    training: Frames,
    dev: ScoredSet,
    test: ScoredSet,
    /// Which dictionary (atoms per source) and how many shared layers the activations went through.
    position: Option<(usize, usize)>,
    /// `[R][T F]`, speech first, by atoms per source.
    dictionaries: BTreeMap<usize, Vec<f32>>,
    bar: ProgressBar,
}

impl<'a> Run<'a> {
    /// Analyses all mixes.
    ///
    /// # Errors
    /// The progress bar's template is wrong.
    pub fn new(plan: &'a Plan, work: &'a Work, data: Data) -> Result<Self> {
        let training = Frames::new(&data.training);
        let cost: u64 = plan.systems().iter().map(System::training_cost).sum();
        let total = cost * (plan.epochs * training.len()) as u64;
        let style = ProgressStyle::with_template("{bar:24} {percent} %, {msg}, {eta} left")?;
        Ok(Self {
            plan,
            work,
            training,
            dev: ScoredSet::new(data.dev),
            test: ScoredSet::new(data.test),
            position: None,
            dictionaries: BTreeMap::new(),
            bar: ProgressBar::new(total).with_style(style),
        })
    }

    /// Trains and scores every system that is not finished; gives all in the order of the plan.
    ///
    /// # Errors
    /// A training diverges, a system breaks a promise, or the work folder cannot be used.
    pub fn all_systems(&mut self) -> Result<Vec<(System, State)>> {
        let mut order = self.plan.systems();
        // By dictionary, then by the shared layers; the sort is stable.
        order.sort_by_key(|system| self.shared_layers(system).unwrap_or((usize::MAX, 0)));
        let mut finished = BTreeMap::new();
        for system in &order {
            finished.insert(system.id(), self.one_system(system)?);
        }
        self.bar.finish_and_clear();
        let in_order = self.plan.systems().into_iter();
        Ok(in_order
            .filter_map(|system| finished.remove(&system.id()).map(|state| (system, state)))
            .collect())
    }

    /// Atoms per source and number of shared layers before the trained ones.
    fn shared_layers(&self, system: &System) -> Option<(usize, usize)> {
        match system {
            System::Nmf {
                iterations,
                atoms,
                trained,
                ..
            } => Some((*atoms, iterations - trained.saturating_sub(1))),
            System::Mlp { .. } => None,
        }
    }

    fn one_system(&mut self, system: &System) -> Result<State> {
        let kept: Option<State> = self.work.read(&system.id())?;
        let cost = system.training_cost();
        let known = kept.as_ref().map_or(0, |state| state.epochs.len());
        self.bar.inc(cost * (known * self.training.len()) as u64);
        if let Some(state) = kept {
            if state.scores.is_some() {
                return Ok(state);
            }
            return self.train(system, Some(state));
        }
        self.train(system, None)
    }

    fn train(&mut self, system: &System, kept: Option<State>) -> Result<State> {
        let network = self.network(system)?;
        let mut trainer = Trainer::new(self.plan, system, network, kept);
        let (name, cost, epochs) = (system.name(), system.training_cost(), self.plan.epochs);
        let mut dev_db = trainer.state.epochs.last().map_or(f64::NAN, |epoch| epoch.dev_sdr_db);
        for _ in 0..trainer.remaining_epochs() {
            let bar = &self.bar;
            let epoch = trainer.epoch(&self.training, &self.dev, |step| {
                bar.inc(cost * step.frames as u64);
                bar.set_message(format!(
                    "{name}: epoch {}/{epochs}, loss {:.2}, dev SDR {dev_db:.2} dB",
                    step.epoch, step.loss
                ));
            })?;
            dev_db = epoch.dev_sdr_db;
            self.work.write(&system.id(), &trainer.state)?;
            let done = trainer.state.epochs.len();
            self.bar.suspend(|| {
                println!(
                    "{name}: epoch {done}/{epochs}, loss {:.3}, dev SDR {dev_db:.2} dB, {:.1} s",
                    epoch.loss, epoch.seconds
                );
            });
        }
        let state = trainer.finish(&self.test).with_context(|| system.name())?;
        self.work.write(&system.id(), &state)?;
        let test_db = mean_sdr_db(state.scores.as_deref().unwrap_or_default());
        self.bar.suspend(|| println!("{name}: test SDR {test_db:.2} dB"));
        Ok(state)
    }

    /// First weights; for unfolded networks all frames are sent through the shared layers.
    fn network(&mut self, system: &System) -> Result<Network> {
        let plan = self.plan;
        match (system, self.shared_layers(system)) {
            (System::Nmf { trained, .. }, Some(position)) => {
                let atoms = self.dictionary(position.0)?;
                self.move_to(position, &atoms);
                let network = DeepNmf::from_dictionary(&atoms, *trained, plan.beta, plan.sparsity);
                Ok(Network::Nmf(network))
            }
            (System::Mlp { hidden }, _) => Ok(Network::Mlp(Mlp::new(hidden, plan.seed, &self.training))),
            (System::Nmf { .. }, None) => unreachable!("unfolded networks have shared layers"),
        }
    }

    fn move_to(&mut self, position: (usize, usize), dictionary: &[f32]) {
        let (atoms, layers) = position;
        let frames = [&mut self.training, &mut self.dev.frames, &mut self.test.frames];
        let begin = match self.position {
            Some((same, done)) if same == atoms && done <= layers => done,
            _ => 0,
        };
        let layer = Layer::new(dictionary, CONTEXT_FRAMES * BINS, self.plan.beta, self.plan.sparsity);
        for frames in frames {
            if begin == 0 {
                frames.reset_activations(2 * atoms);
            }
            frames.advance(&layer, layers - begin);
        }
        self.position = Some(position);
    }

    /// Sparse NMF of speech and of noise, from the work folder where it was done before.
    fn dictionary(&mut self, atoms: usize) -> Result<Vec<f32>> {
        if let Some(found) = self.dictionaries.get(&atoms) {
            return Ok(found.clone());
        }
        let id = format!("dictionary_r{atoms}");
        let dictionary = match self.work.read(&id)? {
            Some(dictionary) => dictionary,
            None => {
                self.bar.set_message(format!("sparse NMF, 2 x {atoms} atoms"));
                let dictionary = self.fit(atoms);
                self.work.write(&id, &dictionary)?;
                dictionary
            }
        };
        self.dictionaries.insert(atoms, dictionary);
        Ok(self.dictionaries[&atoms].clone())
    }

    fn fit(&self, atoms: usize) -> Vec<f32> {
        let plan = self.plan;
        let fit = |signal: &[f32], seed: u64| {
            let indices = self.audible_frames(signal, seed);
            let data = self.training.stack(signal, &indices);
            snmf::fit(
                &data,
                indices.len(),
                atoms,
                plan.sparsity,
                plan.dictionary_updates,
                seed,
            )
            .atoms
        };
        let (speech, noise) = rayon::join(
            || fit(&self.training.speech, plan.seed),
            || fit(&self.training.noise, plan.seed + 1),
        );
        [speech, noise].concat()
    }

    /// Random frames that are not near silence.
    fn audible_frames(&self, signal: &[f32], seed: u64) -> Vec<usize> {
        let audible: Vec<usize> = signal
            .chunks_exact(BINS)
            .enumerate()
            .filter(|(_, frame)| frame.iter().sum::<f32>() > LEAST_LEVEL * BINS as f32)
            .map(|(index, _)| index)
            .collect();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..self.plan.dictionary_frames)
            .map(|_| {
                audible
                    .get(rng.random_range(0..audible.len().max(1)))
                    .copied()
                    .unwrap_or(0)
            })
            .collect()
    }

    /// The mixes as they are.
    pub fn input_row(&self) -> Row {
        untrained("noisy input", self.test.score_input())
    }

    /// A ratio mask made from the clean speech itself: about the best that a mask can do.
    ///
    /// # Errors
    /// None that a sound corpus gives.
    pub fn oracle_row(&self) -> Result<Row> {
        Ok(untrained("oracle ratio mask", self.test.score_oracle()?))
    }

    /// Reconstruction atoms before and after training.
    ///
    /// # Errors
    /// The figure cannot be drawn.
    pub fn dictionary_figure(&mut self, finished: &[(System, State)]) -> Result<String> {
        let plan = self.plan;
        let wanted = super::drawn_system(plan);
        let (_, state) = finished
            .iter()
            .find(|(system, _)| *system == wanted)
            .with_context(|| format!("{} was not trained", wanted.name()))?;
        let (atoms, _) = self.shared_layers(&wanted).unwrap_or_default();
        let dictionary = self.dictionary(atoms)?;
        let mut network = DeepNmf::from_dictionary(&dictionary, 2, plan.beta, plan.sparsity);
        let before = network.readout().to_vec();
        network.set_parameters(&state.best);
        figures::dictionary(
            &before,
            network.readout(),
            &format!("Reconstruction of {}", wanted.name()),
        )
    }
}

fn untrained(name: &str, scores: Vec<super::score::Score>) -> Row {
    Row {
        name: name.to_owned(),
        system: None,
        scores,
        dev_sdr_db: None,
        best_epoch: 0,
        seconds: 0.0,
    }
}
