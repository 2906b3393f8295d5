//! Identifies a client certificate that the TLS handshake has verified: by the subject and issuer
//! in it (RFC 5280 §4.1). Pure.

use ring::digest;

use super::{Claims, hex::hex};

/// The prefix of the authority's name in identities from certificates.
const PREFIX: &str = "x509:";

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const VERSION: u8 = 0xa0;

/// The identity in a certificate; `None` if its names are ambiguous.
pub(crate) fn identity_of(certificate: &[u8]) -> Option<Claims> {
    let (whole, _) = inside(certificate, SEQUENCE)?;
    let (mut body, _) = inside(whole, SEQUENCE)?;
    if body.first() == Some(&VERSION) {
        body = element(body)?.2;
    }
    // Serial number and algorithm.
    let (_, _, rest) = element(body)?;
    let (_, _, rest) = element(rest)?;
    let (issuer, rest) = inside(rest, SEQUENCE)?;
    let (_, _, rest) = element(rest)?;
    let (subject, _) = inside(rest, SEQUENCE)?;
    let (issuer, subject) = (attributes(issuer)?, attributes(subject)?);
    let name = if subject.is_empty() { fingerprint(certificate) } else { written(&subject) };
    let mut claims = Claims::new(format!("{PREFIX}{}", written(&issuer)), name);
    for (claim, attribute) in [("cn", "CN"), ("email", "emailAddress")] {
        let mut named = subject.iter().filter(|(name, _)| name == attribute);
        if let (Some((_, value)), None) = (named.next(), named.next()) {
            claims.kept.insert(claim.to_owned(), value.as_str().into());
        }
    }
    Some(claims)
}

fn fingerprint(certificate: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, certificate);
    hex(hash.as_ref())
}

/// Tag and content of an element, and the rest after it.
type Element<'a> = (u8, &'a [u8], &'a [u8]);

/// The first element (X.690 §8.1).
fn element(bytes: &[u8]) -> Option<Element<'_>> {
    let (&[tag, length], mut rest) = bytes.split_first_chunk::<2>()?;
    let mut length = usize::from(length);
    if length >= 0x80 {
        let count = length & 0x7f;
        if !(1..=4).contains(&count) {
            return None;
        }
        let (digits, behind) = rest.split_at_checked(count)?;
        length = digits.iter().fold(0, |sum, digit| (sum << 8) | usize::from(*digit));
        rest = behind;
    }
    let (content, behind) = rest.split_at_checked(length)?;
    Some((tag, content, behind))
}

/// The content of the first element, which must have this tag, and the rest after it.
fn inside(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(found, ..)| *found == tag).map(|(_, content, rest)| (content, rest))
}

/// The attributes of a name, in their order.
fn attributes(mut name: &[u8]) -> Option<Vec<(String, String)>> {
    let mut all = Vec::new();
    while !name.is_empty() {
        let (mut set, rest) = inside(name, SET)?;
        while !set.is_empty() {
            let (pair, behind) = inside(set, SEQUENCE)?;
            let (kind, value) = inside(pair, OID)?;
            all.push((attribute(kind), text(value)?));
            set = behind;
        }
        name = rest;
    }
    Some(all)
}

fn attribute(kind: &[u8]) -> String {
    let known = match kind {
        [0x55, 4, 3] => "CN",
        [0x55, 4, 5] => "serialNumber",
        [0x55, 4, 6] => "C",
        [0x55, 4, 7] => "L",
        [0x55, 4, 8] => "ST",
        [0x55, 4, 10] => "O",
        [0x55, 4, 11] => "OU",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1] => "emailAddress",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1] => "UID",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25] => "DC",
        _ => return hex(kind),
    };
    known.to_owned()
}

/// The text of a string; other character sets are not read.
fn text(value: &[u8]) -> Option<String> {
    let (tag, content, _) = element(value)?;
    let is_text = matches!(tag, 0x0c | 0x13 | 0x16);
    let text = std::str::from_utf8(content).ok().filter(|_| is_text)?;
    (!text.contains(char::is_control)).then(|| text.to_owned())
}

/// A name in the usual notation, in one canonical form (RFC 4514 §2.4).
fn written(name: &[(String, String)]) -> String {
    let escape = |text: &str| {
        text.chars().fold(String::new(), |mut all, letter| {
            if matches!(letter, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=') {
                all.push('\\');
            }
            all.push(letter);
            all
        })
    };
    let parts: Vec<String> =
        name.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, Issuer, KeyPair};

    use super::*;

    fn named(subject: &[(DnType, &str)]) -> Option<Claims> {
        let name = |parts: &[(DnType, &str)]| {
            let mut name = DistinguishedName::new();
            for (kind, value) in parts {
                name.push(kind.clone(), *value);
            }
            name
        };
        let mut authority = CertificateParams::default();
        authority.distinguished_name = name(&[(DnType::CommonName, "Our = CA")]);
        let authority = Issuer::new(authority, KeyPair::generate().unwrap());
        let mut params = CertificateParams::default();
        params.distinguished_name = name(subject);
        let made = params.signed_by(&KeyPair::generate().unwrap(), &authority).unwrap();
        identity_of(made.der())
    }

    #[test]
    fn the_subject_is_who_it_is() {
        let alice =
            named(&[(DnType::OrganizationName, "Acme, Inc."), (DnType::CommonName, "alice")])
                .unwrap();
        assert_eq!(alice.issuer, "x509:CN=Our \\= CA");
        assert_eq!(alice.subject, "O=Acme\\, Inc.,CN=alice");
        assert_eq!(alice.kept["cn"], "alice");
        let nameless = named(&[]).unwrap();
        assert_eq!(nameless.subject.len(), 64, "known by its fingerprint");
    }

    #[test]
    fn what_is_no_certificate_is_nobody() {
        for bytes in
            [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x80", b"\x30\x03\x30\x01"]
        {
            assert_eq!(identity_of(bytes), None, "{bytes:?}");
        }
        assert_eq!(named(&[(DnType::CommonName, "a\nb")]), None);
    }
}
