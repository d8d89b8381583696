//! What Unfold's commands share with the fuzz targets and with tests that stand alone: files and scores.

pub mod atomic_file;
pub mod audio_file;
pub mod metrics;
