//! Shared by the tests that load the plugin through its own entry points, as a host does.
// Every test binary compiles this module and uses its own part of it.
#![allow(dead_code)]

pub mod clap_host;
pub mod clap_panel;
pub mod memory;
pub mod signal;
pub mod vst3_host;
