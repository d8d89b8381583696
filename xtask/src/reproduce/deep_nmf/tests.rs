use super::*;

const BANDS: usize = 5;
const STACKED: usize = 2 * BANDS;
const ATOMS: usize = 6;
const LANES: usize = 4;
const SPARSITY: f32 = 0.3;

/// Pseudo-random numbers in 0.1..1.1.
fn values(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|i| ((i * 7919 + seed * 104_729 + (i * i) % 31 * 613) % 1009) as f32 / 1009.0 + 0.1)
        .collect()
}

/// A small network of `trained` matrices and a batch for it.
fn small(beta: f32, trained: usize) -> (DeepNmf, Chunk) {
    let layer = |k: usize| Layer::new(&values(ATOMS * STACKED, 10 + k), STACKED, beta, SPARSITY);
    let network = DeepNmf {
        hidden: (1..trained).map(layer).collect(),
        readout: values(ATOMS * BANDS, 2),
        speech_atoms: ATOMS / 2,
        bins: BANDS,
        beta,
        sparsity: SPARSITY,
    };
    let mix = values(BANDS * LANES, 4);
    let stacked = [values(BANDS * LANES, 3), mix.clone()].concat();
    let chunk = Chunk {
        lanes: LANES,
        stacked,
        activation: values(ATOMS * LANES, 5),
        speech: values(BANDS * LANES, 6)
            .iter()
            .zip(&mix)
            .map(|(g, m)| 0.8 * g * m)
            .collect(),
        mix,
    };
    (network, chunk)
}

/// The same network written as plain sums in double precision: loss for the parameters `[hidden.., readout]`.
fn plain_loss(parameters: &[f64], chunk: &Chunk, beta: f64) -> f64 {
    let layers = (parameters.len() - ATOMS * BANDS) / (ATOMS * STACKED);
    let mut loss = 0.0;
    for lane in 0..LANES {
        let column =
            |matrix: &[f32]| -> Vec<f64> { matrix.iter().skip(lane).step_by(LANES).map(|x| f64::from(*x)).collect() };
        let (m, mut h) = (column(&chunk.stacked), column(&chunk.activation));
        for k in 0..layers {
            let atoms: Vec<Vec<f64>> = parameters[k * ATOMS * STACKED..(k + 1) * ATOMS * STACKED]
                .chunks(STACKED)
                .map(|atom| {
                    let norm = atom.iter().map(|w| w * w).sum::<f64>().sqrt();
                    atom.iter().map(|w| w / norm).collect()
                })
                .collect();
            let level = |i: usize| (0..ATOMS).map(|r| atoms[r][i] * h[r]).sum::<f64>();
            let l: Vec<f64> = (0..STACKED).map(level).collect();
            let update = |r: usize| {
                let n: f64 = (0..STACKED).map(|i| atoms[r][i] * m[i] * l[i].powf(beta - 2.0)).sum();
                let d: f64 = (0..STACKED).map(|i| atoms[r][i] * l[i].powf(beta - 1.0)).sum();
                h[r] * n / (d + f64::from(SPARSITY))
            };
            h = (0..ATOMS).map(update).collect();
        }
        let readout = &parameters[layers * ATOMS * STACKED..];
        let (mix, speech) = (column(&chunk.mix), column(&chunk.speech));
        for i in 0..BANDS {
            let part = |atoms: std::ops::Range<usize>| atoms.map(|r| readout[r * BANDS + i] * h[r]).sum::<f64>();
            let (s, n) = (part(0..ATOMS / 2), part(ATOMS / 2..ATOMS));
            loss += 0.5 * (speech[i] - mix[i] * s / (s + n)).powi(2);
        }
    }
    loss
}

#[test]
fn both_parts_are_non_negative_and_their_difference_is_the_numeric_gradient_for_every_beta() {
    for beta in [1.0, 1.25, 1.5, 2.0] {
        for trained in [1, 2, 3] {
            let (mut network, chunk) = small(beta, trained);
            // Parameters whose hidden atoms are not of unit norm: the gradient is by them, not by the scaled atoms.
            let parameters: Vec<f32> = network.parameters().iter().map(|w| 1.3 * w).collect();
            network.set_parameters(&parameters);
            let mut parts = network.gradient(&chunk, true);
            network.by_parameters(&mut parts);
            let mut signed = network.gradient(&chunk, false);
            network.by_parameters(&mut signed);
            assert!(parts.plus.iter().chain(&parts.minus).all(|g| *g >= 0.0), "beta {beta}");

            let exact: Vec<f64> = parameters.iter().map(|w| f64::from(*w)).collect();
            let loss = plain_loss(&exact, &chunk, f64::from(beta));
            assert!(
                (parts.loss / loss - 1.0).abs() < 1e-5,
                "beta {beta}: {} for {loss}",
                parts.loss
            );
            let largest = parts.net(1).iter().fold(0.0_f32, |most, g| most.max(g.abs()));
            assert!(largest > 1e-3);
            for (index, (split, signed)) in parts.net(1).iter().zip(signed.net(1)).enumerate() {
                let step = 1e-6;
                let at = |change: f64| {
                    let mut moved = exact.clone();
                    moved[index] += change;
                    plain_loss(&moved, &chunk, f64::from(beta))
                };
                let numeric = ((at(step) - at(-step)) / (2.0 * step)) as f32;
                let error = (split - numeric).abs().max((signed - numeric).abs());
                assert!(
                    error < 1e-4 * largest.max(numeric.abs()),
                    "beta {beta}, C={trained}, parameter {index}: {split} and {signed} for {numeric}"
                );
            }
        }
    }
}

#[test]
fn multiplicative_steps_descend_and_keep_the_promises() {
    for beta in [1.0, 1.5, 2.0] {
        let (mut network, chunk) = small(beta, 3);
        let mut losses = Vec::new();
        for _ in 0..60 {
            let mut parts = network.gradient(&chunk, true);
            network.by_parameters(&mut parts);
            losses.push(parts.loss);
            network.multiplicative_step(&parts, 0.5);
        }
        assert!(losses[59] < 0.5 * losses[0], "beta {beta}: {losses:?}");
        assert!(network.parameters().iter().all(|w| *w >= 0.0));
        for layer in &network.hidden {
            for atom in layer.atoms.chunks(STACKED) {
                let norm: f32 = atom.iter().map(|w| w * w).sum();
                assert!((norm - 1.0).abs() < 1e-4);
            }
        }
        assert!(network.mask(&chunk).unwrap().iter().all(|g| (0.0..=1.0).contains(g)));
    }
}

#[test]
fn a_network_that_breaks_a_promise_is_an_error() {
    let (mut network, chunk) = small(1.0, 2);
    let mut parameters = network.parameters();
    parameters[3] = -0.5;
    network.set_parameters(&parameters);
    assert!(network.mask(&chunk).unwrap_err().to_string().contains("negative"));
}
