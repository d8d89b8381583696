//! Keeps the system's OpenGL loaded.

use std::sync::Once;

/// Libraries that a window opens. A system has one of these or both.
#[cfg(target_os = "linux")]
const LIBRARIES: [&str; 2] = ["libEGL.so.1", "libGL.so.1"];

/// Loads the system's OpenGL once and for the rest of the process.
///
/// Every window loads it and lets it go with its last window. But OpenGL leaves destructors with every thread that used
/// it, and a window's thread that is just ending may find them unmapped, because another window has let the library go:
/// a crash of the host when two panels close together (seen with Mesa 22).
pub fn keep_loaded() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        #[cfg(target_os = "linux")]
        for name in LIBRARIES {
            // SAFETY: loading runs the library's initialisers. These are the system's own OpenGL libraries, which the
            // window is about to load by the same names.
            #[allow(unsafe_code)]
            if let Ok(library) = unsafe { libloading::Library::new(name) } {
                std::mem::forget(library);
            }
        }
    });
}
