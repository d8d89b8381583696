//! Promise: the VST3 plugin is the same instrument as the CLAP plugin: ids, latency, values, automation, state.

mod common;

use common::clap_host;
use common::signal::{busy, delayed, difference_db, sounds_on_samples};
use common::vst3_host::{CLASS_ID, Plugin, classes};

const RATES_HZ: [f64; 3] = [44_100.0, 48_000.0, 96_000.0];
/// Rates that no sound card has and that Steinberg's validator tries.
const ODD_RATES_HZ: [f64; 3] = [384_000.0, 1_234.567_8, 1_234_567.8];
const ODD_BLOCKS: [usize; 8] = [1, 37, 480, 7, 1024, 333, 2, 997];
const MAX_BLOCK: i32 = 1024;

fn stereo(sample_rate_hz: f64, seconds: f64) -> Vec<Vec<f32>> {
    let samples = (seconds * sample_rate_hz) as usize;
    vec![busy(1, samples, sample_rate_hz), busy(2, samples, sample_rate_hz)]
}

#[test]
fn class_is_frozen() {
    let classes = classes();
    assert_eq!(classes.len(), 1);
    assert_eq!(&classes[0].id, CLASS_ID);
    assert_eq!(classes[0].name, "Unfold");
    assert_eq!(classes[0].sub_categories, "Fx|Restoration");
}

#[test]
fn parameters_are_those_of_the_clap_plugin() {
    let clap: Vec<_> = clap_host::Plugin::load()
        .params()
        .into_iter()
        .map(|param| {
            let steps = if param.max > 1.0 { param.max } else { 1.0 };
            (param.id.get(), param.name, param.default / steps)
        })
        .collect();
    let vst3: Vec<_> = Plugin::load()
        .params()
        .into_iter()
        .map(|(id, title, _, default)| (id, title, default))
        .collect();
    assert_eq!(vst3, clap);
}

#[test]
fn latency_is_two_hops_and_bypass_is_exactly_that_delay() {
    for rate_hz in RATES_HZ {
        let mut plugin = Plugin::load();
        plugin.activate(rate_hz, MAX_BLOCK);
        let latency_samples = plugin.latency_samples();
        assert_eq!(
            latency_samples,
            2 * (rate_hz / 100.0).round() as usize,
            "at {rate_hz} Hz"
        );

        let bypass = plugin.param_id("Bypass");
        let input = stereo(rate_hz, 0.4);
        // Bypass is on before the first sample: no crossfade is due.
        plugin.flush(&[(bypass, 0, 1.0)]);
        let output = plugin.process(&input, &ODD_BLOCKS, &[]);
        let settled = latency_samples * 4;
        for (output, input) in output.iter().zip(&input) {
            let expected = delayed(input, latency_samples);
            assert!(
                output[settled..] == expected[settled..],
                "bypass at {rate_hz} Hz is not the delayed input"
            );
        }
        plugin.deactivate();
    }
}

#[test]
fn odd_rates_are_played() {
    for rate_hz in ODD_RATES_HZ {
        let mut plugin = Plugin::load();
        plugin.activate(rate_hz, MAX_BLOCK);
        let hop_samples = (rate_hz / 100.0).round() as usize;
        assert_eq!(plugin.latency_samples(), 2 * hop_samples, "at {rate_hz} Hz");
        let output = plugin.process(&stereo(rate_hz, 0.1), &ODD_BLOCKS, &[]);
        plugin.deactivate();
        let samples = || output.iter().flatten();
        assert!(samples().all(|sample| sample.is_finite()), "at {rate_hz} Hz");
        assert!(samples().any(|&sample| sample != 0.0), "silence at {rate_hz} Hz");
    }
}

#[test]
fn sound_ends_with_the_reported_tail() {
    // Two samples into a hop: the place that needs the longest tail.
    let end = 20 * 480 + 2;
    let mut input = stereo(48_000.0, 0.4);
    input.iter_mut().for_each(|channel| channel[end..].fill(0.0));
    let mut plugin = Plugin::load();
    plugin.activate(48_000.0, MAX_BLOCK);
    let output = plugin.process(&input, &ODD_BLOCKS, &[]);
    let (tail_samples, sounds_on) = (plugin.tail_samples(), sounds_on_samples(&output, end));
    plugin.deactivate();
    assert!(
        (tail_samples - 2..=tail_samples).contains(&sounds_on),
        "heard for {sounds_on} of {tail_samples} samples"
    );
}

#[test]
fn amount_zero_is_the_input_delayed_by_the_latency() {
    for rate_hz in RATES_HZ {
        let mut plugin = Plugin::load();
        plugin.activate(rate_hz, MAX_BLOCK);
        let amount = plugin.param_id("Amount");
        let input = stereo(rate_hz, 0.4);
        plugin.flush(&[(amount, 0, 0.0)]);
        let output = plugin.process(&input, &ODD_BLOCKS, &[]);
        let settled = plugin.latency_samples() * 4;
        for (output, input) in output.iter().zip(&input) {
            let expected = delayed(input, plugin.latency_samples());
            let null_db = difference_db(&output[settled..], &expected[settled..]);
            assert!(null_db < -120.0, "{null_db} dB at {rate_hz} Hz");
        }
        plugin.deactivate();
    }
}

#[test]
fn mono_and_stereo_are_accepted_and_surround_is_not() {
    for (channel_count, accepted) in [(1, true), (2, true), (6, false)] {
        assert_eq!(
            Plugin::load().set_channels(channel_count),
            accepted,
            "{channel_count} channels"
        );
    }
    let mut plugin = Plugin::load();
    assert!(plugin.set_channels(1));
    plugin.activate(48_000.0, MAX_BLOCK);
    let output = plugin.process(&[busy(1, 9_600, 48_000.0)], &ODD_BLOCKS, &[]);
    assert!(output[0].iter().any(|sample| sample.abs() > 1e-3));
    plugin.deactivate();
}

/// The same input with the same automation gives the same samples in both plugin formats, whatever the blocks.
#[test]
fn automation_is_sample_accurate_and_as_in_clap() {
    let input = stereo(48_000.0, 0.5);
    let automation = [
        (1_000, "Bypass", "Bypassed"),
        (5_003, "Bypass", "Active"),
        (9_001, "Layers", "1"),
        (12_345, "Amount", "50 %"),
    ];

    let in_clap = {
        let mut plugin = clap_host::Plugin::load();
        let changes: Vec<_> = automation
            .iter()
            .map(|&(offset_samples, name, text)| clap_host::Change {
                offset_samples,
                ..plugin.change(name, text)
            })
            .collect();
        let mut processor = plugin.activate(48_000.0, 1024);
        let output = processor.process(&input, &[1024], &changes);
        plugin.deactivate(processor);
        output
    };
    for lengths in [&[1024][..], &ODD_BLOCKS] {
        let mut plugin = Plugin::load();
        let points: Vec<_> = automation
            .iter()
            .map(|&(offset, title, text)| {
                let value = plugin.parse(title, text).expect("the text is accepted");
                (plugin.param_id(title), offset as i32, value)
            })
            .collect();
        plugin.activate(48_000.0, MAX_BLOCK);
        let output = plugin.process(&input, lengths, &points);
        plugin.deactivate();
        assert!(output == in_clap, "VST3 in blocks of {lengths:?} differs from CLAP");
    }
}

#[test]
fn values_read_and_parse_well() {
    let plugin = Plugin::load();
    let layer_count = unfold::model_file::shipped().layers();
    for (title, typed, read) in [
        ("Amount", "80 %", "80 %".to_owned()),
        ("Keep At Least", "-inf dB", "-inf dB".to_owned()),
        ("Keep At Least", "-23.5", "-23.5 dB".to_owned()),
        ("Layers", "2", format!("2 of {layer_count}")),
        ("Hear", "Removed", "Removed".to_owned()),
        ("Stereo", "Independent", "Independent".to_owned()),
        ("Bypass", "on", "Bypassed".to_owned()),
    ] {
        let value = plugin
            .parse(title, typed)
            .unwrap_or_else(|| panic!("{title} must accept {typed:?}"));
        let text = plugin.text_of(title, value);
        // VST3 hosts add the unit themselves.
        assert!(
            read == text || read.strip_prefix(&text).is_some_and(|unit| unit.starts_with(' ')),
            "{title} reads {text:?}"
        );
    }
}

/// A session moved from one format to the other keeps its sound: CLAP states are VST3 states behind a length.
#[test]
fn state_round_trip_and_exchange_with_clap() {
    let mut clap = clap_host::Plugin::load();
    clap.set(&[
        ("Amount", "42 %"),
        ("Hear", "Removed"),
        ("Layers", "1"),
        ("Keep At Least", "-inf dB"),
    ]);
    let saved = clap.save()[8..].to_vec();

    let mut plugin = Plugin::load();
    assert!(plugin.load_state(&saved));
    assert_eq!(plugin.text_of("Hear", plugin.value("Hear")), "Removed");
    assert!((plugin.value("Amount") - 0.42).abs() < 1e-6);
    assert!(
        plugin.save() == saved,
        "saving what was loaded must give the same bytes"
    );
}

#[test]
fn damaged_states_are_refused_and_change_nothing() {
    let mut plugin = Plugin::load();
    let before = plugin.save();
    for damaged in [&b""[..], b"{", b"[]", b"\xff\xfe\0", &before[..before.len() / 2]] {
        assert!(!plugin.load_state(damaged));
        assert!(plugin.save() == before);
    }
}
