//! Promise: no host, however odd or hasty, makes the plugin crash, forget its delay or play something else.

mod common;

use clack_extensions::render::RenderMode;
use clack_host::events::EventFlags;
use clack_host::events::EventHeader;
use clack_host::events::event_types::{TransportEvent, TransportFlags};
use clack_host::utils::{BeatTime, SecondsTime};
use common::clap_host::{Block, Change, Plugin, Processor};
use common::signal::{busy, delayed, difference_db, noise};
use common::vst3_host;

const SAMPLE_RATE_HZ: f64 = 48_000.0;
const MAX_BLOCK: u32 = 1024;
const ODD_BLOCKS: [usize; 8] = [1, 37, 480, 7, 1024, 333, 2, 997];

fn stereo(samples: usize) -> Vec<Vec<f32>> {
    vec![busy(1, samples, SAMPLE_RATE_HZ), busy(2, samples, SAMPLE_RATE_HZ)]
}

fn play(plugin: &mut Plugin, input: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let mut processor = plugin.activate(SAMPLE_RATE_HZ, MAX_BLOCK);
    let output = processor.process(input, &[512], &[]);
    plugin.deactivate(processor);
    output
}

fn assert_finite(output: &[Vec<f32>], what: &str) {
    assert!(output.iter().flatten().all(|sample| sample.is_finite()), "{what}");
}

#[test]
fn storms_of_activation_and_reset_leave_no_trace() {
    const RATES_HZ: [f64; 6] = [44_100.0, 192_000.0, 8_000.0, 48_000.0, 1_234.5, 96_000.0];
    let input = stereo(9_600);
    let fresh = play(&mut Plugin::load(), &input);
    let mut plugin = Plugin::load();
    for (round, rate_hz) in RATES_HZ.into_iter().cycle().take(120).enumerate() {
        let mut processor = plugin.activate(rate_hz, 1 + (round as u32 * 97) % 2_048);
        // Some hosts activate for nothing, some play an instant, some reset before, between and after.
        for step in 0..round % 4 {
            let samples = (round * 31 + step * 7) % (1 + (round * 97) % 2_048 + 1);
            processor.process_block(&mut Block::new(vec![noise(round as u32 + 1, samples); 2], &[]));
            processor.reset();
        }
        assert_eq!(plugin.latency_samples(), 2 * (rate_hz / 100.0).round() as usize);
        plugin.deactivate(processor);
    }
    assert!(play(&mut plugin, &input) == fresh, "the storm is still heard");
}

#[test]
fn vst3_storms_leave_no_trace() {
    let input = stereo(9_600);
    let play = |plugin: &mut vst3_host::Plugin| {
        plugin.activate(SAMPLE_RATE_HZ, MAX_BLOCK as i32);
        let output = plugin.process(&input, &[512], &[]);
        plugin.deactivate();
        output
    };
    let fresh = play(&mut vst3_host::Plugin::load());
    let mut plugin = vst3_host::Plugin::load();
    for round in 0..60 {
        plugin.activate([44_100.0, 96_000.0, 8_000.0][round % 3], 1 + round as i32 * 33);
        if round % 2 == 0 {
            plugin.process(&[noise(1, 50), noise(2, 50)], &[1 + round % 40], &[]);
            plugin.flush(&[]);
        }
        plugin.deactivate();
    }
    assert!(play(&mut plugin) == fresh, "the storm is still heard");
}

#[test]
fn blocks_without_samples_change_nothing() {
    let input = stereo(9_600);
    let expected = play(&mut Plugin::load(), &input);
    let mut plugin = Plugin::load();
    let mut processor = plugin.activate(SAMPLE_RATE_HZ, MAX_BLOCK);
    let output = processor.process(&input, &[0, 512, 0, 0, 1, 0, 479], &[]);
    plugin.deactivate(processor);
    assert!(output == expected);
}

#[test]
fn changes_in_a_block_without_samples_arrive() {
    let mut plugin = Plugin::load();
    let change = plugin.change("Amount", "37 %");
    let mut processor = plugin.activate(SAMPLE_RATE_HZ, MAX_BLOCK);
    processor.process_block(&mut Block::new(vec![Vec::new(); 2], &[change]));
    plugin.deactivate(processor);
    assert_eq!(plugin.text("Amount"), "37 %");
}

/// Every parameter of the plugin at every sample, each with a value of its own.
#[test]
fn a_change_of_every_parameter_at_every_sample_is_the_same_in_any_blocks() {
    const SAMPLES: usize = 2_400;
    let input = stereo(SAMPLES);
    let with_blocks = |lengths: &[usize]| {
        let mut plugin = Plugin::load();
        let params = plugin.params();
        let random = noise(9, SAMPLES * params.len());
        let changes: Vec<_> = (0..SAMPLES * params.len())
            .map(|index| {
                let param = &params[index % params.len()];
                let unit = f64::from(random[index]).abs();
                Change {
                    offset_samples: (index / params.len()) as u32,
                    id: param.id,
                    value: param.min + unit * (param.max - param.min),
                }
            })
            .collect();
        let mut processor = plugin.activate(SAMPLE_RATE_HZ, MAX_BLOCK);
        let output = processor.process(&input, lengths, &changes);
        plugin.deactivate(processor);
        output
    };
    let reference = with_blocks(&[1]);
    assert_finite(&reference, "random automation");
    assert!(with_blocks(&ODD_BLOCKS) == reference);
}

/// Hosts send values outside a parameter's range, and worse.
#[test]
fn values_that_are_none_leave_a_usable_plugin() {
    let input = stereo(4_800);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e300, 1e300, -0.5, 7.0] {
        let mut plugin = Plugin::load();
        let params = plugin.params();
        let changes: Vec<_> = params
            .iter()
            .map(|param| Change {
                offset_samples: 10,
                id: param.id,
                value,
            })
            .collect();
        let mut processor = plugin.activate(SAMPLE_RATE_HZ, MAX_BLOCK);
        let output = processor.process(&input, &[512], &changes);
        plugin.deactivate(processor);
        assert_finite(&output, &format!("every parameter set to {value}"));
        for param in &params {
            let now = plugin.value(&param.name);
            assert!(
                (param.min..=param.max).contains(&now),
                "{} is {now} after {value}",
                param.name
            );
        }
    }
}

/// Undo, presets and crashes of others: states come while audio runs, and most of these are broken.
#[test]
fn broken_states_while_playing_change_nothing_that_is_heard() {
    let input = stereo(19_200);
    let expected = play(&mut Plugin::load(), &input);
    let mut plugin = Plugin::load();
    let good = plugin.save();
    let mut processor = plugin.activate(SAMPLE_RATE_HZ, MAX_BLOCK);
    let random = noise(3, 4_000);
    let mut output = vec![Vec::new(); 2];
    for (round, start) in (0..19_200).step_by(480).enumerate() {
        let garbage: Vec<u8> = random
            .iter()
            .skip(round * 90)
            .take(90)
            .map(|x| (x * 127.0) as i8 as u8)
            .collect();
        let truncated = &good[..good.len() * (round % 20) / 20];
        let broken = if round % 2 == 0 { &garbage[..] } else { truncated };
        assert!(!plugin.load_state(broken), "round {round} was accepted");
        let mut block = Block::new(
            input
                .iter()
                .map(|channel| channel[start..start + 480].to_vec())
                .collect(),
            &[],
        );
        processor.process_block(&mut block);
        for (output, channel) in output.iter_mut().zip(&block.outputs) {
            output.extend_from_slice(channel);
        }
    }
    plugin.deactivate(processor);
    assert!(output == expected);
}

#[test]
fn processing_may_move_between_threads() {
    let input = stereo(9_600);
    let expected = play(&mut Plugin::load(), &input);
    let mut plugin = Plugin::load();
    let mut processor = plugin.activate(SAMPLE_RATE_HZ, MAX_BLOCK);
    let mut output = vec![Vec::new(); 2];
    for start in (0..9_600).step_by(960) {
        let part: Vec<Vec<f32>> = input
            .iter()
            .map(|channel| channel[start..start + 960].to_vec())
            .collect();
        let worker = std::thread::spawn(move || {
            let output = processor.process(&part, &[512, 448], &[]);
            (processor, output)
        });
        let (back, part) = worker.join().expect("the audio thread lives");
        processor = back;
        output
            .iter_mut()
            .zip(part)
            .for_each(|(output, part)| output.extend(part));
    }
    plugin.deactivate(processor);
    assert!(output == expected);
}

#[test]
fn many_instances_at_once_do_not_hear_each_other() {
    const INSTANCES: usize = 32;
    let settings = |instance: usize| ["100 %", "60 %", "0 %", "25 %"][instance % 4];
    let input = stereo(9_600);
    let mut plugins: Vec<_> = (0..INSTANCES)
        .map(|instance| {
            let mut plugin = Plugin::load();
            plugin.set(&[("Amount", settings(instance))]);
            plugin
        })
        .collect();
    let alone: Vec<_> = plugins[..4].iter_mut().map(|plugin| play(plugin, &input)).collect();

    let mut processors: Vec<Processor> = plugins
        .iter_mut()
        .map(|plugin| plugin.activate(SAMPLE_RATE_HZ, MAX_BLOCK))
        .collect();
    // Two audio threads, as in a DAW; each takes every second instance, block by block.
    let (left, right) = processors.split_at_mut(INSTANCES / 2);
    std::thread::scope(|scope| {
        for (first, half) in [(0, left), (INSTANCES / 2, right)] {
            let (input, alone) = (&input, &alone);
            scope.spawn(move || {
                let mut outputs = vec![vec![Vec::new(); 2]; half.len()];
                for start in (0..9_600).step_by(480) {
                    for (processor, output) in half.iter_mut().zip(&mut outputs) {
                        let part: Vec<Vec<f32>> = input
                            .iter()
                            .map(|channel| channel[start..start + 480].to_vec())
                            .collect();
                        let played = processor.process(&part, &[480], &[]);
                        output
                            .iter_mut()
                            .zip(played)
                            .for_each(|(output, part)| output.extend(part));
                    }
                }
                for (index, output) in outputs.iter().enumerate() {
                    assert!(*output == alone[(first + index) % 4], "instance {}", first + index);
                }
            });
        }
    });
    for (plugin, processor) in plugins.iter_mut().zip(processors) {
        plugin.deactivate(processor);
    }
}

fn transport(position_samples: usize, playing: bool) -> TransportEvent {
    let seconds = position_samples as f64 / SAMPLE_RATE_HZ;
    let playing = if playing {
        TransportFlags::IS_PLAYING
    } else {
        TransportFlags::empty()
    };
    TransportEvent {
        header: EventHeader::new_core(0, EventFlags::empty()),
        flags: TransportFlags::HAS_TEMPO
            | TransportFlags::HAS_BEATS_TIMELINE
            | TransportFlags::HAS_SECONDS_TIMELINE
            | TransportFlags::HAS_TIME_SIGNATURE
            | playing,
        song_pos_beats: BeatTime::from_float(seconds * 2.0),
        song_pos_seconds: SecondsTime::from_float(seconds),
        tempo: 120.0,
        tempo_inc: 0.0,
        loop_start_beats: BeatTime::from_int(0),
        loop_end_beats: BeatTime::from_int(8),
        loop_start_seconds: SecondsTime::from_int(0),
        loop_end_seconds: SecondsTime::from_int(4),
        bar_start: BeatTime::from_int(0),
        bar_number: (seconds / 2.0) as i32,
        time_signature_numerator: 4,
        time_signature_denominator: 4,
    }
}

/// A DAW's evening: the transport plays, stops and loops back, automation ramps run, bypass goes on and off.
fn session(mode: RenderMode, reset_at_loop: bool) -> Vec<Vec<f32>> {
    const BLOCK: usize = 512;
    let mut plugin = Plugin::load();
    plugin.set_render_mode(mode);
    let amount = plugin.param("Amount");
    let gain = plugin.param("Output Gain");
    let bypass = [plugin.change("Bypass", "on"), plugin.change("Bypass", "off")];
    let mut processor = plugin.activate(SAMPLE_RATE_HZ, BLOCK as u32);
    let input = stereo(40 * BLOCK);
    let mut output = vec![Vec::new(); 2];
    for block_index in 0..80 {
        let position = block_index % 40 * BLOCK;
        if reset_at_loop && position == 0 {
            processor.reset();
        }
        // Ramps in steps of 64 samples, as hosts draw them.
        let mut changes: Vec<_> = (0..BLOCK as u32 / 64)
            .flat_map(|step| {
                let unit = f64::from(step) / 8.0;
                [(&amount, unit), (&gain, 0.4 + 0.2 * unit)].map(|(param, value)| Change {
                    offset_samples: 64 * step,
                    id: param.id,
                    value,
                })
            })
            .collect();
        changes.extend((block_index % 10 == 7).then(|| bypass[0].clone()));
        changes.extend((block_index % 10 == 8).then(|| bypass[1].clone()));
        let part = input
            .iter()
            .map(|channel| channel[position..position + BLOCK].to_vec())
            .collect();
        let mut block = Block::new(part, &changes);
        block.transport = Some(transport(position, block_index % 20 != 19));
        processor.process_block(&mut block);
        for (output, channel) in output.iter_mut().zip(&block.outputs) {
            output.extend_from_slice(channel);
        }
    }
    plugin.deactivate(processor);
    output
}

#[test]
fn a_rendered_session_is_the_same_every_time() {
    let first = session(RenderMode::Offline, true);
    assert_finite(&first, "a session");
    assert!(first.iter().flatten().any(|sample| sample.abs() > 0.01));
    assert!(session(RenderMode::Offline, true) == first);
    // After a reset at the loop's start, the second pass starts as fresh as the first; the host's own values go on.
    let half = first[0].len() / 2;
    let later = 10 * 512;
    assert!(
        first[0][later..half] == first[0][half + later..],
        "the loop's second pass differs"
    );
    assert_finite(&session(RenderMode::Realtime, false), "a session in real time");
}

#[test]
fn amount_zero_nulls_against_the_delayed_input_in_every_mode() {
    let input = stereo(48_000);
    for mode in [RenderMode::Offline, RenderMode::Realtime] {
        for channel_count in [1_usize, 2] {
            let mut plugin = Plugin::load();
            plugin.set_render_mode(mode);
            plugin.select_channels(channel_count as u32);
            plugin.set(&[("Amount", "0 %")]);
            let output = play(&mut plugin, &input[..channel_count]);
            for (output, input) in output.iter().zip(&input) {
                let null_db = difference_db(output, &delayed(input, plugin.latency_samples()));
                assert!(null_db < -120.0, "{null_db} dB, {channel_count} channels, {mode:?}");
            }
        }
    }
}
