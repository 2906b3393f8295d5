//! The era of the client on a pair of streams: its first messages decide it.
//!
//! After `server/discover` both are still possible; any other message decides. (MCP 2026-07-28,
//! stdio, "Backward Compatibility".)

use super::{
    Era,
    metadata::{InvalidMetadata, PROTOCOL_VERSION, RequestMetadata},
    modern_server::DISCOVER,
};
use crate::{
    jsonrpc::{Code, ErrorBody, Kind, Message, decode_string, escape, find_member},
    protocol::{MODERN, Method, Notification},
};

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Opening(Option<Era>);

/// What to do with a message.
#[derive(Debug)]
pub(crate) enum Sorted {
    Of(Era),
    /// Answer the request with this.
    Refused(ErrorBody),
    /// A response to nothing that was asked.
    Dropped,
}

impl Opening {
    /// The era, once it is decided.
    pub(crate) fn era(self) -> Option<Era> {
        self.0
    }

    /// Takes the client's next message.
    pub(crate) fn sort(&mut self, message: &Message) -> Sorted {
        let kind = message.kind();
        match (self.0, kind) {
            (Some(Era::Legacy), _) => Sorted::Of(Era::Legacy),
            (_, Kind::Request) => self.request(message),
            (Some(Era::Modern), Kind::Notification) => Sorted::Of(Era::Modern),
            (_, Kind::Result | Kind::Error) => Sorted::Dropped,
            (None, Kind::Notification) => {
                let cancels = Notification::of(&message.method()) == Notification::Cancelled;
                let is_modern = cancels || message.claims_version();
                Sorted::Of(if is_modern { Era::Modern } else { Era::Legacy })
            }
        }
    }

    fn request(&mut self, request: &Message) -> Sorted {
        let method = request.method();
        let metadata = metadata(request);
        // An `initialize` with faulty metadata is not a request of the newer era.
        let initializes = Method::of(&method) == Method::Initialize;
        let claimed = if initializes {
            matches!(&metadata, Ok(metadata) if metadata.version.as_ref() >= MODERN)
        } else {
            request.claims_version() || method == DISCOVER
        };
        match metadata {
            Ok(metadata) if claimed && metadata.version == MODERN => {
                if method != DISCOVER {
                    self.0 = Some(Era::Modern);
                }
                Sorted::Of(Era::Modern)
            }
            Ok(metadata) if claimed => Sorted::Refused(unsupported(&metadata.version)),
            Err(invalid) if claimed => Sorted::Refused(unsound(&invalid)),
            _ if self.0.is_none() => {
                self.0 = Some(Era::Legacy);
                Sorted::Of(Era::Legacy)
            }
            _ if initializes => {
                let requested = request
                    .params()
                    .and_then(|params| find_member(request.bytes(), params, "protocolVersion"))
                    .and_then(|version| decode_string(request.text(version)));
                Sorted::Refused(unsupported(&requested.unwrap_or_default()))
            }
            _ => Sorted::Refused(unsound(&InvalidMetadata::Missing(PROTOCOL_VERSION))),
        }
    }
}

fn metadata(request: &Message) -> Result<RequestMetadata<'_>, InvalidMetadata> {
    let meta = request.meta().map(|span| request.text(span));
    let meta = meta.and_then(|meta| std::str::from_utf8(meta).ok());
    RequestMetadata::parse(meta.unwrap_or("{}"))
}

fn unsound(invalid: &InvalidMetadata) -> ErrorBody {
    ErrorBody::new(Code::InvalidParams, invalid.to_string())
}

fn unsupported(requested: &str) -> ErrorBody {
    let text = format!("unsupported protocol version {requested:?}");
    let mut error = ErrorBody::new(Code::UnsupportedProtocolVersion, text);
    let requested = escape(requested);
    error.data = Some(format!(r#"{{"supported":["{MODERN}"],"requested":{requested}}}"#));
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENVELOPE: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

    fn request(method: &str, params: &str) -> Message {
        let text =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}}}}}"#);
        Message::parse(text.into()).unwrap()
    }

    fn notification(method: &str) -> Message {
        let text = format!(r#"{{"jsonrpc":"2.0","method":"notifications/{method}"}}"#);
        Message::parse(text.into()).unwrap()
    }

    fn era(opening: &mut Opening, message: &Message) -> Era {
        match opening.sort(message) {
            Sorted::Of(era) => era,
            other => panic!("{other:?}"),
        }
    }

    fn code(opening: &mut Opening, message: &Message) -> i32 {
        match opening.sort(message) {
            Sorted::Refused(error) => error.code.number(),
            other => panic!("{other:?}"),
        }
    }

    const INITIALIZE: &str = r#""protocolVersion":"2025-11-25""#;

    #[test]
    fn a_handshake_settles_it_for_the_older_era() {
        for first in [request("initialize", INITIALIZE), request("ping", "")] {
            let mut opening = Opening::default();
            assert_eq!(era(&mut opening, &first), Era::Legacy);
            for later in [request("tools/call", ENVELOPE), notification("cancelled")] {
                assert_eq!(era(&mut opening, &later), Era::Legacy);
            }
        }
    }

    #[test]
    fn a_request_with_an_envelope_settles_it_for_the_newer_era() {
        let mut opening = Opening::default();
        assert_eq!(era(&mut opening, &request("tools/list", ENVELOPE)), Era::Modern);
        assert_eq!(era(&mut opening, &notification("cancelled")), Era::Modern);
        assert_eq!(code(&mut opening, &request("initialize", INITIALIZE)), -32022);
        assert_eq!(code(&mut opening, &request("tools/list", "")), -32602);
        let response = Message::parse(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.into()).unwrap();
        assert!(matches!(opening.sort(&response), Sorted::Dropped));
        // The era does not have this method; its server says so.
        assert_eq!(era(&mut opening, &request("initialize", ENVELOPE)), Era::Modern);
    }

    #[test]
    fn a_discovery_settles_nothing() {
        let mut opening = Opening::default();
        assert_eq!(era(&mut opening, &request(DISCOVER, ENVELOPE)), Era::Modern);
        assert_eq!(era(&mut opening, &notification("cancelled")), Era::Modern);
        assert_eq!(code(&mut opening, &request(DISCOVER, "")), -32602);
        let other = ENVELOPE.replace("2026-07-28", "2027-01-01");
        assert_eq!(code(&mut opening, &request(DISCOVER, &other)), -32022);
        assert_eq!(era(&mut opening, &request("initialize", INITIALIZE)), Era::Legacy);
        assert_eq!(era(&mut opening, &request(DISCOVER, ENVELOPE)), Era::Legacy);
    }

    #[test]
    fn unsound_envelopes_are_refused_whoever_sends_them() {
        let unsound = r#""_meta":{"io.modelcontextprotocol/protocolVersion":7}"#;
        for known in [None, Some(Era::Modern)] {
            assert_eq!(code(&mut Opening(known), &request("tools/list", unsound)), -32602);
        }
        // An `initialize` that only resembles a request of the newer era is a handshake.
        assert_eq!(era(&mut Opening::default(), &request("initialize", unsound)), Era::Legacy);
    }
}
