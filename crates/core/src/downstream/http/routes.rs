//! The table from paths to endpoints. A table never changes; the port exchanges it for another.

use std::{collections::BTreeMap, sync::Arc};

use http::{Method, Uri};

use super::{
    mount::{Messages, Mount},
    reserved::Reserved,
    target,
};
use crate::{config::segment, identity::Endpoint};

/// Most endpoints that are listed.
const MAX_LISTED: usize = 16;

/// A path without slashes at its end, which many clients add.
fn plain(path: &str) -> &str {
    path.trim_end_matches('/')
}

/// A path with its segments encoded as in the paths of endpoints.
fn normal(path: &str) -> String {
    let segments = path.split('/').map(|part| segment(&target::decoded(part)));
    segments.collect::<Vec<_>>().join("/")
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    mounts: Vec<Arc<Mount>>,
    /// Sorted by their paths.
    endpoints: Vec<(String, Endpoints)>,
    /// Mounts whose messages are recognised by a prefix of the raw target.
    prefixed: Vec<Arc<Mount>>,
    reserved: Vec<Reserved>,
}

/// What is served under one path.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    pub(super) stream: Option<Arc<Mount>>,
    pub(super) sse: Option<Arc<Mount>>,
    messages: Option<Arc<Mount>>,
}

impl Endpoints {
    /// The endpoint that is the resource at this path.
    pub(super) fn resource(&self, path: &str) -> Option<Endpoint<'_>> {
        let is_it = |one: &Endpoint<'_>| plain(one.path) == plain(path);
        let stream = self.stream.as_deref().and_then(Mount::stream_endpoint).filter(is_it);
        stream.or_else(|| self.sse.as_deref().and_then(Mount::sse_endpoint).filter(is_it))
    }

    /// The endpoint for a request with this method. Messages belong to the endpoint whose stream
    /// answers them.
    pub(super) fn asked(&self, method: &Method) -> Option<Endpoint<'_>> {
        let stream = self.stream.as_deref().and_then(Mount::stream_endpoint);
        let sse = self.sse.as_deref().or(self.messages.as_deref()).and_then(Mount::sse_endpoint);
        if *method == Method::GET { sse.or(stream) } else { stream.or(sse) }
    }

    /// The allowed methods.
    pub(super) fn methods(&self) -> &'static str {
        if self.stream.is_some() {
            "GET, POST, DELETE, OPTIONS"
        } else if self.sse.is_some() {
            if self.messages.is_some() { "GET, POST, OPTIONS" } else { "GET, OPTIONS" }
        } else {
            "POST, OPTIONS"
        }
    }
}

impl Routes {
    /// Adds these endpoints; if two have the same path, the first one is served.
    pub(crate) fn new(mounts: Vec<Arc<Mount>>) -> Self {
        let mut endpoints = BTreeMap::<String, Endpoints>::new();
        let mut prefixed = Vec::new();
        for mount in &mounts {
            if let Some(path) = &mount.paths.stream {
                let known = endpoints.entry(plain(path).to_owned()).or_default();
                known.stream.get_or_insert_with(|| Arc::clone(mount));
            }
            let Some(path) = &mount.paths.sse else { continue };
            let known = endpoints.entry(plain(path).to_owned()).or_default();
            known.sse.get_or_insert_with(|| Arc::clone(mount));
            if let Some(path) = mount.paths.posts() {
                let known = endpoints.entry(plain(path).to_owned()).or_default();
                known.messages.get_or_insert_with(|| Arc::clone(mount));
            }
            match &mount.paths.messages {
                Messages::Prefix(_) => prefixed.push(Arc::clone(mount)),
                Messages::Path(path) => {
                    let known = endpoints.entry(plain(path).to_owned()).or_default();
                    known.messages.get_or_insert_with(|| Arc::clone(mount));
                }
            }
        }
        Self { mounts, endpoints: endpoints.into_iter().collect(), prefixed, reserved: Vec::new() }
    }

    /// Adds these routes, except at paths of endpoints.
    #[must_use]
    pub(crate) fn with_reserved(mut self, reserved: Reserved) -> Self {
        self.reserved.push(reserved);
        self
    }

    /// The list of served paths, in a sentence for clients that asked for another one.
    pub(super) fn listed(&self) -> String {
        let mut listed = String::from("Not Found. The endpoints here are:");
        for mount in self.mounts.iter().take(MAX_LISTED) {
            for (path, methods) in [
                (&mount.paths.stream, "POST, GET, DELETE (Streamable HTTP)"),
                (&mount.paths.sse, "GET (HTTP+SSE)"),
            ] {
                if let Some(path) = path {
                    listed.extend(["\n", path.as_str(), "  ", methods]);
                }
            }
        }
        if let Some(left) = self.mounts.len().checked_sub(MAX_LISTED).filter(|left| *left > 0) {
            listed.extend(["\nand those of ", &left.to_string(), " more servers"]);
        }
        listed.push_str("\n/ping  GET (health)\n");
        listed
    }

    /// All endpoints.
    pub(crate) fn mounts(&self) -> &[Arc<Mount>] {
        &self.mounts
    }

    /// The endpoint that represents paths which are not listed.
    pub(super) fn primary(&self) -> Endpoint<'_> {
        let first = self.mounts.first();
        let endpoint =
            first.and_then(|mount| mount.stream_endpoint().or_else(|| mount.sse_endpoint()));
        endpoint.unwrap_or_default()
    }

    /// The endpoints at a path.
    pub(super) fn at(&self, path: &str) -> Option<&Endpoints> {
        let found = self.find(plain(path)).or_else(|| {
            // Names may be encoded in more than one way.
            self.reserved(path)?;
            self.find(&normal(plain(path)))
        })?;
        Some(&self.endpoints.get(found)?.1)
    }

    fn find(&self, path: &str) -> Option<usize> {
        self.endpoints.binary_search_by(|(known, _)| known.as_str().cmp(path)).ok()
    }

    /// The endpoint whose HTTP+SSE sessions this message may belong to.
    pub(super) fn messages(
        &self,
        method: &Method,
        target: &Uri,
        path: &str,
    ) -> Option<&Arc<Mount>> {
        if *method != Method::POST {
            return None;
        }
        let raw = target.path_and_query().map_or("/", |target| target.as_str());
        let mut named = self.prefixed.iter().filter(|mount| {
            let Messages::Prefix(prefix) = &mount.paths.messages else { return false };
            raw.starts_with(prefix)
        });
        let Some(first) = named.next() else {
            let known = self.at(path)?;
            // At the path of an event stream, a POST belongs to HTTP+SSE only if it names a
            // session.
            let is_meant =
                |mount: &&Arc<Mount>| known.sse.is_none() || mount.has_sse_session(target.query());
            return known.messages.as_ref().filter(is_meant);
        };
        let theirs = |mount: &&Arc<Mount>| mount.has_sse_session(target.query());
        named.find(theirs).or(Some(first))
    }

    /// The reserved routes that contain this path.
    pub(super) fn reserved(&self, path: &str) -> Option<&Reserved> {
        self.reserved.iter().find(|reserved| reserved.takes(path))
    }
}
