//! Promise: any host block sizes, varying from call to call, give the same bits.

mod signals;

use proptest::prelude::*;
use unfold::engine::{Engine, Settings, StereoMode};
use unfold::model_file::shipped;

fn run(settings: &Settings, rate_hz: f64, input: &[Vec<f32>], blocks: impl Iterator<Item = usize>) -> Vec<Vec<f32>> {
    let mut engine = Engine::new(shipped(), rate_hz, input.len()).unwrap();
    let mut output = input.to_vec();
    let length = input[0].len();
    let mut start = 0;
    for block in blocks {
        let end = (start + block).min(length);
        let mut views: Vec<&mut [f32]> = output.iter_mut().map(|channel| &mut channel[start..end]).collect();
        engine.process(settings, &mut views);
        start = end;
    }
    assert_eq!(start, length, "the blocks must cover the signal");
    output
}

fn stereo(samples: usize, rate_hz: f64) -> Vec<Vec<f32>> {
    let voice = signals::voice(samples, 0.2, rate_hz);
    (1..=2)
        .map(|seed| signals::add(&voice, &signals::noise(samples, 0.05, seed)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn block_sizes_do_not_change_the_output(
        blocks in prop::collection::vec(0_usize..=8192, 1..12),
        rate_hz in prop::sample::select(vec![8e3, 22_050.0, 44_100.0, 48e3, 96e3]),
        layers in 1_usize..=4,
        linked in any::<bool>(),
    ) {
        let settings = Settings {
            layers,
            stereo: if linked { StereoMode::Linked } else { StereoMode::Independent },
            ..Settings::default()
        };
        let length: usize = blocks.iter().sum::<usize>().max(1);
        let input = stereo(length, rate_hz);
        let whole = run(&settings, rate_hz, &input, std::iter::once(length));
        let cut = run(&settings, rate_hz, &input, blocks.iter().copied().chain(std::iter::once(length)));
        prop_assert_eq!(&whole, &cut);
    }
}

#[test]
fn one_sample_at_a_time_is_no_exception() {
    let input = stereo(3000, 48e3);
    let whole = run(&Settings::default(), 48e3, &input, std::iter::once(3000));
    let single = run(&Settings::default(), 48e3, &input, std::iter::repeat_n(1, 3000));
    assert_eq!(whole, single);
    assert!(signals::level_db(&whole[0]) > -80.0, "silence would prove nothing");
}

#[test]
fn reset_forgets_everything() {
    let input = stereo(9000, 44_100.0);
    let mut engine = Engine::new(shipped(), 44_100.0, 2).unwrap();
    let mut pass = || {
        let mut output = input.clone();
        let mut views: Vec<&mut [f32]> = output.iter_mut().map(Vec::as_mut_slice).collect();
        engine.reset();
        engine.process(&Settings::default(), &mut views);
        output
    };
    let first = pass();
    assert_eq!(first, pass());
}
