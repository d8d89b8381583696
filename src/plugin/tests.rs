//! What overload does to a running plugin, with times that are made up.

use super::*;
use crate::meters::MeterFrame;

const SAMPLE_RATE_HZ: f32 = 48_000.0;
const HOP_SAMPLES: usize = 480;
/// Twice the time that a hop lasts.
const TOO_LONG: Duration = Duration::from_millis(20);
/// Enough overloaded hops for the lowest depth.
const MANY_HOPS: usize = 50;

fn shared() -> EditorShared {
    EditorShared::new(
        triple_buffer::channel().1,
        triple_buffer::channel().0,
        model_file::shipped(),
    )
}

fn active(realtime: bool) -> Active {
    let config = ActiveConfig {
        sample_rate_hz: SAMPLE_RATE_HZ,
        channel_count: 1,
        max_block_samples: HOP_SAMPLES,
        realtime,
    };
    Active::new(model_file::shipped(), config, &shared()).expect("an engine")
}

/// Plays a hop of noise; returns it and the layers that ran.
fn play_hop(active: &mut Active, settings: &Settings, shared: &EditorShared) -> (Vec<f32>, usize) {
    let mut hop: Vec<f32> = (0..HOP_SAMPLES).map(|n| ((n * n) % 101) as f32 / 500.0 - 0.1).collect();
    let (mut meters, _reader) = triple_buffer::channel();
    active.process(settings, &mut [&mut hop], shared, &mut meters);
    let mut frame = MeterFrame::default();
    active.engine.meter_frame(&mut frame);
    (hop, frame.depth as usize)
}

#[test]
fn overload_lowers_the_depth_that_runs_and_says_so() {
    let (mut active, shared) = (active(true), shared());
    let (layers, latency_samples) = (active.layers, active.engine.latency_samples());
    (0..MANY_HOPS).for_each(|_| active.record_time(HOP_SAMPLES, TOO_LONG, layers, &shared));
    assert_eq!(shared.layers_limit(), Some(1));
    assert!(shared.load() > 1.9);
    let (_, ran) = play_hop(&mut active, &Settings::default(), &shared);
    assert_eq!(ran, 1);
    assert_eq!(active.engine.latency_samples(), latency_samples);

    (0..100 * 5 * layers).for_each(|_| active.record_time(HOP_SAMPLES, Duration::ZERO, 1, &shared));
    assert_eq!(shared.layers_limit(), None);
    assert_eq!(play_hop(&mut active, &Settings::default(), &shared).1, layers);
}

#[test]
fn offline_rendering_is_never_overloaded() {
    let (mut slow, mut fast, shared) = (active(false), active(false), shared());
    for _ in 0..8 {
        (0..MANY_HOPS).for_each(|_| slow.record_time(HOP_SAMPLES, TOO_LONG, slow.layers, &shared));
        assert_eq!(shared.layers_limit(), None);
        let settings = Settings::default();
        let (slow_output, ran) = play_hop(&mut slow, &settings, &shared);
        assert_eq!(ran, slow.layers);
        assert_eq!(slow_output, play_hop(&mut fast, &settings, &shared).0);
    }
}

#[test]
fn the_guard_allows_less_than_is_set_and_never_more() {
    let (mut active, shared) = (active(true), shared());
    let settings = Settings {
        layers: 1,
        ..Settings::default()
    };
    assert_eq!(play_hop(&mut active, &settings, &shared).1, 1);
}
