use super::*;

/// Results in which `sdr(system, position of the ratio)` is what every excerpt scores, give or take 0.01 dB.
fn verdicts(plan: &Plan, sdr: impl Fn(&System, usize) -> f64) -> Vec<Verdict> {
    let scores = |system: &System| -> Vec<Score> {
        ALL.iter()
            .flat_map(|&snr| (0..12).map(move |excerpt| (snr, excerpt)))
            .map(|(snr, excerpt)| {
                let seed = (excerpt * 37 + snr * 11 + system.id().len() * 5) % 21;
                Score {
                    sdr_db: sdr(system, snr) + 0.001 * (seed as f64 - 10.0),
                    si_sdr_db: 0.0,
                }
            })
            .collect()
    };
    let systems: Vec<(System, Vec<Score>)> = plan.systems().into_iter().map(|s| (s.clone(), scores(&s))).collect();
    let results = Results {
        plan,
        systems: &systems,
    };
    let statements = results.statements();
    statements.iter().map(|s| s.verdict(25, Training::Adam)).collect()
}

#[test]
fn verdicts_follow_the_scores() {
    let plan = Plan::full();
    let as_in_the_paper = |system: &System, snr: usize| match system {
        System::Nmf { trained, .. } => [4.0, 7.0, 9.0 - 0.2 * snr as f64, 9.6 - 0.25 * snr as f64][*trained],
        System::Mlp { .. } => 7.5,
    };
    assert_eq!(verdicts(&plan, as_in_the_paper), [Verdict::Held; 5]);
    let the_opposite = |system: &System, snr: usize| match system {
        System::Nmf { trained, atoms, .. } => {
            let gain = [0.0, 0.5, 2.0, 1.9 + 0.1 * snr as f64 - 0.4][*trained];
            gain + if *atoms > 100 { 1.0 } else { 0.0 }
        }
        System::Mlp { .. } => 9.0,
    };
    assert_eq!(verdicts(&plan, the_opposite), [Verdict::DidNotHold; 5]);
    let all_alike = |_: &System, _: usize| 5.0;
    let found = verdicts(&plan, all_alike);
    assert_eq!(found[4], Verdict::Held, "atoms that bring nothing bring little");
}

#[test]
fn a_wide_interval_decides_nothing() {
    let wide = Interval {
        mean: 0.1,
        low: -0.2,
        high: 0.4,
    };
    assert_eq!(Verdict::above(wide, 0.0), Verdict::Undecided);
    assert_eq!(Verdict::below(wide, 0.2), Verdict::Undecided);
    assert_eq!(Verdict::below(wide, 0.5), Verdict::Held);
    assert_eq!(Verdict::above(wide, 0.5), Verdict::DidNotHold);
    assert_eq!(Verdict::all(&[Verdict::Held, Verdict::Undecided]), Verdict::Undecided);
}
