//! Promise: one constant latency, reported in samples, equal to where an impulse comes out.

mod signals;

use unfold::engine::{Engine, Listen, Settings, StereoMode};
use unfold::model_file::shipped;

const RATES_HZ: [f64; 8] = [8e3, 11_025.0, 16e3, 22_050.0, 44_100.0, 48e3, 96e3, 192e3];

#[test]
fn an_impulse_comes_out_where_the_engine_says() {
    let variants = [
        Settings {
            amount: 0.0,
            ..Settings::default()
        },
        Settings {
            bypass: true,
            ..Settings::default()
        },
        Settings {
            listen: Listen::Input,
            ..Settings::default()
        },
        Settings {
            amount: 1.0,
            ..Settings::default()
        },
        Settings {
            layers: 1,
            adapt: false,
            stereo: StereoMode::Independent,
            ..Settings::default()
        },
    ];
    for rate_hz in RATES_HZ {
        for settings in variants {
            let mut engine = Engine::new(shipped(), rate_hz, 1).unwrap();
            let latency = engine.latency_samples();
            for at in [0, 7, latency / 2 + 3] {
                engine.reset();
                let mut signal = vec![0.0; 4 * latency];
                signal[at] = 0.5;
                engine.process(&settings, &mut [&mut signal]);
                let peak = signals::loudest(&signal);
                assert_eq!(peak, at + latency, "at {rate_hz} Hz with {settings:?}");
                let untouched = settings.amount == 0.0 || settings.bypass || settings.listen == Listen::Input;
                let before = signal[..at + latency].iter().map(|x| x.abs()).fold(0.0, f32::max);
                assert!(
                    !untouched || before == 0.0,
                    "{before} before the impulse with {settings:?}"
                );
            }
        }
    }
}

#[test]
fn latency_is_twenty_milliseconds_and_no_setting_moves_it() {
    for rate_hz in RATES_HZ {
        let mut engine = Engine::new(shipped(), rate_hz, 2).unwrap();
        let latency = engine.latency_samples();
        assert!((latency as f64 / rate_hz - 0.020).abs() <= 1.01 / rate_hz);
        for layers in 1..=shipped().layers() {
            let settings = Settings {
                layers,
                amount: 0.3,
                bypass: layers == 2,
                ..Settings::default()
            };
            let (mut left, mut right) = (vec![0.1; 1000], vec![0.1; 1000]);
            engine.process(&settings, &mut [&mut left, &mut right]);
            assert_eq!(engine.latency_samples(), latency);
        }
    }
}
