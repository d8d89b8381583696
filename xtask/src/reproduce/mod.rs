//! `cargo xtask reproduce`: the paper's claim put to the test: sparse NMF, deep NMF trained by multiplicative
//! back-propagation and by Adam, and feed-forward networks, on the same mixes.

mod data;
mod deep_nmf;
mod figures;
mod frames;
mod mlp;
mod plan;
mod run;
mod score;
mod statements;
mod stft;
mod tables;
mod train;
mod work;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::{atomic_file, report};
use data::Data;
use plan::{Plan, System, Training};
use run::Run;
use statements::Results;
use tables::{Report, Row};
use work::{State, Work};

/// Try the paper's claim: deep NMF against feed-forward networks
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folder with train/ and dev/, each with speech/ and noise/
    #[arg(
        long,
        value_name = "DIR",
        required_unless_present = "quick",
        conflicts_with = "quick"
    )]
    corpus: Option<PathBuf>,
    /// Markdown file to write; the figures go beside it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The same systems at toy sizes on synthesised sounds: a check of the program
    #[arg(long)]
    quick: bool,
    /// Go on with an interrupted run
    #[arg(long)]
    resume: bool,
    /// Folder that keeps finished systems and the one in progress [default: target/reproduce]
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
    /// Training mixes of up to 4 s [default: 230]
    #[arg(long, value_name = "N", conflicts_with = "quick")]
    mixes: Option<usize>,
    /// Passes over them, for every system
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Seed of every choice
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs the command.
///
/// # Errors
/// The report exists already, the corpus cannot be read, a system breaks a promise, or a file cannot be written.
pub fn run(args: &Args) -> Result<()> {
    ensure!(
        !args.out.exists(),
        "{} exists already; choose another --out",
        args.out.display()
    );
    // Hours of work should not end at a folder that cannot be written to.
    atomic_file::beside(&args.out).with_context(|| format!("cannot write {}", args.out.display()))?;
    let plan = plan(args);
    ensure!(
        plan.epochs > 0 && plan.training_mixes > 0,
        "--epochs and --mixes must be positive"
    );
    let data = match &args.corpus {
        Some(corpus) => Data::from_corpus(corpus, &plan)?,
        None if args.quick => Data::synthetic(&plan)?,
        None => bail!("give --corpus or --quick"),
    };
    println!(
        "training: {:.1} min, dev: {:.1} min, test: {:.1} min",
        Data::seconds(&data.training) / 60.0,
        Data::seconds(&data.dev) / 60.0,
        Data::seconds(&data.test) / 60.0
    );
    let folder = args.work.clone().unwrap_or_else(|| {
        let name = if args.quick { "reproduce-quick" } else { "reproduce" };
        crate::workspace_root().join("target").join(name)
    });
    let identity = format!("{}\n{}\n", serde_json::to_string(&plan)?, data.fingerprint());
    let work = Work::open(&folder, &identity, args.resume)?;
    let minutes = [&data.training, &data.test].map(|mixes| Data::seconds(mixes) / 60.0);
    let dev_seconds = Data::seconds(&data.dev);
    let origin = data.origin.clone();
    let mut run = Run::new(&plan, &work, data)?;
    let finished = run.all_systems()?;

    let rows = rows(&run, &finished)?;
    let figures = [figure_path(&args.out, "sdr"), figure_path(&args.out, "dictionary")];
    let drawn = [
        figures::sdr_against_parameters(&plan, &rows)?,
        run.dictionary_figure(&finished)?,
    ];
    for (path, svg) in figures.iter().zip(drawn) {
        atomic_file::write(path, svg.as_bytes())?;
    }
    let systems: Vec<_> = finished
        .into_iter()
        .map(|(system, state)| (system, state.scores.unwrap_or_default()))
        .collect();
    let report = Report {
        plan: &plan,
        command: command(args),
        date: report::today(),
        origin: &origin,
        training_minutes: minutes[0],
        dev_seconds,
        test_minutes: minutes[1],
        rows: &rows,
        sdr_figure: &file_name(&figures[0]),
        dictionary_figure: &file_name(&figures[1]),
    };
    let results = Results {
        plan: &plan,
        systems: &systems,
    };
    atomic_file::write(&args.out, report.markdown(&results).as_bytes())?;
    println!("wrote {}", args.out.display());
    Ok(())
}

fn rows(run: &Run, finished: &[(System, State)]) -> Result<Vec<Row>> {
    let mut rows = vec![run.input_row(), run.oracle_row()?];
    for (system, state) in finished {
        rows.push(Row {
            name: system.name(),
            system: Some(system.clone()),
            scores: state.scores.clone().unwrap_or_default(),
            dev_sdr_db: state
                .best_epoch
                .checked_sub(1)
                .map(|best| state.epochs[best].dev_sdr_db),
            best_epoch: state.best_epoch,
            seconds: state.epochs.iter().map(|epoch| epoch.seconds).sum(),
        });
    }
    Ok(rows)
}

fn plan(args: &Args) -> Plan {
    let plan = if args.quick { Plan::quick() } else { Plan::full() };
    Plan {
        seed: args.seed,
        training_mixes: args.mixes.unwrap_or(plan.training_mixes),
        epochs: args.epochs.unwrap_or(plan.epochs),
        ..plan
    }
}

/// The system whose dictionary is drawn: the paper's size, trained by Adam.
fn drawn_system(plan: &Plan) -> System {
    System::Nmf {
        iterations: plan.iterations.iter().copied().max().unwrap_or(0),
        atoms: plan.atoms_per_source.iter().copied().min().unwrap_or(0),
        trained: 2,
        training: Training::Adam,
    }
}

/// `docs/report_sdr.svg` for `docs/report.md`.
fn figure_path(out: &Path, name: &str) -> PathBuf {
    let stem = out.file_stem().unwrap_or_default().to_string_lossy();
    out.with_file_name(format!("{stem}_{name}.svg"))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The command that gives this report again; paths are cut to file names, since folders differ between machines.
fn command(args: &Args) -> String {
    let mut text = "cargo xtask reproduce".to_owned();
    if let Some(corpus) = &args.corpus {
        text += &format!(" --corpus {}", file_name(corpus));
    }
    text += &format!(" --out {} --seed {}", file_name(&args.out), args.seed);
    let counts = [("--mixes", args.mixes), ("--epochs", args.epochs)];
    for (name, count) in counts {
        text += &count.map_or(String::new(), |count| format!(" {name} {count}"));
    }
    if args.quick {
        text += " --quick";
    }
    text
}
