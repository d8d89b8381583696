use super::*;
use crate::noise_floor::FrontEndConfig;

/// A small model with every part switched on and weights from a fixed sequence.
pub(crate) fn small_model() -> Model {
    let config = Config {
        band_centres_hz: vec![100.0, 300.0, 1000.0, 3000.0, 8000.0],
        window_hops: 2,
        front_end: FrontEndConfig::default(),
        context_frames: 2,
        context_group: 2,
        floor_rows: true,
        speech_atoms: 3,
        noise_atoms: 2,
        adaptive_atoms: 2,
        user_atoms: 3,
        layers: 3,
        untied_layers: 2,
        untied_encoder: true,
        recurrent: true,
        readout_per_depth: true,
        epsilon: 1e-4,
    };
    let mut model = Model::zeros(config);
    model.provenance = "test".into();
    let mut seed = 1_u32;
    for block in model.blocks_mut() {
        for w in block {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *w = 0.1 + (seed >> 8) as f32 / (1 << 24) as f32;
        }
    }
    model
}

#[test]
fn tied_iterations_share_the_first_layer() {
    let model = small_model();
    let used: Vec<usize> = (0..3).map(|k| model.layer_index(k)).collect();
    assert_eq!(used, [0, 0, 1]);
}

#[test]
fn counts_parameters_by_hand() {
    // R 5, F 5, I 5 + 2 * 3, J 2, U 1: warm start 5 + 25 + 2 + 2 + 1 + 1, layer 55 + 55 + 5 + 5 + 2 + 2 + 1 + 1,
    // readout 25 + 2 + 1 + 5.
    assert_eq!(small_model().parameter_count(), 36 + 2 * 126 + 3 * 33);
    assert_eq!(
        small_model().parameter_count(),
        small_model().config.block_lengths().iter().sum::<usize>()
    );
    assert_eq!(
        small_model().macs_per_second(2),
        100.0 * (25.0 + 2.0 * 2.0 * (55.0 + 22.0) + 25.0)
    );
    assert_eq!(small_model().macs_per_hop(2), small_model().config.most_macs_per_hop(2));
    // A row of the untied layer's decoder is one block: without it, depth 3 does 11 products less.
    let mut pruned = small_model();
    pruned.layers[1].decoder.row_mut(2).fill(0.0);
    assert_eq!(pruned.macs_per_hop(3) + 11, small_model().macs_per_hop(3));
    assert_eq!(pruned.macs_per_hop(2), small_model().macs_per_hop(2));
    assert!(pruned.kept_share() < 1.0 && small_model().kept_share() == 1.0);
}

#[test]
fn validation_names_what_is_wrong() {
    let mut model = small_model();
    assert_eq!(model.validate(), Ok(()));
    model.layers[1].decoder[[0, 0]] = f32::NAN;
    assert_eq!(model.validate(), Err(InvalidModel::Value { what: "weights" }));
    model = small_model();
    model.layers[0].sparsity[1] = -1.0;
    assert!(model.validate().is_err());
    model = small_model();
    model.config.layers = 64;
    model.config.context_frames = 32;
    model.config.context_group = 1;
    model.config.band_centres_hz = (1..=1024).map(|band| band as f32).collect();
    model.config.speech_atoms = 2048;
    assert!(matches!(model.validate(), Err(InvalidModel::Cost { .. })));
    model = small_model();
    model.config.layers = 0;
    assert!(matches!(
        model.validate(),
        Err(InvalidModel::Size { what: "layers", .. })
    ));
    model = small_model();
    model.readouts[0].mask_exponent = Array1::zeros(7);
    assert!(matches!(
        model.validate(),
        Err(InvalidModel::Length {
            expected: 5,
            got: 7,
            ..
        })
    ));
}
