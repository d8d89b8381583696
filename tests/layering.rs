//! Promise: the core stays a core. Modules use only modules upstream of them; the panel sees parameters and meters.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Core modules in the order of the data; each may use those before it.
const CORE: [&str; 19] = [
    "units",
    "settings",
    "meters",
    "stft",
    "bands",
    "simd",
    "kernels",
    "noise_floor",
    "model",
    "container",
    "model_file",
    "snmf",
    "learn",
    "noise_profile",
    "nmf",
    "field",
    "mask",
    "output_mix",
    "engine",
];

/// Crates that the core may use.
const CORE_CRATES: [&str; 11] = [
    "std",
    "bincode",
    "crc32fast",
    "half",
    "ndarray",
    "pulp",
    "realfft",
    "serde",
    "thiserror",
    "super",
    "self",
];

/// What each part of the shell may use besides the core.
const SHELL: [(&str, &[&str]); 10] = [
    ("load", &[]),
    ("triple_buffer", &[]),
    ("user_model", &[]),
    ("noise_file", &["user_model"]),
    ("shared", &["triple_buffer", "learning"]),
    ("params", &[]),
    ("learning", &["triple_buffer", "params"]),
    ("background", &["learning", "params", "shared"]),
    (
        "editor",
        &[
            "learning",
            "noise_file",
            "params",
            "shared",
            "triple_buffer",
            "user_model",
        ],
    ),
    (
        "plugin",
        &[
            "background",
            "load",
            "learning",
            "triple_buffer",
            "params",
            "shared",
            "user_model",
            "editor",
        ],
    ),
];

fn files_of(module: &str) -> Vec<PathBuf> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files: Vec<PathBuf> = [src.join(format!("{module}.rs"))]
        .into_iter()
        .filter(|f| f.exists())
        .collect();
    let mut folders = vec![src.join(module)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path)
            } else {
                files.push(path)
            }
        }
    }
    assert!(!files.is_empty(), "module {module} does not exist");
    files
}

/// Code without comments and without its unit tests.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// First path segment after each `crate::` (or after each segment of a `crate::{..}` group).
fn used_modules(code: &str) -> BTreeSet<String> {
    let name = |text: &str| {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let mut used = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        if let Some(group) = rest.strip_prefix('{') {
            used.extend(
                group
                    .split('}')
                    .next()
                    .unwrap_or_default()
                    .split(',')
                    .map(|part| name(part.trim())),
            );
        } else {
            used.insert(name(rest));
        }
    }
    used.remove("");
    used
}

#[test]
fn core_modules_use_only_modules_upstream_of_them() {
    for (position, module) in CORE.iter().enumerate() {
        for file in files_of(module) {
            for used in used_modules(&code(&file)) {
                let upstream = CORE[..=position].contains(&used.as_str());
                assert!(
                    upstream,
                    "{} uses {used}, which is not upstream of {module}",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn core_uses_no_framework_no_thread_and_no_file() {
    for file in CORE.iter().flat_map(|module| files_of(module)) {
        let code = code(&file);
        for line in code.lines().filter(|line| line.starts_with("use ")) {
            let root = line["use ".len()..].split("::").next().unwrap_or_default();
            let known = CORE_CRATES.contains(&root) || root == "crate";
            assert!(known, "{} uses {root}", file.display());
        }
        for forbidden in [
            "std::fs",
            "std::thread",
            "std::net",
            "std::process",
            "println!",
            "Mutex",
        ] {
            assert!(!code.contains(forbidden), "{} contains {forbidden}", file.display());
        }
    }
}

/// What guards the audio thread against overload is arithmetic on measured times: no clock, no framework.
#[test]
fn the_overload_guard_is_pure() {
    for file in files_of("load").into_iter().filter(|file| !file.ends_with("tests.rs")) {
        let code = code(&file);
        let uses: Vec<&str> = code.lines().filter(|line| line.starts_with("use ")).collect();
        assert_eq!(uses, ["use std::time::Duration;"], "{}", file.display());
    }
}

#[test]
fn the_shell_has_a_direction_too() {
    for (module, allowed) in SHELL {
        for file in files_of(module) {
            for used in used_modules(&code(&file)) {
                let fine = used == module || CORE.contains(&used.as_str()) || allowed.contains(&used.as_str());
                assert!(fine, "{} uses {used}", file.display());
            }
        }
    }
}

#[test]
fn every_module_of_the_library_is_placed() {
    let lib = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let declared = lib
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "));
    for module in declared.map(|rest| rest.trim_end_matches(';')) {
        let placed = CORE.contains(&module) || SHELL.iter().any(|(name, _)| *name == module);
        assert!(placed, "{module} has no place in this test's graph");
    }
}

#[test]
fn the_commands_use_the_core_and_never_the_shell() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("xtask/src")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            for (module, _) in SHELL {
                assert!(
                    !text.contains(&format!("unfold::{module}")),
                    "{} uses {module}",
                    path.display()
                );
            }
        }
    }
    assert!(files > 10);
}
