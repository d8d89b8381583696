//! `cargo xtask train-field`: a speech-presence field on top of a trained network, whose own weights stay as they are.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::builder::RangedU64ValueParser;
use indicatif::{ProgressBar, ProgressStyle};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use unfold::field::Presence;
use unfold::model::{FieldInference, Model, SpeechField};
use unfold::model_file;
use unfold::units::db_to_gain;

use super::super::adam::Adam;
use super::super::batch::{Prepared, Preparer};
use super::super::config::TrainConfig;
use super::super::loss::{Loss, Score};
use super::super::sequence::Worker;
use super::super::trainer::{example_seed, means};
use super::falling_rate;
use super::presence::PresenceLearner;
use crate::corpus::Corpus;
use crate::denoise::read_model;
use crate::mix::Mixer;

/// Examples made at a time, or a few more to fill the last step; each is used once.
const POOL: usize = 192;
const LARGEST_RATE: f32 = 0.02;
/// Seeds of these mixtures, apart from the network's own training and dev sets.
const SEED_OFFSET: u64 = 1 << 44;
const DEV_SEED_OFFSET: u64 = 1 << 50;

/// Train a field on top of a network
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Model file with the network; a field in it is replaced
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Folder with train/speech, train/noise, dev/speech and dev/noise
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// What kind of field
    #[arg(long, value_enum)]
    variant: Variant,
    /// Model file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Iterations of mean field at full depth
    #[arg(long, value_name = "N", default_value_t = 2)]
    iterations: usize,
    /// Optimiser steps
    #[arg(long, value_name = "N", default_value_t = 400)]
    steps: usize,
    /// Examples in a step
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    lanes: usize,
    /// Slope s of the unary terms at the start
    #[arg(long, value_name = "S", default_value_t = 0.5)]
    start_slope: f32,
    /// Bias c of the unary terms at the start: high means that speech is nearly always taken as present
    #[arg(long, value_name = "C", default_value_t = 4.0, allow_hyphen_values = true)]
    start_bias: f32,
    /// Gain where speech is absent at the start
    #[arg(long, value_name = "DB", default_value_t = -35.0, allow_hyphen_values = true)]
    start_absent_db: f32,
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum Variant {
    /// Mean field, one layer for all iterations
    Tied,
    /// Mean field, a layer for each iteration
    Untied,
    /// Belief propagation, exact over the bands
    Bp,
}

impl Variant {
    fn field(self, bands: usize, iterations: usize) -> SpeechField {
        match self {
            Self::Tied => SpeechField::neutral(FieldInference::MeanField, bands, iterations, 1),
            Self::Untied => SpeechField::neutral(FieldInference::MeanField, bands, iterations, iterations),
            Self::Bp => SpeechField::neutral(FieldInference::BeliefPropagation, bands, 1, 1),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// The model or the corpus cannot be read, or the result cannot be written.
pub fn run(args: &Args) -> Result<()> {
    if args.out.exists() {
        bail!("{} exists already; choose another --out", args.out.display());
    }
    crate::atomic_file::beside(&args.out).with_context(|| format!("cannot write {}", args.out.display()))?;
    let mut model = read_model(&args.model)?;
    model.field = None;
    let config = TrainConfig::default();
    let bar = ProgressBar::new_spinner().with_message("reading the corpus");
    let load = |part: &str| {
        let dirs = ["speech", "noise"].map(|kind| vec![args.corpus.join(part).join(kind)]);
        Corpus::load(&dirs[0], &dirs[1], &config.excluded_noise, |_, _| bar.tick())
    };
    let (training, dev) = (load("train")?, load("dev")?);
    bar.finish_and_clear();
    let mixer = Mixer::new(&training, config.mix.clone())?;
    let dev_mixer = Mixer::new(&dev, config.mix.clone())?;
    // What fills no group of lanes would not be scored.
    let dev_examples = config.dev_examples.next_multiple_of(args.lanes);
    let dev = draw(&model, &dev_mixer, DEV_SEED_OFFSET, dev_examples, config.frames);

    let mut field = args.variant.field(model.config.bands(), args.iterations);
    field.absent_ln_gain.fill(db_to_gain(args.start_absent_db).ln());
    for layer in &mut field.layers {
        layer.unary_slope.fill(args.start_slope);
        layer.unary_bias.fill(args.start_bias);
    }
    field.validate(model.config.bands())?;
    let mut trainer = FieldTrainer::new(&model, field, args.lanes, &config);
    report("without a field", &trainer.score(None, &dev));
    trainer.train(args, &config, &mixer)?;
    report("with the field", &trainer.score(Some(&trainer.field.clone()), &dev));
    let field = trainer.field;
    model.provenance += &format!(
        "; {:?} field trained by `cargo xtask train-field`: seed {}, {} steps of {} examples, from s {}, c {}, {} dB",
        args.variant, args.seed, args.steps, args.lanes, args.start_slope, args.start_bias, args.start_absent_db
    );
    model.field = Some(field);
    crate::atomic_file::write(&args.out, &model_file::to_bytes(&model)?)?;
    println!("wrote {}", args.out.display());
    Ok(())
}

fn report(what: &str, by_depth: &[Vec<Score>]) {
    let parts: Vec<String> = by_depth
        .iter()
        .enumerate()
        .map(|(index, scores)| {
            let m = means(scores.iter());
            format!(
                "{}: {:.4} mag {:.4} +{:.2} dB",
                index + 1,
                m.loss,
                m.magnitude,
                m.sdr_gain_db
            )
        })
        .collect();
    println!("dev loss at each depth {what}: {}", parts.join(" | "));
}

fn draw(model: &Model, mixer: &Mixer, first_seed: u64, count: usize, frames: usize) -> Vec<Prepared> {
    (0..count as u64)
        .into_par_iter()
        .map_init(
            || Preparer::new(&model.config),
            |preparer, index| preparer.draw(mixer, first_seed.wrapping_add(index), frames),
        )
        .collect()
}

/// Working memory for a group of examples.
struct Group {
    worker: Worker,
    loss: Loss,
    learner: PresenceLearner,
}

impl Group {
    /// Runs the network and, if given, the field over one example for each lane, and leaves the gradient of the sum of
    /// their losses in the learner.
    fn run(
        &mut self,
        model: &Model,
        field: Option<&SpeechField>,
        examples: &[&Prepared],
        depth: usize,
        adapt: bool,
        learn: bool,
    ) -> Vec<Score> {
        self.worker.forward(model, examples, depth, adapt);
        self.learner.clear();
        let presence = field.map(Presence::new);
        let mut scores = Vec::new();
        for (lane, example) in examples.iter().enumerate() {
            let [speech, noise, mut mask] = self.worker.estimates(lane);
            if let Some(presence) = &presence {
                self.learner.forward(presence, &speech, &noise, &mut mask, depth);
            }
            let mut by_mask = vec![0.0; mask.len()];
            scores.push(self.loss.run(example, &mask, &mut by_mask));
            if let (Some(field), true) = (field, learn) {
                self.learner.backward(field, &by_mask);
            }
        }
        scores
    }
}

struct FieldTrainer<'a> {
    model: &'a Model,
    field: SpeechField,
    group: Group,
    lanes: usize,
}

impl<'a> FieldTrainer<'a> {
    fn new(model: &'a Model, field: SpeechField, lanes: usize, config: &TrainConfig) -> Self {
        let group = Group {
            worker: Worker::new(model, lanes, &config.loss),
            loss: Loss::new(&config.loss, &model.config),
            learner: PresenceLearner::new(&field),
        };
        Self {
            model,
            group,
            lanes,
            field,
        }
    }

    /// Scores of a dev set at every depth.
    fn score(&mut self, field: Option<&SpeechField>, dev: &[Prepared]) -> Vec<Vec<Score>> {
        let (model, group) = (self.model, &mut self.group);
        (1..=model.layers())
            .map(|depth| {
                dev.chunks_exact(self.lanes)
                    .flat_map(|lanes| group.run(model, field, &lanes.iter().collect::<Vec<_>>(), depth, true, false))
                    .collect()
            })
            .collect()
    }

    fn train(&mut self, args: &Args, config: &TrainConfig, mixer: &Mixer) -> Result<()> {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} steps, {msg}, {eta} left")?;
        let bar = ProgressBar::new(args.steps as u64).with_style(style);
        let mut rng = ChaCha8Rng::seed_from_u64(args.seed);
        let mut weights = self.field.blocks().concat();
        let mut adam = Adam::new(weights.len());
        let mut pool = Vec::new();
        for step in 0..args.steps {
            if pool.is_empty() {
                let seed = example_seed(args.seed, SEED_OFFSET + (step * self.lanes) as u64);
                let count = POOL.next_multiple_of(self.lanes);
                pool = draw(self.model, mixer, seed, count, config.frames);
                pool.shuffle(&mut rng);
            }
            let examples = pool.split_off(pool.len() - self.lanes);
            let layers = self.model.layers();
            let full = layers == 1 || rng.random::<f32>() < config.full_depth_share;
            let depth = if full { layers } else { rng.random_range(1..layers) };
            let adapt = rng.random::<f32>() >= config.no_adapt_share;
            let lanes: Vec<&Prepared> = examples.iter().collect();
            let scores = self
                .group
                .run(self.model, Some(&self.field), &lanes, depth, adapt, true);
            let gradient = self.group.learner.gradient.blocks().concat();
            adam.step(&mut weights, &gradient, falling_rate(LARGEST_RATE, step, args.steps));
            let targets = self.field.blocks_mut().into_iter().flatten();
            targets.zip(&weights).for_each(|(weight, value)| *weight = *value);
            self.field.hold_in_range();
            weights = self.field.blocks().concat();
            bar.set_position(step as u64 + 1);
            bar.set_message(format!("loss {:.4} at depth {depth}", means(scores.iter()).loss));
        }
        bar.finish_and_clear();
        Ok(())
    }
}
