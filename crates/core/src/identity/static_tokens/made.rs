//! New static tokens: random, shown once, and listed by their hash.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Map, Value, json};

use super::{Listed, Slot};
use crate::identity::{cache::hash, token::object};

/// So that whoever scans for leaked secrets knows one.
const PREFIX: &str = "mcpp_";

/// A token that was made.
pub struct MadeToken {
    /// The secret; it is kept nowhere.
    pub secret: String,
}

/// Secrets are not shown.
impl std::fmt::Debug for MadeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeToken").finish_non_exhaustive()
    }
}

/// Makes a token of this name that is good for these scopes, and lists it in the file, which is
/// made if it is not there.
pub fn make(path: &Path, name: &str, scopes: &[String]) -> Result<MadeToken, String> {
    let failed = |why: String| format!("no token can be listed in '{}': {why}", path.display());
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
    filled.map_err(|_| failed("the system gives no random numbers".to_owned()))?;
    let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
    let hash = hash(&secret).map(|byte| format!("{byte:02x}")).concat();
    let line = json!({ "name": name, "sha256": hash, "scopes": scopes });
    if let Value::Array(tokens) = file.entry("tokens").or_insert_with(|| json!([])) {
        tokens.push(line);
    }
    let text = serde_json::to_string_pretty(&file).unwrap_or_default() + "\n";
    let listed = Listed::parse(text.as_bytes()).map_err(failed)?;
    listed.find(Slot::Bearer, &secret, 0).map_err(|_| failed("it is not found".to_owned()))?;
    replace(path, &text).map_err(|error| failed(error.to_string()))?;
    Ok(MadeToken { secret })
}

/// A proxy that reads the file meanwhile reads the one or the other.
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
