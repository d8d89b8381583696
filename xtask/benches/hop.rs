//! What the parts of a hop cost, each by itself, for whoever works on one of them.
//!
//! `cargo bench -p xtask` runs all of them and compares with the run before; a name after `--` picks some. Parts are timed
//! one after the other, so a ratio of two holds only on a quiet machine. What is promised is measured by
//! `cargo xtask bench`, whose lanes take turns.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use realfft::num_complex::Complex32;
use unfold::bands::Bands;
use unfold::engine::{Engine, Settings, noise_magnitudes};
use unfold::kernels::{Dictionary, Packed, Products};
use unfold::mask::{Strength, removal_into};
use unfold::model::Model;
use unfold::model_file;
use unfold::nmf::{self, Network, State};
use unfold::noise_floor::FrontEnd;
use unfold::simd::dispatch;
use unfold::stft::Stft;
use unfold::units::hop_samples;

const RATE_HZ: f64 = 48_000.0;
/// Half a second of signal, repeated.
const HOPS: usize = 50;

/// A buzz in noise `[HOPS * hop]`.
fn signal() -> Vec<f32> {
    let mut state = 1_u32;
    let sample = |n: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 8) as f32 / (1 << 23) as f32 - 1.0;
        let buzz = (2.0 * (130.0 * n as f64 / RATE_HZ).fract() - 1.0) as f32;
        0.2 * buzz + 0.03 * noise
    };
    (0..HOPS * hop_samples(RATE_HZ)).map(sample).collect()
}

/// The whole of [`Engine::process`] by depth, mono: what all the parts below add up to.
fn whole_hop(criterion: &mut Criterion) {
    let (model, signal) = (model_file::shipped(), signal());
    let hop = hop_samples(RATE_HZ);
    for layers in 1..=model.layers() {
        let mut engine = Engine::new(model.clone(), RATE_HZ, 1).expect("a usual rate");
        let settings = Settings {
            layers,
            ..Settings::default()
        };
        let (mut inputs, mut buffer) = (signal.chunks_exact(hop).cycle(), vec![0.0; hop]);
        criterion.bench_function(&format!("hop/{layers} layers"), |bencher| {
            bencher.iter(|| {
                buffer.copy_from_slice(inputs.next().expect("endless"));
                engine.process(&settings, &mut [&mut buffer]);
            });
        });
    }
}

/// Into the spectrum and back.
fn transform(criterion: &mut Criterion) {
    let (hop, signal) = (hop_samples(RATE_HZ), signal());
    let mut stft = Stft::new(hop, model_file::shipped().config.window_hops);
    let mut spectrum = vec![Complex32::default(); stft.bins()];
    let (mut overlap, mut output) = (vec![0.0; hop], vec![0.0; hop]);
    criterion.bench_function("stft/analyse", |bencher| {
        let window = &signal[..stft.window_samples()];
        bencher.iter(|| stft.analyse(black_box(window), &mut spectrum));
    });
    criterion.bench_function("stft/synthesise", |bencher| {
        // It overwrites the spectrum.
        let copy = || spectrum.clone();
        let synthesise = |spectrum: &mut Vec<Complex32>| stft.synthesise(spectrum, &mut overlap, &mut output);
        bencher.iter_batched_ref(copy, synthesise, BatchSize::SmallInput);
    });
}

/// Between bins and bands, features and mask: everything around the network.
fn around_the_network(criterion: &mut Criterion) {
    let config = &model_file::shipped().config;
    let window_samples = config.window_hops * hop_samples(RATE_HZ);
    let bands = Bands::new(&config.band_centres_hz, window_samples, RATE_HZ);
    let bin_power: Vec<f32> = (0..bands.bins()).map(|bin| 1e-6 * (1 + bin % 7) as f32).collect();
    let (mut band_power, mut bin_gain) = (vec![0.0; bands.bands()], vec![0.0; bands.bins()]);
    criterion.bench_function("bands/mean power", |bencher| {
        bencher.iter(|| bands.mean_power_into(black_box(&bin_power), &mut band_power));
    });
    let mut front_end = FrontEnd::new(&config.front_end, bands.bands(), config.window_hops);
    let (mut features, mut floor) = (vec![0.0; bands.bands()], vec![0.0; bands.bands()]);
    criterion.bench_function("front end", |bencher| {
        bencher.iter(|| front_end.push(black_box(&band_power), &mut features, &mut floor));
    });
    let strength = Strength {
        amount: 1.0,
        floor_gain: 0.063,
    };
    let mut removal = vec![0.0; bands.bands()];
    criterion.bench_function("mask", |bencher| {
        bencher.iter(|| removal_into(black_box(&features), strength, &mut removal));
    });
    criterion.bench_function("bands/interpolate", |bencher| {
        bencher.iter(|| bands.interpolate_into(black_box(&removal), &mut bin_gain));
    });
}

/// The forward pass by depth: two neighbours differ by one layer; the shallowest is warm start, layer and read-out.
fn network(criterion: &mut Criterion) {
    let model: Arc<Model> = model_file::shipped();
    let config = &model.config;
    let hops = noise_magnitudes(&model, RATE_HZ, &[signal()]).expect("a usual rate");
    let mut state = State::new(config, 1);
    for features in hops.chunks_exact(config.bands()) {
        state.floor.fill(0.5);
        state.push_features(config, features);
    }
    let network = Network::<Packed>::new(&model, 1);
    for layers in 1..=model.layers() {
        criterion.bench_function(&format!("network/{layers} layers"), |bencher| {
            bencher.iter(|| nmf::forward(&network, &mut state, layers, true, &mut ()));
        });
    }
}

/// The matrix products at the shipped model's sizes: two in each layer, one in the warm start, one in the read-out.
fn products(criterion: &mut Criterion) {
    let model = model_file::shipped();
    let (layer, readout) = (&model.layers[0].decoder, &model.readouts[0].dictionary);
    for (name, weights, to_atoms) in [
        ("layer, reconstruct", layer, false),
        ("layer, correlate", layer, true),
        ("warm start, correlate", &model.warm_start.recurrence, true),
        ("read-out, reconstruct", readout, false),
    ] {
        let (rows, columns) = weights.dim();
        let packed = Packed::pack(weights.as_slice().expect("as loaded"), columns, Products::Both);
        let (mut atoms, mut bands) = (vec![0.5; rows], vec![0.5; columns]);
        criterion.bench_function(&format!("products/{name}"), |bencher| {
            // Inlined into the dispatch itself, as in the network: only so has it the processor's instructions.
            if to_atoms {
                bencher.iter(|| {
                    dispatch(
                        #[inline(always)]
                        || packed.correlate(&bands, &mut atoms, 1),
                    );
                });
            } else {
                bencher.iter(|| {
                    dispatch(
                        #[inline(always)]
                        || packed.reconstruct(&atoms, &mut bands, 1),
                    );
                });
            }
        });
    }
}

criterion_group!(parts, whole_hop, transform, around_the_network, network, products);
criterion_main!(parts);
