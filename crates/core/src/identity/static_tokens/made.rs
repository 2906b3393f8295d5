//! New static tokens: random, shown once, and listed by their hashes.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Map, Value, json};

use super::{Listed, Slot, date};
use crate::identity::{
    cache::hash,
    now,
    token::{Seconds, object},
};

/// A prefix by which scanners for leaked secrets recognise a token.
const PREFIX: &str = "mcpp_";

/// A new token.
pub struct MadeToken {
    /// The secret; it is stored nowhere.
    pub secret: String,
}

/// Secrets are not shown.
impl std::fmt::Debug for MadeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeToken").finish_non_exhaustive()
    }
}

/// Creates a token with this name and these scopes, and lists it in the file, which is created if
/// necessary. It expires at `expires`: a day, a second (RFC 3339, UTC), or a duration from now
/// (`90d`, `12h`, `30min`).
///
/// # Errors
/// The file cannot be read or written, or `expires` is invalid or has passed.
pub fn make(
    path: &Path,
    name: &str,
    scopes: &[String],
    expires: Option<&str>,
) -> Result<MadeToken, String> {
    let failed = |why: String| format!("no token can be listed in '{}': {why}", path.display());
    let expires = expires.map(end).transpose()?;
    let mut file = match fs::read(path) {
        Ok(text) => {
            Listed::parse(&text).map_err(failed)?;
            object(&text).map_err(failed)?
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Map::new(),
        Err(error) => return Err(failed(error.to_string())),
    };
    let mut random = [0; 32];
    let filled = SystemRandom::new().fill(&mut random);
    filled.map_err(|_| failed("the system provides no random numbers".to_owned()))?;
    let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
    let hash = hash(&secret).map(|byte| format!("{byte:02x}")).concat();
    let mut line = json!({ "name": name, "sha256": hash, "scopes": scopes });
    if let Some(expires) = expires {
        line["expires"] = date::text(expires).into();
    }
    if let Value::Array(tokens) = file.entry("tokens").or_insert_with(|| json!([])) {
        tokens.push(line);
    }
    let text = serde_json::to_string_pretty(&file).unwrap_or_default() + "\n";
    let listed = Listed::parse(text.as_bytes()).map_err(failed)?;
    listed.find(Slot::Bearer, &secret, 0).map_err(|_| failed("it is not found".to_owned()))?;
    replace(path, &text).map_err(|error| failed(error.to_string()))?;
    Ok(MadeToken { secret })
}

/// The expiry that a user has written.
fn end(text: &str) -> Result<Seconds, String> {
    let end = date::from(text, now()).ok_or_else(|| {
        format!("{text:?} is not a time; write 2030-12-31, 2030-12-31T23:59:59Z, 90d, 12h or 30min")
    })?;
    if end > now() { Ok(end) } else { Err(format!("{text} has passed")) }
}

/// A proxy that reads the file at this moment gets either the old or the new content.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", uuid::Uuid::new_v4().simple()));
    let draft = path.with_file_name(name);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&draft).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let placed = written.and_then(|()| fs::rename(&draft, path));
    placed.inspect_err(|_| drop(fs::remove_file(&draft)))
}
