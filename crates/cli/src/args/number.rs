//! Numbers as the original parses them: JavaScript's decimal and radix notations.

/// The largest safe integer of JavaScript; larger ones count as unlimited.
const LARGEST: f64 = 9_007_199_254_740_991.0;

/// Parses `8080`, `1e3`, `.5`, `0x10`, `0o17`, `0b11`, `Infinity`; `None` where JavaScript yields
/// NaN.
///
/// Differs from mcp-proxy: an empty text is not a number; JavaScript reads zero.
pub(super) fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Some((radix, digits)) = radix(text) {
        return radix_value(digits, radix);
    }
    match text {
        "Infinity" | "+Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        // Rust takes `inf` and `nan` for numbers, JavaScript does not.
        _ if text
            .contains(|letter: char| letter.is_alphabetic() && !matches!(letter, 'e' | 'E')) =>
        {
            None
        }
        _ => text.parse().ok(),
    }
}

/// The whole number of a value; `None` if it has a fraction or is negative.
pub(super) fn whole(value: f64) -> Option<u64> {
    if value < 0.0 || (value.is_finite() && value.fract() != 0.0) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, not negative, and at most 2^53 - 1"
    )]
    let whole = value.min(LARGEST) as u64;
    Some(whole)
}

/// The value as JavaScript prints it.
pub(super) fn shown(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    value.to_string()
}

fn radix(text: &str) -> Option<(u32, &str)> {
    let (prefix, digits) = text.split_at_checked(2)?;
    match prefix {
        "0x" | "0X" => Some((16, digits)),
        "0o" | "0O" => Some((8, digits)),
        "0b" | "0B" => Some((2, digits)),
        _ => None,
    }
}

fn radix_value(digits: &str, radix: u32) -> Option<f64> {
    if digits.is_empty() {
        return None;
    }
    let place = f64::from(radix);
    digits
        .chars()
        .try_fold(0.0, |value, digit| Some(value * place + f64::from(digit.to_digit(radix)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_javascript_reads_them() {
        for (text, value) in [
            ("0", 0.0),
            ("8080", 8080.0),
            (" 8080 ", 8080.0),
            ("+5", 5.0),
            ("-1.50", -1.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("007", 7.0),
            ("1e3", 1000.0),
            ("1E3", 1000.0),
            ("0x10", 16.0),
            ("0XfF", 255.0),
            ("0o17", 15.0),
            ("0b11", 3.0),
            ("Infinity", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("1e400", f64::INFINITY),
        ] {
            assert_eq!(parse(text), Some(value), "{text}");
        }
    }

    #[test]
    fn everything_else_is_not_a_number() {
        for text in [
            "",
            " ",
            "=",
            "abc",
            "nan",
            "NaN",
            "inf",
            "infinity",
            "1_000",
            "1,000",
            "10s",
            "0x",
            "0xg",
            "-0x10",
            "e",
            "e3",
            "--1",
            "1 2",
            "tcp://10.0.0.1:8080",
            "٣",
            "0é",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn whole_numbers_saturate_where_javascript_stops_counting() {
        assert_eq!(whole(0.0), Some(0));
        assert_eq!(whole(-0.0), Some(0));
        assert_eq!(whole(1e20), Some(9_007_199_254_740_991));
        assert_eq!(whole(f64::INFINITY), Some(9_007_199_254_740_991));
        assert_eq!(whole(0.5), None);
        assert_eq!(whole(-1.0), None);
    }
}
