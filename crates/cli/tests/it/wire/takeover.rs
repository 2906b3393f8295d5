//! A client that reconnects while the proxy believes its old connection to be alive, for example
//! behind a relay that has not noticed either.

use crate::support::{Event, EventStream, Launch, Proxy, Request, Session, call};

const CHANGED: &str = "notifications/tools/list_changed";

/// A reconnecting client's request for a stream of the session.
struct Return {
    name: &'static str,
    flags: &'static [&'static str],
    /// Revision of the session, and version header of the request.
    revision: &'static str,
    said: Option<&'static str>,
    after: After,
}

/// The value of `Last-Event-ID`.
#[derive(Clone, Copy)]
enum After {
    Nothing,
    Empty,
    Latest,
    First,
}

const BACK: [Return; 12] = {
    const fn back(name: &'static str, after: After) -> Return {
        Return { name, flags: &[], revision: "2025-11-25", said: Some("2025-11-25"), after }
    }
    const KEPT: &[&str] = &[];
    const FORGOTTEN: &[&str] = &["--no-eventStore"];
    [
        back("without an id", After::Nothing),
        back("with an empty id", After::Empty),
        back("with the latest id", After::Latest),
        back("with the first id", After::First),
        Return { said: None, ..back("without a revision", After::Nothing) },
        Return { said: None, ..back("without a revision, with an id", After::Latest) },
        Return { revision: "2025-06-18", said: None, ..back("an older one", After::Nothing) },
        Return {
            revision: "2025-03-26",
            said: None,
            ..back("an older one, with an id", After::Latest)
        },
        Return { flags: FORGOTTEN, ..back("no store, no id", After::Nothing) },
        Return { flags: FORGOTTEN, ..back("no store, an id", After::Latest) },
        Return { flags: &["--eventStoreMaxEvents", "9"], ..back("a small store", After::Latest) },
        Return {
            flags: KEPT,
            revision: "2024-11-05",
            said: None,
            ..back("the oldest", After::Nothing)
        },
    ]
};

fn request(session: &Session<'_>, back: &Return, ids: &[String]) -> Request {
    let request = session.listening().without("Mcp-Protocol-Version");
    let request = match back.said {
        Some(said) => request.header("Mcp-Protocol-Version", said),
        None => request,
    };
    let last = match back.after {
        After::Nothing => return request,
        After::Empty => "",
        After::Latest => ids.last().map_or("0_0", String::as_str),
        After::First => ids.first().map_or("0_0", String::as_str),
    };
    request.header("Last-Event-ID", last)
}

/// Reads up to a message, and returns the ids on the way.
fn read_until(stream: &mut EventStream, message: &str) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let Event { id, data, .. } = stream.event().expect("another event");
        ids.extend(id);
        if data.is_some_and(|data| data.contains(message)) {
            return ids;
        }
    }
}

#[test]
fn the_newest_reader_of_a_session_takes_over() {
    for back in &BACK {
        let proxy = Launch::new("list-changed").flags(back.flags).start();
        let session = Session::open_as(&proxy, back.revision);
        let mut former =
            proxy.stream(&request(&session, &Return { after: After::Nothing, ..*back }, &[]));
        session.call("1", "change", "{}");
        let ids = read_until(&mut former, "resources/list_changed");
        let answer = proxy.connect().begin(&request(&session, back, &ids));
        assert_eq!(answer.status, 200, "{}", back.name);
        let mut newest = EventStream::new(answer);
        while former.event().is_some() {}
        if let After::First = back.after {
            read_until(&mut newest, "resources/list_changed");
        }
        session.call("2", "change", "{}");
        for expected in ["tools", "prompts", "resources"] {
            let message = newest.expect();
            assert!(
                message.contains(&format!("{expected}/list_changed")),
                "{}: {message}",
                back.name
            );
        }
        session.assert_healthy();
    }
}

#[test]
fn whoever_resumes_an_answer_reads_it_alone() {
    let proxy = Proxy::of("slow");
    let session = proxy.session();
    let mut former = session.stream(call("1", "hold", "{}"));
    let priming = former.event().and_then(|event| event.id).expect("a priming event");
    for _ in 0..3 {
        let mut newest = session.resume(&priming);
        assert_eq!(former.event(), None, "the earlier one has ended");
        std::mem::swap(&mut former, &mut newest);
    }
    session.call("2", "release", "{}");
    assert!(former.expect().contains(r#""id":1,"result""#));
    assert_eq!(former.event(), None);
}

#[test]
fn nobody_takes_over_the_stream_of_another_session() {
    let proxy = Proxy::of("list-changed");
    let (one, two) = (proxy.session(), proxy.session());
    let mut first = one.listen();
    let mut second = two.listen();
    one.call("1", "change", "{}");
    assert!(first.expect().contains(CHANGED) && second.expect().contains(CHANGED));
}

/// How a GET stream begins: with an id without a message, if the client understands that and events
/// are kept.
/// events are kept.
#[test]
fn a_stream_begins_with_an_id_where_its_client_understands_that() {
    for (flags, revision, said, begins) in [
        (&[][..], "2025-11-25", Some("2025-11-25"), true),
        (&[], "2025-11-25", None, true),
        (&[], "2025-06-18", Some("2025-06-18"), false),
        (&[], "2025-06-18", None, false),
        (&[], "2025-03-26", None, false),
        (&[], "2024-11-05", None, false),
        (&["--eventStoreMaxEvents", "9"], "2025-11-25", None, true),
        (&["--no-eventStore"], "2025-11-25", Some("2025-11-25"), false),
        (&["--no-eventStore"], "2025-11-25", None, false),
        (&["--no-eventStore"], "2025-06-18", None, false),
    ] {
        let proxy = Launch::new("list-changed").flags(flags).start();
        let session = Session::open_as(&proxy, revision);
        let listening = session.listening().without("Mcp-Protocol-Version");
        let listening = match said {
            Some(said) => listening.header("Mcp-Protocol-Version", said),
            None => listening,
        };
        let mut stream = proxy.stream(&listening);
        session.call("1", "change", "{}");
        let event = stream.event().expect("an event");
        let is_empty = event.data.as_deref().is_none_or(str::is_empty);
        assert_eq!(
            (is_empty, is_empty && event.id.is_some()),
            (begins, begins),
            "{flags:?} {revision} {said:?}"
        );
        if begins {
            // A client can resume with this id.
            let mut resumed = session.resume(&event.id.unwrap_or_default());
            let first = resumed.event().and_then(|event| event.data).unwrap_or_default();
            assert!(first.contains(CHANGED), "{first}");
        }
    }
}

#[test]
fn what_came_while_no_stream_was_open_is_delivered_to_the_next() {
    for (flags, revision, times, delivered) in [
        (&[][..], "2025-11-25", 1, 3),
        (&[], "2025-06-18", 1, 3),
        (&[], "2025-03-26", 2, 6),
        (&[], "2024-11-05", 3, 9),
        (&["--eventStoreMaxEvents", "1"], "2025-06-18", 1, 1),
        (&["--eventStoreMaxEvents", "2"], "2025-06-18", 2, 2),
        (&["--eventStoreMaxEvents", "4"], "2025-06-18", 3, 4),
        (&["--eventStoreMaxBytes", "1"], "2025-06-18", 2, 1),
        (&["--no-eventStore"], "2025-11-25", 1, 0),
        (&["--no-eventStore"], "2025-06-18", 2, 0),
    ] {
        let case = format!("{flags:?} {revision} {times}");
        let proxy = Launch::new("list-changed").flags(flags).start();
        let session = Session::open_as(&proxy, revision);
        for _ in 0..times {
            // Its answer belongs to no session, so its events do not push out others.
            let alone = proxy.session();
            alone.call("1", "change", "{}");
        }
        let mut stream = session.listen();
        for _ in 0..delivered {
            assert!(stream.expect().contains("list_changed"), "{case}");
        }
        let other = proxy.session();
        other.call("1", "change", "{}");
        assert!(stream.expect().contains(CHANGED), "{case}: the next one is new");
        let mut again = session.listen();
        other.call("2", "change", "{}");
        // What the old stream was given and its client did not read is not sent again.
        let first = again.expect();
        assert!(first.contains("list_changed"), "{case}: {first}");
    }
}
