//! Generated sections of a Markdown file, and what identifies the run that made them.

use std::path::Path;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

/// Today, UTC, as `2026-01-31`.
pub fn today() -> String {
    time::OffsetDateTime::now_utc().date().to_string()
}

/// Hexadecimal SHA-256.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Puts `body` between the markers `<!-- name:begin -->` and `<!-- name:end -->` of the file, and keeps everything
/// else; a file without the markers gets them at its end, a missing file is made.
///
/// # Errors
/// The file cannot be read or written, or holds only one of the markers.
pub fn write_section(path: &Path, name: &str, body: &str) -> Result<()> {
    let old = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "# Benchmarks\n".to_owned(),
        read => read.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let new = with_section(&old, name, body).with_context(|| format!("cannot update {}", path.display()))?;
    crate::atomic_file::write(path, new.as_bytes())
}

fn with_section(old: &str, name: &str, body: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- {name}:begin -->"), format!("<!-- {name}:end -->"));
    let section = format!("{begin}\n{}\n{end}", body.trim_end());
    match (old.find(&begin), old.find(&end)) {
        (Some(start), Some(stop)) if start < stop => {
            Ok(format!("{}{section}{}", &old[..start], &old[stop + end.len()..]))
        }
        (None, None) => Ok(format!("{}\n\n{section}\n", old.trim_end())),
        _ => bail!("its markers {begin} and {end} are not a pair"),
    }
}

/// A Markdown table; the first column is text, the others numbers.
pub fn table(header: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule: String = (0..header.len())
        .map(|column| if column == 0 { "|---|" } else { "---:|" })
        .collect();
    let body: String = rows.iter().map(|row| line(row)).collect();
    format!("{}{rule}\n{body}", line(header))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_and_the_rest_kept() {
        let first = with_section("# Title\n\nBy hand.\n", "eval", "one\n").unwrap();
        let both = with_section(&first, "bench", "two").unwrap();
        let again = with_section(&both, "eval", "three").unwrap();
        assert_eq!(
            again,
            "# Title\n\nBy hand.\n\n<!-- eval:begin -->\nthree\n<!-- eval:end -->\n\n\
             <!-- bench:begin -->\ntwo\n<!-- bench:end -->\n"
        );
        assert!(with_section("<!-- eval:end -->", "eval", "x").is_err());
    }

    #[test]
    fn sha256_is_the_standard_one() {
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
