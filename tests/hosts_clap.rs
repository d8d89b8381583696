//! Promise: in a CLAP host the plugin reports its latency, keeps it in every setting, reads well and obeys automation.

mod common;

use clack_extensions::params::ParamInfoFlags;
use clack_extensions::tail::TailLength;
use common::clap_host::{Change, Plugin, Processor};
use common::signal::{busy, delayed, difference_db, sounds_on_samples};

const RATES_HZ: [f64; 3] = [44_100.0, 48_000.0, 96_000.0];
/// Rates that no sound card has and that hosts' validators try.
const ODD_RATES_HZ: [f64; 5] = [1_000.0, 1_234.567_8, 384_000.0, 768_000.0, 1_234_567.8];
/// Lengths no power of two, shorter and longer than a hop, and single samples.
const ODD_BLOCKS: [usize; 8] = [1, 37, 480, 7, 1024, 333, 2, 997];
const MAX_BLOCK: u32 = 1024;

fn stereo(sample_rate_hz: f64, seconds: f64) -> Vec<Vec<f32>> {
    let samples = (seconds * sample_rate_hz) as usize;
    vec![busy(1, samples, sample_rate_hz), busy(2, samples, sample_rate_hz)]
}

fn run(plugin: &mut Plugin, sample_rate_hz: f64, input: &[Vec<f32>], changes: &[Change]) -> Vec<Vec<f32>> {
    let mut processor = plugin.activate(sample_rate_hz, MAX_BLOCK);
    let output = processor.process(input, &ODD_BLOCKS, changes);
    plugin.deactivate(processor);
    output
}

fn assert_delayed_exactly(output: &[Vec<f32>], input: &[Vec<f32>], latency_samples: usize) {
    for (channel, (output, input)) in output.iter().zip(input).enumerate() {
        let expected = delayed(input, latency_samples);
        let differs = output
            .iter()
            .zip(&expected)
            .position(|(a, b)| a.to_bits() != b.to_bits());
        assert_eq!(differs, None, "channel {channel}: first differing sample");
    }
}

#[test]
fn latency_is_two_hops_at_every_rate() {
    for rate_hz in RATES_HZ {
        let mut plugin = Plugin::load();
        let processor = plugin.activate(rate_hz, MAX_BLOCK);
        let hop_samples = (rate_hz / 100.0).round() as usize;
        assert_eq!(plugin.latency_samples(), 2 * hop_samples, "at {rate_hz} Hz");
        plugin.deactivate(processor);
    }
}

#[test]
fn odd_rates_are_played() {
    for rate_hz in ODD_RATES_HZ {
        let mut plugin = Plugin::load();
        let hop_samples = (rate_hz / 100.0).round() as usize;
        let input = stereo(rate_hz, 0.1);
        let output = run(&mut plugin, rate_hz, &input, &[]);
        assert_eq!(plugin.latency_samples(), 2 * hop_samples, "at {rate_hz} Hz");
        let samples = || output.iter().flatten();
        assert!(samples().all(|sample| sample.is_finite()), "at {rate_hz} Hz");
        assert!(samples().any(|&sample| sample != 0.0), "silence at {rate_hz} Hz");
    }
}

#[test]
fn latency_follows_the_rate_of_the_last_activation() {
    let mut plugin = Plugin::load();
    for rate_hz in [48_000.0, 96_000.0, 44_100.0] {
        let processor = plugin.activate(rate_hz, MAX_BLOCK);
        plugin.deactivate(processor);
        assert_eq!(plugin.latency_samples(), 2 * (rate_hz / 100.0) as usize);
    }
}

#[test]
fn no_parameter_changes_the_latency() {
    let mut plugin = Plugin::load();
    let processor = plugin.activate(48_000.0, MAX_BLOCK);
    let expected = plugin.latency_samples();
    plugin.deactivate(processor);
    for param in plugin.params() {
        for value in [param.min, param.max] {
            plugin.flush(&[Change {
                offset_samples: 0,
                id: param.id,
                value,
            }]);
            let processor = plugin.activate(48_000.0, MAX_BLOCK);
            assert_eq!(plugin.latency_samples(), expected, "{} at {value}", param.name);
            plugin.deactivate(processor);
        }
    }
}

#[test]
fn bypass_is_the_input_delayed_by_the_latency() {
    for rate_hz in RATES_HZ {
        let mut plugin = Plugin::load();
        plugin.set(&[("Bypass", "on"), ("Output Gain", "12 dB")]);
        let input = stereo(rate_hz, 0.4);
        let output = run(&mut plugin, rate_hz, &input, &[]);
        assert_delayed_exactly(&output, &input, plugin.latency_samples());
    }
}

#[test]
fn amount_zero_is_the_input_delayed_by_the_latency() {
    for rate_hz in RATES_HZ {
        let mut plugin = Plugin::load();
        plugin.set(&[("Amount", "0 %")]);
        let input = stereo(rate_hz, 0.4);
        let output = run(&mut plugin, rate_hz, &input, &[]);
        for (output, input) in output.iter().zip(&input) {
            let null_db = difference_db(output, &delayed(input, plugin.latency_samples()));
            assert!(null_db < -120.0, "{null_db} dB at {rate_hz} Hz");
        }
    }
}

#[test]
fn mono_takes_one_channel() {
    let mut plugin = Plugin::load();
    plugin.select_channels(1);
    plugin.set(&[("Bypass", "on")]);
    let input = vec![busy(3, 20_000, 48_000.0)];
    let output = run(&mut plugin, 48_000.0, &input, &[]);
    assert_delayed_exactly(&output, &input, plugin.latency_samples());
}

#[test]
fn removed_and_result_add_up_to_the_input() {
    let input = stereo(48_000.0, 0.5);
    let listen = |choice: &str| {
        let mut plugin = Plugin::load();
        plugin.set(&[("Hear", choice)]);
        let output = run(&mut plugin, 48_000.0, &input, &[]);
        (output, plugin.latency_samples())
    };
    let (result, latency_samples) = listen("Result");
    let (removed, _) = listen("Removed");
    for channel in 0..2 {
        let sum: Vec<f32> = result[channel]
            .iter()
            .zip(&removed[channel])
            .map(|(a, b)| a + b)
            .collect();
        let null_db = difference_db(&sum, &delayed(&input[channel], latency_samples));
        assert!(null_db < -110.0, "{null_db} dB");
        assert!(
            removed[channel].iter().any(|sample| sample.abs() > 1e-3),
            "something must be removed from noise"
        );
    }
}

#[test]
fn block_lengths_do_not_matter() {
    let input = stereo(48_000.0, 0.5);
    let with_blocks = |lengths: &[usize]| {
        let mut plugin = Plugin::load();
        let mut processor = plugin.activate(48_000.0, MAX_BLOCK);
        let output = processor.process(&input, lengths, &[]);
        plugin.deactivate(processor);
        output
    };
    let reference = with_blocks(&[512]);
    for lengths in [&ODD_BLOCKS[..], &[1], &[1024]] {
        assert!(
            with_blocks(lengths) == reference,
            "blocks of {lengths:?} differ from blocks of 512"
        );
    }
}

/// Automation is placed by sample: where the block borders are must not show.
#[test]
fn automation_is_sample_accurate() {
    let input = stereo(48_000.0, 0.5);
    let with_blocks = |lengths: &[usize]| {
        let mut plugin = Plugin::load();
        let changes: Vec<_> = [
            (1_000, "Bypass", "on"),
            (5_003, "Bypass", "off"),
            (7_777, "Output Gain", "-12 dB"),
            (9_001, "Layers", "1"),
            (12_345, "Hear", "Removed"),
            (15_000, "Amount", "50 %"),
        ]
        .into_iter()
        .map(|(offset_samples, name, text)| Change {
            offset_samples,
            ..plugin.change(name, text)
        })
        .collect();
        let mut processor = plugin.activate(48_000.0, MAX_BLOCK);
        let output = processor.process(&input, lengths, &changes);
        plugin.deactivate(processor);
        assert_eq!(plugin.text("Amount"), "50 %", "the last change must have arrived");
        output
    };
    let reference = with_blocks(&[1]);
    for lengths in [&ODD_BLOCKS[..], &[1024]] {
        assert!(
            with_blocks(lengths) == reference,
            "automation in blocks of {lengths:?} differs from single samples"
        );
    }
}

#[test]
fn flushed_changes_arrive_without_processing() {
    let mut plugin = Plugin::load();
    plugin.set(&[
        ("Amount", "37 %"),
        ("Layers", "2"),
        ("Stereo", "Independent"),
        ("Bypass", "on"),
    ]);
    assert_eq!(plugin.text("Amount"), "37 %");
    assert!(plugin.text("Layers").starts_with("2 of "));
    assert_eq!(plugin.text("Stereo"), "Independent");
    assert_eq!(plugin.text("Bypass"), "Bypassed");
}

#[test]
fn values_read_and_parse_well() {
    let mut plugin = Plugin::load();
    let layer_count = unfold::model_file::shipped().layers();
    let all_layers = format!("{layer_count} of {layer_count}");
    let first_layer = format!("1 of {layer_count}");
    let typed_and_read = [
        ("Amount", "80", "80 %"),
        ("Amount", "80 %", "80 %"),
        ("Amount", "200", "100 %"),
        ("Keep At Least", "-24", "-24 dB"),
        ("Keep At Least", "-23.5 dB", "-23.5 dB"),
        ("Keep At Least", "-23,5 db", "-23.5 dB"),
        ("Keep At Least", "-inf", "-inf dB"),
        ("Keep At Least", "-inf dB", "-inf dB"),
        ("Keep At Least", "3", "0 dB"),
        ("Layers", "1", &first_layer),
        ("Layers", &first_layer, &first_layer),
        ("Layers", "99", &all_layers),
        ("Hear", "Removed", "Removed"),
        ("Hear", "Input", "Input"),
        ("Stereo", "Linked", "Linked"),
        ("Adapt", "off", "Off"),
        ("Output Gain", "-0.04 dB", "0 dB"),
        ("Output Gain", "6", "6 dB"),
        ("Bypass", "Bypassed", "Bypassed"),
        ("Bypass", "off", "Active"),
    ];
    for (name, typed, read) in typed_and_read {
        let value = plugin
            .parse(name, typed)
            .unwrap_or_else(|| panic!("{name} must accept {typed:?}"));
        assert_eq!(plugin.text_of(name, value), read, "{name} typed as {typed:?}");
    }
    for (name, typed) in [
        ("Amount", "loud"),
        ("Amount", "nan"),
        ("Output Gain", "inf"),
        ("Layers", "many"),
        ("Hear", "Nothing"),
        ("Bypass", "perhaps"),
        ("Keep At Least", ""),
    ] {
        assert_eq!(plugin.parse(name, typed), None, "{name} must refuse {typed:?}");
    }
}

#[test]
fn host_sees_bypass_and_automatable_parameters() {
    let mut plugin = Plugin::load();
    let params = plugin.params();
    for param in &params {
        assert!(
            param.flags.contains(ParamInfoFlags::IS_AUTOMATABLE),
            "{} is not automatable",
            param.name
        );
    }
    let bypasses: Vec<_> = params
        .iter()
        .filter(|param| param.flags.contains(ParamInfoFlags::IS_BYPASS))
        .collect();
    assert_eq!(bypasses.len(), 1);
    assert_eq!(bypasses[0].name, "Bypass");
}

/// After the reported tail there is nothing left to hear, wherever in a hop the input ends; and the worst such place
/// needs the tail to within two samples, where the window's ends are 0.
#[test]
fn sound_ends_with_the_reported_tail() {
    const HOP_SAMPLES: usize = 480;
    let mut longest = 0;
    let mut plugin = Plugin::load();
    let mut tail_samples = 0;
    for past_hop in [0, 1, 2, 240, HOP_SAMPLES - 1] {
        let end = 20 * HOP_SAMPLES + past_hop;
        let mut input = stereo(48_000.0, 0.4);
        input.iter_mut().for_each(|channel| channel[end..].fill(0.0));
        let mut processor: Processor = plugin.activate(48_000.0, MAX_BLOCK);
        let output = processor.process(&input, &[512], &[]);
        let TailLength::Finite(tail) = processor.tail() else {
            panic!("the tail has an end")
        };
        plugin.deactivate(processor);
        tail_samples = tail as usize;
        let sounds_on = sounds_on_samples(&output, end);
        assert!(sounds_on <= tail_samples, "{sounds_on} samples after an end at {end}");
        longest = longest.max(sounds_on);
    }
    assert!(
        longest + 2 >= tail_samples,
        "heard for {longest} of {tail_samples} samples"
    );
}

#[test]
fn reset_forgets_the_past() {
    let input = stereo(48_000.0, 0.3);
    let mut plugin = Plugin::load();
    let mut processor = plugin.activate(48_000.0, MAX_BLOCK);
    let first = processor.process(&input, &[512], &[]);
    processor.reset();
    assert!(
        processor.process(&input, &[512], &[]) == first,
        "the second run must start as fresh as the first"
    );
    plugin.deactivate(processor);
}
