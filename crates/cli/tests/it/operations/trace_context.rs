//! W3C Trace Context from HTTP headers to the server, in both eras.

use crate::support::{Launch, Proxy, Request, Sse};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// The fixture answers methods it does not know with their params, byte for byte.
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"vendor/any","params":{"a":1.50}}"#;

fn traced(request: Request) -> Request {
    request.header("traceparent", PARENT).header("tracestate", "a=1").header("baggage", "k=v")
}

fn expected() -> String {
    format!(
        r#"{{"_meta":{{"traceparent":"{PARENT}","tracestate":"a=1","baggage":"k=v"}},"a":1.50}}"#
    )
}

#[test]
fn the_trace_reaches_the_server_from_either_endpoint() {
    let proxy = Launch::new("echo").flags(&["--traceContext"]).start();
    let session = proxy.session();
    let answer = proxy.send(&traced(session.request(CALL))).message();
    assert!(answer.contains(&expected()), "{answer}");
    let mut sse = Sse::initialized(&proxy);
    let posted = proxy.send(&traced(Request::post(&sse.endpoint, CALL)));
    assert_eq!(posted.status, 202);
    let answer = sse.events.expect();
    assert!(answer.contains(&expected()), "{answer}");
}

#[test]
fn it_is_added_to_every_message_of_a_batch_that_has_none() {
    let proxy = Launch::new("echo").flags(&["--traceContext", "--stateless"]).start();
    let own = r#"{"jsonrpc":"2.0","id":2,"method":"vendor/any","params":{"_meta":{"traceparent":"own"}}}"#;
    let request = Request::mcp(format!("[{CALL},{own}]")).header("traceparent", PARENT);
    let answer = proxy.send(&request).messages().concat();
    assert!(answer.contains(&format!(r#"{{"_meta":{{"traceparent":"{PARENT}"}},"a":1.50}}"#)));
    assert!(answer.contains(r#"{"_meta":{"traceparent":"own"}}"#), "{answer}");
}

#[test]
fn unasked_nothing_is_added() {
    let proxy = Proxy::of("echo");
    let answer = proxy.send(&traced(proxy.session().request(CALL))).message();
    assert!(answer.contains(r#"{"a":1.50}"#) && !answer.contains("traceparent"), "{answer}");
}
