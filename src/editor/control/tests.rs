//! Every path through a [`Control`], with a host that writes down what it hears.

use super::*;
use std::cell::{Cell, RefCell};

/// Remembers every call; a value from 0 to 100 in whole numbers.
#[derive(Default)]
struct Recorder {
    value: Cell<f32>,
    calls: RefCell<String>,
}

impl Recorder {
    fn log(&self, call: char) {
        self.calls.borrow_mut().push(call);
    }

    /// `b`egin, `s`et and `e`nd in order, with runs of sets as one.
    fn calls(&self) -> String {
        let mut calls = self.calls.borrow().clone();
        while calls.contains("ss") {
            calls = calls.replace("ss", "s");
        }
        calls
    }
}

impl Binding for Recorder {
    fn value(&self) -> f32 {
        self.value.get()
    }
    fn default_value(&self) -> f32 {
        0.5
    }
    fn text(&self) -> String {
        format!("{:.0} %", self.value.get() * 100.0)
    }
    fn steps(&self) -> Steps {
        Steps {
            usual: 0.01,
            finest: 0.01,
        }
    }
    fn parse(&self, text: &str) -> Option<f32> {
        text.trim_end_matches('%')
            .trim()
            .parse::<f32>()
            .ok()
            .map(|percent| percent / 100.0)
    }
    fn begin(&self) {
        self.log('b');
    }
    fn set(&self, value: f32) {
        self.log('s');
        self.value.set((value * 100.0).round() / 100.0);
    }
    fn end(&self) {
        self.log('e');
    }
}

#[test]
fn a_click_without_movement_is_no_gesture() {
    let (mut control, host) = (Control::default(), Recorder::default());
    control.drag(&host, 0.0, false);
    control.release(&host);
    control.release(&host);
    assert_eq!(host.calls(), "");
}

#[test]
fn a_drag_is_one_gesture_and_keeps_fractions_of_a_step() {
    let (mut control, host) = (Control::default(), Recorder::default());
    for _ in 0..40 {
        control.drag(&host, 0.004, false);
    }
    assert_eq!(host.calls(), "bs");
    control.release(&host);
    assert_eq!(host.calls(), "bse");
    assert!((host.value() - 0.16).abs() < 1e-6, "{}", host.value());
}

#[test]
fn a_fine_drag_moves_a_tenth() {
    let (mut control, host) = (Control::default(), Recorder::default());
    control.drag(&host, 0.5, true);
    control.release(&host);
    assert!((host.value() - 0.05).abs() < 1e-6);
}

#[test]
fn a_drag_past_the_end_turns_round_at_once() {
    let (mut control, host) = (Control::default(), Recorder::default());
    control.drag(&host, 3.0, false);
    control.drag(&host, -0.1, false);
    control.release(&host);
    assert!((host.value() - 0.9).abs() < 1e-6);
}

#[test]
fn anything_during_a_drag_ends_it_first() {
    type Edit = fn(&mut Control, &Recorder);
    let edits: [(Edit, &str); 4] = [
        (|control, host| control.reset(host), "bsebse"),
        (|control, host| control.wheel(host, 1.0, false), "bsebse"),
        (|control, host| control.press(host, &[Move::Highest], false), "bsebse"),
        (|control, host| control.start_typing(host), "bse"),
    ];
    for (edit, expected) in edits {
        let (mut control, host) = (Control::default(), Recorder::default());
        control.drag(&host, 0.2, false);
        edit(&mut control, &host);
        control.release(&host);
        assert_eq!(host.calls(), expected);
    }
}

#[test]
fn wheel_fractions_add_up() {
    let (mut control, host) = (Control::default(), Recorder::default());
    for _ in 0..3 {
        control.wheel(&host, 0.3, false);
    }
    assert_eq!(host.calls(), "");
    control.wheel(&host, 0.3, false);
    assert_eq!(host.calls(), "bse");
    assert!((host.value() - 0.01).abs() < 1e-6);
}

#[test]
fn keys_step_and_reach_both_ends() {
    let (mut control, host) = (Control::default(), Recorder::default());
    control.press(&host, &[Move::Highest], false);
    assert_eq!(host.value(), 1.0);
    control.press(&host, &[Move::PageDown], false);
    assert!((host.value() - 0.9).abs() < 1e-6);
    control.press(&host, &[Move::Up], false);
    assert!((host.value() - 0.91).abs() < 1e-6);
    control.press(&host, &[Move::Lowest], false);
    control.press(&host, &[Move::Down], false);
    control.press(&host, &[], false);
    assert_eq!(host.value(), 0.0);
    assert_eq!(host.calls(), "bse".repeat(5));
}

#[test]
fn keys_of_one_frame_are_one_edit_in_their_order() {
    let (mut control, host) = (Control::default(), Recorder::default());
    control.press(&host, &[Move::Down, Move::Up, Move::Up, Move::PageUp], false);
    assert!((host.value() - 0.12).abs() < 1e-6, "{}", host.value());
    control.press(&host, &[Move::Highest, Move::Down, Move::Down], false);
    assert!((host.value() - 0.98).abs() < 1e-6, "{}", host.value());
    assert_eq!(host.calls(), "bsebse");
}

#[test]
fn a_text_left_as_it_was_is_no_edit() {
    let (mut control, host) = (Control::default(), Recorder::default());
    // More digits than the text shows.
    host.value.set(0.1234);
    for leave in [Control::commit, Control::leave] {
        control.start_typing(&host);
        leave(&mut control, &host);
        assert!(!control.is_typing());
        assert_eq!((host.calls().as_str(), host.value()), ("", 0.1234));
    }
}

#[test]
fn typing_enters_once_and_escape_enters_nothing() {
    let (mut control, host) = (Control::default(), Recorder::default());
    control.start_typing(&host);
    control.typing().expect("open").text = "12 %".into();
    control.commit(&host);
    control.leave(&host);
    assert_eq!((host.calls().as_str(), host.value()), ("bse", 0.12));

    control.start_typing(&host);
    control.typing().expect("open").text = "99".into();
    control.cancel();
    control.leave(&host);
    assert_eq!((host.calls().as_str(), host.value()), ("bse", 0.12));
}

#[test]
fn text_that_is_no_number_stays_open_and_changes_nothing() {
    let (mut control, host) = (Control::default(), Recorder::default());
    control.start_typing(&host);
    control.typing().expect("open").text = "loud".into();
    control.commit(&host);
    assert!(control.typing().expect("still open").refused);
    control.leave(&host);
    assert!(!control.is_typing());
    assert_eq!(host.calls(), "");
}
