//! Loads that are made up: what is measured, and what the depth does about it.

use proptest::prelude::*;

use super::*;

const HOP_S: f32 = 0.010;

#[test]
fn load_is_time_used_by_time_available() {
    // 480 samples at 48 kHz last 10 ms.
    let mut meter = LoadMeter::new(48_000.0, 480, 480);
    let load = |period: Option<Period>| period.expect("a whole period").load;
    assert!((load(meter.record(480, Duration::from_millis(1))) - 0.1).abs() < 1e-6);
    assert!((load(meter.record(960, Duration::from_millis(5))) - 0.25).abs() < 1e-6);
}

#[test]
fn parts_of_a_block_are_pooled() {
    let mut meter = LoadMeter::new(48_000.0, 480, 480);
    // All of the hop's work in one call of one sample is no overload.
    assert_eq!(meter.record(1, Duration::from_millis(1)), None);
    let period = meter.record(479, Duration::ZERO).expect("a whole period");
    assert!((period.load - 0.1).abs() < 1e-6);
}

#[test]
fn a_short_block_must_be_ready_in_its_own_time() {
    // Ten blocks of 1 ms, one of which does all the work of the hop in 0.8 ms.
    let mut meter = LoadMeter::new(48_000.0, 48, 480);
    let mut periods = (0..10).filter_map(|block| {
        let time_us = if block == 3 { 800 } else { 0 };
        meter.record(48, Duration::from_micros(time_us))
    });
    let period = periods.next().expect("a whole hop");
    assert_eq!(period.samples, 480);
    assert!((period.load - 0.8).abs() < 1e-6, "{}", period.load);
    assert_eq!(periods.next(), None);
}

#[test]
fn announced_blocks_that_never_come_hide_nothing() {
    let mut meter = LoadMeter::new(48_000.0, 8192, 480);
    let period = meter.record(480, Duration::from_millis(8)).expect("a hop is enough");
    assert!((period.load - 0.8).abs() < 1e-6);
}

#[test]
fn peaks_fade_within_seconds() {
    let mut meter = LoadMeter::new(48_000.0, 480, 480);
    meter.record(480, Duration::from_millis(9));
    assert!((meter.worst() - 0.9).abs() < 1e-6);
    for _ in 0..100 {
        meter.record(480, Duration::ZERO);
    }
    assert!((0.2..0.35).contains(&meter.worst()), "{}", meter.worst());
}

/// Runs `seconds` on a machine where `depth` layers make the load `load_of(depth)`; returns the limits, one per hop.
fn run(guard: &mut DepthGuard, seconds: f32, wanted: usize, load_of: impl Fn(usize) -> f32) -> Vec<usize> {
    (0..(seconds / HOP_S) as usize)
        .map(|_| {
            let depth = wanted.min(guard.limit());
            guard.record(load_of(depth), HOP_S, depth);
            guard.limit()
        })
        .collect()
}

#[test]
fn overload_lowers_the_depth_at_once_and_calm_raises_it_slowly() {
    let mut guard = DepthGuard::new(4);
    let limits = run(&mut guard, 0.12, 4, |_| 2.0);
    assert_eq!(limits, [4, 4, 4, 3, 3, 3, 3, 2, 2, 2, 2, 1]);
    run(&mut guard, 4.9, 4, |_| 0.1);
    assert_eq!(guard.limit(), 1);
    run(&mut guard, 0.2, 4, |_| 0.1);
    assert_eq!(guard.limit(), 2);
    run(&mut guard, 10.1, 4, |_| 0.1);
    assert_eq!(guard.limit(), 4);
}

#[test]
fn a_machine_that_is_interrupted_now_and_then_is_not_overloaded() {
    let mut guard = DepthGuard::new(4);
    for hop in 0..10_000 {
        guard.record(if hop % 3 == 0 { 5.0 } else { 0.2 }, HOP_S, 4);
        assert_eq!(guard.limit(), 4);
    }
}

#[test]
fn rare_peaks_delay_the_rise_and_frequent_ones_prevent_it() {
    let with_a_peak_every = |hops: usize| {
        let mut guard = DepthGuard::new(4);
        run(&mut guard, 0.04, 4, |_| 2.0);
        assert_eq!(guard.limit(), 3);
        for hop in 0..2_000 {
            guard.record(if hop % hops == 0 { 0.4 } else { 0.1 }, HOP_S, 3);
        }
        guard.limit()
    };
    assert_eq!(with_a_peak_every(50), 4);
    assert_eq!(with_a_peak_every(5), 3);
}

#[test]
fn the_depth_falls_from_what_ran_and_not_from_what_was_allowed() {
    let mut guard = DepthGuard::new(6);
    run(&mut guard, 0.04, 2, |_| 2.0);
    assert_eq!(guard.limit(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_load_keeps_the_depth_in_range_and_changes_it_no_faster_than_promised(
        layers in 1_usize..=8,
        wanted in 1_usize..=8,
        loads in prop::collection::vec(prop_oneof![0.0_f32..0.3, 0.0_f32..3.0, Just(f32::INFINITY)], 1..3_000),
        period_s in 0.01_f32..0.2,
    ) {
        let mut guard = DepthGuard::new(layers);
        let (mut since_change, mut last) = (0_usize, layers);
        for load in loads {
            since_change += 1;
            guard.record(load, period_s, wanted.min(guard.limit()));
            let limit = guard.limit();
            prop_assert!((1..=layers).contains(&limit));
            if limit < last {
                prop_assert!(since_change >= DepthGuard::STRIKES as usize, "down after {since_change} periods");
            }
            if limit > last {
                prop_assert_eq!(limit, last + 1);
                let calm_s = since_change as f32 * period_s;
                prop_assert!(calm_s > DepthGuard::CALM_S - 0.01, "up after {calm_s} s");
            }
            if limit != last {
                since_change = 0;
            }
            last = limit;
        }
    }

    /// A load that depends on the depth alone settles, and what it settles on is affordable where anything is.
    #[test]
    fn a_steady_load_settles_on_an_affordable_depth(
        layers in 1_usize..=8,
        fixed in 0.0_f32..0.6,
        per_layer in 0.0_f32..0.3,
    ) {
        let load_of = |depth: usize| fixed + per_layer * depth as f32;
        let mut guard = DepthGuard::new(layers);
        run(&mut guard, 1.0, layers, load_of);
        let settled = guard.limit();
        prop_assert!(settled == 1 || load_of(settled) <= DepthGuard::BUDGET);
        let later = run(&mut guard, 60.0, layers, load_of);
        prop_assert!(later.windows(2).all(|pair| pair[0] <= pair[1]), "it swings: {later:?}");
    }
}
