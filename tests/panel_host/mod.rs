//! A host without a DAW: sets parameters, at once or late, and remembers every gesture.

// Setting a parameter is reserved to hosts, and the framework marks that by `unsafe`; this file plays the host. The
// pointers it gets belong to an `UnfoldParams` that the caller keeps alive.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use nice_plug::context::PluginApi;
use nice_plug::context::gui::{GuiContext, GuiContextInner};
use nice_plug::prelude::{ParamPtr, PluginState};

/// One call that the panel made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Call {
    Begin(ParamPtr),
    Set(ParamPtr, f32),
    End(ParamPtr),
}

#[derive(Default)]
pub struct FakeHost {
    calls: Mutex<Vec<Call>>,
    /// Values that wait, where the host applies them late.
    late: Mutex<Option<Vec<(ParamPtr, f32)>>>,
    restarts: AtomicUsize,
}

impl FakeHost {
    /// The host and the context that the panel gets.
    pub fn new() -> (Arc<Self>, GuiContext) {
        let host = Arc::new(Self::default());
        (host.clone(), GuiContext::new(host))
    }

    /// Every call since the last time this was asked.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.calls.lock().expect("one thread"))
    }

    /// Moves a parameter without the panel.
    pub fn set_by_automation(&self, param: ParamPtr, normalized: f32) {
        apply(param, normalized);
    }

    /// From now on values wait for [`FakeHost::apply_late`], as a CLAP host's wait for its audio thread.
    pub fn be_late(&self) {
        *self.late.lock().expect("one thread") = Some(Vec::new());
    }

    /// Applies the values that wait.
    pub fn apply_late(&self) {
        let waiting = self.late.lock().expect("one thread").as_mut().map(std::mem::take);
        for (param, normalized) in waiting.into_iter().flatten() {
            apply(param, normalized);
        }
    }

    /// How often the panel asked for a restart.
    pub fn restarts(&self) -> usize {
        self.restarts.load(Ordering::Relaxed)
    }

    fn log(&self, call: Call) {
        self.calls.lock().expect("one thread").push(call);
    }
}

fn apply(param: ParamPtr, normalized: f32) {
    // SAFETY: whoever made the host keeps the parameters alive.
    unsafe { param._internal_set_normalized_value(normalized) };
}

impl GuiContextInner for FakeHost {
    fn plugin_api(&self) -> PluginApi {
        PluginApi::Standalone
    }

    unsafe fn raw_begin_set_parameter(&self, param: ParamPtr) {
        self.log(Call::Begin(param));
    }

    unsafe fn raw_set_parameter_normalized(&self, param: ParamPtr, normalized: f32) {
        match self.late.lock().expect("one thread").as_mut() {
            Some(waiting) => waiting.push((param, normalized)),
            None => apply(param, normalized),
        }
        self.log(Call::Set(param, normalized));
    }

    unsafe fn raw_end_set_parameter(&self, param: ParamPtr) {
        self.log(Call::End(param));
    }

    fn get_state(&self) -> PluginState {
        PluginState {
            version: String::new(),
            params: BTreeMap::new(),
            fields: BTreeMap::new(),
        }
    }

    fn set_state(&self, _state: PluginState) {}

    fn request_restart(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }
}
