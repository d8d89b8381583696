//! The host's grip on an open window. It knows whether the window is shown, because a hidden one is sent no meters.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nice_plug::editor::dpi::NativeSize;
use nice_plug::editor::{EditorHandle, ParentWindowHandle};
use nice_plug_egui::EguiEditorHandle;

use super::window_thread::ThreadEnd;
use crate::shared::EditorShared;

type InnerWindow = <EguiEditorHandle as EditorHandle>::Window;
type Error = <EguiEditorHandle as EditorHandle>::Error;

/// Counts one window as open while it is shown.
pub struct Presence {
    shared: Arc<EditorShared>,
    shown: AtomicBool,
}

impl Presence {
    /// A window that is not shown yet.
    pub fn new(shared: Arc<EditorShared>) -> Self {
        Self {
            shared,
            shown: AtomicBool::new(false),
        }
    }

    /// The window appears or goes.
    pub fn set(&self, shown: bool) {
        if self.shown.swap(shown, Ordering::Relaxed) != shown {
            self.shared.set_editor_open(shown);
        }
    }
}

/// The framework's window. Dropping it closes it and waits for the end of its thread.
pub struct Window {
    // Dropped in this order.
    inner: InnerWindow,
    _end: ThreadEnd,
    _gone: Gone,
}

impl Window {
    /// A window whose thread's end `end` waits for, and which is then no longer shown.
    pub fn new(inner: InnerWindow, end: ThreadEnd, presence: Arc<Presence>) -> Self {
        Self {
            inner,
            _end: end,
            _gone: Gone(presence),
        }
    }
}

/// A host may show a window that has ended by itself; it is gone at the latest when the host drops it.
struct Gone(Arc<Presence>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// The framework's handle, with a [`Presence`].
pub struct PanelHandle {
    inner: EguiEditorHandle,
    presence: Arc<Presence>,
}

impl PanelHandle {
    /// Wraps the framework's handle of a window that sets `presence` itself when it opens and closes.
    pub fn new(inner: EguiEditorHandle, presence: Arc<Presence>) -> Self {
        Self { inner, presence }
    }
}

impl EditorHandle for PanelHandle {
    type Window = Window;
    type Error = Error;

    fn run_until_closed(window: Window) -> Result<(), Error> {
        EguiEditorHandle::run_until_closed(window.inner)
    }

    fn set_parent(&self, parent: ParentWindowHandle, window: &Window) -> Result<(), Error> {
        self.inner.set_parent(parent, &window.inner)
    }

    fn show(&self, window: &Window) -> Result<(), Error> {
        self.presence.set(true);
        self.inner.show(&window.inner)
    }

    fn hide(&self, window: &Window) -> Result<(), Error> {
        self.presence.set(false);
        self.inner.hide(&window.inner)
    }

    fn set_size(&self, new_size: NativeSize<u32>, window: &Window) -> Result<(), Error> {
        self.inner.set_size(new_size, &window.inner)
    }

    fn host_main_thread_callback(&self, window: &Window) {
        self.inner.host_main_thread_callback(&window.inner);
    }

    fn adjust_size(&self, new_size: NativeSize<u32>, window: &Window) -> Option<NativeSize<u32>> {
        self.inner.adjust_size(new_size, &window.inner)
    }

    fn set_fallback_scale_factor(&self, scale_factor: f64, window: &Window) -> Result<(), Error> {
        self.inner.set_fallback_scale_factor(scale_factor, &window.inner)
    }

    fn state_changed(&self) {
        self.inner.state_changed();
    }

    fn param_value_changed(&self, id: &str, normalized_value: f32) {
        self.inner.param_value_changed(id, normalized_value);
    }

    fn param_modulation_changed(&self, id: &str, modulation_offset: f32) {
        self.inner.param_modulation_changed(id, modulation_offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model_file, triple_buffer};

    #[test]
    fn a_window_counts_once_however_often_it_is_shown_or_hidden() {
        let shared = Arc::new(EditorShared::new(
            triple_buffer::channel().1,
            triple_buffer::channel().0,
            model_file::shipped(),
        ));
        let (one, other) = (Presence::new(shared.clone()), Presence::new(shared.clone()));
        one.set(true);
        one.set(true);
        other.set(true);
        one.set(false);
        one.set(false);
        assert!(shared.editor_open(), "the other one is still there");
        other.set(false);
        assert!(!shared.editor_open());
    }
}
