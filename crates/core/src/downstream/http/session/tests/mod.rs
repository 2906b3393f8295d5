//! Sessions whose clients leave, return, read slowly or do not read at all.

mod json;
mod reaper;
mod replay;
mod stream;

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use super::{model::*, *};
use crate::{
    codec::event_stream::EventId, identity::Identity, relay::Sink as _, runtime::seats::Seats,
};

/// The data of the events that can be read now.
fn data(body: &Body) -> Vec<String> {
    events(&body.read()).0.into_iter().map(|(_, data)| data).collect()
}

/// The first event that can be read now.
fn first(body: &Body) -> EventId {
    events(&body.read()).0[0].0
}
