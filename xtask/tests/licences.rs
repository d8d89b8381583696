//! Every dependency's licence satisfies `deny.toml`, on every platform and with every feature.

use std::path::Path;
use std::process::Command;

use spdx::{Expression, ParseMode};

fn names(list: &toml::Value) -> Vec<String> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

/// Whether an expression such as "MIT OR Apache-2.0" can be met with the allowed licences.
fn satisfied(expression: &str, allowed: &[String]) -> bool {
    // Old packages write a slash for OR.
    let expression = Expression::parse_mode(expression, ParseMode::LAX).unwrap();
    expression.evaluate(|requirement| {
        allowed
            .iter()
            .any(|name| requirement.license.id().is_some_and(|id| id.name == name))
    })
}

#[test]
fn every_dependency_has_an_allowed_licence() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let rules: toml::Table = std::fs::read_to_string(root.join("deny.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let allowed = names(&rules["licenses"]["allow"]);
    let mut exceptions: Vec<(&str, Vec<String>)> = rules["licenses"]["exceptions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|exception| (exception["crate"].as_str().unwrap(), names(&exception["allow"])))
        .collect();

    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(root)
        .args(["metadata", "--format-version", "1", "--all-features", "--locked"]);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 50, "cargo metadata lists the dependencies");

    let mut refused = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"]
            .as_str()
            .unwrap_or_else(|| panic!("{name} states no licence"));
        if satisfied(licence, &allowed) {
            continue;
        }
        let here = exceptions.iter().position(|(excepted, _)| *excepted == name);
        let excepted = here.map(|at| exceptions.remove(at).1).unwrap_or_default();
        if !satisfied(licence, &[allowed.clone(), excepted].concat()) {
            refused.push(format!("{name}: {licence}"));
        }
    }
    assert!(
        refused.is_empty(),
        "licences that deny.toml does not allow: {refused:#?}"
    );
    assert!(
        exceptions.is_empty(),
        "exceptions of deny.toml that nothing needs: {exceptions:#?}"
    );
}
