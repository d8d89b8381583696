//! Any bytes as a saved state, through the plugin's own CLAP entry: refused or taken, every parameter stays in its
//! range, and what was taken can be saved and loaded again.
#![no_main]

#[path = "../../tests/common/clap_host.rs"]
#[allow(dead_code)]
mod clap_host;

use std::cell::RefCell;

use clap_host::Plugin;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static PLUGIN: RefCell<Plugin> = RefCell::new(Plugin::load());
}

fuzz_target!(|input: &[u8]| {
    PLUGIN.with_borrow_mut(|plugin| {
        // As it is, and behind the length that the framework writes before its text.
        let mut framed = (input.len() as u64).to_le_bytes().to_vec();
        framed.extend(input);
        for state in [input, &framed] {
            if !plugin.load_state(state) {
                continue;
            }
            for param in plugin.params() {
                let value = plugin.value(&param.name);
                assert!(
                    (param.min..=param.max).contains(&value),
                    "{} became {value}",
                    param.name
                );
            }
            let saved = plugin.save();
            assert!(plugin.load_state(&saved), "a state that was saved is refused");
        }
    });
});
