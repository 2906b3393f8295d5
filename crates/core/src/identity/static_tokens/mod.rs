//! Tokens and API keys from a file that lists their hashes.
//!
//! The file contains no usable secrets. It is reloaded after changes; that is checked at most once
//! per second and only when a request needs it. If the file becomes unreadable, the last content
//! stays in use and this is logged.

mod date;
mod made;

pub use made::{MadeToken, make as make_token};

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use serde::Deserialize;
use serde_json::Value;

use super::{
    cache::{Hash, hash},
    challenge::is_scope,
    token::{Because, Claims, Seconds, object},
};

/// The issuer in identities of static tokens.
pub(crate) const TOKENS: &str = "urn:mcp-proxy:token";
/// The issuer in identities of API keys.
pub(crate) const API_KEYS: &str = "urn:mcp-proxy:api-key";
/// Largest file that is read.
const MAX_FILE: u64 = 4 * 1024 * 1024;
/// Shortest time between two checks of the file.
const INTERVAL: Duration = Duration::from_secs(1);

/// The header in which a secret was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// `Authorization: Bearer`.
    Bearer,
    /// `X-API-Key`.
    ApiKey,
}

/// The secrets of a file, by their hashes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Listed(HashMap<(Slot, Hash), Entry>);

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    issuer: &'static str,
    name: String,
    scopes: Vec<String>,
    unrestricted: bool,
    expires: Option<Seconds>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct File {
    tokens: Vec<Line>,
    api_keys: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    sha256: String,
    #[serde(default)]
    scopes: Vec<String>,
    expires: Option<String>,
}

impl Listed {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let file = Value::Object(object(text)?);
        let file = File::deserialize(file).map_err(|error| error.to_string())?;
        let mut listed = Self::default();
        let tokens = file.tokens.into_iter().map(|line| (Slot::Bearer, line));
        let keys = file.api_keys.into_iter().map(|line| (Slot::ApiKey, line));
        for (slot, line) in tokens.chain(keys) {
            let (hash, entry) = line.read(slot)?;
            if let Some(entry) = listed.0.insert((slot, hash), entry) {
                return Err(format!("the hash of {:?} appears twice", entry.name));
            }
        }
        Ok(listed)
    }

    /// The key of `--apiKey`: it allows everything, and may also be sent as a Bearer token.
    pub(crate) fn of_key(key: &str) -> Self {
        let entry = Entry {
            issuer: API_KEYS,
            name: "apiKey".to_owned(),
            scopes: Vec::new(),
            unrestricted: true,
            expires: None,
        };
        Self([Slot::ApiKey, Slot::Bearer].map(|slot| ((slot, hash(key)), entry.clone())).into())
    }

    fn with(mut self, own: &Self) -> Self {
        self.0.extend(own.0.iter().map(|(key, entry)| (*key, entry.clone())));
        self
    }

    /// Whether there is any API key.
    pub(crate) fn has_keys(&self) -> bool {
        self.0.keys().any(|(slot, _)| *slot == Slot::ApiKey)
    }

    /// The caller with this secret.
    pub(crate) fn find(&self, slot: Slot, secret: &str, now: Seconds) -> Result<Claims, Because> {
        self.find_hash(slot, hash(secret), now)
    }

    /// The same, by the secret's hash.
    pub(crate) fn find_hash(
        &self,
        slot: Slot,
        hash: Hash,
        now: Seconds,
    ) -> Result<Claims, Because> {
        let entry = self.0.get(&(slot, hash)).ok_or(Because::UnknownSecret)?;
        if entry.expires.is_some_and(|expires| now >= expires) {
            return Err(Because::Lapsed(entry.name.clone()));
        }
        Ok(Claims {
            scopes: entry.scopes.clone(),
            unrestricted: entry.unrestricted,
            expires: entry.expires,
            ..Claims::new(entry.issuer, &entry.name)
        })
    }
}

impl Line {
    fn read(self, slot: Slot) -> Result<(Hash, Entry), String> {
        let name = self.name;
        if name.is_empty() || name.contains(char::is_control) {
            return Err(format!("{name:?} is not a name"));
        }
        let hash = bytes(&self.sha256);
        let hash =
            hash.ok_or_else(|| format!("sha256 of {name:?} is not 64 hexadecimal digits"))?;
        if let Some(scope) = self.scopes.iter().find(|scope| !is_scope(scope)) {
            return Err(format!("{scope:?} of {name:?} is not a scope"));
        }
        let expires = match self.expires {
            None => None,
            Some(text) => Some(date::seconds(&text).ok_or_else(|| {
                format!("expires of {name:?} is {text:?}; write 2030-12-31 or 2030-12-31T23:59:59Z")
            })?),
        };
        let mut scopes = self.scopes;
        scopes.sort_unstable();
        scopes.dedup();
        let issuer = match slot {
            Slot::Bearer => TOKENS,
            Slot::ApiKey => API_KEYS,
        };
        Ok((hash, Entry { issuer, name, scopes, unrestricted: false, expires }))
    }
}

fn bytes(text: &str) -> Option<Hash> {
    let mut hash = [0; 32];
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok().filter(|_| !pair.starts_with('+'))?;
    }
    Some(hash)
}

/// See the module.
#[derive(Debug)]
pub(crate) struct TokenFile {
    path: PathBuf,
    /// Entries that do not come from the file.
    own: Listed,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    listed: Arc<Listed>,
    /// Size and modification time of the file that was read.
    version: Option<(u64, SystemTime)>,
    looked: Instant,
}

impl TokenFile {
    /// Reads the file; fails if it is invalid.
    pub(crate) fn open(path: &Path, own: Listed) -> Result<Self, String> {
        let (listed, version) = read(path)?;
        let listed = Arc::new(listed.with(&own));
        let state = State { listed, version: Some(version), looked: Instant::now() };
        Ok(Self { path: path.to_owned(), own, state: Mutex::new(state) })
    }

    /// The current entries.
    pub(crate) fn listed(&self) -> Arc<Listed> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= INTERVAL {
            state.looked = Instant::now();
            self.refresh(&mut state);
        }
        Arc::clone(&state.listed)
    }

    fn refresh(&self, state: &mut State) {
        let version = fs::metadata(&self.path).and_then(|file| version(&file)).ok();
        if version == state.version {
            return;
        }
        state.version = version;
        match read(&self.path) {
            Ok((listed, version)) => {
                tracing::info!("{} was reloaded", self.path.display());
                (state.listed, state.version) = (Arc::new(listed.with(&self.own)), Some(version));
            }
            Err(why) => tracing::error!("{why}; the tokens that were read before stay valid"),
        }
    }
}

fn version(file: &fs::Metadata) -> io::Result<(u64, SystemTime)> {
    Ok((file.len(), file.modified()?))
}

fn read(path: &Path) -> Result<(Listed, (u64, SystemTime)), String> {
    let failed = |why: String| format!("cannot use the tokens in '{}': {why}", path.display());
    let file = fs::metadata(path).map_err(|error| failed(error.to_string()))?;
    if file.len() > MAX_FILE {
        return Err(failed(format!("it is larger than {MAX_FILE} bytes")));
    }
    let version = version(&file).map_err(|error| failed(error.to_string()))?;
    let text = fs::read(path).map_err(|error| failed(error.to_string()))?;
    Ok((Listed::parse(&text).map_err(failed)?, version))
}

#[cfg(test)]
mod tests;
