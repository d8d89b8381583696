//! Unfold's commands, run as `cargo xtask`.

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use xtask::{atomic_file, audio_file, metrics};

mod augment;
mod bench;
mod bootstrap;
mod bundle;
mod check;
mod corpus;
mod denoise;
mod eval;
mod field_cost;
mod host;
mod inspect;
mod learn;
mod mix;
mod pairs;
mod peers;
mod report;
mod reproduce;
mod resample;
mod setup;
mod soak;
mod spectrum_filter;
mod synth_noise;
mod train;

/// Build, test, use, train and measure Unfold
#[derive(Parser, Debug)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
enum Cli {
    Bundle(bundle::Args),
    Test(check::Args),
    Denoise(denoise::Args),
    Learn(learn::Args),
    Inspect(inspect::Args),
    Eval(eval::Args),
    Bench(bench::Args),
    Soak(soak::Args),
    Train(train::Args),
    Reproduce(reproduce::Args),
    TrainField(train::field::command::Args),
    FieldTask(train::field::task::Args),
    FieldCost(field_cost::Args),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(message) => {
            // Help and version come this way too, and are no failure. A closed pipe is nothing to report.
            let _ = message.print();
            return if message.use_stderr() {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let result = match cli {
        Cli::Bundle(args) => bundle::run(&args),
        Cli::Test(args) => check::run(&args),
        Cli::Denoise(args) => denoise::run(&args),
        Cli::Learn(args) => learn::run(&args),
        Cli::Inspect(args) => inspect::run(&args),
        Cli::Eval(args) => eval::run(&args),
        Cli::Bench(args) => bench::run(&args),
        Cli::Soak(args) => soak::run(&args),
        Cli::Train(args) => train::run(&args),
        Cli::Reproduce(args) => reproduce::run(&args),
        Cli::TrainField(args) => train::field::command::run(&args),
        Cli::FieldCost(args) => field_cost::run(&args),
        Cli::FieldTask(args) => train::field::task::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace's `Cargo.toml`.
fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the xtask package lies in the workspace")
}
