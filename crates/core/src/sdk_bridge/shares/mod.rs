//! What several users share of one connection to a server, if another library carries the messages.
//!
//! The rules are those of [`Shared`](crate::relay::Shared): each resource is subscribed to once for
//! all holders of a lease, a 2026-07-28 server is listened to on one stream, and each lease gets
//! its notifications. Pure: required actions are returned as [`ShareEffect`]s, their results are
//! reported back, and time is passed in, as the duration since some moment.

use std::{
    collections::{BTreeSet, HashMap},
    mem,
    time::Duration,
};

use serde_json::Value;

use crate::{
    era::modern_server::{Ending, Filter, Listen, ListenEffect},
    jsonrpc::ErrorBody,
    protocol::{LogLevel, MAX_URI, Notification},
    relay::{
        Audience, Effect, Subscriptions, failure, invalid_level, tell_end, too_many_subscriptions,
        unreported,
    },
};

/// A holder's share of the connection.
pub type LeaseId = u64;

/// A call that somebody awaits; the caller numbers them.
pub type Wish = u32;

/// Code and message of an error.
pub type Reason = (i32, String);

/// An action for the caller.
#[derive(Debug, PartialEq, Eq)]
pub enum ShareEffect {
    /// Send `resources/subscribe` for this URI and tell [`Shares::answered`].
    Subscribe(String),
    /// Send `resources/unsubscribe` for this URI and tell [`Shares::answered`].
    Unsubscribe(String),
    /// Send `subscriptions/listen` with these params, and report to [`Shares::opened`] or
    /// [`Shares::ended`] for the stream with this number.
    Open(u64, String),
    /// Close the stream with this number.
    Close(u64),
    /// Call [`Shares::rested`] after this pause; an earlier pause counts no more.
    RetryAfter(Duration),
    /// The wish is fulfilled.
    Grant(Wish),
    /// The wish cannot be fulfilled, for this reason, or with the upstream's own error.
    Refuse(Wish, Option<Reason>),
}

/// How a listen stream ended, or why it could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenEnd {
    /// This side has ended it.
    Local,
    /// The server ended it on purpose.
    Graceful,
    /// For another reason, with the error's code if there was one.
    Failed(Option<i32>),
}

/// See the module.
#[derive(Debug, Default)]
pub struct Shares {
    leases: HashMap<LeaseId, Option<LogLevel>>,
    last_lease: LeaseId,
    subscriptions: Subscriptions<Wish>,
    /// Who awaits the end of which subscription request.
    leaving: HashMap<String, Vec<Wish>>,
    /// Whether the server speaks 2026-07-28.
    modern: bool,
    listen: Listen,
    last_stream: u64,
    streams: BTreeSet<u64>,
    /// Whether a pause before the next attempt has begun and is not over.
    pauses: bool,
}

impl Shares {
    /// The server is connected, with these capabilities (JSON) if it speaks 2026-07-28.
    pub fn meet(&mut self, modern: Option<&str>) -> Vec<ShareEffect> {
        self.modern = modern.is_some();
        let Some(capabilities) = modern else { return Vec::new() };
        let effects = self.listen.connected(announced(capabilities), false);
        self.listen(effects)
    }

    /// A holder has come.
    pub fn attach(&mut self) -> (LeaseId, Vec<ShareEffect>) {
        self.last_lease += 1;
        self.leases.insert(self.last_lease, None);
        let effects = if self.modern { self.listen.attend() } else { Vec::new() };
        (self.last_lease, self.listen(effects))
    }

    /// A holder has left.
    pub fn detach(&mut self, lease: LeaseId) -> Vec<ShareEffect> {
        self.leases.remove(&lease);
        let orphans = self.subscriptions.release_all(lease);
        orphans.into_iter().flat_map(|uri| self.carry(&Effect::Unsubscribe, &uri)).collect()
    }

    /// The holder wants updates of this resource. One that has left gets nothing.
    pub fn want(&mut self, lease: LeaseId, uri: &str, wish: Wish) -> Vec<ShareEffect> {
        if !self.leases.contains_key(&lease) {
            return vec![ShareEffect::Grant(wish)];
        }
        if uri.len() > MAX_URI || !self.subscriptions.has_room(lease, uri) {
            return vec![refusal(wish, &too_many_subscriptions())];
        }
        match self.subscriptions.want(uri, lease, wish) {
            Some(effect) => self.carry(&effect, uri),
            None => Vec::new(),
        }
    }

    /// The holder does not want them any more.
    pub fn unwant(&mut self, lease: LeaseId, uri: &str, wish: Wish) -> Vec<ShareEffect> {
        let Some(effect) = self.subscriptions.release(uri, lease) else {
            return vec![ShareEffect::Grant(wish)];
        };
        self.leaving.entry(uri.to_owned()).or_default().push(wish);
        self.carry(&effect, uri)
    }

    /// Whether the holder wants updates of exactly this resource.
    pub fn holds(&self, lease: LeaseId, uri: &str) -> bool {
        self.subscriptions.is_held(uri, lease)
    }

    /// Sets the holder's log level; an error for an unknown one.
    pub fn set_level(&mut self, lease: LeaseId, level: &str) -> Result<(), Reason> {
        let level = LogLevel::named(level.as_bytes()).ok_or_else(|| reason(&invalid_level()))?;
        if let Some(wanted) = self.leases.get_mut(&lease) {
            *wanted = Some(level);
        }
        Ok(())
    }

    /// Whether the holder gets a notification of this method, with this level or about this
    /// resource.
    pub fn entitles(
        &self,
        lease: LeaseId,
        method: &str,
        level: Option<&str>,
        uri: Option<&str>,
    ) -> bool {
        let audience = Audience::of(
            Notification::of(method),
            || LogLevel::named(level?.as_bytes()),
            || uri.map(str::to_owned),
            &self.subscriptions,
        );
        self.leases.get(&lease).is_some_and(|level| audience.includes(lease, *level))
    }

    /// The server has answered a request about this resource.
    pub fn answered(&mut self, uri: &str, accepted: bool) -> Vec<ShareEffect> {
        self.settled(uri, accepted, None)
    }

    /// The server has opened a stream that carries these resources; all of them if it does not say.
    pub fn opened(
        &mut self,
        stream: u64,
        uris: Option<Vec<String>>,
        now: Duration,
    ) -> Vec<ShareEffect> {
        let uris = uris.unwrap_or_else(|| self.subscriptions.wanted());
        let effects = self.listen.acknowledged(stream, &uris, now);
        self.listen(effects)
    }

    /// A stream has ended, or could not be opened.
    pub fn ended(&mut self, stream: u64, end: ListenEnd, now: Duration) -> Vec<ShareEffect> {
        if !self.streams.remove(&stream) {
            return Vec::new();
        }
        let how = match end {
            ListenEnd::Local | ListenEnd::Graceful => Ending::Graceful,
            ListenEnd::Failed(code) => failure(code),
        };
        let effects = self.listen.ended(stream, how, now);
        let pause = self.listen.due().map(|due| due.saturating_sub(now));
        if end != ListenEnd::Local {
            tell_end(how, pause);
        }
        // The failure itself says why the latest wish is refused.
        let mut effects = self.listen_for(effects, |_| None);
        self.pauses |= pause.is_some();
        effects.extend(pause.map(ShareEffect::RetryAfter));
        effects
    }

    /// The pause is over.
    pub fn rested(&mut self, connected: bool) -> Vec<ShareEffect> {
        self.pauses = false;
        self.retry(connected)
    }

    /// Opens a lost stream again if the client is `connected`, unless there is a pause.
    pub fn retry(&mut self, connected: bool) -> Vec<ShareEffect> {
        if self.pauses || !connected {
            return Vec::new();
        }
        let effects = self.listen.due().map(|due| self.listen.retry(due)).unwrap_or_default();
        self.listen(effects)
    }

    /// The connection is no longer shared. Nobody waits for running requests.
    pub fn close(&mut self) -> Vec<ShareEffect> {
        let closed =
            Self { last_lease: self.last_lease, last_stream: self.last_stream, ..Self::default() };
        let Self { subscriptions, leaving, streams, .. } = mem::replace(self, closed);
        let waiting = subscriptions.end().into_iter().chain(leaving.into_values().flatten());
        let granted: Vec<ShareEffect> = waiting.map(ShareEffect::Grant).collect();
        streams.into_iter().map(ShareEffect::Close).chain(granted).collect()
    }

    fn carry(&mut self, effect: &Effect<Wish>, uri: &str) -> Vec<ShareEffect> {
        let effects = match effect {
            Effect::Fulfilled(wish) => return vec![ShareEffect::Grant(*wish)],
            Effect::Subscribe if self.modern => self.listen.want(uri),
            Effect::Unsubscribe if self.modern => self.listen.unwant(uri),
            Effect::Subscribe => return vec![ShareEffect::Subscribe(uri.to_owned())],
            Effect::Unsubscribe => return vec![ShareEffect::Unsubscribe(uri.to_owned())],
        };
        self.listen(effects)
    }

    fn listen(&mut self, effects: Vec<ListenEffect>) -> Vec<ShareEffect> {
        self.listen_for(effects, |uri| Some(reason(&unreported(uri))))
    }

    /// Carries out what the stream requires; `why` is the reason if a resource is refused.
    fn listen_for(
        &mut self,
        effects: Vec<ListenEffect>,
        why: fn(&str) -> Option<Reason>,
    ) -> Vec<ShareEffect> {
        let mut all = Vec::new();
        for effect in effects {
            match effect {
                ListenEffect::Open(params) => {
                    self.last_stream += 1;
                    self.streams.insert(self.last_stream);
                    self.listen.opened(self.last_stream);
                    all.push(ShareEffect::Open(self.last_stream, format!("{{{params}}}")));
                }
                ListenEffect::Close(stream) => {
                    self.streams.remove(&stream);
                    all.push(ShareEffect::Close(stream));
                }
                ListenEffect::Settled { uri, accepted } => {
                    all.extend(self.settled(&uri, accepted, why(&uri).as_ref()));
                }
            }
        }
        all
    }

    fn settled(&mut self, uri: &str, accepted: bool, why: Option<&Reason>) -> Vec<ShareEffect> {
        let mut waiting = self.leaving.remove(uri).unwrap_or_default();
        let (settled, next) = self.subscriptions.answered(uri, accepted);
        waiting.extend(settled);
        let settle = |wish| {
            if accepted {
                ShareEffect::Grant(wish)
            } else {
                ShareEffect::Refuse(wish, why.cloned())
            }
        };
        let mut effects: Vec<ShareEffect> = waiting.into_iter().map(settle).collect();
        effects.extend(next.into_iter().flat_map(|effect| self.carry(&effect, uri)));
        effects
    }
}

fn reason(error: &ErrorBody) -> Reason {
    (error.code.number(), error.message.clone())
}

fn refusal(wish: Wish, error: &ErrorBody) -> ShareEffect {
    ShareEffect::Refuse(wish, Some(reason(error)))
}

/// The lists whose changes a server with these capabilities reports.
fn announced(capabilities: &str) -> Filter {
    let capabilities: Value = serde_json::from_str(capabilities).unwrap_or_default();
    let announces = |list: &str| capabilities[list]["listChanged"] == true;
    Filter {
        tools: announces("tools"),
        prompts: announces("prompts"),
        resources: announces("resources"),
    }
}

#[cfg(test)]
mod tests;
