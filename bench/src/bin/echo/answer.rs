//! The answers, as lines.

use std::{
    io::{self, Write},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use serde_json::value::RawValue;

use crate::{
    FLUSH_ABOVE, flush,
    message::{Message, Params},
};

const DRIP_TICK: Duration = Duration::from_millis(5);

const TOOLS: &str = r#"{"tools":[{"name":"echo","inputSchema":{"type":"object","properties":{"text":{"type":"string"}}}},{"name":"blob","inputSchema":{"type":"object","properties":{"bytes":{"type":"integer"}}}},{"name":"progress","inputSchema":{"type":"object","properties":{"count":{"type":"integer"}}}},{"name":"drip","inputSchema":{"type":"object","properties":{"count":{"type":"integer"},"bytes":{"type":"integer"},"millis":{"type":"integer"}}}}]}"#;

/// The list, if it is not the usual one.
static LISTED: OnceLock<String> = OnceLock::new();

/// Lists this many tools from now on.
pub(crate) fn list(tools: usize) {
    let more = (4..tools).map(|tool| {
        format!(
            r#"{{"name":"tool_{tool}","title":"Tool {tool}","description":"Reads what is asked for, up to the limit, and returns it as text.","inputSchema":{{"type":"object","properties":{{"path":{{"type":"string","description":"Where it is"}},"limit":{{"type":"integer","minimum":1}}}},"required":["path"]}}}}"#
        )
    });
    let usual = TOOLS.trim_end_matches("]}").to_owned();
    let all: Vec<String> = std::iter::once(usual).chain(more).collect();
    LISTED.get_or_init(|| all.join(",") + "]}");
}

/// Answers a request; a notification has no answer.
pub(crate) fn answer(message: &Message<'_>, output: &mut Vec<u8>) -> io::Result<()> {
    let Some(id) = message.id else { return Ok(()) };
    let params = &message.params;
    match message.method.as_ref() {
        "initialize" => {
            let version = params.protocol_version.map_or("\"2025-11-25\"", RawValue::get);
            let result = format!(
                r#"{{"protocolVersion":{version},"capabilities":{{"tools":{{}}}},"serverInfo":{{"name":"echo","version":"1.0.0"}}}}"#
            );
            result_line(output, id.get(), &result)
        }
        "ping" => result_line(output, id.get(), "{}"),
        "tools/list" => result_line(output, id.get(), LISTED.get().map_or(TOOLS, String::as_str)),
        "tools/call" => call(id.get(), params, output),
        _ => writeln!(
            output,
            r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"Method not found"}}}}"#
        ),
    }
}

fn call(id: &str, params: &Params<'_>, output: &mut Vec<u8>) -> io::Result<()> {
    let arguments = &params.arguments;
    let token = params.meta.progress_token.map(RawValue::get);
    // A gateway that serves several servers may pass the name on with its prefix.
    match params.name.rsplit('/').next().unwrap_or_default() {
        "blob" => text_line(output, id, &format!("\"{}\"", "x".repeat(arguments.bytes))),
        "progress" => {
            for step in 1..=token.map_or(0, |_| arguments.count) {
                progress_line(output, token.unwrap_or_default(), step, "")?;
                if output.len() > FLUSH_ABOVE {
                    flush(output)?;
                }
            }
            text_line(output, id, "\"done\"")
        }
        "drip" => {
            let (id, token) = (id.to_owned(), token.unwrap_or("null").to_owned());
            let (count, bytes) = (arguments.count, arguments.bytes);
            let span = Duration::from_millis(arguments.millis);
            thread::spawn(move || drip(&id, &token, count, &"x".repeat(bytes), span));
            Ok(())
        }
        _ => text_line(output, id, arguments.text.map_or("\"\"", RawValue::get)),
    }
}

fn drip(id: &str, token: &str, count: u64, message: &str, span: Duration) -> io::Result<()> {
    let started = Instant::now();
    let mut sent = 0;
    while sent < count {
        let share = started.elapsed().as_secs_f64() / span.as_secs_f64().max(f64::EPSILON);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share between 0 and 1 of a small count"
        )]
        let due = (share.min(1.0) * count as f64) as u64;
        let mut output = Vec::new();
        while sent < due {
            sent += 1;
            progress_line(&mut output, token, sent, message)?;
        }
        flush(&mut output)?;
        thread::sleep(DRIP_TICK);
    }
    let mut output = Vec::new();
    text_line(&mut output, id, "\"done\"")?;
    flush(&mut output)
}

fn result_line(output: &mut Vec<u8>, id: &str, result: &str) -> io::Result<()> {
    for part in [r#"{"jsonrpc":"2.0","id":"#, id, r#","result":"#, result, "}\n"] {
        output.write_all(part.as_bytes())?;
    }
    Ok(())
}

fn text_line(output: &mut Vec<u8>, id: &str, text: &str) -> io::Result<()> {
    for part in [
        r#"{"jsonrpc":"2.0","id":"#,
        id,
        r#","result":{"content":[{"type":"text","text":"#,
        text,
        "}]}}\n",
    ] {
        output.write_all(part.as_bytes())?;
    }
    Ok(())
}

fn progress_line(output: &mut Vec<u8>, token: &str, step: u64, message: &str) -> io::Result<()> {
    write!(
        output,
        r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{step}"#
    )?;
    if !message.is_empty() {
        write!(output, r#","message":"{message}""#)?;
    }
    output.write_all(b"}}\n")
}
