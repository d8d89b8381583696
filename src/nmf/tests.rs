//! The forward pass against numbers worked by hand and against a plain implementation of the equations.

use ndarray::array;

use super::*;
use crate::kernels::Packed;
use crate::model::tests::small_model;
use crate::model::{Config, Model};

#[test]
fn a_small_model_worked_by_hand() {
    let mut config = small_model().config;
    config.band_centres_hz = vec![100.0, 200.0];
    (config.context_frames, config.floor_rows, config.recurrent) = (1, false, false);
    (config.speech_atoms, config.noise_atoms, config.adaptive_atoms) = (1, 1, 0);
    (config.layers, config.untied_layers, config.untied_encoder) = (1, 1, false);
    config.epsilon = 1e-6;
    let mut model = Model::zeros(config);
    model.warm_start.bias = array![1.0, 2.0];
    model.layers[0].decoder = array![[1.0, 0.0], [0.0, 1.0]];
    model.layers[0].sparsity = array![0.0, 1.0];
    model.layers[0].exponent = array![1.0, 1.0];
    model.readouts[0].dictionary = array![[0.5, 1.0], [0.5, 0.0]];
    model.readouts[0].mask_exponent = array![2.0, 1.0];

    let network = Network::<Packed>::new(&model, 1);
    let mut state = State::new(&model.config, 1);
    state.push_features(&model.config, &[4.0, 3.0]);
    forward(&network, &mut state, 1, true, &mut ());
    // L = H^0 = (1, 2); M / L = (4, 1.5); d = (1, 2); H^1 = (1 * 4 / 1, 2 * 1.5 / 2) = (4, 1.5).
    assert!((state.activation[0] - 4.0).abs() < 1e-4 && (state.activation[1] - 1.5).abs() < 1e-4);
    // S_s = (2, 4), S_n = (0.75, 0): g = 2^2 / (2^2 + 0.75^2) = 0.87671, and 1.
    assert!((state.mask[0] - 0.876_71).abs() < 1e-4 && (state.mask[1] - 1.0).abs() < 1e-4);
}

/// The equations of docs/algorithm.md sections 4 and 5 in f64, with every matrix written out, adaptive
/// and user atoms as ordinary ones.
struct Plain {
    model: Model,
    past: Vec<Vec<f64>>,
    activation: Vec<f64>,
    /// Adaptive atoms, then user atoms.
    adaptive: Vec<f64>,
    user_spectra: Vec<Vec<f64>>,
}

impl Plain {
    fn new(model: &Model, user_spectra: Vec<Vec<f64>>) -> Self {
        let c = &model.config;
        let silence = vec![vec![0.0; c.bands()]; c.context_frames - 1];
        let runtime_atoms = c.adaptive_atoms + user_spectra.len();
        let (activation, adaptive) = (vec![0.0; c.atoms()], vec![0.0; runtime_atoms]);
        Self {
            model: model.clone(),
            past: silence,
            activation,
            adaptive,
            user_spectra,
        }
    }

    fn grouped(&self, bands: &[f64]) -> Vec<f64> {
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        bands.chunks(self.model.config.context_group).map(mean).collect()
    }

    /// What a per-band vector looks like in the stacked input when every frame of it is the same.
    fn repeated(&self, bands: &[f64]) -> Vec<f64> {
        let blocks = self.model.config.context_blocks();
        let mut rows: Vec<f64> = (0..blocks).flat_map(|_| self.grouped(bands)).collect();
        rows.extend(bands);
        rows
    }

    fn push(&mut self, features: &[f64], floor: &[f64], depth: usize) -> Vec<f64> {
        let c = self.model.config.clone();
        let mut input = if c.floor_rows { self.grouped(floor) } else { Vec::new() };
        self.past.iter().for_each(|frame| input.extend(self.grouped(frame)));
        input.extend(features);
        self.past.push(features.to_vec());
        self.past.remove(0);
        let mut windows: Vec<Vec<f64>> = (0..c.adaptive_atoms)
            .map(|j| {
                let last = (c.adaptive_atoms - 1) as f64;
                let distance = |f: usize| (f as f64 * last / (c.bands() - 1) as f64 - j as f64).abs();
                (0..c.bands())
                    .map(|f| floor[f] * (1.0 - distance(f)).max(0.0))
                    .collect()
            })
            .collect();
        windows.extend(self.user_spectra.iter().cloned());
        let adaptive_rows: Vec<Vec<f64>> = windows.iter().map(|window| self.repeated(window)).collect();
        self.warm_start();
        for k in 0..depth {
            self.iterate(k, &input, &adaptive_rows);
        }
        self.mask(depth, &windows)
    }

    fn warm_start(&mut self) {
        let w = &self.model.warm_start;
        let recurrent = self.model.config.recurrent;
        let old = self.activation.clone();
        for (r, h) in self.activation.iter_mut().enumerate() {
            let kept = |s: usize| f64::from(w.recurrence[[r, s]]) * old[s];
            *h = f64::from(w.bias[r]) + if recurrent { (0..old.len()).map(kept).sum() } else { 0.0 };
        }
        for (j, h) in self.adaptive.iter_mut().enumerate() {
            let kept = if recurrent {
                value(&w.adaptive_recurrence, &w.user_recurrence, j)
            } else {
                0.0
            };
            *h = value(&w.adaptive_bias, &w.user_bias, j) + kept * *h;
        }
    }

    fn iterate(&mut self, k: usize, input: &[f64], adaptive_rows: &[Vec<f64>]) {
        let model = &self.model;
        let layer = &model.layers[model.layer_index(k)];
        let encoder = if model.config.untied_encoder {
            &layer.encoder
        } else {
            &layer.decoder
        };
        let ratio: Vec<f64> = (0..input.len())
            .map(|i| {
                let atoms: f64 = self
                    .activation
                    .iter()
                    .enumerate()
                    .map(|(r, h)| h * f64::from(layer.decoder[[r, i]]))
                    .sum();
                let adaptive: f64 = self
                    .adaptive
                    .iter()
                    .zip(adaptive_rows)
                    .map(|(h, rows)| h * rows[i])
                    .sum();
                input[i] / (atoms + adaptive + f64::from(model.config.epsilon))
            })
            .collect();
        let update = |atom: &[f64], mu: f64, p: f64| {
            let numerator: f64 = atom.iter().zip(&ratio).map(|(w, x)| w * x).sum();
            (numerator / (atom.iter().sum::<f64>() + mu)).powf(p)
        };
        for (r, h) in self.activation.iter_mut().enumerate() {
            let atom: Vec<f64> = encoder.row(r).iter().map(|w| f64::from(*w)).collect();
            *h *= update(&atom, layer.sparsity[r].into(), layer.exponent[r].into());
        }
        for (j, h) in self.adaptive.iter_mut().enumerate() {
            *h *= update(
                &adaptive_rows[j],
                value(&layer.adaptive_sparsity, &layer.user_sparsity, j),
                value(&layer.adaptive_exponent, &layer.user_exponent, j),
            );
        }
    }

    fn mask(&self, depth: usize, windows: &[Vec<f64>]) -> Vec<f64> {
        let c = &self.model.config;
        let readout = &self.model.readouts[self.model.config.readout_index(depth)];
        let part = |f: usize, atoms: std::ops::Range<usize>| -> f64 {
            atoms
                .map(|r| self.activation[r] * f64::from(readout.dictionary[[r, f]]))
                .sum()
        };
        (0..c.bands())
            .map(|f| {
                let adaptive: f64 = (0..windows.len())
                    .map(|j| value(&readout.adaptive_scale, &readout.user_scale, j) * self.adaptive[j] * windows[j][f])
                    .sum();
                let q = f64::from(readout.mask_exponent[f]);
                let speech = (part(f, 0..c.speech_atoms) + f64::from(c.epsilon)).powf(q);
                let noise = (part(f, c.speech_atoms..c.atoms()) + adaptive + f64::from(c.epsilon)).powf(q);
                speech / (speech + noise)
            })
            .collect()
    }
}

/// Weight of run-time atom `j`: one for each adaptive atom, then one for all user atoms.
fn value(adaptive: &ndarray::Array1<f32>, user: &ndarray::Array1<f32>, j: usize) -> f64 {
    f64::from(*adaptive.get(j).unwrap_or_else(|| &user[0]))
}

fn follows_the_equations(change: impl Fn(&mut Config)) {
    let mut model = small_model();
    change(&mut model.config);
    let donor = model.clone();
    model = Model::zeros(donor.config.clone());
    let mut seed = 5_u32;
    for w in model.blocks_mut().into_iter().flatten() {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Sixteenths survive the packing exactly.
        *w = (1 + (seed >> 28)) as f32 / 16.0;
    }
    let config = &model.config;
    for depth in 1..=config.layers {
        let network = Network::<Packed>::new(&model, 1);
        let mut state = State::new(config, 1);
        // One atom fewer than there is room for.
        state.user.used = config.user_atoms.saturating_sub(1);
        for (i, w) in state.user.spectra.iter_mut().enumerate() {
            *w = ((i * 5) % 7) as f32 / 8.0;
        }
        let user_spectra = state.user.spectra.chunks(config.bands()).take(state.user.used);
        let user_spectra = user_spectra.map(|atom| atom.iter().map(|w| f64::from(*w)).collect());
        let mut plain = Plain::new(&model, user_spectra.collect());
        for t in 0..5_usize {
            let signal = |f: usize, k: usize| 0.2 + ((t * 7 + f * 3 + k) % 11) as f32 / 5.0;
            let features: Vec<f32> = (0..config.bands()).map(|f| signal(f, 0)).collect();
            let floor: Vec<f32> = (0..config.bands()).map(|f| 0.3 * signal(f, 4)).collect();
            state.floor.copy_from_slice(&floor);
            state.push_features(config, &features);
            forward(&network, &mut state, depth, true, &mut ());
            let wide = |x: &[f32]| x.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
            let expected = plain.push(&wide(&features), &wide(&floor), depth);
            for (f, (got, expected)) in state.mask.iter().zip(&expected).enumerate() {
                let error = (f64::from(*got) - expected).abs();
                assert!(
                    error < 1e-4,
                    "depth {depth}, frame {t}, band {f}: {got}, expected {expected}"
                );
            }
        }
    }
}

#[test]
fn the_recurrent_form_follows_its_equations() {
    follows_the_equations(|_| {});
    follows_the_equations(|config| config.adaptive_atoms = 1);
    follows_the_equations(|config| config.user_atoms = 0);
    follows_the_equations(|config| (config.adaptive_atoms, config.user_atoms) = (0, 8));
    follows_the_equations(|config| config.context_group = 9);
    follows_the_equations(|config| (config.floor_rows, config.context_frames) = (false, 1));
}

#[test]
fn the_papers_form_follows_its_equations() {
    follows_the_equations(|config| {
        (config.context_frames, config.context_group, config.floor_rows) = (3, 1, false);
        (config.recurrent, config.untied_encoder, config.readout_per_depth) = (false, false, false);
        (config.adaptive_atoms, config.user_atoms) = (0, 0);
    });
}

#[test]
fn spreading_and_gathering_are_transposes() {
    for lanes in [1, 3] {
        let model = small_model();
        let c = &model.config;
        let network = Network::<Packed>::new(&model, lanes);
        let values = |n: usize, k: usize| {
            (0..n * lanes)
                .map(|i| ((i * 5 + k) % 7) as f32 - 3.0)
                .collect::<Vec<f32>>()
        };
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let (bands, windows, rows) = (
            values(c.bands(), 1),
            values(c.adaptive_atoms, 2),
            values(c.input_rows(), 3),
        );

        let (mut spread_bands, mut gathered) = (vec![0.0; windows.len()], vec![0.0; bands.len()]);
        spread(&network, &bands, &mut spread_bands);
        gather(&network, &windows, &mut gathered);
        assert!((dot(&spread_bands, &windows) - dot(&bands, &gathered)).abs() < 1e-3);

        let mut scratch = vec![0.0; c.groups() * lanes];
        let (mut distributed, mut collected) = (vec![0.0; rows.len()], vec![0.0; bands.len()]);
        distribute_add(&network, &bands, &mut scratch, &mut distributed);
        collect(&network, &rows, &mut scratch, &mut collected);
        assert!((dot(&distributed, &rows) - dot(&bands, &collected)).abs() < 1e-3);
    }
}
