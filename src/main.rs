//! The standalone program: the plugin on JACK, ALSA or a dummy back end. `unfold --help` lists the options.

use std::process::ExitCode;

fn main() -> ExitCode {
    if nice_plug::prelude::nice_export_standalone::<unfold::plugin::Unfold>() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
