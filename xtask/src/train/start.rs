//! Where training starts: sparse NMF dictionaries of speech and of noise in every layer (docs/algorithm.md section 3).

use anyhow::{Result, ensure};
use rayon::prelude::*;
use unfold::model::{Config, Model};
use unfold::nmf::State;

use super::batch::Preparer;
use super::config::TrainConfig;
use super::snmf;
use crate::mix::{Example, Mixer, Scratch};

/// Examples that the dictionaries are fitted to, and the hops of each.
const EXAMPLES: u64 = 160;
const FRAMES: usize = 130;

/// Seeds of these examples, apart from the training's and the dev set's.
const SEED_OFFSET: u64 = 1 << 40;

/// Frames softer than this share of the mean are left out.
const LEAST_LEVEL: f32 = 0.3;

/// A model whose every layer holds the same sparse NMF dictionaries.
///
/// # Errors
/// The mixtures hold no speech or no noise.
pub fn initial_model(config: &TrainConfig, mixer: &Mixer) -> Result<Model> {
    let sizes = config.network.model_config();
    let (speech, noise) = stacked_frames(config, &sizes, mixer);
    for (part, frames) in [("speech", &speech), ("noise", &noise)] {
        ensure!(
            !frames.0.is_empty(),
            "the mixtures hold no {part} to start from; see pure_noise_share and noise_count_weights"
        );
    }
    let fit = |data: &Columns, atoms: usize, seed: u64| {
        let network = &config.network;
        let (data, frames) = data.transposed(sizes.input_rows());
        snmf::fit(
            &data,
            frames,
            atoms,
            network.initial_sparsity,
            network.initial_iterations,
            seed,
        )
    };
    let (speech, noise) = rayon::join(
        || fit(&speech, sizes.speech_atoms, config.seed),
        || fit(&noise, sizes.noise_atoms, config.seed + 1),
    );
    let atoms = [speech.atoms, noise.atoms].concat();
    let activation = [speech.mean_activation, noise.mean_activation].concat();
    Ok(fill(sizes, &atoms, &activation, config.network.initial_sparsity))
}

/// Frames one after the other.
#[derive(Default)]
struct Columns(Vec<f32>);

impl Columns {
    /// `[rows, frames]`, as the products want it.
    fn transposed(&self, rows: usize) -> (Vec<f32>, usize) {
        let frames = self.0.len() / rows;
        let mut out = vec![0.0; self.0.len()];
        for (n, column) in self.0.chunks_exact(rows).enumerate() {
            for (i, value) in column.iter().enumerate() {
                out[i * frames + n] = *value;
            }
        }
        (out, frames)
    }
}

/// Stacked inputs of the speech alone and of the noise alone of some examples.
fn stacked_frames(config: &TrainConfig, sizes: &Config, mixer: &Mixer) -> (Columns, Columns) {
    let hop = unfold::units::hop_samples(super::batch::TRAINING_RATE_HZ);
    let parts: Vec<(Columns, Columns)> = (0..EXAMPLES)
        .into_par_iter()
        .map_init(
            || (Preparer::new(sizes), Scratch::default()),
            |(preparer, scratch), index| {
                let seed = config.seed.wrapping_mul(SEED_OFFSET).wrapping_add(SEED_OFFSET + index);
                let example = mixer.example(seed, FRAMES * hop, scratch);
                let noise: Vec<f32> = example.mix.iter().zip(&example.speech).map(|(x, s)| x - s).collect();
                (stack(preparer, sizes, example.speech), stack(preparer, sizes, noise))
            },
        )
        .collect();
    let (mut speech, mut noise) = (Columns::default(), Columns::default());
    for (s, n) in parts {
        speech.0.extend(s.0);
        noise.0.extend(n.0);
    }
    (speech, noise)
}

fn stack(preparer: &mut Preparer, sizes: &Config, signal: Vec<f32>) -> Columns {
    let prepared = preparer.prepare(&Example {
        mix: signal.clone(),
        speech: signal,
        bandwidth_hz: 24_000.0,
        learnt_noise: Vec::new(),
    });
    let bands = sizes.bands();
    let mut state = State::new(sizes, 1);
    let mut columns = Columns::default();
    for t in 0..prepared.frames {
        let frame = t * bands..(t + 1) * bands;
        state.floor.copy_from_slice(&prepared.floor[frame.clone()]);
        state.push_features(sizes, &prepared.features[frame.clone()]);
        let level = prepared.features[frame].iter().sum::<f32>() / bands as f32;
        if level > LEAST_LEVEL {
            columns.0.extend_from_slice(&state.input);
        }
    }
    columns
}

/// The same dictionaries everywhere, plain updates, an uncommitted memory and the mask of a Wiener filter.
fn fill(sizes: Config, atoms: &[f32], activation: &[f32], sparsity: f32) -> Model {
    let (rows, bands) = (sizes.input_rows(), sizes.bands());
    let mut model = Model::zeros(sizes);
    let set = |target: &mut [f32], source: &[f32]| {
        for (w, value) in target.iter_mut().zip(source) {
            *w = value.max(1e-4);
        }
    };
    let warm = &mut model.warm_start;
    let bias: Vec<f32> = activation.iter().map(|a| 0.3 * a).collect();
    set(warm.bias.as_slice_mut().unwrap_or_default(), &bias);
    warm.recurrence.fill(2e-4);
    warm.recurrence.diag_mut().fill(0.5);
    warm.adaptive_bias.fill(0.1);
    warm.adaptive_recurrence.fill(0.5);
    warm.user_bias.fill(0.1);
    warm.user_recurrence.fill(0.5);
    for layer in &mut model.layers {
        set(layer.decoder.as_slice_mut().unwrap_or_default(), atoms);
        set(layer.encoder.as_slice_mut().unwrap_or_default(), atoms);
        layer.sparsity.fill(sparsity);
        layer.exponent.fill(1.0);
        layer.adaptive_sparsity.fill(sparsity);
        layer.adaptive_exponent.fill(1.0);
        layer.user_sparsity.fill(sparsity);
        layer.user_exponent.fill(1.0);
    }
    let newest: Vec<f32> = atoms
        .chunks_exact(rows)
        .flat_map(|atom| atom[rows - bands..].to_vec())
        .collect();
    for readout in &mut model.readouts {
        set(readout.dictionary.as_slice_mut().unwrap_or_default(), &newest);
        readout.adaptive_scale.fill(1.0);
        readout.user_scale.fill(1.0);
        readout.mask_exponent.fill(2.5);
    }
    model
}
