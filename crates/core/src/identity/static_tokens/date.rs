//! Points in time as people write them: a day, or a second, in UTC (RFC 3339).

use crate::identity::token::Seconds;

/// The end of the year 9999.
const LATEST: Seconds = 253_402_300_800;

/// The seconds since 1970 of `2030-12-31` (its beginning) or `2030-12-31T23:59:59Z`.
pub(super) fn seconds(text: &str) -> Option<Seconds> {
    let (day, time) = match text.split_once('T') {
        Some((day, time)) => (day, Some(time.strip_suffix('Z')?)),
        None => (text, None),
    };
    let [year, month, day] = numbers(day, '-', [4, 2, 2])?;
    let [hour, minute, second] = match time {
        Some(time) => numbers(time, ':', [2, 2, 2])?,
        None => [0; 3],
    };
    let valid = year >= 1970 && (1..=12).contains(&month) && day >= 1 && day <= days(year, month);
    if !valid || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let years: Seconds = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let months: Seconds = (1..month).map(|month| days(year, month)).sum();
    Some((((years + months + day - 1) * 24 + hour) * 60 + minute) * 60 + second)
}

/// The same, or a duration from now: `90d`, `12h`, `30min`.
pub(super) fn from(text: &str, now: Seconds) -> Option<Seconds> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).filter(|end| *end > 0);
    let unit: Seconds = match end.map(|end| &text[end..]) {
        Some("d") => 86_400,
        Some("h") => 3600,
        Some("min") => 60,
        _ => return seconds(text),
    };
    let count: Seconds = text[..end.unwrap_or_default()].parse().ok()?;
    now.checked_add(count.checked_mul(unit)?).filter(|end| *end < LATEST)
}

/// The same as text.
pub(super) fn text(seconds: Seconds) -> String {
    let (mut day, time) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    while day >= if is_leap(year) { 366 } else { 365 } {
        day -= if is_leap(year) { 366 } else { 365 };
        year += 1;
    }
    let mut month = 1;
    while day >= days(year, month) {
        day -= days(year, month);
        month += 1;
    }
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", day + 1)
}

/// Numbers of exactly this many digits.
fn numbers(text: &str, separator: char, lengths: [usize; 3]) -> Option<[Seconds; 3]> {
    let mut parts = text.split(separator);
    let mut all = [0; 3];
    for (number, length) in all.iter_mut().zip(lengths) {
        let part = parts.next()?;
        let digits = part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
        *number = part.parse().ok().filter(|_| digits)?;
    }
    parts.next().is_none().then_some(all)
}

fn days(year: Seconds, month: Seconds) -> Seconds {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_leap(year: Seconds) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_seconds_are_counted() {
        for (text, expected) in [
            ("1970-01-01", 0),
            ("1970-01-02T00:00:01Z", 86_401),
            ("2000-03-01", 951_868_800),
            ("2026-11-30T03:29:50Z", 1_796_009_390),
            ("2100-03-01", 4_107_542_400),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn dates_are_written_as_they_are_read() {
        for second in [0, 86_399, 951_868_799, 951_868_800, 1_796_009_390, 4_107_542_399] {
            assert_eq!(seconds(&text(second)), Some(second), "{}", text(second));
        }
        assert_eq!(text(1_796_009_390), "2026-11-30T03:29:50Z");
        assert_eq!(seconds(&text(LATEST - 1)), Some(LATEST - 1));
    }

    #[test]
    fn a_time_from_now_is_a_number_and_a_unit() {
        for (text, expected) in [
            ("90d", Some(1000 + 90 * 86_400)),
            ("12h", Some(1000 + 43_200)),
            ("30min", Some(2800)),
            ("1970-01-02", Some(86_400)),
            ("d", None),
            ("90", None),
            ("90w", None),
            ("-1d", None),
            ("1.5d", None),
            ("99999999999999999999d", None),
            ("9999999999d", None),
            ("", None),
        ] {
            assert_eq!(from(text, 1000), expected, "{text}");
        }
    }

    #[test]
    fn nothing_else_is_a_date() {
        for none in [
            "",
            "2026",
            "2026-13-01",
            "2026-02-29",
            "2026-00-01",
            "2026-01-00",
            "26-01-01",
            "2026-1-01",
            "2026-01-01T00:00:00",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00+01:00",
            "2026-01-01-01",
            "+026-01-01",
            "1969-12-31",
        ] {
            assert_eq!(seconds(none), None, "{none}");
        }
    }
}
