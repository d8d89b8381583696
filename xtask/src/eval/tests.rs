use super::*;
use crate::pairs::Pair;

/// A buzzing tone in white noise at about 5 dB, and the same at about 11 dB.
fn two_pairs() -> Vec<Pair> {
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut pair = |noise_type: &str, snr_db: f64, amplitude: f32| {
        let voice = |n: usize| 0.3 * (n as f32 * 0.003).sin().max(0.0) * ((n % 400) as f32 / 200.0 - 1.0);
        let clean: Vec<f32> = (0..60_000).map(voice).collect();
        let noisy = clean.iter().map(|x| x + amplitude * noise()).collect();
        let earlier_noise = (0..60_000).map(|_| amplitude * noise()).collect();
        Pair {
            noise_type: noise_type.to_owned(),
            snr_db,
            score_rate_hz: SAMPLE_RATE_HZ,
            noisy,
            clean,
            earlier_noise,
        }
    };
    vec![pair("white/loud", 5.0, 0.1), pair("white/faint", 11.0, 0.05)]
}

fn shipped() -> Vec<(ModelInfo, Arc<Model>)> {
    vec![describe(
        "unfold".to_owned(),
        model_file::shipped_bytes(),
        model_file::shipped(),
    )]
}

fn report(pairs: &[Pair], fast: bool) -> Report {
    let systems = scores::systems(&shipped(), Settings::default().floor_db, false, true);
    Report {
        command: "cargo xtask eval".to_owned(),
        date: "2026-01-31".to_owned(),
        floor_db: -24.0,
        models: shipped().into_iter().map(|(info, _)| info).collect(),
        systems: systems.iter().map(System::name).collect(),
        pairs: scores::score_pairs(pairs, &systems, pairs.len(), fast).unwrap(),
    }
}

#[test]
fn systems_rank_as_they_must() {
    let pairs = two_pairs();
    let report = report(&pairs, false);
    let column = |name: &str| report.systems.iter().position(|system| system == name).unwrap();
    for pair in &report.pairs {
        let score = |name: &str| pair.scores[column(name)];
        let (input, oracle) = (score("noisy input"), score("oracle ratio mask"));
        assert!((input.si_sdr_db - pair.snr_db).abs() < 2.0, "{}", input.si_sdr_db);
        assert!(oracle.si_sdr_db > input.si_sdr_db + 3.0);
        assert!(report.systems.len() == pair.scores.len());
        for scores in &pair.scores {
            assert!(scores.sdr_db.unwrap() > scores.si_sdr_db - 1e-3);
        }
    }
    // Clean speech and noise alone only at the ratio nearest to 0 dB, and only for denoisers.
    let rnnoise = column("RNNoise");
    assert!(report.pairs[0].scores[rnnoise].attenuation_db.is_some());
    assert!(report.pairs[1].scores[rnnoise].attenuation_db.is_none());
    assert!(report.pairs[0].scores[0].attenuation_db.is_none());
}

#[test]
fn the_report_has_every_table_and_no_folder() {
    let text = tables::markdown(&report(&two_pairs(), true));
    for part in [
        "### SI-SDR (dB) by input SNR",
        "| system | 5 dB | 11 dB | mean |",
        "| white/faint | 1 |",
        "### Lead of unfold over RNNoise, phase undone",
        "] | – | – |",
        "### What learning the noise gains: unfold, 4 layers",
        "| the same noise | 2 | +",
        "| another noise | 0 | – |",
        "sha256 `",
    ] {
        assert!(text.contains(part), "{part} is missing from\n{text}");
    }
    assert!(!text.contains("STOI by input SNR"), "a fast run has no STOI");
}

#[test]
fn the_command_names_files_without_their_folders() {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }
    let parse = |line: &[&str]| <Line as clap::Parser>::try_parse_from(line).map(|line| command(&line.args));
    let line = [
        "eval",
        "--pairs",
        "some/where/list.csv",
        "--model",
        "a/b.unfold",
        "--fast",
    ];
    assert_eq!(
        parse(&line).unwrap(),
        "cargo xtask eval --pairs list.csv --model b.unfold --fast"
    );
    assert!(parse(&["eval"]).is_err());
    assert!(parse(&["eval", "--pairs", "x", "--corpus", "y"]).is_err());
    for drawn in [
        &["--seed", "2"][..],
        &["--pairs-per-snr", "3"],
        &["--held-out", "y"],
        &["--learn"],
    ] {
        assert!(
            parse(&[&["eval", "--pairs", "x"], drawn].concat()).is_err(),
            "{drawn:?}"
        );
    }
    assert!(
        parse(&["eval", "--pairs", "x", "--section", "y"]).is_err(),
        "nothing is written"
    );
}

#[test]
fn models_of_one_name_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["old", "new"].map(|name| {
        let path = folder.path().join(name).join("speech.unfold");
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        std::fs::write(&path, model_file::shipped_bytes()).unwrap();
        path
    });
    assert!(models(&paths[..1]).is_ok());
    let error = models(&paths).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("have the same name"), "{error}");
}
