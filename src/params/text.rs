//! Values of parameters as text, and back.

use super::FLOOR_OFF_DB;

/// "-24", "-23.5": one decimal where there is one, and never "-0".
pub(super) fn decibel_text(value_db: f32) -> String {
    let tenths = (value_db * 10.0).round();
    if tenths == 0.0 {
        "0".to_owned()
    } else {
        format!("{}", tenths / 10.0)
    }
}

pub(super) fn floor_text(value_db: f32) -> String {
    if value_db <= FLOOR_OFF_DB {
        "-inf".to_owned()
    } else {
        decibel_text(value_db)
    }
}

pub(super) fn parse_floor_db(text: &str) -> Option<f32> {
    if text.trim().to_ascii_lowercase().starts_with("-inf") {
        Some(FLOOR_OFF_DB)
    } else {
        parse_number(text, "db")
    }
}

/// A finite number with or without its unit; a decimal comma is read as a point.
pub(super) fn parse_number(text: &str, unit: &str) -> Option<f32> {
    let text = text.trim().to_ascii_lowercase().replace(',', ".");
    let number: f32 = text.strip_suffix(unit).unwrap_or(&text).trim().parse().ok()?;
    number.is_finite().then_some(number)
}

/// "3" or "3 of 4".
pub(super) fn parse_layers(text: &str) -> Option<i32> {
    text.split_whitespace().next()?.parse().ok()
}

pub(super) fn parse_switch(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" | "bypassed" | "listening" => Some(true),
        "off" | "false" | "no" | "0" | "active" => Some(false),
        _ => None,
    }
}
