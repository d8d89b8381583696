//! `cargo xtask field-task`: what untying is worth on a task whose truth is known. Labels are drawn from a field,
//! seen through noise, and inferred by unfolded layers trained for the likelihood of the true labels.

use std::path::PathBuf;

use anyhow::Result;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use unfold::field::{Chain, Field, Graph, Layer, link, sigmoid};

use super::super::adam::Adam;
use super::falling_rate;
use super::general::{Inference, Learner};
use crate::report::{self, table};

/// Sweeps of Gibbs sampling for each example.
const SWEEPS: usize = 200;
const RATE: f32 = 0.05;
/// Weights that a layer shares over all nodes and edges: gain and bias of the unary terms, coupling, log-odds of the step.
const SHARED: usize = 4;
const START: [f32; SHARED] = [1.0, 0.0, 0.5, 1.5];

/// Train small fields on synthetic labels, tied and untied
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Write the table into this Markdown file, between its field-task markers
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// A field of labels and how they are seen.
pub struct Task {
    pub graph: Graph,
    /// Coupling of neighbouring labels.
    pub coupling: f32,
    /// Standard deviation of the noise on labels of -1 and 1.
    pub noise: f32,
}

impl Task {
    /// Long runs of equal labels, each seen badly: many neighbours must be asked.
    fn chain(nodes: usize) -> Self {
        Self {
            graph: Graph::chain(nodes),
            coupling: 5.0,
            noise: 2.5,
        }
    }

    /// Patches of equal labels, just below the coupling at which a large grid would become all one label.
    fn grid(side: usize) -> Self {
        Self {
            graph: Graph::grid(side, side),
            coupling: 1.6,
            noise: 2.0,
        }
    }
}

/// How much is drawn and learned.
#[derive(Clone, Copy)]
pub struct Effort {
    pub training: usize,
    pub held_out: usize,
    pub steps: usize,
    pub batch: usize,
}

const FULL: Effort = Effort {
    training: 4000,
    held_out: 4000,
    steps: 600,
    batch: 64,
};

/// Labels and what is seen of them.
pub struct Example {
    labels: Vec<bool>,
    /// Unary terms that the field is given: the noisy labels, not yet scaled to log-ratios.
    seen: Vec<f32>,
}

/// Draws examples of a task, the same for the same seed.
pub fn examples(task: &Task, count: usize, seed: u64) -> Vec<Example> {
    let graph = &task.graph;
    let draw = |index: usize| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(1 << 32).wrapping_add(index as u64));
        let mut labels: Vec<bool> = (0..graph.nodes()).map(|_| rng.random()).collect();
        for _ in 0..SWEEPS {
            for i in 0..labels.len() {
                let pulls = graph
                    .incoming(i)
                    .iter()
                    .map(|m| if labels[m.source] { 0.5 } else { -0.5 });
                labels[i] = rng.random::<f32>() < sigmoid(task.coupling * pulls.sum::<f32>());
            }
        }
        let seen = labels
            .iter()
            .map(|y| if *y { 1.0 } else { -1.0 } + task.noise * normal(&mut rng))
            .collect();
        Example { labels, seen }
    };
    (0..count).into_par_iter().map(draw).collect()
}

fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let (u, v): (f32, f32) = (1.0 - rng.random::<f32>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f32::consts::TAU * v).cos()
}

/// A field whose layers have the same weights at every node and edge.
fn uniform_field(graph: &Graph, values: &[f32], depth: usize) -> Result<Field> {
    let layer = |shared: &[f32]| Layer {
        unary_gain: vec![shared[0]; graph.nodes()],
        unary_bias: vec![shared[1]; graph.nodes()],
        coupling: vec![shared[2]; graph.edges().len()],
        step: sigmoid(shared[3]),
    };
    Ok(Field::new(
        graph.clone(),
        values.chunks_exact(SHARED).map(layer).collect(),
        depth,
    )?)
}

/// Trains `layers` layers (1: tied, `depth`: untied) for the labels' likelihood.
pub fn learn(
    inference: Inference,
    graph: &Graph,
    layers: usize,
    depth: usize,
    training: &[Example],
    effort: &Effort,
) -> Result<Field> {
    let mut weights = START.repeat(layers);
    let mut adam = Adam::new(weights.len());
    for done in 0..effort.steps {
        let field = uniform_field(graph, &weights, depth)?;
        let mut learner = Learner::new(inference, &field);
        let first = done * effort.batch;
        for index in first..first + effort.batch {
            let example = &training[index % training.len()];
            let posterior = learner.forward(&field, &example.seen);
            // d/dq of -ln q for a label 1, of -ln (1 - q) for a label 0.
            let by_posterior: Vec<f32> = posterior
                .iter()
                .zip(&example.labels)
                .map(|(q, y)| {
                    if *y {
                        -1.0 / q.max(1e-6)
                    } else {
                        1.0 / (1.0 - q).max(1e-6)
                    }
                })
                .collect();
            learner.backward(&field, &example.seen, &by_posterior);
        }
        let scale = 1.0 / (effort.batch * graph.nodes()) as f32;
        let shared = learner.layers.iter().zip(&field.layers).flat_map(|(by, layer)| {
            [
                by.unary_gain.iter().sum::<f32>(),
                by.unary_bias.iter().sum(),
                by.coupling.iter().sum(),
                by.step * layer.step * (1.0 - layer.step),
            ]
        });
        let gradient: Vec<f32> = shared.map(|g| g * scale).collect();
        adam.step(&mut weights, &gradient, falling_rate(RATE, done, effort.steps));
    }
    uniform_field(graph, &weights, depth)
}

/// Mean log-likelihood of a true label, in nats.
pub fn likelihood(inference: Inference, field: &Field, examples: &[Example]) -> f64 {
    let mut learner = Learner::new(inference, field);
    mean_likelihood(examples, |example| learner.forward(field, &example.seen).to_vec())
}

fn mean_likelihood(examples: &[Example], mut posterior: impl FnMut(&Example) -> Vec<f32>) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for example in examples {
        for (q, y) in posterior(example).iter().zip(&example.labels) {
            sum += f64::from(if *y { *q } else { 1.0 - q }).max(1e-9).ln();
            count += 1;
        }
    }
    sum / f64::from(count)
}

/// The same for the exact posterior of a chain whose field and noise are known.
fn exact_on_chain(task: &Task, examples: &[Example]) -> f64 {
    let mut chain = Chain::new(task.graph.nodes());
    let links = vec![link(task.coupling); task.graph.edges().len()];
    mean_likelihood(examples, |example| {
        let unary: Vec<f32> = example
            .seen
            .iter()
            .map(|x| 2.0 * x / (task.noise * task.noise))
            .collect();
        let mut posterior = vec![0.0; task.graph.nodes()];
        chain.posterior_into(&unary, &links, &mut posterior);
        posterior
    })
}

/// Runs the command.
///
/// # Errors
/// The report cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let (chain, grid) = (Task::chain(40), Task::grid(8));
    let mut rows = rows("chain", &chain)?;
    let exact = exact_on_chain(&chain, &examples(&chain, FULL.held_out, 2));
    rows.push(row("chain", "exact, field and noise known", "–", exact));
    rows.extend(self::rows("grid", &grid)?);
    let header = ["inference", "layers", "log-likelihood (nats per label)"].map(str::to_owned);
    let text = format!(
        "Made by `cargo xtask field-task` on {}. Labels are drawn from a field (a chain of 40 nodes with couplings of {} or \
         a grid of 8 x 8 with couplings of {}) and seen as -1 or 1 with Gaussian noise of standard deviation {} and {}. Each layer \
         has four weights that all nodes and edges share, trained by {} steps of {} of {} examples; the figure is the mean \
         log-likelihood of the true labels of {} other examples.\n\n{}",
        report::today(),
        chain.coupling,
        grid.coupling,
        chain.noise,
        grid.noise,
        FULL.steps,
        FULL.batch,
        FULL.training,
        FULL.held_out,
        table(&header, &rows)
    );
    println!("{text}");
    args.markdown
        .as_ref()
        .map_or(Ok(()), |path| report::write_section(path, "field-task", &text))
}

fn row(task: &str, label: &str, depth: &str, likelihood: f64) -> Vec<String> {
    vec![format!("{task}: {label}"), depth.to_owned(), format!("{likelihood:.4}")]
}

/// Both algorithms, tied and untied, at several depths.
fn rows(name: &str, task: &Task) -> Result<Vec<Vec<String>>> {
    let (training, held_out) = (examples(task, FULL.training, 1), examples(task, FULL.held_out, 2));
    let score = |inference, layers, depth| -> Result<f64> {
        let field = learn(inference, &task.graph, layers, depth, &training, &FULL)?;
        Ok(likelihood(inference, &field, &held_out))
    };
    let mut runs = Vec::new();
    for (label, inference) in [
        ("mean field", Inference::MeanField),
        ("belief propagation", Inference::BeliefPropagation),
    ] {
        for depth in [2, 4, 8] {
            runs.push((format!("{label}, tied"), inference, 1, depth));
            runs.push((format!("{label}, untied"), inference, depth, depth));
        }
    }
    let mut rows = vec![row(name, "no neighbours", "0", score(Inference::MeanField, 1, 0)?)];
    let scored = runs
        .par_iter()
        .map(|(label, inference, layers, depth)| {
            Ok(row(
                name,
                label,
                &depth.to_string(),
                score(*inference, *layers, *depth)?,
            ))
        })
        .collect::<Result<Vec<_>>>()?;
    rows.extend(scored);
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untied_layers_beat_tied_ones_at_equal_depth() {
        let effort = Effort {
            training: 600,
            held_out: 600,
            steps: 200,
            batch: 24,
        };
        let task = Task::chain(40);
        let (training, held_out) = (examples(&task, effort.training, 1), examples(&task, effort.held_out, 2));
        let score = |inference, layers, depth| {
            let field = learn(inference, &task.graph, layers, depth, &training, &effort).unwrap();
            likelihood(inference, &field, &held_out)
        };
        let alone = score(Inference::MeanField, 1, 0);
        let (tied, untied) = (score(Inference::MeanField, 1, 4), score(Inference::MeanField, 4, 4));
        assert!(tied > alone + 0.02, "{alone} alone, {tied} tied");
        assert!(untied > tied + 0.005, "{tied} tied, {untied} untied");
    }

    #[test]
    fn belief_propagation_with_learned_weights_comes_near_the_exact_posterior() {
        let effort = Effort {
            training: 400,
            held_out: 400,
            steps: 150,
            batch: 16,
        };
        let task = Task {
            coupling: 2.5,
            noise: 1.5,
            ..Task::chain(16)
        };
        let (training, held_out) = (examples(&task, effort.training, 3), examples(&task, effort.held_out, 4));
        let field = learn(Inference::BeliefPropagation, &task.graph, 1, 8, &training, &effort).unwrap();
        let learned = likelihood(Inference::BeliefPropagation, &field, &held_out);
        let exact = exact_on_chain(&task, &held_out);
        assert!((learned - exact).abs() < 0.005, "{learned} learned, {exact} exact");
    }
}
