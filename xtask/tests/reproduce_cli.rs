//! Promise: the comparison of the paper's systems runs without a corpus, is deterministic for a seed, survives
//! interruption and reports every system. The sounds are synthesised; what is checked is the program, not the claim.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{fail, succeed};

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

fn command(name: &str, more: &str) -> String {
    format!("reproduce --quick --out {name}.md --work {name}.work {more}")
}

fn run(folder: &Path, name: &str, more: &str) -> String {
    succeed(folder, &words(&command(name, more)));
    std::fs::read_to_string(folder.join(format!("{name}.md"))).unwrap()
}

/// The report without its file names and date, and without the seconds that it took.
fn lasting(report: &str) -> &str {
    let begin = report.find("## What held").unwrap();
    let end = report.find("## Figures").unwrap();
    &report[begin..end]
}

fn states(work: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(work).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "state"))
        .collect()
}

/// Starts a run and kills it once it has kept more than `systems` files.
fn interrupt(folder: &Path, name: &str, systems: usize) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .current_dir(folder)
        .args(words(&command(name, "")))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let work = folder.join(format!("{name}.work"));
    while states(&work).len() <= systems && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().ok();
    child.wait().unwrap();
}

#[test]
fn the_report_is_complete_repeats_itself_and_survives_interruption() {
    let folder = tempfile::tempdir().unwrap();
    let report = run(folder.path(), "first", "");
    for atoms in [6, 10] {
        for k in [4, 25] {
            for row in [
                format!("| SNMF, R=2x{atoms}, K={k}, C=0 | 0 |"),
                format!(
                    "| DNMF, R=2x{atoms}, K={k}, C=1, multiplicative | {} |",
                    201 * 2 * atoms
                ),
                format!("| DNMF, R=2x{atoms}, K={k}, C=1, Adam |"),
                format!("| deep NMF, R=2x{atoms}, K={k}, C=2, multiplicative |"),
                format!("| deep NMF, R=2x{atoms}, K={k}, C=2, Adam | {} |", 11 * 201 * 2 * atoms),
                format!("| deep NMF, R=2x{atoms}, K={k}, C=3, multiplicative |"),
                format!("| deep NMF, R=2x{atoms}, K={k}, C=3, Adam |"),
            ] {
                // One table for SDR, one for SI-SDR; the cost table has the trained ones only.
                assert!(report.matches(&row).count() >= 2, "{row}");
            }
        }
    }
    let names = [
        "| noisy input |",
        "| oracle ratio mask |",
        "| DNN, 1 x 8 |",
        "| DNN, 2 x 48 |",
    ];
    for row in names {
        assert!(report.matches(row).count() >= 2, "{row}");
    }
    assert!(!report.contains("NaN"), "every score is a number");
    let verdicts = report.matches("with multiplicative back-propagation, **").count();
    assert_eq!(verdicts, 5, "each statement has its verdict");
    for figure in ["first_sdr.svg", "first_dictionary.svg"] {
        let svg = std::fs::read_to_string(folder.path().join(figure)).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert!(report.contains(figure));
    }

    let again = run(folder.path(), "second", "");
    assert_eq!(
        lasting(&report),
        lasting(&again),
        "the same seed must give the same report"
    );
    let other = run(folder.path(), "other", "--seed 2");
    assert_ne!(lasting(&report), lasting(&other), "another seed gives other sounds");

    // Killed in the middle, it goes on from what it kept.
    interrupt(folder.path(), "resumed", 8);
    assert!(!folder.path().join("resumed.md").exists());
    assert!(!states(&folder.path().join("resumed.work")).is_empty());
    let resumed = run(folder.path(), "resumed", "--resume");
    assert_eq!(
        lasting(&report),
        lasting(&resumed),
        "a resumed run must end where the other did"
    );
}

#[test]
fn what_cannot_work_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |command: &str| fail(folder.path(), &words(command));
    let report = run(folder.path(), "r", "--epochs 1");
    for end in ["--work other.work", "--work r.work --resume"] {
        let text = refused(&format!("reproduce --quick --epochs 1 --out r.md {end}"));
        assert!(text.contains("r.md exists already"), "{text}");
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("r.md")).unwrap(), report);
    let text = refused("reproduce --quick --epochs 1 --out s.md --work r.work");
    assert!(
        text.contains("holds an earlier run") && text.contains("--resume"),
        "{text}"
    );
    let text = refused("reproduce --quick --epochs 2 --out s.md --work r.work --resume");
    assert!(text.contains("other settings"), "{text}");
    let text = refused("reproduce --corpus nowhere --out x.md --work w");
    assert!(text.contains("nowhere"), "{text}");
    let text = refused("reproduce --quick --out no/such/x.md");
    assert!(text.contains("no/such/x.md"), "{text}");
    let text = refused("reproduce --quick --epochs 0 --out x.md --work w");
    assert!(text.contains("--epochs"), "{text}");
}
