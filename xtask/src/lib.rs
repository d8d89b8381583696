//! What Unfold's commands share with the fuzz targets: reading and writing of files.

pub mod atomic_file;
pub mod audio_file;
