//! Reverse mode through the unfolded inference of a field on any graph. N nodes, E edges, K iterations.

use unfold::field::{
    BeliefState, Field, LARGEST_COUPLING, LARGEST_UNARY, Layer, MeanFieldState, Tape, belief_propagation, mean_field,
    sigmoid, transfer,
};

/// Which algorithm is unfolded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Inference {
    MeanField,
    BeliefPropagation,
}

/// What each iteration started from: posteriors `[N]` or messages `[2 E]`; the last ones are the result.
#[derive(Default)]
struct Record(Vec<Vec<f32>>);

impl Tape for Record {
    fn values(&mut self, k: usize, values: &[f32]) {
        self.0.truncate(k);
        self.0.push(values.to_vec());
    }
}

/// Posterior of a field, and its derivatives.
pub struct Learner {
    inference: Inference,
    mean: MeanFieldState,
    belief: BeliefState,
    record: Record,
    /// Derivatives by the field's layers, added up since the last [`Self::clear`].
    pub layers: Vec<Layer>,
}

impl Learner {
    /// For fields of this one's sizes.
    pub fn new(inference: Inference, field: &Field) -> Self {
        let nodes = field.graph.nodes();
        let mut learner = Self {
            inference,
            mean: MeanFieldState::new(nodes),
            belief: BeliefState::new(field),
            record: Record::default(),
            layers: field.layers.clone(),
        };
        learner.clear();
        learner
    }

    /// Forgets the derivatives.
    pub fn clear(&mut self) {
        for layer in &mut self.layers {
            layer.unary_gain.fill(0.0);
            layer.unary_bias.fill(0.0);
            layer.coupling.fill(0.0);
            layer.step = 0.0;
        }
    }

    /// Posterior `[N]`.
    pub fn forward(&mut self, field: &Field, unary: &[f32]) -> &[f32] {
        match self.inference {
            Inference::MeanField => {
                mean_field(field, unary, &mut self.mean, &mut self.record);
                &self.mean.posterior
            }
            Inference::BeliefPropagation => {
                belief_propagation(field, unary, &mut self.belief, &mut self.record);
                &self.belief.posterior
            }
        }
    }

    /// Goes back through the last [`Self::forward`] from the derivative by its posterior `[N]`.
    pub fn backward(&mut self, field: &Field, unary: &[f32], by_posterior: &[f32]) {
        match self.inference {
            Inference::MeanField => self.mean_field_backward(field, unary, by_posterior),
            Inference::BeliefPropagation => self.belief_backward(field, unary, by_posterior),
        }
    }

    /// Through `clamp(gain theta + bias)` of one node in one layer.
    fn unary_backward(&mut self, layer: &Layer, index: usize, i: usize, theta: f32, by_unary: f32) {
        if (layer.unary_gain[i] * theta + layer.unary_bias[i]).abs() < LARGEST_UNARY {
            self.layers[index].unary_gain[i] += by_unary * theta;
            self.layers[index].unary_bias[i] += by_unary;
        }
    }

    fn mean_field_backward(&mut self, field: &Field, unary: &[f32], by_posterior: &[f32]) {
        let mut by_q = by_posterior.to_vec();
        for k in (0..field.depth).rev() {
            let (index, layer) = (field.layer_index(k), field.layer(k));
            let before = std::mem::take(&mut self.record.0[k]);
            let mut by_before: Vec<f32> = by_q.iter().map(|d| d * (1.0 - layer.step)).collect();
            for (i, theta) in unary.iter().enumerate() {
                let incoming = field.graph.incoming(i);
                let told = incoming
                    .iter()
                    .map(|m| layer.coupling[m.message / 2] * (before[m.source] - 0.5));
                let aim = sigmoid(layer.unary(i, *theta) + told.sum::<f32>());
                self.layers[index].step += by_q[i] * (aim - before[i]);
                let by_z = by_q[i] * layer.step * aim * (1.0 - aim);
                for m in incoming {
                    self.layers[index].coupling[m.message / 2] += by_z * (before[m.source] - 0.5);
                    by_before[m.source] += by_z * layer.coupling[m.message / 2];
                }
                self.unary_backward(layer, index, i, *theta, by_z);
            }
            by_q = by_before;
        }
        for (i, theta) in unary.iter().enumerate() {
            let q = sigmoid(field.layer(0).unary(i, *theta));
            self.unary_backward(field.layer(0), 0, i, *theta, by_q[i] * q * (1.0 - q));
        }
    }

    fn belief_backward(&mut self, field: &Field, unary: &[f32], by_posterior: &[f32]) {
        let last = field.layer_index(field.depth.saturating_sub(1));
        let mut by_message = vec![0.0; 2 * field.graph.edges().len()];
        let posterior = std::mem::take(&mut self.belief.posterior);
        let by_total: Vec<f32> = posterior
            .iter()
            .zip(by_posterior)
            .map(|(q, d)| d * q * (1.0 - q))
            .collect();
        self.belief.posterior = posterior;
        self.total_backward(field, last, unary, &by_total, &mut by_message);
        for k in (0..field.depth).rev() {
            let (index, layer) = (field.layer_index(k), field.layer(k));
            let before = std::mem::take(&mut self.record.0[k]);
            let told = |i: usize| field.graph.incoming(i).iter().map(|m| before[m.message]).sum::<f32>();
            let total: Vec<f32> = (0..unary.len()).map(|i| layer.unary(i, unary[i]) + told(i)).collect();
            let mut by_total = vec![0.0; total.len()];
            let mut by_before: Vec<f32> = by_message.iter().map(|d| d * (1.0 - layer.step)).collect();
            for (message, by_new) in by_message.iter().enumerate() {
                let edge = message / 2;
                let (a, b) = field.graph.edges()[edge];
                let source = if message % 2 == 0 { a } else { b };
                let (coupling, x) = (layer.coupling[edge], total[source] - before[message ^ 1]);
                self.layers[index].step += by_new * (transfer(coupling, x) - before[message]);
                let (by_coupling, by_x) = transfer_slopes(coupling, x);
                self.layers[index].coupling[edge] += by_new * layer.step * by_coupling;
                let by_x = by_new * layer.step * by_x;
                by_total[source] += by_x;
                by_before[message ^ 1] -= by_x;
            }
            self.total_backward(field, index, unary, &by_total, &mut by_before);
            by_message = by_before;
        }
    }

    /// Through the sums of a layer's unary terms and the incoming messages.
    fn total_backward(&mut self, field: &Field, index: usize, unary: &[f32], by_total: &[f32], by_message: &mut [f32]) {
        for (i, by_total) in by_total.iter().enumerate() {
            for m in field.graph.incoming(i) {
                by_message[m.message] += by_total;
            }
            self.unary_backward(&field.layers[index], index, i, unary[i], *by_total);
        }
    }
}

/// Derivatives of [`transfer`] by the coupling and by x.
pub fn transfer_slopes(coupling: f32, x: f32) -> (f32, f32) {
    let (above, below) = (sigmoid(x + 0.5 * coupling), sigmoid(x - 0.5 * coupling));
    let inside = |value: f32, limit: f32| f32::from(u8::from(value.abs() < limit));
    (
        (0.5 * (above + below) - 0.5) * inside(coupling, LARGEST_COUPLING),
        (above - below) * inside(x, 2.0 * LARGEST_UNARY),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use unfold::field::Graph;

    /// Every weight of every layer, one after the other.
    fn flat(layers: &[Layer]) -> Vec<f32> {
        let weights = layers
            .iter()
            .flat_map(|l| [&l.unary_gain[..], &l.unary_bias, &l.coupling, &[l.step]].concat());
        weights.collect()
    }

    fn unflatten(template: &Field, values: &[f32]) -> Field {
        let mut values = values.iter().copied();
        let mut field = template.clone();
        for layer in &mut field.layers {
            let weights = layer.unary_gain.iter_mut().chain(&mut layer.unary_bias);
            let weights = weights.chain(&mut layer.coupling).chain([&mut layer.step]);
            weights.zip(&mut values).for_each(|(weight, value)| *weight = value);
        }
        field
    }

    fn check(inference: Inference, graph: Graph, layers: usize, depth: usize) {
        let mut rng = ChaCha8Rng::seed_from_u64(depth as u64);
        let mut many = |count: usize, low: f32, high: f32| -> Vec<f32> {
            (0..count).map(|_| rng.random_range(low..high)).collect()
        };
        let (nodes, edges) = (graph.nodes(), graph.edges().len());
        let layers = (0..layers)
            .map(|k| Layer {
                unary_gain: many(nodes, 0.5, 1.5),
                unary_bias: many(nodes, -0.5, 0.5),
                coupling: many(edges, -2.0, 2.0),
                step: 1.0 - 0.15 * (k + 1) as f32,
            })
            .collect();
        let field = Field::new(graph, layers, depth).unwrap();
        let (unary, slope) = (many(nodes, -2.0, 2.0), many(nodes, -1.0, 1.0));
        let loss = |field: &Field| -> f32 {
            let mut learner = Learner::new(inference, field);
            let posterior = learner.forward(field, &unary);
            posterior.iter().zip(&slope).map(|(q, s)| q * s).sum()
        };
        let mut learner = Learner::new(inference, &field);
        learner.forward(&field, &unary);
        learner.backward(&field, &unary, &slope);
        let gradient = flat(&learner.layers);
        let values = flat(&field.layers);
        let mut largest = 0.0_f32;
        for at in 0..values.len() {
            let moved = |by: f32| {
                let mut values = values.clone();
                values[at] += by;
                loss(&unflatten(&field, &values))
            };
            const STEP: f32 = 5e-3;
            let difference = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            largest = largest.max(difference.abs());
            assert!(
                (difference - gradient[at]).abs() < 3e-4 + 2e-3 * difference.abs(),
                "{inference:?}, weight {at}: {} by reverse mode, {difference} by differences",
                gradient[at]
            );
        }
        assert!(largest > 0.05, "nothing was checked");
    }

    #[test]
    fn gradients_match_finite_differences() {
        for inference in [Inference::MeanField, Inference::BeliefPropagation] {
            check(inference, Graph::grid(3, 3), 1, 4);
            check(inference, Graph::grid(2, 4), 4, 4);
            check(inference, Graph::chain(6), 1, 6);
            check(inference, Graph::chain(5), 2, 2);
        }
    }
}
