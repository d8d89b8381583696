//! The panel's window: opening at the saved size and zoom, resizing, keys, closing.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use egui::{Context, Ui};
use nice_plug::context::gui::GuiContext;
use nice_plug::editor::dpi::{LogicalSize, NativeSize, PhysicalSize, Size};
use nice_plug::editor::{Editor, HostMethods, ParentWindowHandle, ResizeHint, SpawnedEditor};
use nice_plug_egui::baseview::{HandlerError, WindowSize};
use nice_plug_egui::resizable_window::ResizableWindow;
use nice_plug_egui::{EguiEditorState, EguiNiceSettings, Frame, Key, KeyCapture, NiceEguiApp, create_egui_editor};

use super::handle::{self, PanelHandle, Presence};
use super::window_thread::{ThreadEnd, ThreadName, calling_thread};
use super::{Keyboard, Panel, graphics};
use crate::params::{EditorView, UnfoldParams};
use crate::shared::EditorShared;

/// How often a window looks whether a meter frame has come: thirty frames per second at most.
const FRAME_INTERVAL: Duration = Duration::from_millis(33);
/// What a host is told when there is no window or no OpenGL to draw with.
const NO_PANEL: &str =
    "the panel cannot be opened on this display; audio goes on, and the host's own parameter view can be used";

/// The editor that the plugin hands to its host.
pub fn create(params: Arc<UnfoldParams>, shared: Arc<EditorShared>) -> UnfoldEditor {
    let panel = Arc::new(Mutex::new(Panel::new(params.clone(), shared.clone())));
    UnfoldEditor {
        panel,
        params,
        shared,
        window_size: Arc::default(),
    }
}

/// Makes windows for one plugin instance, one at a time.
///
/// The framework's own editor fixes size and zoom when the plugin is made; this one reads them from the session each
/// time the window opens.
pub struct UnfoldEditor {
    panel: Arc<Mutex<Panel>>,
    params: Arc<UnfoldParams>,
    shared: Arc<EditorShared>,
    window_size: Arc<Mutex<Option<PhysicalSize<u32>>>>,
}

impl Editor for UnfoldEditor {
    type Handle = PanelHandle;

    fn spawn(
        &self,
        parent: Option<ParentWindowHandle>,
        wait_for_parent: bool,
        fallback_scale_factor: Option<f64>,
        gui_context: GuiContext,
        host: Option<HostMethods>,
    ) -> Result<SpawnedEditor<Self::Handle>, Box<dyn Error>> {
        graphics::keep_loaded();
        let view = self.params.view();
        let size = LogicalSize::new(view.width_points as f32, view.height_points as f32);
        set(
            &self.window_size,
            fallback_scale_factor.map(|scale| zoomed(view).to_physical(scale)),
        );

        let presence = Arc::new(Presence::new(self.shared.clone()));
        let thread = ThreadName::default();
        let app = PanelWindow {
            panel: self.panel.clone(),
            params: self.params.clone(),
            presence: presence.clone(),
            thread: thread.clone(),
            window_size: self.window_size.clone(),
            host: None,
        };
        let settings = EguiNiceSettings::new()
            .with_tile("Unfold")
            .with_resize_hint(self.resize_hint())
            .with_repaint_poll_interval(FRAME_INTERVAL);
        let state = EguiEditorState::from_size(size, zoom_factor(view));
        let repaint = self.shared.repaint();
        repaint.request_repaint();
        let editor = create_egui_editor(state, repaint.clone(), settings, app).ok_or(NO_PANEL)?;
        let spawned = editor.spawn(parent, wait_for_parent, fallback_scale_factor, gui_context, host);
        let SpawnedEditor { handle, window } = spawned.map_err(|error| format!("{NO_PANEL} ({error})"))?;
        Ok(SpawnedEditor {
            handle: PanelHandle::new(handle, presence.clone()),
            window: handle::Window::new(window, ThreadEnd::of(thread), presence),
        })
    }

    fn size(&self) -> NativeSize<u32> {
        let open = *self.window_size.lock().unwrap_or_else(PoisonError::into_inner);
        let size = open.map_or_else(|| Size::from(zoomed(self.params.view())), Size::from);
        NativeSize::from_size(size, 1.0)
    }

    fn resize_hint(&self) -> ResizeHint {
        let smallest_zoom = EditorView::ZOOM_LIMITS_PERCENT.0 as f32 / 100.0;
        let (width, height) = EditorView::MIN_POINTS;
        let least = LogicalSize::new(width as f32 * smallest_zoom, height as f32 * smallest_zoom);
        ResizeHint::resizable().with_min_logical_size(least)
    }
}

fn set<T>(shared: &Mutex<T>, value: T) {
    *shared.lock().unwrap_or_else(PoisonError::into_inner) = value;
}

fn zoom_factor(view: EditorView) -> f32 {
    view.zoom_percent as f32 / 100.0
}

fn zoomed(view: EditorView) -> LogicalSize<f32> {
    let zoom = zoom_factor(view);
    LogicalSize::new(view.width_points as f32 * zoom, view.height_points as f32 * zoom)
}

/// One open window.
struct PanelWindow {
    panel: Arc<Mutex<Panel>>,
    params: Arc<UnfoldParams>,
    presence: Arc<Presence>,
    thread: ThreadName,
    window_size: Arc<Mutex<Option<PhysicalSize<u32>>>>,
    host: Option<GuiContext>,
}

impl NiceEguiApp for PanelWindow {
    fn build(&mut self, ctx: Context, host: GuiContext, frame: &mut Frame) -> Result<(), HandlerError> {
        if let Some(name) = calling_thread() {
            // The first and only one: every window has a name of its own.
            let _ = self.thread.set(name);
        }
        // Ctrl and plus would leave the zooms that are offered and saved.
        ctx.options_mut(|options| options.zoom_with_keyboard = false);
        frame.set_key_capture(key_capture(Keyboard::Host));
        self.panel.lock().unwrap_or_else(PoisonError::into_inner).opened();
        self.host = Some(host);
        self.presence.set(true);
        Ok(())
    }

    fn ui(&mut self, ui: &mut Ui, frame: &mut Frame) {
        let Some(host) = &self.host else { return };
        let mut panel = self.panel.lock().unwrap_or_else(PoisonError::into_inner);
        let (width, height) = EditorView::MIN_POINTS;
        ResizableWindow::new("panel")
            .min_size(egui::vec2(width as f32, height as f32))
            .show(ui, |ui| panel.ui(ui, host));
        frame.set_key_capture(key_capture(panel.keyboard(ui.ctx())));
    }

    fn resized(&mut self, size: WindowSize) {
        set(&self.window_size, Some(size.physical));
        self.params.set_view(EditorView {
            width_points: size.logical.width.round() as u32,
            height_points: size.logical.height.round() as u32,
            ..self.params.view()
        });
    }

    fn zoom_factor_changed(&mut self, zoom_factor: f32) {
        let zoom_percent = (zoom_factor * 100.0).round() as u32;
        self.params.set_view(EditorView {
            zoom_percent,
            ..self.params.view()
        });
    }
}

impl Drop for PanelWindow {
    fn drop(&mut self) {
        set(&self.window_size, None);
        if let Some(host) = &self.host {
            self.presence.set(false);
            self.panel.lock().unwrap_or_else(PoisonError::into_inner).release(host);
        }
    }
}

/// Keys that the panel keeps from the host: only while something has the keyboard, and never Space.
fn key_capture(keyboard: Keyboard) -> KeyCapture {
    const MOVES: [&str; 11] = [
        "ArrowLeft",
        "ArrowRight",
        "ArrowUp",
        "ArrowDown",
        "Home",
        "End",
        "PageUp",
        "PageDown",
        "Tab",
        "Enter",
        "Escape",
    ];
    match keyboard {
        Keyboard::Host => KeyCapture::IgnoreAll,
        Keyboard::Moves => KeyCapture::CaptureKeys(MOVES.iter().filter_map(|name| name.parse().ok()).collect()),
        Keyboard::Text => KeyCapture::IgnoreKeys(vec![space()]),
    }
}

fn space() -> Key {
    Key::Character(" ".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_always_reaches_the_host() {
        assert_eq!(key_capture(Keyboard::Host), KeyCapture::IgnoreAll);
        assert_eq!(key_capture(Keyboard::Text), KeyCapture::IgnoreKeys(vec![space()]));
        let KeyCapture::CaptureKeys(kept) = key_capture(Keyboard::Moves) else {
            panic!("other keys are the host's")
        };
        assert_eq!(kept.len(), 11);
        assert!(!kept.contains(&space()));
    }

    #[test]
    fn the_size_told_to_a_host_includes_the_zoom() {
        let params = Arc::new(UnfoldParams::default());
        params.set_view(EditorView {
            width_points: 800,
            height_points: 500,
            zoom_percent: 150,
            light: false,
        });
        let (_, reader) = crate::triple_buffer::channel();
        let shared = Arc::new(EditorShared::new(
            reader,
            crate::triple_buffer::channel().0,
            crate::model_file::shipped(),
        ));
        let size = create(params, shared).size();
        assert_eq!((size.width, size.height), (1200, 750));
    }
}
