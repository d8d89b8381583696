//! What a session saves besides the parameters: the panel's size and zoom, the model's path, the learnt noise.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use nice_plug::params::persist::PersistentField;
use serde::{Deserialize, Serialize};

use crate::noise_profile::{NoiseProfile, ProfileError};

/// Size, zoom and colour scheme of the panel, saved with the session.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(default)]
pub struct EditorView {
    /// Width in logical points at 100 % zoom.
    pub width_points: u32,
    /// Height in logical points at 100 % zoom.
    pub height_points: u32,
    /// Zoom in per cent, 75..=200.
    pub zoom_percent: u32,
    /// Whether the panel is dark on light. The usual dark panel saves nothing, as before there was a choice.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub light: bool,
}

impl EditorView {
    /// Smallest panel, in logical points (width, height).
    pub const MIN_POINTS: (u32, u32) = (760, 440);
    /// Largest panel, in logical points (width, height).
    pub const MAX_POINTS: (u32, u32) = (2280, 1320);
    /// Zoom limits in per cent.
    pub const ZOOM_LIMITS_PERCENT: (u32, u32) = (75, 200);

    /// The same view with every field inside its limits: a saved session may hold anything.
    #[must_use]
    pub fn clamped(self) -> Self {
        Self {
            width_points: self.width_points.clamp(Self::MIN_POINTS.0, Self::MAX_POINTS.0),
            height_points: self.height_points.clamp(Self::MIN_POINTS.1, Self::MAX_POINTS.1),
            zoom_percent: self
                .zoom_percent
                .clamp(Self::ZOOM_LIMITS_PERCENT.0, Self::ZOOM_LIMITS_PERCENT.1),
            ..self
        }
    }
}

impl Default for EditorView {
    fn default() -> Self {
        Self {
            width_points: Self::MIN_POINTS.0,
            height_points: Self::MIN_POINTS.1,
            zoom_percent: 100,
            light: false,
        }
    }
}

/// Path of a user's model file, saved with the session. Empty for the shipped model.
///
/// A path takes effect at the next activation; until then it is pending. The audio thread reads only flags.
///
/// The layers parameter ends at the layers of the shipped model, because hosts store its range: of a model with more
/// layers only the first ones run, and the panel says so.
#[derive(Default)]
pub struct ModelPath {
    path: RwLock<String>,
    pending: AtomicBool,
    /// Whether the host is still to be asked for the restart that takes up a restored path.
    restart_wanted: AtomicBool,
}

impl ModelPath {
    /// The user's path, or `None` for the shipped model. Not for the audio thread.
    #[must_use]
    pub fn get(&self) -> Option<String> {
        Some(self.map(String::clone)).filter(|path| !path.is_empty())
    }

    /// Asks for the model at `new_path` (empty: the shipped one), also where that is the path already: the file may
    /// have appeared or changed since it was read. Whoever calls this asks the host for a restart. Panel.
    pub fn request(&self, new_path: String) {
        *self.path.write().unwrap_or_else(PoisonError::into_inner) = new_path;
        self.pending.store(true, Ordering::Release);
    }

    /// Whether a path waits for the next activation. Any thread.
    #[must_use]
    pub fn pending(&self) -> bool {
        self.pending.load(Ordering::Acquire)
    }

    /// Whether a restored session brought another path since the last call, so that the host must be asked for a
    /// restart. Audio thread.
    #[must_use]
    pub fn take_restart_wanted(&self) -> bool {
        take(&self.restart_wanted)
    }

    /// The path to load now, as [`ModelPath::get`]; nothing is pending afterwards. Activation.
    #[must_use]
    pub fn take_for_activation(&self) -> Option<String> {
        self.pending.store(false, Ordering::Release);
        self.restart_wanted.store(false, Ordering::Release);
        self.get()
    }
}

impl PersistentField<'_, String> for ModelPath {
    /// A restored session: hosts restore for every undo and preset, and the same path again must not restart them.
    fn set(&self, new_path: String) {
        if self.map(|path| *path != new_path) {
            self.request(new_path);
            self.restart_wanted.store(true, Ordering::Release);
        }
    }

    fn map<F, R>(&self, f: F) -> R
    where
        F: Fn(&String) -> R,
    {
        f(&self.path.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Clears a flag and tells whether it was up. Only then is it written.
fn take(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed) && flag.swap(false, Ordering::AcqRel)
}

/// Noise atoms saved with the session, as the bytes of a `.unfold-noise` file; empty for none.
///
/// Learning takes its time, and the user or the host may choose another noise meanwhile: changes are counted, so that
/// what was begun before one does not overrule it.
#[derive(Default)]
pub struct NoiseMemory {
    bytes: RwLock<Vec<u8>>,
    /// Written only under the lock of `bytes`.
    changes: AtomicU32,
    /// Whether a restored session brought other atoms than the audio thread has.
    restored: AtomicBool,
}

impl NoiseMemory {
    /// Keeps a noise that the user chose, or forgets. Not for the audio thread.
    pub fn keep(&self, profile: Option<&NoiseProfile>) {
        let bytes = profile.and_then(|profile| profile.to_bytes().ok());
        let mut kept = self.lock();
        *kept = bytes.unwrap_or_default();
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    /// Keeps what was learnt, unless something else came since [`NoiseMemory::changes`] was `changes`; `false` if it did.
    /// Not for the audio thread.
    #[must_use]
    pub fn keep_since(&self, changes: u32, profile: &NoiseProfile) -> bool {
        let bytes = profile.to_bytes().unwrap_or_default();
        let mut kept = self.lock();
        let unchanged = self.changes() == changes;
        if unchanged {
            *kept = bytes;
        }
        unchanged
    }

    /// How often a noise was loaded, forgotten or restored. Any thread.
    #[must_use]
    pub fn changes(&self) -> u32 {
        self.changes.load(Ordering::Relaxed)
    }

    fn lock(&self) -> RwLockWriteGuard<'_, Vec<u8>> {
        self.bytes.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept, if anything. Not for the audio thread.
    ///
    /// # Errors
    /// A saved session may hold anything; the sentence says what is wrong with it.
    pub fn recall(&self) -> Option<Result<NoiseProfile, ProfileError>> {
        self.map(|bytes| (!bytes.is_empty()).then(|| NoiseProfile::from_bytes(bytes)))
    }

    /// Whether anything is kept. Not for the audio thread.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.map(|bytes| !bytes.is_empty())
    }

    /// Whether a session was restored since the last call. Any thread.
    #[must_use]
    pub fn take_restored(&self) -> bool {
        take(&self.restored)
    }
}

impl PersistentField<'_, Vec<u8>> for NoiseMemory {
    fn set(&self, new_bytes: Vec<u8>) {
        let mut kept = self.lock();
        *kept = new_bytes;
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.restored.store(true, Ordering::Release);
    }

    fn map<F, R>(&self, f: F) -> R
    where
        F: Fn(&Vec<u8>) -> R,
    {
        f(&self.bytes.read().unwrap_or_else(PoisonError::into_inner))
    }
}
