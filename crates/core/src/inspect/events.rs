//! Frames as lines of JSON: the new ones, all of them as a recording, or a single one.
//!
//! The page polls instead of reading one endless answer, because a browser has only six connections
//! for all its tabs.

use std::{convert::Infallible, sync::Arc};

use axum::body::{Body, Bytes};
use futures_util::stream;

use super::shown::Shown;
use crate::watch::{Header, otlp_logs};

/// Most frames in one answer.
const CHUNK_FRAMES: usize = 1000;
/// How many frames a page that follows the traffic may be behind before frames are left out for it.
const MAX_BEHIND: u64 = 5000;
/// How many frames it gets then.
const SAMPLE_FRAMES: usize = 400;
/// Most bytes of messages in one answer, unless it is a single message.
const CHUNK_BYTES: usize = 256 * 1024;
/// Bytes of a message that the page gets at first; it asks for the rest when somebody looks at it.
const PREVIEW: usize = 2 * 1024;

/// Some of the frames from this number on, after a header if the number is 0; empty if there are
/// none.
pub(super) fn since(shown: &Shown, from: u64) -> Bytes {
    let mut lines = if from == 0 { header(shown) } else { Vec::new() };
    chunk(shown, from, PREVIEW, &mut lines);
    lines.into()
}

/// The same for a page that follows the traffic. If more passes than it can show, it gets the newest
/// frames, after a line that says how many were left out.
pub(super) fn live(shown: &Shown, from: u64) -> Bytes {
    let end = shown.watcher.ring().end();
    if end.saturating_sub(from) <= MAX_BEHIND {
        return since(shown, from);
    }
    let next = end - SAMPLE_FRAMES as u64;
    let mut lines = Vec::new();
    shown.scribe().skipped(next - from, &mut lines);
    chunk(shown, next, PREVIEW, &mut lines);
    lines.into()
}

/// All frames that are kept.
pub(super) fn recording(shown: Arc<Shown>) -> Body {
    let first = Some((shown, 0, true));
    Body::from_stream(stream::unfold(first, async |place| {
        let (shown, from, begins) = place?;
        let mut lines = if begins { header(&shown) } else { Vec::new() };
        // Lets other tasks run between two chunks.
        tokio::task::yield_now().await;
        let next = chunk(&shown, from, usize::MAX, &mut lines);
        let place = (next > from).then_some((shown, next, false));
        Some((Ok::<_, Infallible>(Bytes::from(lines)), place))
    }))
}

/// The same as log records of OpenTelemetry.
pub(super) fn otlp(shown: Arc<Shown>) -> Body {
    Body::from_stream(stream::unfold(Some((shown, 0)), async |place| {
        let (shown, from) = place?;
        tokio::task::yield_now().await;
        let mut lines = Vec::new();
        let next = chunk(&shown, from, usize::MAX, &mut lines);
        let wall = shown.scribe().wall();
        let request = otlp_logs(&lines, wall);
        Some((Ok::<_, Infallible>(Bytes::from(request)), (next > from).then_some((shown, next))))
    }))
}

fn header(shown: &Shown) -> Vec<u8> {
    let mut line = serde_json::to_vec(&Header::new(&shown.scribe())).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Appends some of the frames from this number on; returns the number to continue with.
fn chunk(shown: &Shown, from: u64, most: usize, lines: &mut Vec<u8>) -> u64 {
    let taken = shown.watcher.ring().read(from, CHUNK_FRAMES);
    let mut scribe = shown.scribe();
    // A new reader has missed nothing.
    if taken.lost > 0 && from > 0 {
        scribe.lost(taken.lost, lines);
    }
    let mut weight = 0;
    let mut next = taken.first;
    for frame in &taken.frames {
        let own = frame.payload.kept();
        if weight > 0 && weight + own > CHUNK_BYTES {
            break;
        }
        weight += own;
        scribe.write_beginning(next, frame, most, lines);
        next += 1;
    }
    if taken.frames.is_empty() { from } else { next }
}

/// The whole frame with this number, if it is still kept.
pub(super) fn frame(shown: &Shown, number: u64) -> Option<Bytes> {
    let taken = shown.watcher.ring().read(number, 1);
    let frame = taken.frames.first().filter(|_| taken.first == number)?;
    let mut line = Vec::new();
    shown.scribe().write(number, frame, &mut line);
    Some(line.into())
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, OnceLock};

    use serde_json::Value;

    use super::*;
    use crate::{
        config::RedactionConfig,
        inspect::{LIMITS, keys::Keys},
        watch::{Frame, Payload, Point, Redaction, Scribe, TAP},
    };

    fn shown() -> Shown {
        Shown {
            watcher: TAP.watch(LIMITS),
            scribe: Mutex::new(Scribe::new(Redaction::new(&RedactionConfig::default()))),
            consoles: None,
            keys: Keys::new(),
            address: OnceLock::new(),
        }
    }

    fn read(lines: &Bytes) -> Vec<Value> {
        let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    #[test]
    fn a_page_that_cannot_follow_gets_the_newest_frames_and_the_number_of_the_others() {
        let shown = shown();
        let pass = |count: u64| {
            for _ in 0..count {
                TAP.show(|| Frame::new(Point::FromServer, Payload::copied(b"{}")));
            }
        };
        pass(MAX_BEHIND);
        let near = read(&live(&shown, 0));
        assert_eq!((near.len(), &near[1]["n"]), (CHUNK_FRAMES + 1, &0.into()));
        pass(1);
        let far = read(&live(&shown, 0));
        assert_eq!(far.len(), SAMPLE_FRAMES + 1);
        let first = MAX_BEHIND + 1 - SAMPLE_FRAMES as u64;
        assert_eq!((&far[0]["point"], &far[0]["skipped"]), (&"skipped".into(), &first.into()));
        assert_eq!((&far[1]["n"], &far[SAMPLE_FRAMES]["n"]), (&first.into(), &MAX_BEHIND.into()));
        let kept = read(&since(&shown, 0));
        assert_eq!(kept[1]["n"], 0, "what was left out is kept");
    }
}
