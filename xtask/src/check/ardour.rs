//! The built VST3 in Ardour, a workstation that many use on Linux: scanned, then driven by a script without a screen.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};

use super::Outcome;
use crate::{bundle, setup};

const SCRIPT: &str = "tests/hosts_ardour.lua";
/// The last line of a script that came to its end.
const PASSED: &str = "Ardour: every check passed";
/// What Ardour puts before a script's error.
const ERROR: &str = "Error: ";
/// Ardour's own libraries, and its scanner, which does not find them by itself.
const LIBRARIES: &str = "/usr/lib/ardour7";
/// The script takes half a minute; a host that hangs is ended.
const LIMIT: &str = "300";

/// Runs the script over the VST3 that the check before has built. Ardour sees a home folder of its own with nothing but
/// this plugin in it, and leaves the user's settings alone.
///
/// # Errors
/// Ardour is missing and cannot be installed, or something in it is not as promised.
pub fn check() -> Result<Outcome> {
    if !cfg!(target_os = "linux") {
        return Ok(Outcome::Skipped("Ardour's script is for Linux".into()));
    }
    setup::require(setup::Purpose::Ardour)?;
    let home = tempfile::tempdir()?;
    let built = bundle::target_folder()?.join("bundled/Unfold.vst3");
    let plugin = bundle::install(&built, &home.path().join(".vst3"))?;
    // Ardour believes a list only if it is younger than the plugin by a second of the clock.
    let module = plugin.join(format!("Contents/{}-linux/Unfold.so", std::env::consts::ARCH));
    let a_minute_ago = SystemTime::now() - Duration::from_secs(60);
    File::options()
        .append(true)
        .open(&module)
        .and_then(|file| file.set_modified(a_minute_ago))
        .with_context(|| format!("{} cannot be touched", module.display()))?;

    let scanner = Path::new(LIBRARIES).join("ardour-vst3-scanner");
    let status = at_home(Command::new(scanner).arg(&plugin), home.path())
        .env("LD_LIBRARY_PATH", LIBRARIES)
        .status()
        .context("Ardour's scanner cannot be started")?;
    ensure!(status.success(), "Ardour's scanner ended with {status}");

    let script = ["--kill-after=10", LIMIT, "ardour7-lua", SCRIPT];
    let session = home.path().join("session");
    let ended = at_home(Command::new("timeout").args(script).arg(session), home.path())
        .output()
        .context("Ardour cannot be started")?;
    let output = String::from_utf8_lossy(&ended.stdout);
    print!("{output}{}", String::from_utf8_lossy(&ended.stderr));
    if let Some((_, sentence)) = output.lines().find_map(|line| line.split_once(ERROR)) {
        bail!("{sentence}");
    }
    // A crash while the session closes comes after everything else went well.
    ensure!(ended.status.code() != Some(124), "Ardour hangs");
    ensure!(ended.status.success(), "Ardour ended with {}", ended.status);
    ensure!(output.contains(PASSED), "Ardour did not come to the end of {SCRIPT}");
    Ok(Outcome::Passed)
}

/// Lets a program see `home` as the user's home folder.
fn at_home<'a>(command: &'a mut Command, home: &Path) -> &'a mut Command {
    for variable in ["XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"] {
        command.env_remove(variable);
    }
    command.env("HOME", home).stdin(Stdio::null())
}
