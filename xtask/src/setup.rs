//! The system libraries and tools that building and testing need: found, installed where that is allowed,
//! otherwise named in one line to run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail, ensure};

/// What is about to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Build the plugins.
    Bundle,
    /// Build everything, the standalone program included, and run every check.
    Test,
    /// Put the plugin into a session in Ardour.
    Ardour,
}

/// How the presence of a requirement shows.
enum Probe {
    /// One of these programs is on the search path.
    Program(&'static [&'static str]),
    /// A header below one of the compiler's include folders.
    Header(&'static str),
    /// A development package that pkg-config knows.
    PkgConfig(&'static str),
    /// A shared library that the dynamic linker finds.
    Library(&'static str),
    /// A folder beside the system's shared libraries.
    Folder(&'static str),
    /// A module of the system's Python.
    PythonModule(&'static str),
}

struct Requirement {
    probe: Probe,
    /// Debian's package of it.
    package: &'static str,
}

const fn needs(package: &'static str, probe: Probe) -> Requirement {
    Requirement { probe, package }
}

/// The plugin needs a C linker and the C library only.
const BUNDLE: &[Requirement] = &[
    needs("gcc", Probe::Program(&["cc", "gcc", "clang"])),
    needs("libc6-dev", Probe::Header("stdio.h")),
];

/// The standalone program, the libraries that an editor window opens, a screen in memory, and Python for the VST3 host.
const TEST: &[Requirement] = &[
    needs("pkg-config", Probe::Program(&["pkg-config", "pkgconf"])),
    needs("libasound2-dev", Probe::PkgConfig("alsa")),
    needs("libjack-jackd2-dev", Probe::PkgConfig("jack")),
    needs("libx11-6", Probe::Library("libX11.so.6")),
    needs("libx11-xcb1", Probe::Library("libX11-xcb.so.1")),
    needs("libxcb1", Probe::Library("libxcb.so.1")),
    needs("libxkbcommon0", Probe::Library("libxkbcommon.so.0")),
    needs("libxkbcommon-x11-0", Probe::Library("libxkbcommon-x11.so.0")),
    needs("libxcursor1", Probe::Library("libXcursor.so.1")),
    needs("libgl1", Probe::Library("libGL.so.1")),
    needs("libegl1", Probe::Library("libEGL.so.1")),
    needs("libgl1-mesa-dri", Probe::Folder("dri")),
    needs("xvfb", Probe::Program(&["xvfb-run"])),
    needs("xauth", Probe::Program(&["xauth"])),
    needs("python3-venv", Probe::PythonModule("ensurepip")),
];

/// The workstation, as Debian 12 has it.
const ARDOUR: &[Requirement] = &[needs("ardour", Probe::Program(&["ardour7-lua"]))];

/// Makes sure that what `purpose` needs is there.
///
/// # Errors
/// Something is missing and may not be, or could not be, installed. The message holds the line to run.
pub fn require(purpose: Purpose) -> Result<()> {
    // Elsewhere the compiler that Rust itself asks for brings everything.
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let missing = missing_packages(purpose);
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    if !is_on_path("apt-get") {
        bail!("these are missing, under the names that Debian gives them; install your system's packages: {packages}");
    }
    let install = install_words(purpose);
    let by_hand = format!("sudo apt-get update && sudo apt-get {} {packages}", install.join(" "));
    let Some(prefix) = privilege() else {
        bail!("system packages are missing; run: {by_hand}");
    };
    println!("installing missing system packages: {packages}");
    let installed =
        apt_get(prefix, &["update"]) && apt_get(prefix, &[install, &["--yes"], missing.as_slice()].concat());
    ensure!(installed, "the system packages could not be installed; run: {by_hand}");
    let still_missing = missing_packages(purpose);
    ensure!(
        still_missing.is_empty(),
        "still missing after the installation: {}",
        still_missing.join(" ")
    );
    Ok(())
}

/// Ardour recommends as much again as it needs: a desktop's worth, none of it for a session without a screen.
fn install_words(purpose: Purpose) -> &'static [&'static str] {
    match purpose {
        Purpose::Bundle | Purpose::Test => &["install"],
        Purpose::Ardour => &["install", "--no-install-recommends"],
    }
}

/// Debian's names of what is not there.
fn missing_packages(purpose: Purpose) -> Vec<&'static str> {
    let beyond = match purpose {
        Purpose::Bundle => &[],
        Purpose::Test => TEST,
        Purpose::Ardour => ARDOUR,
    };
    BUNDLE
        .iter()
        .chain(beyond)
        .filter(|requirement| !requirement.probe.finds())
        .map(|found| found.package)
        .collect()
}

impl Probe {
    fn finds(&self) -> bool {
        match self {
            Probe::Program(names) => names.iter().any(|name| is_on_path(name)),
            Probe::Header(name) => include_folders().iter().any(|folder| folder.join(name).is_file()),
            Probe::PkgConfig(name) => succeeds(Command::new("pkg-config").args(["--exists", name])),
            // SONAMEs are looked up in the linker's cache; where there is no cache, in the usual folders.
            Probe::Library(name) => in_linker_cache(name).unwrap_or_else(|| in_library_folders(name)),
            Probe::Folder(name) => in_library_folders(name),
            Probe::PythonModule(name) => succeeds(Command::new("python3").args(["-c", &format!("import {name}")])),
        }
    }
}

fn include_folders() -> Vec<PathBuf> {
    let triple = format!("/usr/include/{}-linux-gnu", std::env::consts::ARCH);
    ["/usr/include".into(), "/usr/local/include".into(), triple.into()].to_vec()
}

fn in_linker_cache(name: &str) -> Option<bool> {
    // Not on an ordinary user's search path everywhere.
    let ldconfig = ["/sbin/ldconfig", "/usr/sbin/ldconfig"]
        .into_iter()
        .find(|path| Path::new(path).exists())?;
    let output = Command::new(ldconfig)
        .arg("-p")
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let cache = String::from_utf8_lossy(&output.stdout);
    Some(cache.lines().any(|line| line.split_whitespace().next() == Some(name)))
}

fn in_library_folders(name: &str) -> bool {
    let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
    ["/usr/lib", "/lib", "/usr/lib64", "/lib64", "/usr/local/lib"]
        .iter()
        .flat_map(|folder| [PathBuf::from(folder), Path::new(folder).join(&triple)])
        .any(|folder| folder.join(name).exists())
}

/// Whether a program of this name lies in one of the folders of `PATH`.
pub fn is_on_path(name: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(name).is_file())
}

/// What to put before a command that needs the system's administrator, or `None` where that takes a password.
fn privilege() -> Option<&'static [&'static str]> {
    let id = Command::new("id").arg("-u").output().ok()?;
    if id.stdout.trim_ascii() == b"0" {
        return Some(&[]);
    }
    succeeds(Command::new("sudo").args(["-n", "true"])).then_some(&["sudo", "-n"])
}

fn apt_get(prefix: &[&str], arguments: &[&str]) -> bool {
    let words = [
        prefix,
        &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"],
        arguments,
    ]
    .concat();
    Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
