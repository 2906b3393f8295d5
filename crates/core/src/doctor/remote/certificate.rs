//! Reads when a certificate expires, with only as much X.509 as that needs.

/// The last day on which it is valid, in days since 1970; `None` if it cannot be read.
pub(super) fn last_day(certificate: &[u8]) -> Option<i64> {
    let (_, certificate, _) = element(certificate)?;
    let (_, body, _) = element(certificate)?;
    let mut rest = body;
    // Version (tagged, may be missing), serial number, algorithm, issuer; then the validity.
    let (tag, _, after) = element(rest)?;
    if tag == 0xa0 {
        rest = after;
    }
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (_, validity, _) = element(rest)?;
    let (_, _, after) = element(validity)?;
    let (tag, text, _) = element(after)?;
    day(tag, std::str::from_utf8(text).ok()?)
}

/// A tag, the content, and the rest after it.
type Element<'a> = (u8, &'a [u8], &'a [u8]);

/// The first element: its tag, its content, and the rest after it.
fn element(bytes: &[u8]) -> Option<Element<'_>> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ ..=0x7f => (usize::from(short), rest),
        long => {
            let count = usize::from(long & 0x7f);
            let digits = rest.get(..count).filter(|_| (1..=4).contains(&count))?;
            let length = digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
            (length, &rest[count..])
        }
    };
    Some((tag, rest.get(..length)?, rest.get(length..)?))
}

/// `YYMMDD…` or `YYYYMMDD…` as days since 1970.
fn day(tag: u8, text: &str) -> Option<i64> {
    const UTC_TIME: u8 = 0x17;
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, at) = if tag == UTC_TIME {
        let year = number(0..2)?;
        (if year < 50 { 2000 + year } else { 1900 + year }, 2)
    } else {
        (number(0..4)?, 4)
    };
    let (month, day) = (number(at..at + 2)?, number(at + 2..at + 4)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    Some(days(year, month, day))
}

/// Days since 1970 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_read() {
        for (year, expected) in [(2030, 21_915), (2049, 28_855), (2060, 32_872)] {
            let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
            parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
            let key = rcgen::KeyPair::generate().unwrap();
            let made = parameters.self_signed(&key).unwrap();
            assert_eq!(last_day(made.der()), Some(expected), "{year}");
        }
    }

    #[test]
    fn nothing_is_read_of_what_is_cut() {
        let made = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
        let whole = made.cert.der();
        for end in 0..whole.len() {
            assert_eq!(last_day(&whole[..end]), None);
        }
    }

    #[test]
    fn days_are_counted_from_1970() {
        assert_eq!(days(1970, 1, 1), 0);
        assert_eq!(days(2000, 2, 29), 11_016);
        assert_eq!(days(2026, 11, 30), 20_787);
    }
}
