//! The frame of every file of this project:
//!
//! ```text
//! 8 bytes   magic            (ends in "\r\n": a text-mode transfer breaks it visibly)
//! 4 bytes   format version, little-endian
//! n bytes   payload: bincode 2, little-endian, fixed-width integers
//! 4 bytes   CRC-32 (IEEE) of everything before it, little-endian
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Decoding never allocates more than this, whatever lengths a file claims.
pub const LARGEST_PAYLOAD_BYTES: usize = 64 << 20;

const HEADER_BYTES: usize = 12;
const CRC_BYTES: usize = 4;

/// Why bytes are not the file they should be.
#[derive(Clone, Debug, PartialEq)]
pub enum ContainerError {
    /// The magic is missing.
    OtherKind,
    /// Written by the format version given.
    Version(u32),
    /// Truncated, extended or changed.
    Damaged(&'static str),
}

fn coding() -> impl bincode::config::Config {
    bincode::config::standard()
        .with_little_endian()
        .with_fixed_int_encoding()
        .with_limit::<LARGEST_PAYLOAD_BYTES>()
}

/// The bytes of a file. Allocates.
///
/// # Errors
/// The payload is too large: nothing is written that could not be read back.
pub fn seal(magic: &[u8; 8], version: u32, payload: &impl Serialize) -> Result<Vec<u8>, ContainerError> {
    let mut bytes = magic.to_vec();
    bytes.extend(version.to_le_bytes());
    let encoded = bincode::serde::encode_to_vec(payload, coding());
    // The limit of the coding holds for reading alone.
    let too_large = ContainerError::Damaged("it is larger than 64 MiB");
    let encoded = encoded.map_err(|_| too_large.clone())?;
    if encoded.len() > LARGEST_PAYLOAD_BYTES {
        return Err(too_large);
    }
    bytes.extend(encoded);
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    Ok(bytes)
}

/// The payload of a file. Every truncated, changed or added byte is an error.
///
/// # Errors
/// [`ContainerError`].
pub fn open<P: DeserializeOwned>(magic: &[u8; 8], version: u32, bytes: &[u8]) -> Result<P, ContainerError> {
    if !bytes.starts_with(magic) {
        return Err(ContainerError::OtherKind);
    }
    if bytes.len() < HEADER_BYTES + CRC_BYTES {
        return Err(ContainerError::Damaged("it ends early"));
    }
    let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let found = number(magic.len());
    if found != version {
        return Err(ContainerError::Version(found));
    }
    let end = bytes.len() - CRC_BYTES;
    if number(end) != crc32fast::hash(&bytes[..end]) {
        return Err(ContainerError::Damaged("its checksum does not match"));
    }
    let (payload, used) = bincode::serde::decode_from_slice(&bytes[HEADER_BYTES..end], coding())
        .map_err(|_| ContainerError::Damaged("its contents cannot be decoded"))?;
    if used != end - HEADER_BYTES {
        return Err(ContainerError::Damaged("it holds more than it should"));
    }
    Ok(payload)
}
