use super::*;

/// Uniform in -1..1, from a fixed sequence.
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as f32 / (1 << 23) as f32 - 1.0
    }

    fn many(&mut self, count: usize, scale: f32) -> Vec<f32> {
        (0..count).map(|_| scale * self.next()).collect()
    }

    fn below(&mut self, limit: usize) -> usize {
        (((self.next() + 1.0) * 0.5 * limit as f32) as usize).min(limit - 1)
    }
}

/// Marginals by the sum over all labellings, in f64.
fn brute_force(graph: &Graph, unary: &[f32], coupling: &[f32]) -> Vec<f64> {
    let nodes = graph.nodes();
    let mut ones = vec![0.0; nodes];
    let mut all = 0.0;
    for labels in 0..1_u32 << nodes {
        let y = |i: usize| f64::from(labels >> i & 1);
        let alone: f64 = (0..nodes).map(|i| f64::from(unary[i]) * y(i)).sum();
        let pairs = graph.edges().iter().zip(coupling);
        let together: f64 = pairs
            .map(|(&(a, b), j)| f64::from(*j) * (y(a) - 0.5) * (y(b) - 0.5))
            .sum();
        let weight = (alone + together).exp();
        all += weight;
        (0..nodes).for_each(|i| ones[i] += weight * y(i));
    }
    ones.iter().map(|one| one / all).collect()
}

fn random_tree(noise: &mut Noise, nodes: usize) -> Graph {
    let edges: Vec<_> = (1..nodes).map(|i| (noise.below(i), i)).collect();
    Graph::new(nodes, &edges).unwrap()
}

fn largest_error(got: &[f32], exact: &[f64]) -> f64 {
    assert_eq!(got.len(), exact.len());
    got.iter()
        .zip(exact)
        .map(|(g, e)| (f64::from(*g) - e).abs())
        .fold(0.0, f64::max)
}

fn tied(graph: &Graph, coupling: &[f32], step: f32, depth: usize) -> Field {
    let layer = Layer {
        step,
        ..Layer::plain(graph.nodes(), coupling.to_vec())
    };
    Field::new(graph.clone(), vec![layer], depth).unwrap()
}

#[test]
fn belief_propagation_is_exact_on_trees() {
    let mut noise = Noise(1);
    let mut worst = 0.0_f64;
    for round in 0..60 {
        let nodes = 1 + round % 12;
        let graph = random_tree(&mut noise, nodes);
        let (unary, coupling) = (noise.many(nodes, 4.0), noise.many(nodes - 1, 5.0));
        let field = tied(&graph, &coupling, 1.0, nodes);
        let mut state = BeliefState::new(&field);
        belief_propagation(&field, &unary, &mut state, &mut ());
        worst = worst.max(largest_error(&state.posterior, &brute_force(&graph, &unary, &coupling)));
    }
    assert!(worst < 1e-5, "{worst}");
}

#[test]
fn two_sweeps_are_exact_on_chains_and_agree_with_flooding() {
    let mut noise = Noise(2);
    for round in 0..48 {
        let nodes = 1 + round % 12;
        let graph = Graph::chain(nodes);
        let (unary, coupling) = (noise.many(nodes, 4.0), noise.many(nodes - 1, 6.0));
        let links: Vec<f32> = coupling.iter().map(|j| link(*j)).collect();
        let mut posterior = vec![0.0; nodes];
        Chain::new(nodes).posterior_into(&unary, &links, &mut posterior);
        let error = largest_error(&posterior, &brute_force(&graph, &unary, &coupling));
        assert!(error < 1e-5, "{error}");
        let field = tied(&graph, &coupling, 1.0, nodes);
        let mut state = BeliefState::new(&field);
        belief_propagation(&field, &unary, &mut state, &mut ());
        for (flooded, swept) in state.posterior.iter().zip(&posterior) {
            assert!((flooded - swept).abs() < 1e-5);
        }
    }
}

#[test]
fn too_few_iterations_do_not_reach_the_far_end() {
    // The exactness above is not for free: an observation travels one edge per iteration.
    let graph = Graph::chain(6);
    let far_end = |depth: usize, seen: f32| {
        let field = tied(&graph, &[2.0; 5], 1.0, depth);
        let mut state = BeliefState::new(&field);
        belief_propagation(&field, &[seen, 0.0, 0.0, 0.0, 0.0, 0.0], &mut state, &mut ());
        state.posterior[5]
    };
    assert_eq!(far_end(4, 3.0), far_end(4, -3.0));
    assert!(far_end(5, 3.0) > far_end(5, -3.0) + 0.01);
}

#[test]
fn messages_follow_their_closed_forms() {
    let mut noise = Noise(3);
    for _ in 0..500 {
        let (coupling, x) = (8.0 * noise.next(), 12.0 * noise.next());
        let (j, x64) = (f64::from(coupling), f64::from(x));
        let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        let by_softplus = softplus(x64 + 0.5 * j) - softplus(x64 - 0.5 * j) - 0.5 * j;
        let by_tanh = 2.0 * ((0.25 * j).tanh() * (0.5 * x64).tanh()).atanh();
        let got = f64::from(transfer(coupling, x));
        assert!(
            (got - by_softplus).abs() < 2e-6 && (got - by_tanh).abs() < 2e-6,
            "{coupling} {x}"
        );
    }
}

#[test]
fn tied_mean_field_is_the_damped_sigmoid_recurrence_to_the_bit() {
    let mut noise = Noise(4);
    let graph = Graph::grid(4, 5);
    let edges = graph.edges().to_vec();
    for step in [1.0, 0.6] {
        let (unary, coupling) = (noise.many(20, 3.0), noise.many(edges.len(), 3.0));
        let mut q: Vec<f32> = unary.iter().map(|theta| sigmoid(*theta)).collect();
        for depth in 0..8 {
            let field = tied(&graph, &coupling, step, depth);
            let mut state = MeanFieldState::new(20);
            mean_field(&field, &unary, &mut state, &mut ());
            assert_eq!(state.posterior, q, "depth {depth}");
            let mut z = unary.clone();
            for (&(a, b), j) in edges.iter().zip(&coupling) {
                z[a] += j * (q[b] - 0.5);
                z[b] += j * (q[a] - 0.5);
            }
            q = q.iter().zip(&z).map(|(q, z)| q + step * (sigmoid(*z) - q)).collect();
        }
    }
}

#[test]
fn converged_mean_field_is_near_the_truth_where_couplings_are_weak() {
    let mut noise = Noise(5);
    let graph = Graph::grid(3, 4);
    let (unary, coupling) = (noise.many(12, 2.0), noise.many(graph.edges().len(), 0.5));
    let field = tied(&graph, &coupling, 0.8, 60);
    let mut state = MeanFieldState::new(12);
    mean_field(&field, &unary, &mut state, &mut ());
    let exact = brute_force(&graph, &unary, &coupling);
    let error = largest_error(&state.posterior, &exact);
    let independent: Vec<f32> = unary.iter().map(|theta| sigmoid(*theta)).collect();
    assert!(
        error < 0.01 && error < 0.2 * largest_error(&independent, &exact),
        "{error}"
    );
}

#[test]
fn untied_layers_with_equal_weights_are_the_tied_field() {
    let mut noise = Noise(6);
    let graph = Graph::grid(3, 3);
    let (unary, coupling) = (noise.many(9, 2.0), noise.many(12, 2.0));
    let one = tied(&graph, &coupling, 0.7, 5);
    let many = Field::new(graph, vec![one.layers[0].clone(); 5], 5).unwrap();
    let run = |field: &Field| {
        let (mut mean, mut belief) = (MeanFieldState::new(9), BeliefState::new(field));
        mean_field(field, &unary, &mut mean, &mut ());
        belief_propagation(field, &unary, &mut belief, &mut ());
        (mean.posterior, belief.posterior)
    };
    assert_eq!(run(&one), run(&many));
}

#[test]
fn strong_couplings_on_loops_stay_finite() {
    let mut noise = Noise(7);
    for scale in [1.0, 10.0, 100.0, 1e6, 1e30] {
        for step in [1.0, 0.5] {
            let graph = Graph::grid(5, 5);
            let (unary, coupling) = (noise.many(25, scale), noise.many(graph.edges().len(), scale));
            let field = tied(&graph, &coupling, step, 50);
            let (mut mean, mut belief) = (MeanFieldState::new(25), BeliefState::new(&field));
            mean_field(&field, &unary, &mut mean, &mut ());
            belief_propagation(&field, &unary, &mut belief, &mut ());
            let mut swept = vec![0.0; 25];
            let links: Vec<f32> = coupling[..24].iter().map(|j| link(*j)).collect();
            Chain::new(25).posterior_into(&unary, &links, &mut swept);
            let all = mean.posterior.iter().chain(&belief.posterior).chain(&swept);
            for q in all {
                assert!((0.0..=1.0).contains(q), "{q} at scale {scale}");
            }
        }
    }
}

#[test]
fn fields_that_cannot_run_are_refused_by_name() {
    let graph = Graph::chain(3);
    let layer = Layer::plain(3, vec![1.0; 2]);
    let new = |layers: Vec<Layer>, depth| Field::new(graph.clone(), layers, depth);
    assert!(new(vec![layer.clone()], 4).is_ok());
    assert_eq!(
        new(vec![layer.clone(); 3], 4),
        Err(InvalidField::Layers { layers: 3, depth: 4 })
    );
    assert_eq!(
        new(vec![Layer::plain(3, vec![1.0])], 1),
        Err(InvalidField::Sizes { layer: 0 })
    );
    for step in [0.0, -1.0, 1.5, f32::NAN] {
        let odd = Layer { step, ..layer.clone() };
        assert_eq!(new(vec![layer.clone(), odd], 2), Err(InvalidField::Value { layer: 1 }));
    }
    assert_eq!(
        Graph::new(2, &[(0, 1), (1, 2)]),
        Err(InvalidField::Edge { edge: 1, nodes: 2 })
    );
    assert!(Graph::new(2, &[(1, 1)]).is_err());
}
