//! The scores agree with the Python packages that publish them.
//!
//! The table was printed by `tests/data/metrics_reference.py` (pystoi 0.4.1, mir_eval 0.8.2, pesq 0.0.4), which
//! names the commands that made the two synthetic voices and computes the same degradations as this file.

use std::path::Path;

use xtask::metrics;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Voice {
    Female,
    Male,
}

#[derive(Clone, Copy, Debug)]
enum Degradation {
    White40,
    White25,
    White15,
    White5,
    WhiteMinus3,
    Swelling0,
    Brown0,
    Brown15,
    Brown30,
    MuffledWhite10,
    Muffled,
    Echo,
    FaintEcho,
    GatedBrown20,
    GatedWhite8,
}

use Degradation::*;
use Voice::*;

/// Recorded scores of one degraded signal.
struct Row {
    voice: Voice,
    degradation: Degradation,
    si_sdr_db: f64,
    sdr_db: f64,
    stoi: f64,
    estoi: f64,
    pesq_wb: f64,
}

const fn row(
    voice: Voice,
    degradation: Degradation,
    si_sdr_db: f64,
    sdr_db: f64,
    stoi: f64,
    estoi: f64,
    pesq_wb: f64,
) -> Row {
    Row {
        voice,
        degradation,
        si_sdr_db,
        sdr_db,
        stoi,
        estoi,
        pesq_wb,
    }
}

#[rustfmt::skip]
const RECORDED: &[Row] = &[
    row(Female, White40, 39.9990, 40.0407, 0.99990, 0.99955, 3.7590),
    row(Female, White25, 24.9955, 25.0374, 0.99664, 0.98469, 2.1985),
    row(Female, White15, 14.9865, 15.0295, 0.97194, 0.89643, 1.2714),
    row(Female, White5, 4.9580, 5.0125, 0.88166, 0.67105, 1.0406),
    row(Female, WhiteMinus3, -3.1055, -2.9815, 0.72297, 0.41753, 1.0207),
    row(Female, Swelling0, -0.0797, -0.0069, 0.74343, 0.56431, 1.0369),
    row(Female, Brown0, 0.0336, 0.0654, 0.84048, 0.58287, 1.0657),
    row(Female, Brown15, 15.0122, 15.0267, 0.97774, 0.91881, 1.7342),
    row(Female, Brown30, 30.0084, 30.0229, 0.99897, 0.99444, 3.6347),
    row(Female, MuffledWhite10, 3.7432, 10.0213, 0.89552, 0.69875, 1.0629),
    row(Female, Muffled, 9.8355, 69.3747, 0.99984, 0.99971, 4.6406),
    row(Female, Echo, 4.3821, 4.7411, 0.88162, 0.74675, 1.3371),
    row(Female, FaintEcho, 24.5963, 24.8622, 0.99845, 0.99415, 3.6201),
    row(Female, GatedBrown20, 6.9011, 7.3663, 0.84628, 0.85308, 1.4430),
    row(Female, GatedWhite8, 1.8870, 2.3261, 0.64922, 0.56722, 1.0299),
    row(Male, White40, 39.9995, 40.0354, 0.99982, 0.99945, 3.2902),
    row(Male, White25, 24.9978, 25.0337, 0.99490, 0.98274, 1.6595),
    row(Male, White15, 14.9933, 15.0301, 0.97641, 0.91926, 1.1280),
    row(Male, White5, 4.9789, 5.0258, 0.91698, 0.73597, 1.0296),
    row(Male, WhiteMinus3, -3.0531, -2.9466, 0.77964, 0.46157, 1.0190),
    row(Male, Swelling0, -0.0470, 0.0527, 0.79261, 0.60700, 1.0316),
    row(Male, Brown0, -0.0504, 0.1364, 0.84704, 0.58758, 1.0631),
    row(Male, Brown15, 14.9978, 15.0917, 0.97626, 0.91835, 1.6864),
    row(Male, Brown30, 30.0063, 30.0976, 0.99885, 0.99621, 3.3167),
    row(Male, MuffledWhite10, 3.6042, 10.0316, 0.91929, 0.74237, 1.0491),
    row(Male, Muffled, 10.2979, 48.0760, 0.99987, 0.99972, 4.6410),
    row(Male, Echo, 4.9688, 5.5009, 0.90434, 0.72507, 1.1673),
    row(Male, FaintEcho, 25.0450, 25.4552, 0.99857, 0.99477, 2.3344),
    row(Male, GatedBrown20, 7.8958, 8.2538, 0.86015, 0.85490, 1.5593),
    row(Male, GatedWhite8, 2.9543, 3.2731, 0.71228, 0.65536, 1.0311),
];

/// A voice made by speech synthesis, 3.5 s at 16 kHz.
fn speech(voice: Voice) -> Vec<f64> {
    let name = match voice {
        Female => "espeak_female_16k.wav",
        Male => "espeak_male_16k.wav",
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let mut reader = hound::WavReader::open(&path).expect("test voice");
    reader
        .samples::<i16>()
        .map(|sample| f64::from(sample.expect("sample")) / 32768.0)
        .collect()
}

fn white_noise(length: usize) -> Vec<f64> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 23) - 1.0
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn one_pole(signal: &[f64], pole: f64) -> Vec<f64> {
    let filter = |last: &mut f64, &sample: &f64| {
        *last = pole * *last + (1.0 - pole) * sample;
        Some(*last)
    };
    signal.iter().scan(0.0, filter).collect()
}

fn at_snr(speech: &[f64], noise: &[f64], snr_db: f64) -> Vec<f64> {
    let energy = |signal: &[f64]| signal.iter().map(|x| x * x).sum::<f64>();
    let gain = (energy(speech) / energy(noise) * 10_f64.powf(-snr_db / 10.0)).sqrt();
    speech.iter().zip(noise).map(|(s, n)| s + gain * n).collect()
}

fn echo(signal: &[f64], level: f64) -> Vec<f64> {
    let past = |n: usize, delay: usize| if n < delay { 0.0 } else { signal[n - delay] };
    (0..signal.len())
        .map(|n| signal[n] + level * (0.5 * past(n, 800) + 0.3 * past(n, 2000)))
        .collect()
}

/// Switches to `closed_gain` every third block of 30 ms.
fn gated(signal: Vec<f64>, closed_gain: f64) -> Vec<f64> {
    let gain = |n: usize| if (n / 480).is_multiple_of(3) { closed_gain } else { 1.0 };
    signal.iter().enumerate().map(|(n, x)| gain(n) * x).collect()
}

fn degraded(speech: &[f64], degradation: Degradation) -> Vec<f64> {
    let white = white_noise(speech.len());
    let brown = one_pole(&white, 0.98);
    let swell = |n: usize| 1.0 + (2.0 * std::f64::consts::PI * 4.0 * n as f64 / 16_000.0).sin();
    match degradation {
        White40 => at_snr(speech, &white, 40.0),
        White25 => at_snr(speech, &white, 25.0),
        White15 => at_snr(speech, &white, 15.0),
        White5 => at_snr(speech, &white, 5.0),
        WhiteMinus3 => at_snr(speech, &white, -3.0),
        Swelling0 => {
            let swelling: Vec<f64> = white.iter().enumerate().map(|(n, x)| x * swell(n)).collect();
            at_snr(speech, &swelling, 0.0)
        }
        Brown0 => at_snr(speech, &brown, 0.0),
        Brown15 => at_snr(speech, &brown, 15.0),
        Brown30 => at_snr(speech, &brown, 30.0),
        MuffledWhite10 => at_snr(&one_pole(speech, 0.7), &white, 10.0),
        Muffled => one_pole(speech, 0.5),
        Echo => echo(speech, 1.0),
        FaintEcho => echo(speech, 0.1),
        GatedBrown20 => gated(at_snr(speech, &brown, 20.0), 0.1_f64.sqrt()),
        GatedWhite8 => gated(at_snr(speech, &white, 8.0), 0.1),
    }
}

/// Compares one score on every recorded row.
fn check(name: &str, tolerance: f64, score: fn(&[f32], &[f32]) -> f64, recorded: fn(&Row) -> f64) {
    let to_f32 = |signal: &[f64]| signal.iter().map(|&x| x as f32).collect::<Vec<f32>>();
    let wrong: Vec<String> = RECORDED
        .iter()
        .filter_map(|row| {
            let clean = speech(row.voice);
            let got = score(&to_f32(&degraded(&clean, row.degradation)), &to_f32(&clean));
            let off = (got - recorded(row)).abs();
            let label = format!(
                "{:?} {:?}: {name} {got:.4}, recorded {:.4}",
                row.voice,
                row.degradation,
                recorded(row)
            );
            (off.is_nan() || off > tolerance).then_some(label)
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn si_sdr_is_the_textbook_formula() {
    check("SI-SDR", 0.001, metrics::si_sdr_db, |row| row.si_sdr_db);
}

#[test]
fn sdr_agrees_with_mir_eval() {
    // Above 100 dB (a pure filter) only the rounding differs.
    let capped =
        |estimate: &[f32], reference: &[f32]| metrics::SdrReference::new(reference).sdr_db(estimate).min(100.0);
    check("SDR", 0.01, capped, |row| row.sdr_db.min(100.0));
}

#[test]
fn stoi_agrees_with_pystoi() {
    check("STOI", 0.0005, metrics::stoi, |row| row.stoi);
}

#[test]
fn estoi_agrees_with_pystoi() {
    check("ESTOI", 0.0005, metrics::estoi, |row| row.estoi);
}

#[test]
fn pesq_agrees_with_the_itu_reference_code() {
    let score = |estimate: &[f32], reference: &[f32]| metrics::pesq_wb(estimate, reference).expect("speech found");
    check("PESQ-WB", 0.05, score, |row| row.pesq_wb);
}
