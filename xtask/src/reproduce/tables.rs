//! The report as Markdown.

use super::plan::{Plan, System, TEST_SNRS_DB, Training};
use super::score::Score;
use super::statements::{Finding, Results, Statement, by_excerpt};
use crate::bootstrap::interval;
use crate::report::table;

/// One row of the comparison.
pub struct Row {
    pub name: String,
    /// `None` for what is not trained at all.
    pub system: Option<System>,
    pub scores: Vec<Score>,
    /// Of the epoch that was chosen.
    pub dev_sdr_db: Option<f64>,
    pub best_epoch: usize,
    pub seconds: f64,
}

/// Everything that the report says.
pub struct Report<'a> {
    pub plan: &'a Plan,
    pub command: String,
    pub date: String,
    pub origin: &'a str,
    pub training_minutes: f64,
    pub dev_seconds: f64,
    pub test_minutes: f64,
    pub rows: &'a [Row],
    /// File names of the figures.
    pub sdr_figure: &'a str,
    pub dictionary_figure: &'a str,
}

impl Report<'_> {
    /// The whole file.
    pub fn markdown(&self, results: &Results) -> String {
        let statements = results.statements();
        [
            self.heading(),
            self.verdicts(&statements),
            self.method(),
            self.scores("SDR, BSS-eval v3 (dB)", |score| score.sdr_db),
            self.scores("SI-SDR (dB)", |score| score.si_sdr_db),
            self.figures(),
            comparisons(&statements),
            self.cost(),
        ]
        .join("\n\n")
            + "\n"
    }

    fn heading(&self) -> String {
        format!(
            "# Deep NMF against a DNN: the paper's claim, tried here\n\n\
             This file was written by `{}` on {}; the same command writes it again.\n\n\
             The claim (Hershey, Le Roux and Weninger, *Deep Unfolding*, 2014): on CHiME-2, deep NMF of 25 layers with \
             two of them trained reaches 9.64 dB SDR with 440 thousand trained parameters, where a DNN with 5.5 million \
             reaches 9.57 dB. Training the reconstruction layer brings most, training more layers keeps helping, most \
             at low signal-to-noise ratios, and more atoms help little.\n\nThe other half of the paper, networks \
             unfolded from mean field and belief propagation, and what they add to our denoiser, is in `field.md`.",
            self.command, self.date
        )
    }

    /// In plain words, for the paper's own depth.
    fn verdicts(&self, statements: &[Statement]) -> String {
        let deepest = self.plan.iterations.iter().copied().max().unwrap_or(0);
        let fewest = self.plan.atoms_per_source.iter().copied().min().unwrap_or(0);
        let lines: String = statements
            .iter()
            .map(|statement| {
                let [multiplicative, adam] =
                    [Training::Multiplicative, Training::Adam].map(|arm| statement.verdict(deepest, arm).words());
                format!(
                    "- {} **{}** with multiplicative back-propagation, **{}** with Adam. ({}.)\n",
                    statement.claim,
                    capital(multiplicative),
                    adam,
                    capital(&statement.rule)
                )
            })
            .collect();
        format!(
            "## What held\n\nWith K={deepest} layers and {fewest} atoms for each source, as in the paper; \
             other depths are under \"Comparisons\". \"Undecided\" means that these test mixes are too few to tell.\n\n{}",
            lines.trim_end()
        )
    }

    fn method(&self) -> String {
        let plan = self.plan;
        format!(
            "## What was compared, and what differs from the paper\n\n\
             - **Data.** {:.1} minutes of training mixes, {:.0} seconds of dev mixes, {:.1} minutes of test mixes ({} \
             excerpts, each at all six ratios). They are {}. Speech and noise are added as they are. The paper used \
             CHiME-2: reverberated speech in recorded living-room noise, hours of it, under a licence that we do not \
             have. So decibels cannot be compared across the two, only the order of the systems.\n\
             - **Features** as in the paper: 16 kHz, 25 ms square-root Hann windows every 10 ms, magnitudes, nine past \
             frames beside the current one (so nothing looks ahead). Each mix is scaled to a mean magnitude of 1, for \
             every system alike.\n\
             - **Unfolded networks.** K layers of sparse NMF updates, beta = {}, sparsity {}, from activations of 1; the \
             first layers share one dictionary, the last C matrices (the reconstruction counts as one) are trained, \
             all from the sparse NMF dictionary, on half the squared error of the masked magnitudes. Two ways: \
             multiplicative back-propagation (exponent {}), and Adam on log-weights (step {}) with the same gradients, \
             which is not in the paper.\n\
             - **DNNs.** Feed-forward, ReLU, sigmoid mask, normalised log-magnitudes of the same ten frames, the same \
             error, Adam (step {}).\n\
             - **Budget.** The same mixes in the same order, {} epochs, steps of {} frames and a rate that falls to {} of \
             its start for every system; the epoch with the best dev SDR is scored. The step sizes were not \
             searched; one was raised once, after a pilot of two epochs on 60 mixes (Adam's on log-weights). The paper \
             does not bind its systems to equal epochs. The seconds that each took are below.\n\
             - **Atoms**: {} for each source; the paper went to 1000.\n\
             - **Promises.** On every mix that is scored the program ends with an error if a weight, an activation or an \
             estimate of an unfolded network is negative, if masked speech and masked noise do not add up to the \
             input's magnitude, or if, for any system, the two signals do not add up to the input. None did.",
            self.training_minutes,
            self.dev_seconds,
            self.test_minutes,
            plan.test_excerpts,
            self.origin,
            plan.beta,
            plan.sparsity,
            plan.multiplicative_rate,
            plan.log_adam_rate,
            plan.adam_rate,
            plan.epochs,
            plan.batch_frames,
            plan.last_rate_share,
            list(&plan.atoms_per_source),
        )
    }

    fn scores(&self, title: &str, value: fn(&Score) -> f64) -> String {
        let snrs = TEST_SNRS_DB.iter().map(|snr| format!("{snr} dB"));
        let header: Vec<String> = ["system".to_owned(), "trained parameters".to_owned()]
            .into_iter()
            .chain(snrs)
            .chain(["mean".to_owned()])
            .collect();
        let all: Vec<usize> = (0..TEST_SNRS_DB.len()).collect();
        let rows: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| {
                let cell = |snrs: &[usize]| {
                    let found = interval(&by_excerpt(&row.scores, snrs, value));
                    format!("{:.2} [{:.2}, {:.2}]", found.mean, found.low, found.high)
                };
                let parameters = row
                    .system
                    .as_ref()
                    .map_or("–".to_owned(), |s| s.parameters().to_string());
                [row.name.clone(), parameters]
                    .into_iter()
                    .chain(all.iter().map(|&snr| cell(&[snr])))
                    .chain([cell(&all)])
                    .collect()
            })
            .collect();
        format!(
            "## {title} by input SNR\n\nIn brackets: 95 % bootstrap intervals over the test excerpts. They are wide because \
             excerpts differ; systems on the same excerpts are compared under \"Comparisons\".\n\n{}",
            table(&header, &rows).trim_end()
        )
    }

    fn figures(&self) -> String {
        format!(
            "## Figures\n\n![Mean SDR against trained parameters]({})\n\n![Reconstruction atoms before and after \
             training]({})",
            self.sdr_figure, self.dictionary_figure
        )
    }

    fn cost(&self) -> String {
        let header = ["system", "chosen epoch", "dev SDR (dB)", "seconds of training"].map(str::to_owned);
        let trained = self.rows.iter().filter(|row| row.best_epoch > 0);
        let rows: Vec<Vec<String>> = trained
            .map(|row| {
                vec![
                    row.name.clone(),
                    row.best_epoch.to_string(),
                    row.dev_sdr_db.map_or("–".to_owned(), |db| format!("{db:.2}")),
                    format!("{:.0}", row.seconds),
                ]
            })
            .collect();
        format!(
            "## Cost\n\nSeconds depend on what else the machine was doing. The shared layers' activations are computed \
             once for all systems and are not in them.\n\n{}",
            table(&header, &rows).trim_end()
        )
    }
}

fn comparisons(statements: &[Statement]) -> String {
    let header = [
        "comparison",
        "K",
        "training",
        "difference (dB)",
        "95 % interval",
        "verdict",
    ]
    .map(str::to_owned);
    let cells = |finding: &Finding| {
        let found = finding.difference_db;
        let arm = if finding.training == Training::Adam {
            "Adam"
        } else {
            "multiplicative"
        };
        vec![
            finding.comparison.clone(),
            finding.iterations.to_string(),
            arm.to_owned(),
            format!("{:+.2}", found.mean),
            format!("[{:+.2}, {:+.2}]", found.low, found.high),
            finding.verdict.words().to_owned(),
        ]
    };
    let sections: Vec<String> = statements
        .iter()
        .map(|statement| {
            let rows: Vec<Vec<String>> = statement.findings.iter().map(cells).collect();
            format!(
                "### {}\n\n{}",
                statement.claim.trim_end_matches('.'),
                table(&header, &rows).trim_end()
            )
        })
        .collect();
    format!(
        "## Comparisons\n\nMean SDR over all ratios unless written otherwise, differences on the same excerpts.\n\n{}",
        sections.join("\n\n")
    )
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn list(values: &[usize]) -> String {
    values.iter().map(usize::to_string).collect::<Vec<_>>().join(" and ")
}
