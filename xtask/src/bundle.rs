//! `cargo xtask bundle`: builds the plugin, packs it as CLAP and VST3, and proves that the result denoises.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::audio_file::{self, Audio};
use crate::{host, metrics, setup, workspace_root};

/// The package that holds the plugin; `bundler.toml` gives its bundles their name.
const PACKAGE: &str = "unfold";

/// Block length in which the demo clip is played, a usual setting of a DAW.
const BLOCK_SAMPLES: usize = 512;

/// Build the CLAP and VST3 plugins, then play a demo clip through what was built
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Build without optimisation, with debug checks
    #[arg(long)]
    debug: bool,
    /// Also copy the plugins to your own plugin folders
    #[arg(long)]
    install: bool,
}

/// Runs the command.
///
/// # Errors
/// A system library is missing, the build fails, or what was built does not load or does not denoise.
pub fn run(args: &Args) -> Result<()> {
    setup::require(setup::Purpose::Bundle)?;
    // The bundler looks for `bundler.toml` in the current folder.
    std::env::set_current_dir(workspace_root())?;
    let target_folder = target_folder()?;
    let profile = if args.debug { "dev" } else { "bundle" };
    nice_plug_xtask::build(&[PACKAGE.into()], &["--lib".into(), "--profile".into(), profile.into()])?;
    // Cargo's folder for the profile `dev` is called `debug`.
    let folder_name = if args.debug { "debug" } else { profile };
    nice_plug_xtask::bundle(
        &target_folder,
        PACKAGE,
        &["--profile".into(), folder_name.into()],
        false,
    )?;

    let bundled = target_folder.join("bundled");
    let plugins = [bundled.join("Unfold.clap"), bundled.join("Unfold.vst3")];
    for plugin in &plugins {
        ensure!(plugin.exists(), "the build did not make {}", plugin.display());
    }
    prove(&plugins[0], &bundled.join("demo_denoised.wav"))?;
    for plugin in &plugins {
        println!("built     {}", plugin.display());
    }
    if args.install {
        for (plugin, folder) in plugins.iter().zip(plugin_folders()?) {
            println!("installed {}", install(plugin, &folder)?.display());
        }
    }
    Ok(())
}

/// Plays the noisy demo clip through the built plugin and measures the result against the clean clip.
fn prove(clap: &Path, denoised: &Path) -> Result<()> {
    let assets = workspace_root().join("assets");
    let noisy = audio_file::read(&assets.join("demo_noisy.wav"))?;
    let clean = audio_file::read(&assets.join("demo_clean.wav"))?;
    let rate_hz = f64::from(noisy.sample_rate_hz);
    let rendering = host::render(clap, rate_hz, &noisy.channels[0], BLOCK_SAMPLES)?;
    let input_db = metrics::si_sdr_db(&noisy.channels[0], &clean.channels[0]);
    let output_db = metrics::si_sdr_db(&rendering.output, &clean.channels[0]);
    audio_file::write_atomically(
        denoised,
        &Audio {
            channels: vec![rendering.output],
            ..noisy
        },
    )?;

    let latency_ms = 1000.0 * rendering.latency_samples as f64 / rate_hz;
    println!(
        "\n{} loaded and played the demo clip in blocks of {BLOCK_SAMPLES} samples",
        rendering.plugin
    );
    println!(
        "SI-SDR    {input_db:.1} dB noisy, {output_db:.1} dB denoised: {:+.1} dB",
        output_db - input_db
    );
    println!(
        "latency   {} samples ({latency_ms:.1} ms at {rate_hz} Hz)",
        rendering.latency_samples
    );
    println!(
        "listen    {} and {}",
        assets.join("demo_noisy.wav").display(),
        denoised.display()
    );
    ensure!(output_db > input_db, "the built plugin does not improve the demo clip");
    Ok(())
}

/// Where cargo builds, whatever the environment or a configuration file says.
///
/// # Errors
/// Cargo cannot be run or does not tell.
pub fn target_folder() -> Result<PathBuf> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output()?;
    ensure!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let folder = metadata["target_directory"]
        .as_str()
        .context("cargo metadata names no target folder")?;
    Ok(PathBuf::from(folder))
}

/// The user's own folders for CLAP and VST3 plugins, as those formats define them.
fn plugin_folders() -> Result<[PathBuf; 2]> {
    if cfg!(target_os = "windows") {
        let programs = std::env::var_os("LOCALAPPDATA").context("LOCALAPPDATA is not set")?;
        let common = PathBuf::from(programs).join("Programs").join("Common");
        return Ok([common.join("CLAP"), common.join("VST3")]);
    }
    let home = std::env::home_dir().context("the home folder is unknown")?;
    if cfg!(target_os = "macos") {
        let plugins = home.join("Library/Audio/Plug-Ins");
        return Ok([plugins.join("CLAP"), plugins.join("VST3")]);
    }
    Ok([home.join(".clap"), home.join(".vst3")])
}

/// Copies a plugin file or bundle folder. The copy appears under its name only when it is complete, so that a DAW
/// with the old one open keeps a whole file. Returns where it lies now.
///
/// # Errors
/// The plugin is not there or the folder cannot be written.
pub fn install(plugin: &Path, folder: &Path) -> Result<PathBuf> {
    let name = plugin.file_name().context("a plugin has a name")?;
    let target = folder.join(name);
    let failed = || format!("{}: cannot be installed", target.display());
    fs::create_dir_all(folder).with_context(failed)?;
    let staging = tempfile::Builder::new()
        .prefix(".unfold-")
        .tempdir_in(folder)
        .with_context(failed)?;
    copy_tree(plugin, &staging.path().join("new")).with_context(failed)?;
    if target.exists() {
        fs::rename(&target, staging.path().join("old")).with_context(failed)?;
    }
    fs::rename(staging.path().join("new"), &target).with_context(failed)?;
    Ok(target)
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_tree(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
