//! Messages arrive in the order in which the server wrote them.

use crate::support::{Kept, Launch, Proxy, Request, Sse, call};

const RUNS: usize = 1000;

fn work(id: usize) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"work","_meta":{{"progressToken":"t{id}"}}}}}}"#
    )
}

fn expected(id: usize, steps: usize) -> Vec<String> {
    let progress = (1..=steps).map(|step| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":"t{id}","progress":{step},"total":{steps}}}}}"#
        )
    });
    let result = format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":"done"}}]}}}}"#
    );
    progress.chain([result]).collect()
}

#[test]
fn a_result_never_overtakes_the_progress_written_with_it() {
    let proxy = Proxy::of("progress 3");
    let session = proxy.session();
    let mut kept = Kept::new(&session);
    for run in 0..RUNS {
        assert_eq!(kept.post(&work(run)).messages(), expected(run, 3));
    }
}

#[test]
fn nor_does_it_without_sessions() {
    let proxy = Launch::new("progress 3").flags(&["--stateless"]).start();
    let mut connection = proxy.connect();
    for run in 0..RUNS {
        let answer = connection.exchange(&Request::mcp(work(run)));
        assert_eq!(answer.messages(), expected(run, 3));
    }
}

#[test]
fn nor_does_it_over_sse() {
    let proxy = Proxy::of("progress 3");
    let mut sse = Sse::initialized(&proxy);
    for run in 0..RUNS {
        sse.send(&work(run));
        let messages: Vec<String> = (0..4).map(|_| sse.events.expect()).collect();
        assert_eq!(messages, expected(run, 3));
    }
}

#[test]
fn a_long_burst_arrives_whole() {
    let proxy = Proxy::of("progress 5000");
    let session = proxy.session();
    assert_eq!(session.post(work(1)).messages(), expected(1, 5000));
}

#[test]
fn log_messages_of_a_call_precede_its_result_on_the_sse_stream() {
    let proxy = Proxy::of("log");
    let mut sse = Sse::initialized(&proxy);
    sse.send(&call("1", "log", "{}"));
    let messages = sse.events.until(r#""id":1,"#);
    let levels: Vec<&str> = messages
        .iter()
        .filter_map(|message| message.split_once(r#""data":"at "#)?.1.split('"').next())
        .collect();
    let all = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
    assert_eq!(levels, all);
}
