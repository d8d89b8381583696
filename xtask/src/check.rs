//! `cargo xtask test`: every check of the project, one after the other, and a summary line.

mod ardour;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::{bundle, setup, workspace_root};

/// The host from the Python package index that loads the built VST3, and what its script uses.
const PYTHON_PACKAGES: [&str; 2] = ["pedalboard==0.9.26", "numpy"];

/// Everything that is not the default build: the standalone program, and the abort on an allocation in `process`.
const ALL_FEATURES: &str = "unfold/standalone,unfold/assert_process_allocs";

/// Run every check: format, lints, documentation, tests, fuzz targets, licences, the bundle, and the VST3 in a foreign host
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Run only the bundle and the VST3 in foreign hosts, and in more of them: also in Ardour, which is installed (0.2 GB)
    /// where it is missing
    #[arg(long)]
    hosts: bool,
}

/// How a check ended.
enum Outcome {
    Passed,
    /// Not run, because of this.
    Skipped(String),
}

type Check = fn() -> Result<Outcome>;

const CHECKS: [(&str, Check); 10] = [
    ("system libraries", system_libraries),
    ("format", format),
    ("lints", lints),
    ("documentation", documentation),
    ("tests", tests),
    ("panel in a window", window),
    ("fuzz targets", fuzz_targets),
    ("cargo-deny", cargo_deny),
    ("bundle", bundle),
    ("VST3 in pedalboard", pedalboard),
];

/// The checks of `--hosts`.
const HOST_CHECKS: [(&str, Check); 3] = [
    ("bundle", bundle),
    ("VST3 in pedalboard", pedalboard),
    ("VST3 in Ardour", ardour::check),
];

/// Runs the command. Every check runs, also after one has failed.
///
/// # Errors
/// At least one check failed.
pub fn run(args: &Args) -> Result<()> {
    std::env::set_current_dir(workspace_root())?;
    let checks: &[(&str, Check)] = if args.hosts { &HOST_CHECKS } else { &CHECKS };
    let (mut lines, mut passed, mut failed, mut skipped) = (Vec::new(), 0, 0, 0);
    for (name, check) in checks {
        println!("\n── {name}");
        let start = Instant::now();
        let result = check();
        let seconds = start.elapsed().as_secs();
        lines.push(match result {
            Ok(Outcome::Passed) => {
                passed += 1;
                format!("passed   {name} ({seconds} s)")
            }
            Ok(Outcome::Skipped(reason)) => {
                skipped += 1;
                format!("skipped  {name}, because {reason}")
            }
            Err(error) => {
                failed += 1;
                format!("FAILED   {name}: {error:#}")
            }
        });
    }
    println!("\n{}\n", lines.join("\n"));
    let and_skipped = if skipped > 0 {
        format!(", {skipped} skipped")
    } else {
        String::new()
    };
    println!("{passed} passed, {failed} failed{and_skipped}");
    ensure!(failed == 0, "{failed} of {} checks failed", checks.len());
    Ok(())
}

fn system_libraries() -> Result<Outcome> {
    setup::require(setup::Purpose::Test)?;
    Ok(Outcome::Passed)
}

fn format() -> Result<Outcome> {
    succeed(&mut cargo(&["fmt", "--all", "--check"]))
}

fn lints() -> Result<Outcome> {
    let arguments = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--features",
        ALL_FEATURES,
        "--",
        "-D",
        "warnings",
    ];
    succeed(&mut cargo(&arguments))
}

fn documentation() -> Result<Outcome> {
    succeed(cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"]).env("RUSTDOCFLAGS", "-D warnings"))
}

fn tests() -> Result<Outcome> {
    let all = succeed(
        cargo(&[
            "test",
            "--workspace",
            "--no-fail-fast",
            "--features",
            "unfold/assert_process_allocs",
        ])
        .env_remove("DISPLAY"),
    );
    // Without the framework's own allocation check, the tests bring a counting allocator that sees more.
    let counted = succeed(&mut cargo(&["test", "--package", "unfold", "--test", "alloc"]));
    all.and(counted)
}

/// The test of the panel's window, on an X server in memory: it must not flash over somebody's screen.
fn window() -> Result<Outcome> {
    if !setup::is_on_path("xvfb-run") {
        return unless_ci("xvfb-run is not installed");
    }
    let test = ["cargo", "test", "--package", "unfold", "--test", "window", "--features"];
    succeed(
        Command::new("xvfb-run")
            .arg("--auto-servernum")
            .args(test)
            .arg("unfold/assert_process_allocs"),
    )
}

/// Checks what only `cargo fuzz` compiles otherwise.
fn fuzz_targets() -> Result<Outcome> {
    let target_folder = bundle::target_folder()?.join("fuzz");
    succeed(
        cargo(&[
            "check",
            "--locked",
            "--all-features",
            "--manifest-path",
            "fuzz/Cargo.toml",
        ])
        // Nothing is linked: any name will do, and no C++ compiler is needed.
        .env("CUSTOM_LIBFUZZER_PATH", target_folder.join("libfuzzer.a"))
        .env("CARGO_TARGET_DIR", target_folder),
    )
}

/// Skips a check, but on a continuous-integration machine, which must not lose it unnoticed.
fn unless_ci(reason: &str) -> Result<Outcome> {
    if std::env::var_os("CI").is_some() {
        bail!("{reason}");
    }
    Ok(Outcome::Skipped(reason.to_owned()))
}

/// Advisories need a database from the network; licences and sources are also held by a test of their own, so that this may
/// be skipped anywhere.
fn cargo_deny() -> Result<Outcome> {
    if !setup::is_on_path("cargo-deny") {
        return Ok(Outcome::Skipped("cargo-deny is not installed".into()));
    }
    succeed(&mut cargo(&["deny", "check", "licenses", "bans", "sources"]))
}

/// In a process of its own: a plugin that crashes must not take the other checks and the summary with it.
fn bundle() -> Result<Outcome> {
    succeed(Command::new(std::env::current_exe()?).arg("bundle"))
}

/// Runs the Python script over the VST3 that the check before has built.
fn pedalboard() -> Result<Outcome> {
    let target_folder = bundle::target_folder()?;
    let environment = target_folder.join("pedalboard");
    if let Err(error) = install_pedalboard(&environment) {
        return unless_ci(&format!("{error:#}"));
    }
    let bundled = target_folder.join("bundled");
    succeed(
        Command::new(python_in(&environment))
            .arg("tests/hosts_pedalboard.py")
            .arg(bundled.join("Unfold.vst3"))
            .arg("assets"),
    )
}

fn install_pedalboard(environment: &Path) -> Result<()> {
    let python = python_in(environment);
    if !python.exists() {
        let name = if cfg!(windows) { "python" } else { "python3" };
        run_command(Command::new(name).args(["-m", "venv"]).arg(environment))
            .context("Python cannot make a virtual environment")?;
    }
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run_command(Command::new(python).args(pip).args(PYTHON_PACKAGES)).context("pip cannot install pedalboard")
}

fn python_in(environment: &Path) -> PathBuf {
    environment.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    })
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments);
    command
}

fn succeed(command: &mut Command) -> Result<Outcome> {
    run_command(command)?;
    Ok(Outcome::Passed)
}

fn run_command(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status();
    let program = command.get_program().to_string_lossy();
    match status.with_context(|| format!("{program} cannot be started"))? {
        status if status.success() => Ok(()),
        status => bail!("{program} ended with {status}"),
    }
}
