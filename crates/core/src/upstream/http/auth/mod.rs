//! Credentials for remote servers that require them: finding, requesting, storing and renewing
//! tokens.
//!
//! A refused request contains a challenge. [`Authorizer::authorize`] turns it into a token, once
//! for all requests of the process and, with a lock beside the token's file, for all processes. A
//! user is asked to sign in only if one of their calls waits for that.

mod asking;
mod assertion;
mod browser;
mod callback;
pub(super) mod challenge;
mod device;
mod discovery;
mod dpop;
mod foreign;
mod grant;
mod issuer;
mod keys;
mod lock;
mod login;
mod private;
mod reach;
mod store;
mod stored;
mod token;
mod vault;

pub(super) use grant::TIMEOUT;
pub(super) use reach::{Reach, Resolver, Rules, bare};
pub(crate) use stored::stored_token;

use std::{
    fmt, fs, io,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use http::{HeaderMap, HeaderValue, StatusCode, header::AUTHORIZATION};
use reqwest::{Request, Url};
use tokio::{
    sync::{OnceCell, Semaphore, watch},
    time::Instant,
};

use self::{
    challenge::Challenge,
    dpop::{Claim, Key},
    login::Attempt,
    store::{Grant, Kept, Remembered, Store},
    vault::Vault,
};
use crate::{
    config::OAuthConfig,
    watch::{Detail, Frame, Life, Point, SignIn, TAP},
};

/// Who waits for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// A client's message: the user may be asked to sign in.
    Call,
    /// The proxy itself: nobody is disturbed.
    Background,
}

/// See the module.
pub(super) struct Authorizer {
    config: OAuthConfig,
    reach: Reach,
    url: Url,
    store: Store,
    /// Tells the server apart from others in this process.
    server: u32,
    turn: Semaphore,
    /// Whether the stored tokens of an earlier run were read.
    recalled: OnceCell<()>,
    /// Whether it was logged that nothing can be stored.
    unkept: AtomicBool,
    /// Whether a user is being asked to sign in.
    waits: AtomicBool,
    /// How many tokens were obtained.
    sign_ins: watch::Sender<u64>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    grant: Option<Arc<Grant>>,
    /// The key to which its token is bound.
    key: Option<Arc<Key>>,
    /// The nonce that the server requires in the next proof.
    nonce: Option<String>,
    /// The last renewed token that was not accepted yet, and when it was renewed.
    renewed: Option<(Instant, String)>,
    /// When and why the last sign-in failed.
    failed: Option<(Instant, String)>,
    /// Who got secrets first, if that cannot be stored.
    issuer: Option<String>,
}

impl State {
    fn take(&mut self, grant: Grant) {
        self.key = grant.key.as_deref().and_then(Key::read).map(Arc::new);
        self.grant = Some(Arc::new(grant));
    }

    fn token(&self) -> Option<String> {
        self.grant.as_ref().map(|grant| grant.access_token.clone())
    }
}

impl fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorizer").field("store", &self.store).finish_non_exhaustive()
    }
}

/// A user is being asked to sign in.
struct Waiting<'a>(&'a AtomicBool);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// What is stored for this server and client.
fn store(config: &OAuthConfig, url: &Url) -> Store {
    let key = format!("{url} {}", config.client_id.as_deref().unwrap_or_default());
    let vault = Vault::new(config.store, &config.key_file);
    Store::new(&config.directory, key.trim(), vault)
}

/// Deletes the stored sign-in to this server; returns whether there was one.
pub(crate) fn sign_out(config: &OAuthConfig, url: &Url) -> bool {
    let store = store(config, url);
    let forgotten =
        [store.remove::<Grant>(), store.remove::<Attempt>(), store.remove::<Remembered>()];
    forgotten.contains(&true)
}

/// Deletes all stored sign-ins in this directory; returns how many there were.
pub(crate) fn sign_out_everywhere(directory: &Path) -> io::Result<usize> {
    let mut count = 0;
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if [Grant::ENDING, Attempt::ENDING, Remembered::ENDING].contains(&ending) {
            fs::remove_file(&path)?;
            count += usize::from(ending == Grant::ENDING);
        }
    }
    Ok(count)
}

impl Authorizer {
    /// `reach` requests what the server names, without any credentials.
    pub(super) fn new(config: &OAuthConfig, reach: Reach, url: &Url, server: u32) -> Self {
        Self {
            config: config.clone(),
            reach,
            url: url.clone(),
            store: store(config, url),
            server,
            turn: Semaphore::new(1),
            recalled: OnceCell::new(),
            unkept: AtomicBool::new(false),
            waits: AtomicBool::new(false),
            sign_ins: watch::Sender::new(0),
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The current token, if there is one; at first the stored one of an earlier run.
    async fn token(&self) -> Option<String> {
        let recall = || async {
            if let Some(kept) = self.store.read().await {
                self.lock().take(kept);
            }
        };
        self.recalled.get_or_init(|| Box::pin(recall())).await;
        self.lock().token()
    }

    /// Adds the token to a request, if there is one; returns it.
    pub(super) async fn sign(&self, request: &mut Request) -> Option<String> {
        let token = Box::pin(self.token()).await?;
        let state = self.lock();
        let (key, nonce) = (state.key.clone(), state.nonce.clone());
        drop(state);
        let proof = key.as_ref().and_then(|key| {
            let (method, url) = (request.method(), request.url());
            key.proof(&Claim { method, url, token: Some(&token), nonce: nonce.as_deref() })
        });
        let scheme = if key.is_some() { "DPoP" } else { "Bearer" };
        let mut value = HeaderValue::from_str(&format!("{scheme} {token}")).ok()?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
        let proof = proof.and_then(|proof| HeaderValue::from_str(&proof).ok());
        request.headers_mut().extend(proof.map(|proof| (dpop::PROOF, proof)));
        Some(token)
    }

    /// Notes whether the server accepts the token, and its nonce for the next proof.
    pub(super) fn heed(&self, status: StatusCode, headers: &HeaderMap) {
        if status.is_success() {
            self.lock().renewed = None;
        }
        if let Some(nonce) = headers.get(dpop::NONCE).and_then(|nonce| nonce.to_str().ok()) {
            self.lock().nonce = Some(nonce.to_owned());
        }
    }

    /// Gets a token after the one in the challenge was refused.
    pub(super) async fn authorize(
        &self,
        challenge: &Challenge,
        occasion: Occasion,
    ) -> Result<(), String> {
        let asked = Instant::now();
        let _turn = self.turn.acquire().await.map_err(|error| error.to_string())?;
        // The challenge contains the missing nonce.
        if self.token().await != challenge.used || challenge.lacks_nonce {
            return Ok(());
        }
        // A request that waited for another's sign-in gets the same result.
        if let Some((_, why)) = self.lock().failed.as_ref().filter(|(when, _)| *when > asked) {
            return Err(why.clone());
        }
        self.show(SignIn::Required, || match &challenge.scope {
            Some(scope) => format!("scope {scope:?}"),
            None => String::new(),
        });
        let authorized = Box::pin(self.authorize_now(challenge, occasion)).await;
        match &authorized {
            Ok(()) => self.show(SignIn::Granted, String::new),
            Err(why) => self.show(SignIn::Failed, || why.clone()),
        }
        if let (Err(why), Occasion::Call) = (&authorized, occasion) {
            self.lock().failed = Some((Instant::now(), why.clone()));
        }
        authorized
    }

    async fn authorize_now(&self, challenge: &Challenge, occasion: Occasion) -> Result<(), String> {
        let _lock = match self.store.lock().await {
            Ok(lock) => Some(lock),
            Err(error) => {
                self.warn_unkept(&error);
                None
            }
        };
        let grant = Box::pin(self.successor(challenge, occasion)).await?;
        if let Err(error) = Box::pin(self.store.write(&grant)).await {
            self.warn_unkept(&error);
        }
        self.lock().take(grant);
        self.sign_ins.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Notified of every token from here on.
    pub(super) fn sign_ins(&self) -> watch::Receiver<u64> {
        self.sign_ins.subscribe()
    }

    /// Shows a step to the tap (recordings and the inspection page).
    fn show(&self, step: SignIn, detail: impl FnOnce() -> String) {
        TAP.show(|| {
            let life = Life::SignIn { step, detail: detail() };
            Frame::event(Point::Server, Detail::Life(life)).of_server(self.server)
        });
    }

    /// Whether a user is being asked to sign in.
    pub(super) fn waits_for_somebody(&self) -> bool {
        self.waits.load(Ordering::Relaxed)
    }

    /// Sets that state until it is dropped.
    fn waiting(&self) -> Waiting<'_> {
        self.show(SignIn::Waiting, String::new);
        self.waits.store(true, Ordering::Relaxed);
        Waiting(&self.waits)
    }

    fn warn_unkept(&self, error: &io::Error) {
        if !self.unkept.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "the tokens cannot be stored, so the next start asks to sign in again: {error}"
            );
        }
    }
}
