//! Promise: LEARN in a host turns the noise that plays into atoms that act, are saved, restored and carried to other
//! rates; what is no noise changes nothing.

mod common;

use std::time::{Duration, Instant};

use common::clap_host::{Plugin, Processor};
use common::signal::noise;
use serde_json::Value;

const RATE_HZ: f64 = 48_000.0;
const BLOCKS: [usize; 4] = [512, 37, 1024, 480];

/// A plugin that leaves no noise for the sake of it, so that every change of the mask is heard.
fn plugin() -> Plugin {
    let mut plugin = Plugin::load();
    plugin.set(&[("Keep At Least", "-inf")]);
    plugin
}

/// A buzzer that sounds three times a second: enough like a voice to pass, unless it was learnt.
fn room(rate_hz: f64, samples: usize) -> Vec<Vec<f32>> {
    let sample = |(index, x): (usize, f32)| {
        let phase = std::f64::consts::TAU * index as f64 / rate_hz;
        let buzz: f64 = (1..=12)
            .map(|n| (f64::from(n) * 180.0 * phase).sin() / f64::from(n))
            .sum();
        0.1 * (buzz * (3.0 * phase).sin().max(0.0)) as f32 + 0.001 * x
    };
    let channel: Vec<f32> = noise(3, samples).into_iter().enumerate().map(sample).collect();
    vec![channel; 2]
}

fn saved_noise(plugin: &mut Plugin) -> String {
    let state: Value = serde_json::from_slice(&plugin.save()[8..]).expect("the saved state is JSON");
    state["fields"]["noise-profile"].as_str().expect("a text").to_owned()
}

/// Switches LEARN while a moment of the room plays.
fn learn(plugin: &mut Plugin, processor: &mut Processor, text: &str) {
    let change = plugin.change("Learn Noise", text);
    processor.process(&room(RATE_HZ, 480), &BLOCKS, &[change]);
}

/// Holds LEARN while `input` plays.
fn hold(plugin: &mut Plugin, processor: &mut Processor, input: &[Vec<f32>]) {
    learn(plugin, processor, "on");
    processor.process(input, &BLOCKS, &[]);
    learn(plugin, processor, "off");
}

/// Waits for the background, which has no other way to say that it is done.
fn wait_until(plugin: &mut Plugin, what: impl Fn(&mut Plugin) -> bool) {
    let start = Instant::now();
    while !what(plugin) {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "the background did not come to it"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A plugin that plays and has learnt the room.
fn taught() -> (Plugin, Processor) {
    let mut plugin = plugin();
    let mut processor = plugin.activate(RATE_HZ, 1024);
    assert_eq!(saved_noise(&mut plugin), "[]");
    hold(&mut plugin, &mut processor, &room(RATE_HZ, 96_000));
    wait_until(&mut plugin, |plugin| saved_noise(plugin) != "[]");
    (plugin, processor)
}

fn energy(signal: &[Vec<f32>]) -> f64 {
    signal.iter().flatten().map(|x| f64::from(x * x)).sum()
}

#[test]
fn a_learnt_noise_acts_and_survives_the_session_and_another_rate() {
    let (mut teacher, processor) = taught();
    teacher.deactivate(processor);
    let (session, profile) = (teacher.save(), saved_noise(&mut teacher));

    for rate_hz in [RATE_HZ, 44_100.0] {
        let input = room(rate_hz, rate_hz as usize);
        let play = |plugin: &mut Plugin| {
            let mut processor = plugin.activate(rate_hz, 1024);
            let output = processor.process(&input, &BLOCKS, &[]);
            plugin.deactivate(processor);
            output
        };
        let without = play(&mut plugin());
        let mut restored = Plugin::load();
        assert!(restored.load_state(&session));
        let with = play(&mut restored);
        assert!(
            energy(&with) < 0.9 * energy(&without),
            "at {rate_hz} Hz the noise is not softer"
        );
        assert_eq!(saved_noise(&mut restored), profile);
    }
}

#[test]
fn a_session_restored_while_playing_brings_its_noise() {
    let (mut teacher, processor) = taught();
    teacher.deactivate(processor);
    let session = teacher.save();

    let (mut plugin, mut plain) = (plugin(), plugin());
    let (mut playing, mut reference) = (plugin.activate(RATE_HZ, 1024), plain.activate(RATE_HZ, 1024));
    assert!(plugin.load_state(&session));
    let input = room(RATE_HZ, 4_800);
    let start = Instant::now();
    while playing.process(&input, &BLOCKS, &[]) == reference.process(&input, &BLOCKS, &[]) {
        assert!(start.elapsed() < Duration::from_secs(20), "the noise never came");
        std::thread::sleep(Duration::from_millis(5));
    }
    plugin.deactivate(playing);
    plain.deactivate(reference);
}

#[test]
fn a_session_restored_while_listening_keeps_its_own_noise() {
    let (mut plugin, mut processor) = taught();
    let (session, learnt) = (plugin.save(), saved_noise(&mut plugin));

    learn(&mut plugin, &mut processor, "on");
    let other: Vec<f32> = noise(5, 96_000).iter().map(|x| 0.1 * x).collect();
    processor.process(&vec![other; 2], &BLOCKS, &[]);
    // The restored session does not listen.
    assert!(plugin.load_state(&session));
    processor.process(&room(RATE_HZ, 4_800), &BLOCKS, &[]);
    // Long enough for the background to have looked several times.
    std::thread::sleep(Duration::from_millis(600));
    assert!(saved_noise(&mut plugin) == learnt, "the restored noise was overruled");
    plugin.deactivate(processor);
    assert!(
        saved_noise(&mut plugin) == learnt,
        "the restored noise was overruled at the end"
    );
}

#[test]
fn what_was_heard_is_learnt_though_the_host_stops_at_once() {
    for let_go in [true, false] {
        let mut plugin = Plugin::load();
        let mut processor = plugin.activate(RATE_HZ, 1024);
        learn(&mut plugin, &mut processor, "on");
        processor.process(&room(RATE_HZ, 96_000), &BLOCKS, &[]);
        if let_go {
            learn(&mut plugin, &mut processor, "off");
        }
        plugin.deactivate(processor);
        assert!(saved_noise(&mut plugin) != "[]", "let go first: {let_go}");
    }
}

#[test]
fn silence_teaches_nothing_and_keeps_what_was_learnt() {
    let (mut plugin, mut processor) = taught();
    let learnt = saved_noise(&mut plugin);
    hold(&mut plugin, &mut processor, &vec![vec![0.0; 96_000]; 2]);
    hold(&mut plugin, &mut processor, &room(RATE_HZ, 2_400));
    // Long enough for the background to have looked several times.
    std::thread::sleep(Duration::from_millis(600));
    assert!(saved_noise(&mut plugin) == learnt, "the learnt noise has changed");
    plugin.deactivate(processor);
}

#[test]
fn a_session_saved_while_listening_does_not_listen_when_it_comes_back() {
    let mut plugin = Plugin::load();
    plugin.set(&[("Learn Noise", "on")]);
    assert_eq!(plugin.text("Learn Noise"), "Listening");
    let session = plugin.save();
    let mut restored = Plugin::load();
    assert!(restored.load_state(&session));
    assert_eq!(restored.text("Learn Noise"), "Off");
}

#[test]
fn a_damaged_noise_in_a_session_is_left_out() {
    let mut state: Value = serde_json::from_slice(&Plugin::load().save()[8..]).expect("JSON");
    state["fields"]["noise-profile"] = "[1,2,3]".into();
    let json = state.to_string();
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(json.as_bytes());
    let mut plugin = Plugin::load();
    assert!(plugin.load_state(&bytes));
    let mut processor = plugin.activate(RATE_HZ, 1024);
    let output = processor.process(&room(RATE_HZ, 4_800), &BLOCKS, &[]);
    assert!(output.iter().flatten().all(|x| x.is_finite()));
    plugin.deactivate(processor);
}
