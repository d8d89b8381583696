//! Promise: hosts may scan, load, play and drop the plugin as often as they like: no memory stays behind.
//!
//! One test alone in its process: others beside it would be measured, too.

mod common;

use common::clap_host::{self, Plugin};
use common::memory::assert_flat;
use common::signal::busy;
use common::vst3_host;

/// What a host's scanner does: load the file, list what is in it, let it go.
fn scan() {
    let entry = clap_host::entry();
    let factory = entry.get_plugin_factory().expect("a plugin factory");
    let ids: Vec<_> = factory.plugin_descriptors().filter_map(|plugin| plugin.id()).collect();
    assert_eq!(ids, [clap_host::PLUGIN_ID]);
}

#[test]
fn nothing_stays_behind() {
    const ALLOWED_KIB: u64 = 1024;
    assert_flat("1000 CLAP scans", 1000, ALLOWED_KIB, scan);
    assert_flat("1000 VST3 scans", 1000, ALLOWED_KIB, || {
        assert_eq!(vst3_host::classes().len(), 1);
    });

    let input = vec![busy(1, 2_000, 48_000.0), busy(2, 2_000, 48_000.0)];
    assert_flat("200 CLAP instances", 200, ALLOWED_KIB, || {
        let mut plugin = Plugin::load();
        let state = plugin.save();
        assert!(plugin.load_state(&state));
        let mut processor = plugin.activate(48_000.0, 512);
        processor.process(&input, &[512], &[]);
        plugin.deactivate(processor);
    });
    assert_flat("200 VST3 instances", 200, ALLOWED_KIB, || {
        let mut plugin = vst3_host::Plugin::load();
        plugin.activate(48_000.0, 512);
        plugin.process(&input, &[512], &[]);
        plugin.deactivate();
    });
    let mut plugin = Plugin::load();
    assert_flat("400 activations", 400, ALLOWED_KIB, || {
        let processor = plugin.activate(96_000.0, 512);
        plugin.deactivate(processor);
    });
}
