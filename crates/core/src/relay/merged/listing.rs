//! Reads the lists of all servers concurrently.

use std::{collections::HashSet, sync::Arc};

use futures_util::future::{BoxFuture, join_all};
use tokio::time::timeout;

use super::{
    ask::Answer,
    cursor::{Cursor, Place, ServerTag},
    lists::{Kind, Listed, MAX_BYTES, MAX_ENTRIES, Page, Part, fold, result},
    names::{is_cut, outward, spliced},
    party::Party,
    route::{listing, paged},
    server::{Roster, Server},
};
use crate::{
    jsonrpc::{
        Code, Element as Entry, ErrorBody, Message, decode_string, escape, find_member, string_text,
    },
    relay::Reply,
};

/// Most pages of a merged list. A server that never ends its list ends here.
const MAX_PAGES: u32 = 1_000;
/// Most empty pages in a row; then the list counts as ended.
const MAX_EMPTY_PAGES: usize = 16;
/// Most pages of a server that are read to find the owner of a URI.
const MAX_LEARNED_PAGES: usize = 1_000;

/// Sends requests to servers on behalf of one client.
pub(super) trait Asking: Send + Sync {
    fn party(&self) -> &Arc<Party>;

    /// Whether the server offers what belongs to this capability.
    fn offers(&self, server: &Arc<Server>, capability: Option<&str>) -> bool;

    /// Sends the server a request; if it cannot be reached, there is no result.
    fn ask<'a>(&'a self, server: &'a Arc<Server>, request: Message) -> BoxFuture<'a, Answer>;

    /// Notes that a list lacks this server's part.
    fn missed(&self, _server: &Arc<Server>, _listed: Listed) {}
}

/// What a server gave for a list.
enum Given {
    Pages(Vec<Page>),
    /// Nothing, because it is down, too slow, or gave an invalid answer.
    Nothing,
    /// Nothing, because the client has cancelled.
    Cancelled,
}

/// Answers a request for a list.
pub(super) async fn list(asking: &dyn Asking, listed: Listed, request: Message, reply: Reply) {
    let whose = asking.party();
    let roster = whose.endpoint.roster();
    let cursor = match asked_cursor(whose, listed, &request) {
        Ok(cursor) => cursor,
        Err(error) => return reply.error(&error),
    };
    let done = cursor.as_ref().map(|cursor| cursor.done.clone()).unwrap_or_default();
    let at = |server: &Server| match &cursor {
        Some(cursor) if cursor.server == server.tag => cursor.place.clone(),
        _ => Place::default(),
    };
    let servers: Vec<_> = roster.servers.iter().filter(|it| !done.contains(&it.tag)).collect();
    let given = servers.iter().map(|server| gather(asking, server, listed, (&request, at(server))));
    let given = join_all(given).await;
    if !given.is_empty() && given.iter().all(|given| matches!(given, Given::Cancelled)) {
        return reply.forget();
    }
    let mut parts = Vec::with_capacity(servers.len());
    for (server, given) in servers.iter().zip(given) {
        let place = at(server);
        let pages = match given {
            Given::Pages(pages) => Some((pages, place.skip)),
            Given::Nothing | Given::Cancelled => None,
        };
        match &pages {
            Some((pages, _)) => server.learn(listed.kind, pages, place.page.is_none()),
            None => asking.missed(server, listed),
        }
        parts.push(Part { name: server.name.clone(), pages });
    }
    let named = |place: usize, page: &Page, entry: Entry| {
        merged_name(whose, &roster, servers.get(place)?, listed.kind, (page, entry))
    };
    let (list, next) = fold(listed, &parts, named);
    let pages = pages_after(cursor.as_ref());
    let next = next.filter(|_| pages < MAX_PAGES).and_then(|(place, at)| {
        let done = done.into_iter().chain(servers.iter().take(place).map(|server| server.tag));
        let done: Vec<ServerTag> = done.collect();
        let cursor = Cursor { done, server: servers.get(place)?.tag, place: at, pages };
        Some(whose.context().close_cursor(listed, &cursor))
    });
    reply.result(&result(listed, &parts, (&list, next.as_deref()), request.claims_version()));
}

/// How many pages the client has with the one that it asks for at this position.
fn pages_after(cursor: Option<&Cursor>) -> u32 {
    cursor.map_or(0, |cursor| cursor.pages).saturating_add(1)
}

/// The position at which the client wants the list to continue.
fn asked_cursor(
    party: &Party,
    listed: Listed,
    request: &Message,
) -> Result<Option<Cursor>, ErrorBody> {
    let asked = request.params().and_then(|params| find_member(request.bytes(), params, "cursor"));
    let Some(span) = asked else { return Ok(None) };
    let opened = decode_string(request.text(span))
        .and_then(|sealed| party.context().open_cursor(listed, &sealed));
    let invalid =
        || ErrorBody::new(Code::InvalidParams, "params.cursor: not a cursor of this list");
    opened.map(Some).ok_or_else(invalid)
}

/// The name of an entry in the merged list, as JSON; an entry that cannot be named is left out.
fn merged_name(
    party: &Party,
    roster: &Roster,
    server: &Arc<Server>,
    kind: Kind,
    (page, entry): (&Page, Entry),
) -> Option<Vec<u8>> {
    let raw = page.raw_name(entry)?;
    match kind {
        Kind::Tool | Kind::Prompt => {
            if let Some(merged) = spliced(&server.prefix, raw) {
                let text = string_text(&merged)?;
                if !is_cut(&text) {
                    return Some(merged.into_owned());
                }
            }
            let own = string_text(raw)?;
            let merged = outward(&server.prefix, &own);
            if is_cut(&merged) && server.uncut(kind, &merged).as_deref() != Some(&*own) {
                tracing::warn!(
                    "{own:?} of the server {:?} is left out: another one is called {merged:?}",
                    server.name
                );
                return None;
            }
            Some(escape(&merged).into_bytes())
        }
        Kind::Resource | Kind::Template | Kind::Skill => {
            let own = string_text(raw)?;
            match roster.labelled(server, &own) {
                Some(label) => Some(escape(&[label, &own].concat()).into_bytes()),
                None => Some(raw.to_vec()),
            }
        }
        Kind::Task => Some(party.context().close_task(server, &string_text(raw)?)),
    }
}

/// Reads as many pages of a server's list as fit into a merged page.
async fn gather(
    asking: &dyn Asking,
    server: &Arc<Server>,
    listed: Listed,
    (request, at): (&Message, Place),
) -> Given {
    if !asking.offers(server, listed.capability) {
        return Given::Pages(Vec::new());
    }
    let mut pages = Pages::new(listed, at);
    let reading = async {
        while let Some(At(cursor)) = pages.next.clone() {
            match asking.ask(server, paged(request, cursor.as_deref())).await {
                Answer::Result(response) => {
                    if !pages.take(response, cursor) {
                        tracing::warn!("the list of the server {:?} cannot be read", server.name);
                        return Ended::Failed;
                    }
                }
                Answer::Error(error) if is_unknown(&error) => return Ended::Read,
                Answer::Error(_) | Answer::Unreached => return Ended::Failed,
                Answer::None => return Ended::Cancelled,
            }
        }
        Ended::Read
    };
    match in_time(server, reading).await.unwrap_or(Ended::Failed) {
        Ended::Read => Given::Pages(pages.read),
        // What is there is sent; the rest comes with the next page.
        Ended::Failed if !pages.read.is_empty() => Given::Pages(pages.read),
        Ended::Failed => Given::Nothing,
        Ended::Cancelled => Given::Cancelled,
    }
}

/// Waits for a server for a limited time; `None` if it did not come.
async fn in_time<T>(server: &Server, answer: impl Future<Output = T>) -> Option<T> {
    let answer = timeout(server.patience(), answer).await.ok();
    server.answers(answer.is_some());
    answer
}

enum Ended {
    Read,
    Failed,
    Cancelled,
}

/// The cursor of a page, as raw JSON; `None` for the first page.
#[derive(Clone)]
struct At(Option<Vec<u8>>);

/// Pages of one server, as they arrive.
struct Pages {
    listed: Listed,
    read: Vec<Page>,
    skip: usize,
    entries: usize,
    bytes: usize,
    empty: usize,
    asked: HashSet<Option<Vec<u8>>>,
    /// The request for the next page, unless there are enough.
    next: Option<At>,
}

impl Pages {
    fn new(listed: Listed, at: Place) -> Self {
        let (skip, next) = (at.skip as usize, Some(At(at.page)));
        let asked = HashSet::new();
        Self { listed, read: Vec::new(), skip, entries: 0, bytes: 0, empty: 0, asked, next }
    }

    /// Takes a page; `false` if it is malformed.
    fn take(&mut self, response: Message, cursor: Option<Vec<u8>>) -> bool {
        self.asked.insert(cursor.clone());
        let Some(mut page) = Page::of(response, self.listed, cursor) else { return false };
        self.entries += page.entries.len().saturating_sub(std::mem::take(&mut self.skip));
        self.bytes += page.bytes();
        self.empty = if page.entries.is_empty() { self.empty + 1 } else { 0 };
        // A list that repeats a cursor, or has only empty pages, counts as ended.
        if self.empty > MAX_EMPTY_PAGES || self.asked.contains(&page.next) {
            page.next = None;
        }
        let full = self.entries >= MAX_ENTRIES || self.bytes >= MAX_BYTES;
        self.next = page.next.clone().filter(|_| !full).map(|next| At(Some(next)));
        self.read.push(page);
        true
    }
}

fn is_unknown(error: &Message) -> bool {
    error.error_code() == Some(Code::MethodNotFound.number().into())
}

/// Reads what is needed to find the owner of a name or URI: one list of a server, or all lists of
/// URIs that are not known.
pub(super) async fn learn(
    asking: &dyn Asking,
    request: &Message,
    unread: Option<(Arc<Server>, Kind)>,
) {
    if let Some((server, kind)) = unread {
        return walk(asking, &server, Listed::of_kind(kind), request).await;
    }
    let roster = asking.party().endpoint.roster();
    let unread = roster.servers.iter().filter(|server| !server.is_read());
    join_all(unread.map(|server| async move {
        // One after the other, since they have the same id.
        for kind in [Kind::Resource, Kind::Template, Kind::Skill] {
            walk(asking, server, Listed::of_kind(kind), request).await;
        }
    }))
    .await;
}

/// Reads a list to its end, to learn its entries.
async fn walk(asking: &dyn Asking, server: &Arc<Server>, listed: Listed, request: &Message) {
    let Some(request) = listing(request, listed) else { return };
    if !asking.offers(server, listed.capability) {
        return server.learn(listed.kind, &[], true);
    }
    let reading = async {
        let mut asked = HashSet::new();
        let mut cursor = None;
        while asked.insert(cursor.clone()) && asked.len() <= MAX_LEARNED_PAGES {
            let page = match asking.ask(server, paged(&request, cursor.as_deref())).await {
                Answer::Result(response) => Page::of(response, listed, cursor.take()),
                Answer::Error(error) if is_unknown(&error) => {
                    return server.learn(listed.kind, &[], true);
                }
                Answer::Error(_) | Answer::None | Answer::Unreached => return,
            };
            let Some(page) = page else { return };
            server.learn(listed.kind, std::slice::from_ref(&page), asked.len() == 1);
            cursor = page.next;
            if cursor.is_none() {
                return;
            }
        }
    };
    // What was not read in time stays unknown.
    in_time(server, reading).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_never_ends_has_so_many_pages() {
        let mut cursor = None;
        for page in 1..=MAX_PAGES {
            let pages = pages_after(cursor.as_ref());
            assert_eq!(pages, page);
            let next = Cursor { done: vec![], server: [0; 8], place: Place::default(), pages };
            cursor = Cursor::decode(&next.encode());
        }
    }
}
