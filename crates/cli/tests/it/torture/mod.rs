//! The native binary under hostile HTTP: every input gets its answer, nothing hangs, nothing grows,
//! and other clients do not notice.

mod crowd;
mod foreign;
mod framing;
mod slow;

use crate::support::{self, Connection, Proxy};

/// Head of a POST, as far as the headers that frame its body.
const POST: &str = "POST /mcp HTTP/1.1\r\nHost: x\r\nAccept: application/json, text/event-stream\r\n\
    Content-Type: application/json\r\n";
/// A request that a proxy in front might have read as a part of another one's body.
const SMUGGLED: &str = "GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// Everything that is returned for these bytes, until the proxy closes.
fn answer(proxy: &Proxy, bytes: impl AsRef<[u8]>) -> String {
    let mut connection = proxy.connect();
    connection.try_write(bytes.as_ref());
    rest(connection)
}

fn rest(connection: Connection) -> String {
    String::from_utf8_lossy(&connection.rest()).into_owned()
}

/// The statuses of the answers.
fn statuses(answer: &str) -> Vec<u16> {
    let heads = answer.split("HTTP/1.").skip(1);
    heads.map(|head| head[2..5].parse().expect("a status")).collect()
}
