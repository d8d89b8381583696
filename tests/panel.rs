//! The panel, driven as a user drives it: every control by its name, what it writes, and what the host hears.

#[path = "panel_host/bench.rs"]
mod bench;
mod panel_host;
#[path = "panel_host/window_tests.rs"]
mod window_tests;

use bench::Bench;
use egui::{Event, Key, Modifiers, MouseWheelSource, MouseWheelUnit, TouchPhase, vec2};
use egui_kittest::kittest::Queryable;
use nice_plug::prelude::{Param, Params};
use unfold::editor::Keyboard;
use unfold::meters::MeterFrame;
use unfold::model_file;
use unfold::noise_profile::NoiseProfile;
use unfold::params::{ListenChoice, StereoChoice, UnfoldParams};

fn sliders(params: &UnfoldParams) -> [(&'static str, &nice_plug::prelude::FloatParam); 3] {
    [
        ("Amount", &params.amount),
        ("Keep at least", &params.floor_db),
        ("Output", &params.output_gain_db),
    ]
}

#[test]
fn every_slider_drags_in_one_gesture_and_a_click_is_none() {
    let mut bench = Bench::new();
    let params = bench.params.clone();
    for (name, param) in sliders(&params) {
        bench.click(name);
        assert_eq!(bench.gestures(), [], "{name}: a click moves nothing");

        let before = param.unmodulated_normalized_value();
        bench.drag(name, -40.0, Modifiers::NONE);
        bench.drop_at(name);
        let gestures = bench.gestures();
        assert_eq!(gestures.len(), 1, "{name}");
        assert_eq!(gestures[0].0, param.as_ptr());
        let coarse = before - param.unmodulated_normalized_value();
        assert!(coarse > 0.1, "{name} moved by {coarse}");

        bench.drag(name, -40.0, Modifiers::SHIFT);
        bench.drop_at(name);
        let fine = before - coarse - param.unmodulated_normalized_value();
        assert!(
            fine > 0.0 && fine < coarse / 5.0,
            "{name}: fine {fine}, coarse {coarse}"
        );
        assert_eq!(bench.gestures().len(), 1);
    }
}

#[test]
fn double_click_and_ctrl_click_reset_every_slider() {
    let mut bench = Bench::new();
    let params = bench.params.clone();
    for (name, param) in sliders(&params) {
        for double in [true, false] {
            bench.type_number(name, if name == "Amount" { "30" } else { "-7" }, Some(Key::Enter));
            assert_ne!(param.unmodulated_plain_value(), param.default_plain_value());
            bench.gestures();
            if double {
                let node = bench.harness.get_by_label(name);
                node.click();
                node.click();
                bench.steps();
            } else {
                bench.harness.get_by_label(name).click_modifiers(Modifiers::CTRL);
                bench.steps();
            }
            assert_eq!(
                param.unmodulated_plain_value(),
                param.default_plain_value(),
                "{name}, double {double}"
            );
            assert_eq!(bench.gestures(), [(param.as_ptr(), param.default_normalized_value())]);
            // Far enough in time that the next click is no part of a double click.
            bench.harness.run_steps(30);
        }
    }
}

#[test]
fn numbers_are_typed_with_and_without_units() {
    let mut bench = Bench::new();
    let cases = [
        ("Output", "12", "12 dB", 12.0),
        ("Output", "-6 dB", "-6 dB", -6.0),
        ("Output", "3,5", "3.5 dB", 3.5),
        ("Output", "99", "24 dB", 24.0),
        ("Keep at least", "-inf", "-inf dB", -60.0),
        ("Keep at least", "-18.5dB", "-18.5 dB", -18.5),
        ("Amount", "42 %", "42 %", 0.42),
    ];
    for (name, typed, shown, value) in cases {
        bench.type_number(name, typed, Some(Key::Enter));
        let params = bench.params.clone();
        let (_, param) = sliders(&params)
            .into_iter()
            .find(|(slider, _)| *slider == name)
            .expect("a slider");
        assert!(
            (param.unmodulated_plain_value() - value).abs() < 1e-3,
            "{typed}: {}",
            param.unmodulated_plain_value()
        );
        assert!(bench.shows(shown), "{typed} is shown as {shown}");
        assert_eq!(bench.harness.get_by_label(name).value().as_deref(), Some(shown));
        assert_eq!(bench.gestures().len(), 1, "{typed}");
    }
}

#[test]
fn escape_forgets_and_a_lost_focus_keeps_a_number() {
    let mut bench = Bench::new();
    bench.type_number("Output", "12", Some(Key::Escape));
    assert_eq!(bench.params.output_gain_db.value(), 0.0);
    assert_eq!(bench.gestures(), []);

    bench.type_number("Output", "loud", Some(Key::Enter));
    assert_eq!(bench.keyboard(), Keyboard::Text, "no number: the field stays");
    bench.click("Spectrum");
    assert_eq!(bench.keyboard(), Keyboard::Host);
    assert_eq!(bench.gestures(), []);

    bench.type_number("Output", "6", None);
    bench.click("Spectrum");
    assert_eq!(bench.params.output_gain_db.value(), 6.0);
    assert_eq!(bench.gestures().len(), 1);
}

#[test]
fn wheel_and_keys_step_by_one_unit() {
    let mut bench = Bench::new();
    let pointer = bench.center("Keep at least");
    bench.harness.hover_at(pointer);
    bench.harness.step();
    let mut wheel = |notches: f32, modifiers: Modifiers| {
        bench.harness.event(Event::MouseWheel {
            unit: MouseWheelUnit::Line,
            delta: vec2(0.0, notches),
            phase: TouchPhase::Move,
            source: MouseWheelSource::Unknown,
            modifiers,
        });
        bench.harness.step();
        bench.params.floor_db.value()
    };
    assert!((wheel(1.0, Modifiers::NONE) + 23.0).abs() < 1e-3);
    assert!((wheel(0.5, Modifiers::NONE) + 23.0).abs() < 1e-3);
    assert!((wheel(0.5, Modifiers::NONE) + 22.0).abs() < 1e-3);
    assert_eq!(bench.gestures().len(), 2);

    bench.click("Keep at least");
    let expected = [
        (Key::ArrowLeft, -23.0),
        (Key::ArrowUp, -22.0),
        (Key::PageDown, -32.0),
        (Key::End, 0.0),
        (Key::Home, -60.0),
    ];
    for (key, value) in expected {
        bench.key(key);
        assert!(
            (bench.params.floor_db.value() - value).abs() < 1e-3,
            "{key:?}: {}",
            bench.params.floor_db.value()
        );
    }
    assert_eq!(bench.gestures().len(), expected.len());
}

#[test]
fn a_number_that_is_opened_and_entered_unchanged_writes_nothing() {
    let mut bench = Bench::new();
    // Between two steps, where automation may leave it: more digits than the text shows.
    let output = bench.params.output_gain_db.as_ptr();
    bench.host.set_by_automation(output, 0.3337);
    bench.click("Type Output");
    bench.key(Key::Enter);
    assert_eq!(bench.keyboard(), Keyboard::Host);
    bench.click("Type Output");
    bench.click("Spectrum");
    assert_eq!(bench.gestures(), []);
}

#[test]
fn every_choice_and_switch_writes_its_parameter_once() {
    let mut bench = Bench::new();
    let params = bench.params.clone();
    let layer_count = model_file::shipped().layers() as i32;

    for (name, choice) in [
        ("Removed", ListenChoice::Removed),
        ("Input", ListenChoice::Input),
        ("Result", ListenChoice::Result),
    ] {
        bench.click(name);
        assert_eq!(params.listen.value(), choice);
        assert_eq!(bench.gestures().len(), 1, "{name}");
    }
    for (name, choice) in [
        ("Independent", StereoChoice::Independent),
        ("Linked", StereoChoice::Linked),
    ] {
        bench.click(name);
        assert_eq!(params.stereo.value(), choice);
        assert_eq!(bench.gestures().len(), 1, "{name}");
    }
    for layers in 1..=layer_count {
        bench.click(&format!("Layers {layers}"));
        assert_eq!(params.layers.value(), layers);
        assert_eq!(bench.gestures().len(), 1);
    }
    for expected in [false, true] {
        bench.click("Adapt");
        assert_eq!(params.adapt.value(), expected);
        assert_eq!(bench.gestures().len(), 1);
    }
    // The switch says "on"; the parameter says "bypass".
    for bypassed in [true, false] {
        bench.click("Active");
        assert_eq!(params.bypass.value(), bypassed);
        assert_eq!(bench.gestures().len(), 1);
    }
}

#[test]
fn presets_set_what_they_name() {
    let mut bench = Bench::new();
    assert!(bench.shows("Balanced"), "the defaults are the middle preset");
    for (name, amount, floor_db) in [("Gentle", 0.8, -12.0), ("Strong", 1.0, -40.0), ("Balanced", 1.0, -24.0)] {
        bench.click("Layers 1");
        bench.click("Adapt");
        assert!(bench.shows("Custom"));
        bench.gestures();
        bench.click("Preset");
        bench.click(name);
        assert!((bench.params.amount.value() - amount).abs() < 1e-4, "{name}");
        assert!((bench.params.floor_db.value() - floor_db).abs() < 1e-3, "{name}");
        assert_eq!(bench.params.layers.value(), bench.params.layers.default_plain_value());
        assert!(bench.params.adapt.value());
        assert_eq!(bench.gestures().len(), 4, "{name}");
        assert!(bench.shows(name));
    }
}

#[test]
fn numbers_of_the_engine_are_shown() {
    let mut bench = Bench::new();
    assert!(bench.shows("20.0 ms"));
    assert!(bench.shows("running 0"));
    bench.shared.set_load(0.0123);
    let frame = MeterFrame {
        input_mean_power: 0.015,
        output_mean_power: 0.000_89,
        depth: 3,
        speech_atoms: 40,
        noise_atoms: 30,
        adaptive_atoms: 4,
        ..MeterFrame::default()
    };
    bench.play(&frame);
    for text in [
        "-18.2",
        "-30.5",
        "-12.3",
        "running 3",
        "1.2 %",
        "before",
        "after",
        "mask",
        "noise floor",
    ] {
        assert!(bench.shows(text), "{text}");
    }
    bench.click("History");
    for text in ["before", "reduction", "now", "-2 s"] {
        assert!(bench.shows(text), "{text}");
    }
    bench.click("Parts");
    for text in ["speech 40", "noise 30", "adaptive noise 4"] {
        assert!(bench.shows(text), "{text}");
    }
}

#[test]
fn a_part_is_picked_by_click_and_arrows() {
    let mut bench = Bench::new();
    let frame = MeterFrame {
        speech_atoms: 40,
        noise_atoms: 30,
        adaptive_atoms: 4,
        ..MeterFrame::default()
    };
    bench.play(&frame);
    bench.click("Parts");
    let list = "Activation of the parts";
    let value = |bench: &Bench| bench.harness.get_by_label(list).value();
    assert_eq!(value(&bench).as_deref(), Some("speech part 1 of 40"));
    let rect = bench.harness.get_by_label(list).rect();
    for event in [true, false] {
        let pos = rect.right_center() - vec2(2.0, 0.0);
        bench.harness.hover_at(pos);
        bench.harness.event(Event::PointerButton {
            pos,
            button: egui::PointerButton::Primary,
            pressed: event,
            modifiers: Modifiers::NONE,
        });
    }
    bench.steps();
    assert_eq!(value(&bench).as_deref(), Some("adaptive noise part 4 of 4"));
    for _ in 0..4 {
        bench.key(Key::ArrowLeft);
    }
    assert_eq!(value(&bench).as_deref(), Some("noise part 30 of 30"));
}

#[test]
fn a_model_path_is_asked_for_and_a_failure_is_told() {
    let mut bench = Bench::new();
    assert!(bench.shows("model: built in, ok"));
    bench.click("Load model");
    bench.click("Model path");
    bench.harness.event(Event::Text("voices/mine.unfold".to_owned()));
    bench.steps();
    bench.click("Use this file");
    assert_eq!(bench.params.model_path.get().as_deref(), Some("voices/mine.unfold"));
    assert!(bench.params.model_path.pending());
    assert_eq!(bench.host.restarts(), 1, "the host is asked, playing or not");
    assert!(
        !bench.params.model_path.take_restart_wanted(),
        "and not again by the audio thread"
    );
    assert!(bench.shows("mine.unfold: loads when the host next restarts the plugin"));

    // What activation does with a file that is not there.
    assert!(bench.params.model_path.take_for_activation().is_some());
    bench
        .shared
        .set_model(model_file::shipped(), "mine.unfold: no such file.".to_owned());
    bench.steps();
    assert!(bench.shows("mine.unfold: no such file."));

    bench.click("Load model");
    bench.click("Use the built-in model");
    assert_eq!(bench.params.model_path.get(), None);
}

#[test]
fn zoom_scheme_and_help_answer() {
    let mut bench = Bench::new();
    bench.click("Zoom");
    bench.click("150 %");
    assert_eq!(bench.harness.ctx.zoom_factor(), 1.5);

    let mut bench = Bench::new();
    let background = |bench: &Bench| bench.harness.ctx.theme();
    assert_eq!(background(&bench), egui::Theme::Dark);
    bench.click("Colour scheme");
    assert_eq!(background(&bench), egui::Theme::Light);

    // The session remembers; one without the field is dark.
    let saved = bench.params.serialize_fields();
    let mut restored = Bench::new();
    restored.params.deserialize_fields(&saved);
    restored.steps();
    assert_eq!(background(&restored), egui::Theme::Light);
    let old = [("editor-view".to_owned(), r#"{"zoom_percent":125}"#.to_owned())];
    restored.params.deserialize_fields(&old.into());
    restored.steps();
    assert_eq!(background(&restored), egui::Theme::Dark);

    bench.click("Help");
    assert!(bench.shows("always goes to the host"));
}

#[test]
fn two_panels_share_nothing() {
    let (mut one, mut other) = (Bench::new(), Bench::new());
    one.play(&MeterFrame {
        input_mean_power: 0.5,
        depth: 2,
        ..MeterFrame::default()
    });
    one.click("Removed");
    one.click("Parts");
    other.steps();
    assert_eq!(other.params.listen.value(), ListenChoice::Result);
    assert!(!other.shows("-3.0") && !other.shows("running 2") && other.shows("noise floor"));
    assert_eq!(other.gestures(), []);
}

#[test]
fn learn_listens_while_it_is_held_in_one_gesture_on_every_way_out() {
    let held = || {
        let mut bench = Bench::new();
        let start = bench.center("Learn noise");
        bench.harness.hover_at(start);
        bench.harness.drag_at(start);
        bench.steps();
        assert!(bench.params.learn.value(), "listening");
        assert!(bench.shows("Listening..."));
        bench
    };
    let expect_one = |bench: &Bench, way: &str| {
        let gestures = bench.gestures();
        assert_eq!(gestures, [(bench.params.learn.as_ptr(), 0.0)], "{way}");
        assert!(!bench.params.learn.value(), "{way}");
    };
    let mut bench = held();
    bench.drop_at("Learn noise");
    expect_one(&bench, "let go");

    // For as long as it takes, wherever the hand wanders.
    let mut bench = held();
    bench.harness.run_steps(60);
    let away = bench.center("Learn noise") + vec2(0.0, -40.0);
    bench.harness.hover_at(away);
    bench.harness.run_steps(60);
    assert!(bench.params.learn.value(), "still held");
    bench.harness.drop_at(away);
    bench.steps();
    expect_one(&bench, "let go in the end");

    // The press itself may have brought the keyboard.
    let mut bench = held();
    bench
        .harness
        .input_mut()
        .events
        .extend([false, true].map(Event::WindowFocused));
    bench.steps();
    assert!(bench.params.learn.value(), "still held");
    bench.drop_at("Learn noise");
    expect_one(&bench, "let go in a window that got the keyboard");

    let mut bench = held();
    bench.harness.event(Event::WindowFocused(false));
    bench.steps();
    expect_one(&bench, "the window loses the keyboard");

    let mut bench = held();
    bench.harness.drop_at(bench.center("Amount"));
    bench.steps();
    expect_one(&bench, "let go elsewhere");

    let bench = held().reopen();
    expect_one(&bench, "the window closes");

    // Who has no pointer switches it on and off.
    let mut bench = Bench::new();
    bench.click("Learn noise");
    bench.click("Learn noise");
    assert_eq!(bench.gestures().len(), 2);
    assert!(!bench.params.learn.value());
}

#[test]
fn a_learnt_noise_is_told_saved_loaded_and_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("room.unfold-noise").to_string_lossy().into_owned();
    let config = model_file::shipped().config.clone();
    let hops: Vec<f32> = (0..60 * config.bands())
        .map(|i| 0.01 + 0.001 * (i % 7) as f32)
        .collect();
    let profile = NoiseProfile::learn(&config, &hops).expect("a noise");

    let mut bench = Bench::new();
    let ask = |bench: &mut Bench, path: &str, button: &str| {
        bench.click("Learnt noise");
        bench.harness.get_by_label("Noise path").focus();
        bench.steps();
        bench.harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
        bench.harness.event(Event::Text(path.to_owned()));
        bench.steps();
        bench.click(button);
    };
    ask(&mut bench, &path, "Load from file");
    assert!(
        bench
            .shared
            .learner()
            .message(false)
            .sentence
            .contains("room.unfold-noise: the file cannot be read")
    );
    assert!(!bench.params.noise.is_kept());

    bench.params.noise.keep(Some(&profile));
    bench.click("Learnt noise");
    assert!(bench.shows("The session keeps a noise, but it is not in use."));
    bench.click("Learnt noise");
    ask(&mut bench, &path, "Save to file");
    assert!(bench.shows("saved room.unfold-noise"));
    ask(&mut bench, &path, "Save to file");
    assert!(bench.shows("room.unfold-noise: there is such a file already; choose another name"));

    ask(&mut bench, &path, "Forget");
    assert!(bench.shows("the learnt noise is forgotten"));
    assert!(!bench.params.noise.is_kept());

    ask(&mut bench, &path, "Load from file");
    assert!(bench.shows("room.unfold-noise: 8 noise parts"));
    bench.click("Learnt noise");
    assert!(bench.shows("A learnt noise is in use; it is saved with the session."));
    assert_eq!(bench.params.noise.recall(), Some(Ok(profile)));
}
