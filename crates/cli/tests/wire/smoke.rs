//! The shortest way through: a session of each transport, and a clean end.

use crate::support::{Proxy, Sse};

#[test]
fn both_transports_serve_and_the_proxy_stops_cleanly() {
    let proxy = Proxy::of("echo");
    proxy.session().assert_healthy();
    let mut sse = Sse::initialized(&proxy);
    let pong = sse.ask(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    assert!(pong.contains(r#""result":{}"#), "{pong}");
    let finished = proxy.terminate();
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    assert!(finished.stdout.contains("received shutdown signal; shutting down"), "{finished:?}");
}
