//! The decision: is this token valid, by these rules, now?

use serde_json::{Map, Value};

use super::{Because, Claims, Jws, KeySet, Reading, Rules, Seconds, rules::SKEW};

/// Verifies a parsed token; only then its claims may be used.
pub(crate) fn verify(
    token: &Jws<'_>,
    keys: &KeySet,
    rules: &Rules,
    now: Seconds,
) -> Result<Claims, Because> {
    let key = keys.find(token.kid.as_deref(), token.algorithm)?;
    if !key.signed(token.algorithm, token.signed.as_bytes(), &token.signature) {
        return Err(Because::Signature);
    }
    let reading = Reading(&token.claims);
    check_issuer(reading.text("iss")?, rules)?;
    let expires = reading.time("exp")?.ok_or(Because::Claim("exp"))?;
    let claims = check(&token.claims, rules)?;
    check_times(reading, Some(expires), now)?;
    Ok(Claims { expires: Some(expires), ..claims })
}

pub(crate) fn check_issuer(seen: String, rules: &Rules) -> Result<(), Because> {
    if rules.spellings.contains(&seen) {
        return Ok(());
    }
    Err(Because::Issuer { expected: rules.spellings.clone(), seen })
}

/// Checks the claims except for issuer and time, wherever they came from.
pub(crate) fn check(claims: &Map<String, Value>, rules: &Rules) -> Result<Claims, Because> {
    let reading = Reading(claims);
    if let Some(why) = rules.preset.objection(claims) {
        return Err(Because::Preset(why));
    }
    // RFC 9449 and RFC 8705: useless without the key or certificate.
    if claims.contains_key("cnf") {
        return Err(Because::Bound);
    }
    let claim = rules.preset.audience_claim();
    let audiences = reading.list(claim)?.ok_or(Because::Claim(claim))?;
    if !audiences.iter().any(|one| rules.audience.covers(one)) {
        return Err(Because::Audience { expected: rules.audience.expected(""), seen: audiences });
    }
    Ok(Claims {
        issuer: rules.issuer.clone(),
        subject: reading.text("sub")?,
        audiences,
        scopes: reading.scopes(rules.preset)?,
        unrestricted: false,
        expires: None,
        kept: reading.kept(&rules.kept),
    })
}

/// Checks `exp`, `nbf` and `iat` with a tolerance of a minute.
pub(crate) fn check_times(
    reading: Reading<'_>,
    expires: Option<Seconds>,
    now: Seconds,
) -> Result<(), Because> {
    if let Some(expires) = expires.filter(|expires| now >= expires.saturating_add(SKEW)) {
        return Err(Because::Expired(now - expires));
    }
    for claim in ["nbf", "iat"] {
        let begins = reading.time(claim)?.unwrap_or_default();
        if begins > now.saturating_add(SKEW) {
            return Err(Because::Early(claim, begins - now));
        }
    }
    Ok(())
}
