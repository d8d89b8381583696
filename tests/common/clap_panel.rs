//! The panel as a CLAP host embeds it: in a window of the host's own.

use std::sync::atomic::Ordering;

use clack_extensions::gui::{GuiApiType, GuiConfiguration, GuiError, GuiSize, PluginGui, Window};

use super::clap_host::Plugin;

impl Plugin {
    /// Opens the panel inside the X11 window `parent`.
    pub fn open_panel(&mut self, parent: u32) -> Result<GuiSize, GuiError> {
        let handle = self.instance.plugin_handle();
        let gui: PluginGui = handle.get_extension().expect("gui extension");
        let configuration = GuiConfiguration {
            api_type: GuiApiType::X11,
            is_floating: false,
        };
        gui.create(&handle, configuration)?;
        let window = Window::from_x11_handle(parent.into());
        // SAFETY: the tests keep the parent until the panel is closed, or the X server says that it never was.
        #[allow(unsafe_code)]
        unsafe { gui.set_parent(&handle, window) }?;
        gui.show(&handle)?;
        gui.get_size(&handle).ok_or(GuiError::CreateError)
    }

    pub fn hide_panel(&mut self) {
        let handle = self.instance.plugin_handle();
        let gui: PluginGui = handle.get_extension().expect("gui extension");
        gui.hide(&handle).expect("the panel hides");
    }

    pub fn close_panel(&mut self) {
        let handle = self.instance.plugin_handle();
        let gui: PluginGui = handle.get_extension().expect("gui extension");
        gui.destroy(&handle);
    }

    /// What a host's main loop does for the plugin.
    pub fn run_callbacks(&mut self) {
        let requested = self
            .instance
            .access_shared_handler(|shared| shared.callback_requested.swap(false, Ordering::SeqCst));
        if requested {
            self.instance.call_on_main_thread_callback();
        }
    }
}
