//! The paper's four statements, judged by paired bootstrap intervals (docs/algorithm.md section 1).

use super::plan::{DEEPEST, Plan, System, TEST_SNRS_DB, Training};
use super::score::Score;
use crate::bootstrap::{Interval, interval};

/// More atoms "help little" when they bring less than this; our reading, the paper gives no number. In dB.
const LITTLE_DB: f64 = 0.2;

/// What the intervals say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Held,
    DidNotHold,
    Undecided,
}

impl Verdict {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::DidNotHold => "did not hold",
            Self::Undecided => "undecided",
        }
    }

    /// Of something that should be above `limit`.
    fn above(interval: Interval, limit: f64) -> Self {
        if interval.low > limit {
            Self::Held
        } else if interval.high < limit {
            Self::DidNotHold
        } else {
            Self::Undecided
        }
    }

    /// Of something that should be below `limit`.
    fn below(interval: Interval, limit: f64) -> Self {
        let negated = Interval {
            mean: -interval.mean,
            low: -interval.high,
            high: -interval.low,
        };
        Self::above(negated, -limit)
    }

    /// Of several comparisons that must all hold.
    fn all(verdicts: &[Self]) -> Self {
        if verdicts.contains(&Self::DidNotHold) {
            Self::DidNotHold
        } else if verdicts.contains(&Self::Undecided) || verdicts.is_empty() {
            Self::Undecided
        } else {
            Self::Held
        }
    }
}

/// One paired comparison.
pub struct Finding {
    pub comparison: String,
    pub iterations: usize,
    pub training: Training,
    pub difference_db: Interval,
    pub verdict: Verdict,
}

/// A statement with all comparisons about it.
pub struct Statement {
    pub claim: &'static str,
    /// How it is judged.
    pub rule: String,
    pub findings: Vec<Finding>,
}

impl Statement {
    /// Verdict for one depth and way of training.
    pub fn verdict(&self, iterations: usize, training: Training) -> Verdict {
        let relevant = self
            .findings
            .iter()
            .filter(|finding| (finding.iterations, finding.training) == (iterations, training));
        Verdict::all(&relevant.map(|finding| finding.verdict).collect::<Vec<_>>())
    }
}

/// SDR of each excerpt, averaged over the ratios at the positions `snrs` of [`TEST_SNRS_DB`].
pub fn by_excerpt(scores: &[Score], snrs: &[usize], value: fn(&Score) -> f64) -> Vec<f64> {
    let excerpts = scores.len() / TEST_SNRS_DB.len();
    (0..excerpts)
        .map(|excerpt| {
            let sum: f64 = snrs.iter().map(|snr| value(&scores[snr * excerpts + excerpt])).sum();
            sum / snrs.len() as f64
        })
        .collect()
}

/// Finished systems with their test scores.
pub struct Results<'a> {
    pub plan: &'a Plan,
    pub systems: &'a [(System, Vec<Score>)],
}

const ALL: [usize; 6] = [0, 1, 2, 3, 4, 5];
const LOW: [usize; 2] = [0, 1];
const HIGH: [usize; 2] = [4, 5];
const ARMS: [Training; 2] = [Training::Multiplicative, Training::Adam];

impl Results<'_> {
    fn sdr(&self, system: &System, snrs: &[usize]) -> Vec<f64> {
        let found = self.systems.iter().find(|(other, _)| other == system);
        let (_, scores) = found.expect("the plan's systems are all there");
        by_excerpt(scores, snrs, |score| score.sdr_db)
    }

    /// SDR of an unfolded network for each excerpt.
    fn nmf(&self, atoms: usize, (iterations, training): (usize, Training), trained: usize, snrs: &[usize]) -> Vec<f64> {
        let training = if trained == 0 { Training::None } else { training };
        let system = System::Nmf {
            iterations,
            atoms,
            trained,
            training,
        };
        self.sdr(&system, snrs)
    }

    /// Every depth with both ways of training.
    fn settings(&self) -> Vec<(usize, Training)> {
        let depths = self.plan.iterations.iter();
        depths.flat_map(|&k| ARMS.map(|training| (k, training))).collect()
    }

    fn fewest_atoms(&self) -> usize {
        self.plan.atoms_per_source.iter().copied().min().unwrap_or(0)
    }

    /// The four statements; the third has two halves.
    pub fn statements(&self) -> Vec<Statement> {
        vec![
            self.against_the_largest_dnn(),
            self.first_layer_gives_most(),
            self.more_layers_help(),
            self.most_at_low_snr(),
            self.atoms_help_little(),
        ]
    }

    fn against_the_largest_dnn(&self) -> Statement {
        let dnns = self
            .systems
            .iter()
            .filter(|(system, _)| matches!(system, System::Mlp { .. }));
        let (largest, _) = dnns
            .max_by_key(|(system, _)| system.parameters())
            .expect("the plan has a DNN");
        let dnn = self.sdr(largest, &ALL);
        let findings = self.settings().into_iter().map(|setting| {
            let ours = self.nmf(self.fewest_atoms(), setting, 2, &ALL);
            finding(
                format!("deep NMF, C=2, minus {}", largest.name()),
                setting,
                &[(1.0, ours), (-1.0, dnn.clone())],
                0.0,
            )
        });
        Statement {
            claim: "Deep NMF with two trained layers does better than a DNN with more than ten times its parameters.",
            rule: "held when the whole interval of the difference is above 0".to_owned(),
            findings: findings.collect(),
        }
    }

    fn first_layer_gives_most(&self) -> Statement {
        let mut findings = Vec::new();
        for setting in self.settings() {
            let sdr = |trained| self.nmf(self.fewest_atoms(), setting, trained, &ALL);
            for later in 2..=DEEPEST {
                let terms = [(1.0, sdr(1)), (-1.0, sdr(0)), (-1.0, sdr(later)), (1.0, sdr(later - 1))];
                let comparison = format!("gain of C=0 to 1, minus gain of C={} to {later}", later - 1);
                findings.push(finding(comparison, setting, &terms, 0.0));
            }
        }
        Statement {
            claim: "Training the first layer (the reconstruction) gives the largest gain.",
            rule: "held when its gain minus each later gain is wholly above 0".to_owned(),
            findings,
        }
    }

    fn more_layers_help(&self) -> Statement {
        let mut findings = Vec::new();
        for setting in self.settings() {
            let sdr = |trained| self.nmf(self.fewest_atoms(), setting, trained, &ALL);
            for later in 2..=DEEPEST {
                let comparison = format!("C={later} minus C={}", later - 1);
                findings.push(finding(
                    comparison,
                    setting,
                    &[(1.0, sdr(later)), (-1.0, sdr(later - 1))],
                    0.0,
                ));
            }
        }
        Statement {
            claim: "More trained layers keep helping.",
            rule: "held when each further layer's gain is wholly above 0".to_owned(),
            findings,
        }
    }

    fn most_at_low_snr(&self) -> Statement {
        let findings = self.settings().into_iter().map(|setting| {
            let sdr = |trained, snrs: &[usize]| self.nmf(self.fewest_atoms(), setting, trained, snrs);
            let terms = [
                (1.0, sdr(DEEPEST, &LOW)),
                (-1.0, sdr(1, &LOW)),
                (-1.0, sdr(DEEPEST, &HIGH)),
                (1.0, sdr(1, &HIGH)),
            ];
            let comparison = format!("gain of C=1 to {DEEPEST} at -6 and -3 dB, minus the same at 6 and 9 dB");
            finding(comparison, setting, &terms, 0.0)
        });
        Statement {
            claim: "They help most at low signal-to-noise ratios.",
            rule: "held when the difference of the gains is wholly above 0".to_owned(),
            findings: findings.collect(),
        }
    }

    fn atoms_help_little(&self) -> Statement {
        let few = self.fewest_atoms();
        let many = self.plan.atoms_per_source.iter().copied().max().unwrap_or(few);
        let findings = self.settings().into_iter().map(|setting| {
            let terms = [
                (1.0, self.nmf(many, setting, 2, &ALL)),
                (-1.0, self.nmf(few, setting, 2, &ALL)),
            ];
            let mut finding = finding(format!("C=2: R=2x{many} minus R=2x{few}"), setting, &terms, 0.0);
            finding.verdict = Verdict::below(finding.difference_db, LITTLE_DB);
            finding
        });
        Statement {
            claim: "More atoms for each source help little.",
            rule: format!("held when the whole interval is below {LITTLE_DB} dB, which is our reading of \"little\""),
            findings: findings.collect(),
        }
    }
}

/// The weighted sum of paired values, which should be above `limit`.
fn finding(
    comparison: String,
    (iterations, training): (usize, Training),
    terms: &[(f64, Vec<f64>)],
    limit: f64,
) -> Finding {
    let count = terms[0].1.len();
    let value = |excerpt: usize| terms.iter().map(|(weight, values)| weight * values[excerpt]).sum();
    let difference_db = interval(&(0..count).map(value).collect::<Vec<f64>>());
    Finding {
        comparison,
        iterations,
        training,
        difference_db,
        verdict: Verdict::above(difference_db, limit),
    }
}

#[cfg(test)]
mod tests;
