//! What the panel shares with its window and its host: keys, focus, and being closed and opened again.

use std::time::Duration;

use egui::{Event, Key, Modifiers, vec2};
use egui_kittest::kittest::Queryable;
use unfold::editor::Keyboard;
use unfold::meters::MeterFrame;

use super::bench::Bench;

#[test]
fn several_keys_in_one_frame_add_up_although_the_host_is_late() {
    let mut bench = Bench::new();
    bench.click("Keep at least");
    bench.host.be_late();
    bench.keys_at_once(&[Key::ArrowUp, Key::ArrowUp, Key::PageDown, Key::ArrowRight]);
    assert_eq!(bench.params.floor_db.value(), -24.0, "not applied yet");
    bench.host.apply_late();
    let value_db = bench.params.floor_db.value();
    assert!((value_db + 31.0).abs() < 1e-3, "{value_db}");
    assert_eq!(bench.gestures().len(), 1);
}

#[test]
fn keys_are_the_panels_only_where_they_do_something() {
    let mut bench = Bench::new();
    assert_eq!(bench.keyboard(), Keyboard::Host, "nothing was touched");
    bench.click("Output");
    assert_eq!(bench.keyboard(), Keyboard::Moves, "arrows move the slider");
    bench.click("Spectrum");
    assert_eq!(bench.keyboard(), Keyboard::Host);
    bench.click("Help");
    assert_eq!(bench.keyboard(), Keyboard::Moves, "Escape closes the help");
    bench.key(Key::Escape);
    assert_eq!(bench.keyboard(), Keyboard::Host);
    bench.click("Type Output");
    assert_eq!(bench.keyboard(), Keyboard::Text);
}

#[test]
fn a_new_window_takes_no_keys_that_the_old_one_took() {
    let mut bench = Bench::new();
    bench.type_number("Output", "12", None);
    let mut bench = bench.reopen();
    assert_eq!(bench.keyboard(), Keyboard::Host);
    assert!(bench.shows("0 dB"), "what was typed is forgotten");

    bench.click("Load model");
    bench.click("Model path");
    assert_eq!(bench.keyboard(), Keyboard::Text);
    let bench = bench.reopen();
    assert_eq!(bench.keyboard(), Keyboard::Host);
    assert_eq!(bench.gestures(), []);
}

#[test]
fn a_new_window_has_its_own_pictures_and_clock() {
    let mut bench = Bench::new();
    bench.click("History");
    bench.play(&MeterFrame::default());
    // The old window's clock runs far ahead of the new one's.
    bench.harness.run_steps(300);
    let mut bench = bench.reopen();
    bench.steps();
    assert_eq!(bench.pictures(), ["before", "reduction"]);
    bench.play(&MeterFrame {
        depth: 2,
        ..MeterFrame::default()
    });
    assert!(bench.shows("running 2"));
    assert_eq!(bench.pictures(), ["before", "reduction"]);
}

/// The audio thread wakes the window for every frame it sends; the panel itself asks for next to nothing.
#[test]
fn the_panel_asks_for_no_frames_of_its_own() {
    let mut bench = Bench::new();
    bench.harness.run_steps(30);
    assert_eq!(bench.repaint_delay(), Duration::MAX, "no audio, no frames");

    let mut asked = 0;
    for step in 0..60 {
        let frame = MeterFrame {
            depth: 3,
            input_mean_power: 0.1 / (step + 1) as f32,
            ..MeterFrame::default()
        };
        bench.publish(&frame);
        bench.harness.step();
        asked += u32::from(bench.repaint_delay() < Duration::MAX);
    }
    assert!(
        (1..=5).contains(&asked),
        "asked for {asked} frames in two seconds of audio"
    );
    assert!(bench.shows("running 3"));

    // Audio stops: one look a while later, and then rest.
    let mut asked = 0;
    for _ in 0..60 {
        bench.harness.step();
        asked += u32::from(bench.repaint_delay() < Duration::MAX);
    }
    assert!(asked <= 2, "asked for {asked} frames without audio");
    assert_eq!(bench.repaint_delay(), Duration::MAX);
    assert!(
        bench.shows("running 0") && bench.shows("-inf"),
        "the meters are at rest"
    );
}

#[test]
fn overload_is_told_with_its_reason() {
    let mut bench = Bench::new();
    let all = bench.params.layers.value();
    bench.shared.set_layers_limit(Some(1));
    bench.play(&MeterFrame {
        depth: 1,
        ..MeterFrame::default()
    });
    let reason = format!("Processing takes too long here: 1 of {all} layers run until there is room");
    assert!(bench.shows("only 1 run") && bench.shows(&reason));

    // One layer is all that was asked for: nothing is missing.
    bench.click("Layers 1");
    assert!(bench.shows("running 1") && !bench.shows("only 1 run"));
    bench.click(&format!("Layers {all}"));
    bench.shared.set_layers_limit(None);
    bench.steps();
    assert!(!bench.shows("only 1 run") && bench.shows("model: built in, ok"));
}

#[test]
fn shift_and_a_key_move_by_the_parameters_own_step_at_least() {
    let mut bench = Bench::new();
    bench.type_number("Amount", "50", Some(Key::Enter));
    bench.click("Amount");
    bench.gestures();
    for (key, amount) in [(Key::ArrowDown, 0.49), (Key::ArrowUp, 0.5)] {
        bench.harness.key_press_modifiers(Modifiers::SHIFT, key);
        bench.steps();
        let value = bench.params.amount.value();
        assert!((value - amount).abs() < 1e-4, "{key:?}: {value}");
        assert_eq!(bench.gestures().len(), 1);
    }
    bench.click("Output");
    bench.harness.key_press_modifiers(Modifiers::SHIFT, Key::ArrowUp);
    bench.steps();
    let value_db = bench.params.output_gain_db.value();
    assert!((value_db - 0.1).abs() < 1e-4, "a tenth of a step: {value_db}");
}

#[test]
fn a_drag_ends_with_the_window_and_with_its_focus() {
    let mut bench = Bench::new();
    bench.drag("Output", 30.0, Modifiers::NONE);
    let context = bench.context.clone();
    bench.harness.state_mut().release(&context);
    assert_eq!(bench.gestures().len(), 1);
    bench.drop_at("Output");
    assert_eq!(bench.gestures(), []);

    bench.drag("Output", 30.0, Modifiers::NONE);
    bench.harness.event(Event::WindowFocused(false));
    bench.steps();
    assert_eq!(bench.gestures().len(), 1);
    let elsewhere = bench.center("Output") + vec2(60.0, 0.0);
    bench.harness.hover_at(elsewhere);
    bench.steps();
    assert_eq!(bench.gestures(), [], "the button was released where nobody heard it");
}

#[test]
fn space_presses_no_focused_button() {
    let mut bench = Bench::new();
    bench.harness.get_by_label("Active").focus();
    bench.steps();
    bench.key(Key::Space);
    assert!(!bench.params.bypass.value(), "Space is the host's");
    bench.key(Key::Enter);
    assert!(bench.params.bypass.value());
    assert_eq!(bench.gestures().len(), 1);
}
