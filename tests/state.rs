//! Promise: saved sessions stay readable for ever, and no saved bytes, however damaged, can crash the plugin or leave
//! it with a value outside its range.

mod common;

use common::clap_host::Plugin;
use common::signal::{busy, noise};
use proptest::prelude::*;
use serde_json::{Value, json};
use unfold::params::ModelPath;

/// A changed value for every parameter that exists.
const CHANGED: [(&str, &str); 9] = [
    ("Amount", "42 %"),
    ("Keep At Least", "-inf dB"),
    ("Layers", "1"),
    ("Hear", "Removed"),
    ("Stereo", "Independent"),
    ("Adapt", "Off"),
    ("Learn Noise", "Listening"),
    ("Output Gain", "-7.5 dB"),
    ("Bypass", "on"),
];

/// CLAP states are a little-endian length followed by JSON.
fn state_bytes(json: &str) -> Vec<u8> {
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(json.as_bytes());
    bytes
}

fn state_json(bytes: &[u8]) -> Value {
    serde_json::from_slice(&bytes[8..]).expect("the saved state is JSON")
}

fn changed_plugin() -> Plugin {
    let mut plugin = Plugin::load();
    plugin.set(&CHANGED);
    plugin
}

/// Loads JSON into a plugin whose every parameter has a changed value; returns whether it was accepted.
fn load_json(plugin: &mut Plugin, json: &Value) -> bool {
    plugin.load_state(&state_bytes(&json.to_string()))
}

#[test]
fn ids_and_defaults_are_frozen() {
    let layers = unfold::model_file::shipped().layers();
    let saved = state_json(&Plugin::load().save());
    assert_eq!(
        saved["params"],
        json!({
            "adapt": { "bool": true },
            "amount": { "f32": 1.0 },
            "bypass": { "bool": false },
            "floor_db": { "f32": -24.0 },
            "layers": { "i32": layers },
            "learn": { "bool": false },
            "listen": { "string": "result" },
            "output_gain_db": { "f32": 0.0 },
            "stereo": { "string": "linked" },
        })
    );
    assert_eq!(
        saved["fields"],
        json!({
            "editor-view": r#"{"width_points":760,"height_points":440,"zoom_percent":100}"#,
            "model-path": r#""""#,
            "noise-profile": "[]",
        })
    );
    assert_eq!(saved["version"], json!(env!("CARGO_PKG_VERSION")));
}

/// What automation lanes are bound to: the numeric ids and the normalisation.
#[test]
fn automation_ids_and_ranges_are_frozen() {
    let layer_steps = (unfold::model_file::shipped().layers() - 1) as f64;
    let seen: Vec<_> = Plugin::load()
        .params()
        .into_iter()
        .map(|param| (param.name, param.id.get(), param.min, param.max))
        .collect();
    let expected = [
        ("Amount", 733_630_552, 0.0, 1.0),
        ("Keep At Least", 2_022_982_033, 0.0, 1.0),
        ("Layers", 1_037_751_618, 0.0, layer_steps),
        ("Hear", 1_044_975_047, 0.0, 2.0),
        ("Stereo", 1_255_118_840, 0.0, 1.0),
        ("Adapt", 92_657_442, 0.0, 1.0),
        ("Learn Noise", 102_846_020, 0.0, 1.0),
        ("Output Gain", 1_725_902_848, 0.0, 1.0),
        ("Bypass", 773_352_680, 0.0, 1.0),
    ]
    .map(|(name, id, min, max)| (name.to_owned(), id, min, max));
    assert_eq!(seen, expected);
}

#[test]
fn every_parameter_survives_a_round_trip() {
    let mut saved_from = changed_plugin();
    assert_eq!(
        saved_from.params().len(),
        CHANGED.len(),
        "a parameter is missing from this test"
    );
    for (text, default) in saved_from.texts().iter().zip(Plugin::load().texts()) {
        assert_ne!(*text, default, "the test must change every parameter");
    }
    let saved = saved_from.save();
    let mut loaded_into = Plugin::load();
    assert!(loaded_into.load_state(&saved));
    // All but one: a session never comes back listening.
    saved_from.set(&[("Learn Noise", "Off")]);
    assert_eq!(loaded_into.texts(), saved_from.texts());
    assert!(
        loaded_into.save() == saved_from.save(),
        "saving what was loaded must give the same bytes"
    );
}

#[test]
fn view_and_model_path_survive_a_round_trip() {
    let mut state = state_json(&Plugin::load().save());
    state["fields"]["editor-view"] = json!(r#"{"width_points":900,"height_points":600,"zoom_percent":150}"#);
    state["fields"]["model-path"] = json!(r#""elsewhere/mine.unfold""#);
    let mut plugin = Plugin::load();
    assert!(load_json(&mut plugin, &state));
    assert_eq!(state_json(&plugin.save()), state);
}

/// A session made by a later version holds things this one has never heard of.
#[test]
fn unknown_keys_are_ignored() {
    let mut state = state_json(&changed_plugin().save());
    state["version"] = json!("99.0.0");
    state["something"] = json!({ "new": [1, 2, 3] });
    state["params"]["sparkle"] = json!({ "f32": 0.5 });
    state["fields"]["sparkle-view"] = json!("{}");
    let mut plugin = Plugin::load();
    assert!(load_json(&mut plugin, &state));
    let mut expected = changed_plugin();
    // A session never comes back listening.
    expected.set(&[("Learn Noise", "Off")]);
    assert_eq!(plugin.texts(), expected.texts());
}

#[test]
fn missing_parameters_keep_their_value() {
    let mut plugin = changed_plugin();
    assert!(load_json(
        &mut plugin,
        &json!({ "params": { "amount": { "f32": 0.5 } }, "fields": {} })
    ));
    assert_eq!(plugin.text("Amount"), "50 %");
    assert_eq!(plugin.text("Output Gain"), "-7.5 dB");
}

#[test]
fn values_outside_their_range_are_brought_into_it() {
    let layers = unfold::model_file::shipped().layers();
    for (id, value, name, text) in [
        ("amount", json!({ "f32": 7.0 }), "Amount", "100 %".to_owned()),
        ("amount", json!({ "f32": -1e30 }), "Amount", "0 %".to_owned()),
        (
            "floor_db",
            json!({ "f32": -1e6 }),
            "Keep At Least",
            "-inf dB".to_owned(),
        ),
        ("floor_db", json!({ "f32": 12.0 }), "Keep At Least", "0 dB".to_owned()),
        (
            "output_gain_db",
            json!({ "f32": 1e300 }),
            "Output Gain",
            "24 dB".to_owned(),
        ),
        (
            "layers",
            json!({ "i32": 2_000_000_000 }),
            "Layers",
            format!("{layers} of {layers}"),
        ),
        ("layers", json!({ "i32": -3 }), "Layers", format!("1 of {layers}")),
    ] {
        let mut plugin = Plugin::load();
        assert!(load_json(
            &mut plugin,
            &json!({ "params": { id: value }, "fields": {} })
        ));
        assert_eq!(plugin.text(name), text, "{id} = {value}");
    }
}

#[test]
fn values_of_the_wrong_kind_change_nothing() {
    for (id, value) in [
        ("amount", json!({ "string": "loud" })),
        ("amount", json!({ "i32": 0 })),
        ("layers", json!({ "f32": 2.0 })),
        ("listen", json!({ "i32": 77 })),
        ("listen", json!({ "i32": -1 })),
        ("listen", json!({ "string": "nothing" })),
        ("stereo", json!({ "i32": 2 })),
        ("bypass", json!({ "f32": 0.0 })),
    ] {
        let mut plugin = changed_plugin();
        load_json(&mut plugin, &json!({ "params": { id: value }, "fields": {} }));
        assert_eq!(plugin.texts(), changed_plugin().texts(), "{id} = {value}");
    }
}

#[test]
fn broken_fields_leave_the_parameters_alone() {
    for field in ["", "{", "null", r#"{"zoom_percent":-5}"#, r#"["a"]"#] {
        let state = json!({ "params": {}, "fields": { "editor-view": field, "model-path": field } });
        let mut plugin = changed_plugin();
        load_json(&mut plugin, &state);
        assert_eq!(plugin.texts(), changed_plugin().texts(), "field {field:?}");
    }
}

#[test]
fn truncated_states_are_refused_and_change_nothing() {
    let saved = Plugin::load().save();
    let mut plugin = changed_plugin();
    let before = plugin.texts();
    // Every cut would print a line of the framework's log: some, and all near the end.
    for length in (0..saved.len()).step_by(13).chain(saved.len() - 6..saved.len()) {
        assert!(
            !plugin.load_state(&saved[..length]),
            "the first {length} bytes were accepted"
        );
        assert_eq!(plugin.texts(), before, "the first {length} bytes changed a parameter");
    }
}

/// A session saved with a model file that is gone: the shipped model plays, and the path is not forgotten.
#[test]
fn missing_model_file_falls_back_to_the_shipped_model() {
    let input = vec![busy(1, 9_600, 48_000.0), noise(2, 9_600)];
    let play = |plugin: &mut Plugin| {
        let mut processor = plugin.activate(48_000.0, 512);
        let output = processor.process(&input, &[512], &[]);
        plugin.deactivate(processor);
        output
    };
    let shipped = play(&mut Plugin::load());

    let mut state = state_json(&Plugin::load().save());
    state["fields"]["model-path"] = json!(r#""no/such/model.unfold""#);
    let mut plugin = Plugin::load();
    assert!(load_json(&mut plugin, &state));
    assert!(play(&mut plugin) == shipped);
    assert_eq!(
        state_json(&plugin.save())["fields"]["model-path"],
        state["fields"]["model-path"]
    );
}

/// A model path that arrives while playing cannot be loaded there: the host is asked, once, to restart the plugin.
#[test]
fn new_model_path_asks_for_one_restart() {
    let mut state = state_json(&Plugin::load().save());
    state["fields"]["model-path"] = json!(r#""no/such/model.unfold""#);
    let block = vec![vec![0.0; 512]; 2];

    let mut plugin = Plugin::load();
    let mut processor = plugin.activate(48_000.0, 512);
    // The framework asks for a restart of its own when the first activation makes the latency known.
    plugin.restart_requested();
    processor.process(&block, &[512], &[]);
    assert!(!plugin.restart_requested(), "nothing to restart for yet");
    assert!(load_json(&mut plugin, &state));
    processor.process(&block, &[512], &[]);
    assert!(plugin.restart_requested());
    processor.process(&block, &[512], &[]);
    assert!(!plugin.restart_requested(), "one request is enough");
    plugin.deactivate(processor);

    let mut processor = plugin.activate(48_000.0, 512);
    processor.process(&block, &[512], &[]);
    assert!(!plugin.restart_requested(), "the restart has taken place");
    assert!(load_json(&mut plugin, &state));
    processor.process(&block, &[512], &[]);
    assert!(!plugin.restart_requested(), "the same session again needs no restart");
    plugin.deactivate(processor);
}

/// The file may have been mended or replaced: a user who asks for the same path again gets it read again.
#[test]
fn a_requested_model_path_is_always_pending() {
    let path = ModelPath::default();
    for _ in 0..2 {
        path.request("mine.unfold".to_owned());
        assert!(path.pending());
        assert_eq!(path.take_for_activation().as_deref(), Some("mine.unfold"));
        assert!(!path.pending());
    }
    path.request(String::new());
    assert!(path.pending());
    assert_eq!(path.take_for_activation(), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_change_nothing(bytes in prop::collection::vec(any::<u8>(), 0..400), as_payload in any::<bool>()) {
        let mut plugin = changed_plugin();
        let before = plugin.texts();
        let mut state = if as_payload { (bytes.len() as u64).to_le_bytes().to_vec() } else { Vec::new() };
        state.extend_from_slice(&bytes);
        prop_assert!(!plugin.load_state(&state));
        prop_assert_eq!(plugin.texts(), before);
    }

    /// A flipped bit may still be a valid state with another value in it; that value must be one the host can use.
    #[test]
    fn flipped_bits_leave_a_usable_plugin(position in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut state = changed_plugin().save();
        let position = position.index(state.len());
        state[position] ^= 1 << bit;
        let mut plugin = Plugin::load();
        plugin.load_state(&state);
        for param in plugin.params() {
            let value = plugin.value(&param.name);
            prop_assert!((param.min..=param.max).contains(&value), "{} is {value}", param.name);
            let text = plugin.text(&param.name);
            prop_assert!(plugin.parse(&param.name, &text).is_some(), "{} reads {text:?}", param.name);
        }
    }
}
