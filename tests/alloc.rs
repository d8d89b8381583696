//! Promise: the audio thread neither allocates nor frees, in any setting and any block length.
//!
//! Two ways to check it, and one of them always runs. By default a counting global allocator watches every `process`
//! call of a CLAP host. With the feature `assert_process_allocs` the framework installs its own global allocator,
//! which aborts this test on the first allocation inside `process`; it does so in debug builds only.

#[cfg(all(feature = "assert_process_allocs", not(debug_assertions)))]
compile_error!(
    "`assert_process_allocs` checks nothing in release builds: leave it out, the counting allocator works there"
);

mod common;

use clack_extensions::render::RenderMode;
use common::clap_host::{Block, Change, Plugin, Processor};
use common::signal::busy;

const BLOCK_LENGTHS: [usize; 9] = [1, 2, 63, 64, 480, 481, 960, 997, 1024];
const SAMPLE_RATE_HZ: f64 = 48_000.0;

/// Runs `work` and returns how often it allocated or freed on this thread.
#[cfg(not(feature = "assert_process_allocs"))]
fn allocator_calls(work: impl FnOnce()) -> u64 {
    let counts = allocation_counter::measure(work);
    // Freed-only shows as a negative balance.
    counts.count_total + counts.count_current.unsigned_abs()
}

/// The framework's allocator is in charge and aborts: whatever returns did not allocate.
#[cfg(feature = "assert_process_allocs")]
fn allocator_calls(work: impl FnOnce()) -> u64 {
    work();
    0
}

fn process_checked(processor: &mut Processor, block: &mut Block, what: &str) {
    let calls = allocator_calls(|| processor.process_block(block));
    assert_eq!(calls, 0, "{calls} allocator calls while processing {what}");
}

fn block(samples: usize, channel_count: usize, changes: &[Change]) -> Block {
    let inputs = (0..channel_count)
        .map(|channel| busy(channel as u32 + 1, samples, SAMPLE_RATE_HZ))
        .collect();
    Block::new(inputs, changes)
}

#[test]
#[cfg(not(feature = "assert_process_allocs"))]
fn the_counter_counts() {
    let allocating = || drop(std::hint::black_box(vec![0_u8; 64]));
    assert!(allocator_calls(allocating) > 0);
    let held = std::hint::black_box(vec![0_u8; 64]);
    assert!(allocator_calls(|| drop(held)) > 0);
}

#[test]
fn processing_never_allocates() {
    for channel_count in [1, 2] {
        let mut plugin = Plugin::load();
        // Every block has a deadline: the overload guard watches, too.
        plugin.set_render_mode(RenderMode::Realtime);
        plugin.select_channels(channel_count);
        let channel_count = channel_count as usize;
        let params = plugin.params();
        let mut processor = plugin.activate(SAMPLE_RATE_HZ, 1024);
        for length in BLOCK_LENGTHS {
            process_checked(
                &mut processor,
                &mut block(length, channel_count, &[]),
                &format!("{length} samples"),
            );
        }
        for param in &params {
            for value in [param.min, param.max, param.default] {
                let change = |offset_samples| Change {
                    offset_samples,
                    id: param.id,
                    value,
                };
                // Before, between and after hop borders; the second block runs the new value through.
                let mut changing = block(1024, channel_count, &[change(0), change(479), change(1023)]);
                let what = format!("{} set to {value}", param.name);
                process_checked(&mut processor, &mut changing, &what);
                process_checked(&mut processor, &mut block(1024, channel_count, &[]), &what);
            }
        }
        plugin.deactivate(processor);
    }
}

#[test]
fn silence_full_scale_and_broken_input_never_allocate() {
    let mut plugin = Plugin::load();
    let mut processor = plugin.activate(SAMPLE_RATE_HZ, 1024);
    for value in [0.0, 1.0, -1e30, 1e-40, f32::NAN, f32::INFINITY] {
        for _ in 0..4 {
            let mut broken = Block::new(vec![vec![value; 1024]; 2], &[]);
            process_checked(&mut processor, &mut broken, &format!("samples of {value}"));
        }
    }
    plugin.deactivate(processor);
}

/// No host here opens a window: this is the plugin's own processing with a panel that says it is open.
#[test]
#[cfg(not(feature = "assert_process_allocs"))]
fn processing_with_an_open_panel_never_allocates() {
    use unfold::engine::Settings;
    use unfold::model_file;
    use unfold::plugin::{Active, ActiveConfig};
    use unfold::shared::EditorShared;
    use unfold::triple_buffer;

    let (mut meters, reader) = triple_buffer::channel();
    let shared = EditorShared::new(reader, triple_buffer::channel().0, model_file::shipped());
    let config = ActiveConfig {
        sample_rate_hz: SAMPLE_RATE_HZ as f32,
        channel_count: 2,
        max_block_samples: 1024,
        realtime: true,
    };
    let mut active = Active::new(model_file::shipped(), config, &shared).expect("an engine");
    let mut frames = 0;
    for (panel_open, runs) in [(true, 2), (false, 1), (true, 1)] {
        shared.set_editor_open(panel_open);
        for length in BLOCK_LENGTHS.repeat(runs) {
            let [mut left, mut right] = [1, 2].map(|seed| busy(seed, length, SAMPLE_RATE_HZ));
            let mut channels = [left.as_mut_slice(), right.as_mut_slice()];
            let calls = allocator_calls(|| active.process(&Settings::default(), &mut channels, &shared, &mut meters));
            assert_eq!(calls, 0, "{length} samples, panel open: {panel_open}");
            frames += u32::from(shared.meters().lock().expect("no panic").take_new().is_some());
        }
    }
    assert!(frames > 0, "an open panel is sent frames");
}

/// Loading a session reaches the plugin between two blocks; the block after it must not pay for it.
#[test]
fn first_block_after_a_state_change_never_allocates() {
    let mut plugin = Plugin::load();
    plugin.set(&[("Amount", "50 %")]);
    let state = plugin.save();
    let mut processor = plugin.activate(SAMPLE_RATE_HZ, 1024);
    process_checked(&mut processor, &mut block(1024, 2, &[]), "before the state change");
    assert!(plugin.load_state(&state));
    process_checked(&mut processor, &mut block(1024, 2, &[]), "after the state change");
    plugin.deactivate(processor);
}
