//! The MCP server behind every contestant. It answers more than two million messages a second
//! through a pipe, so it is never the bottleneck. With a port it serves HTTP, as the remote server
//! of some modes; with `tools N` it lists N tools.
//!
//! Tools: `echo` returns its text; `blob` returns `bytes` letters; `progress` sends `count`
//! notifications at once and then answers; `drip` sends `count` notifications of `bytes` letters
//! from a separate thread, evenly over `millis`, while other calls continue. The last two work over
//! stdio only.

mod answer;
mod http;
mod message;

use std::io::{self, BufRead, BufReader, Write};

const READ_BUFFER: usize = 256 * 1024;
const FLUSH_ABOVE: usize = 256 * 1024;

fn main() -> io::Result<()> {
    let mut words = std::env::args().skip(1);
    match (words.next(), words.next()) {
        (Some(_), Some(tools)) => answer::list(tools.parse().map_err(io::Error::other)?),
        (Some(port), None) => return http::serve(port.parse().map_err(io::Error::other)?),
        (None, _) => {}
    }
    serve()
}

fn serve() -> io::Result<()> {
    let mut input = BufReader::with_capacity(READ_BUFFER, io::stdin().lock());
    let mut line = Vec::new();
    let mut output = Vec::new();
    loop {
        let whole_line_waiting = memchr::memchr(b'\n', input.buffer()).is_some();
        if !whole_line_waiting || output.len() > FLUSH_ABOVE {
            flush(&mut output)?;
        }
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return flush(&mut output);
        }
        if let Ok(message) = serde_json::from_slice(&line) {
            answer::answer(&message, &mut output)?;
        }
    }
}

/// One write per batch: `Stdout` would search for line ends and split it.
fn flush(output: &mut Vec<u8>) -> io::Result<()> {
    if !output.is_empty() {
        let mut stdout = io::stdout().lock();
        stdout.write_all(output)?;
        stdout.flush()?;
        output.clear();
    }
    Ok(())
}
