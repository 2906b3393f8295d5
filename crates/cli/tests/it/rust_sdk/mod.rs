//! The Rust SDK, rmcp, through the real binary against the reference servers of the repository's
//! `node_modules`. rmcp has no client for the HTTP+SSE transport, so only the Streamable HTTP
//! endpoint is covered here; `__test__/clients` covers both with other SDKs.
#![expect(deprecated, reason = "rmcp marks what the newest protocol revision no longer has")]

mod client;
mod journal;
mod proxy;
mod relay;
mod server;

use std::{collections::HashMap, env, fs, process};

use rmcp::{
    model::{
        CompletionContext, GetPromptRequestParams, LoggingLevel, ProtocolVersion,
        ReadResourceRequestParams, SetLevelRequestParams, SubscribeRequestParams,
        UnsubscribeRequestParams,
    },
    service::ClientLifecycleMode,
};
use serde_json::{Value, json};

use crate::rust_sdk::{client::Client, journal::is, proxy::Proxy};

const LONG: &str = "trigger-long-running-operation";

async fn everything() -> Proxy {
    Proxy::start("server-everything", &["stdio"]).await
}

#[tokio::test]
async fn initialize_and_lists_hand_over_what_the_server_said() {
    let proxy = everything().await;
    let client = Client::connect(proxy.port).await;
    let asked = proxy.asked("initialize", |_| true).await;
    let answer = proxy.answer(&asked["id"]).unwrap();
    let told = client.service.peer_info().unwrap();
    assert_eq!(json!(told.instructions), answer["result"]["instructions"]);
    let name = told.server_info.as_ref().map(|server| server.name.clone());
    assert_eq!(json!(name), answer["result"]["serverInfo"]["name"]);

    let tools = client.service.list_all_tools().await.unwrap();
    assert!(tools.iter().any(|tool| tool.name == LONG));
    let prompts = client.service.list_all_prompts().await.unwrap();
    assert!(prompts.iter().any(|prompt| prompt.name == "completable-prompt"));
    assert!(!client.service.list_all_resources().await.unwrap().is_empty());
    let templates = client.service.list_all_resource_templates().await.unwrap();
    assert!(templates.iter().any(|template| template.uri_template.ends_with("text/{resourceId}")));
    proxy.stop().await;
}

#[tokio::test]
async fn calls_reads_and_prompts_return_what_the_server_returns() {
    let proxy = everything().await;
    let client = Client::connect(proxy.port).await;
    let awkward = "a\u{2028}b \u{1f980} \"\\u0041\" \0 \u{e9}";
    assert_eq!(
        client.call("echo", json!({ "message": awkward })).await,
        format!("Echo: {awkward}")
    );
    let weather = client.call("get-structured-content", json!({ "location": "Chicago" })).await;
    assert!(serde_json::from_str::<Value>(&weather).unwrap()["temperature"].is_number());
    let uri = "demo://resource/dynamic/text/7";
    let resource = client.service.read_resource(ReadResourceRequestParams::new(uri)).await.unwrap();
    assert!(json!(resource)["contents"][0]["text"].as_str().unwrap().starts_with("Resource 7:"));
    let mut prompt = GetPromptRequestParams::new("args-prompt");
    prompt.arguments = json!({ "city": "Oslo" }).as_object().cloned();
    let prompt = client.service.get_prompt(prompt).await.unwrap();
    assert!(json!(prompt)["messages"][0]["content"]["text"].as_str().unwrap().contains("Oslo"));
    proxy.stop().await;
}

#[tokio::test]
async fn every_progress_event_arrives_in_order_before_the_result() {
    let proxy = everything().await;
    let client = Client::connect(proxy.port).await;
    for (duration, steps) in [(0.0, 200), (0.2, 10), (0.0, 1)] {
        assert_progress(&client, duration, steps).await;
    }
    proxy.stop().await;
}

#[tokio::test]
async fn a_cancelled_call_is_cancelled_in_the_server() {
    let proxy = everything().await;
    let client = Client::connect(proxy.port).await;
    let call = client.begin(LONG, json!({ "duration": 3, "steps": 12 })).await;
    let asked = proxy.asked("tools/call", |_| true).await;
    client.received.first("progress", |message| is("notifications/progress", message)).await;
    let id = json!(call.id);
    call.cancel(Some("the user changed their mind".to_owned())).await.unwrap();
    proxy
        .asked("notifications/cancelled", |message| message["params"]["requestId"] == asked["id"])
        .await;

    // The tool itself runs to its last step; a server that was told answers nothing after it.
    let token = asked["params"]["_meta"]["progressToken"].clone();
    let last = |entry: &Value| {
        let params = &entry["message"]["params"];
        entry["direction"] == "out"
            && params["progressToken"] == token
            && params["progress"] == json!(12)
    };
    proxy.tap.first("the last step", last).await;
    client.call("echo", json!({ "message": "later" })).await;
    assert_eq!(proxy.answer(&asked["id"]), None);
    assert!(client.received.entries().iter().all(|message| message["id"] != id));
    proxy.stop().await;
}

#[tokio::test]
async fn resource_updates_reach_the_subscribers_and_nobody_else() {
    let proxy = everything().await;
    let (leaver, other) = (Client::connect(proxy.port).await, Client::connect(proxy.port).await);
    let (first, second) = ("demo://resource/dynamic/text/1", "demo://resource/dynamic/text/2");
    for uri in [first, second] {
        leaver.service.subscribe(SubscribeRequestParams::new(uri)).await.unwrap();
    }
    other.service.subscribe(SubscribeRequestParams::new(first)).await.unwrap();
    emit_updates(&leaver, &[(&leaver, second, 0), (&other, first, 0)]).await;
    assert_eq!(leaver.updates(), [first, second]);

    leaver.service.unsubscribe(UnsubscribeRequestParams::new(first)).await.unwrap();
    emit_updates(&leaver, &[(&leaver, second, 1), (&other, first, 1)]).await;
    assert_eq!(leaver.updates(), [first, second, second]);
    assert_eq!(other.updates(), [first, first]);

    other.service.cancel().await.unwrap();
    proxy.asked("resources/unsubscribe", |message| message["params"]["uri"] == first).await;
    proxy.stop().await;
}

#[tokio::test]
async fn each_client_has_the_log_level_it_asked_for() {
    let proxy = everything().await;
    let (quiet, curious) = (Client::connect(proxy.port).await, Client::connect(proxy.port).await);
    let (marker, logged) = ("demo://resource/dynamic/text/11", "demo://resource/dynamic/text/12");
    quiet.service.subscribe(SubscribeRequestParams::new(marker)).await.unwrap();
    quiet.service.set_level(SetLevelRequestParams::new(LoggingLevel::Error)).await.unwrap();
    curious.service.set_level(SetLevelRequestParams::new(LoggingLevel::Debug)).await.unwrap();

    // The server logs a subscription at level info.
    curious.service.subscribe(SubscribeRequestParams::new(logged)).await.unwrap();
    let about_it = |message: &Value| {
        is("notifications/message", message) && message["params"].to_string().contains(logged)
    };
    curious.received.first("the log message", about_it).await;
    emit_updates(&quiet, &[(&quiet, marker, 0)]).await;
    assert!(!quiet.received.entries().iter().any(about_it));
    proxy.stop().await;
}

#[tokio::test]
async fn completion_answers_for_prompts_and_for_resource_templates() {
    let proxy = everything().await;
    let client = Client::connect(proxy.port).await;
    let department = HashMap::from([("department".to_owned(), "Sales".to_owned())]);
    let context = Some(CompletionContext::with_arguments(department));
    let names = client
        .service
        .complete_prompt_argument("completable-prompt", "name", "", context)
        .await
        .unwrap();
    assert_eq!(names.values, ["David", "Eve", "Frank"]);
    let template = "demo://resource/dynamic/text/{resourceId}";
    let ids = client.service.complete_resource_simple(template, "resourceId", "12").await.unwrap();
    assert_eq!(ids, ["12"]);
    proxy.stop().await;
}

#[tokio::test]
async fn a_call_whose_connection_broke_is_resumed_without_loss() {
    let proxy = everything().await;
    let client = Client::connect(proxy.port).await;
    let call = client.begin(LONG, json!({ "duration": 2, "steps": 8 })).await;
    client.received.first("progress", |message| is("notifications/progress", message)).await;
    client.relay.cut();
    let token = json!(call.progress_token);
    call.await_response().await.unwrap();
    assert_eq!(client.progress(&token), steps_to(8));
    assert!(client.relay.streams.entries().contains(&json!(true)), "a stream was resumed");
    proxy.stop().await;
}

#[tokio::test]
async fn clients_with_equal_ids_and_progress_tokens_do_not_mix() {
    let proxy = everything().await;
    let (first, second) = (Client::connect(proxy.port).await, Client::connect(proxy.port).await);
    let round = async |client: &Client, name: &str, steps: usize| {
        assert_progress(client, 0.3, steps).await;
        for turn in 0..20 {
            let message = format!("{name}/{turn}");
            assert_eq!(
                client.call("echo", json!({ "message": message })).await,
                format!("Echo: {message}")
            );
        }
    };
    tokio::join!(round(&first, "first", 10), round(&second, "second", 11));
    let ids = |client: &Client| {
        client.sent.entries().into_iter().map(|sent| sent["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&first), ids(&second), "the clients must have used equal ids");
    proxy.stop().await;
}

#[tokio::test]
async fn a_closed_session_is_gone_and_a_new_one_works() {
    let proxy = everything().await;
    let leaver = Client::connect(proxy.port).await;
    let uri = "demo://resource/dynamic/text/21";
    leaver.service.subscribe(SubscribeRequestParams::new(uri)).await.unwrap();
    leaver.service.cancel().await.unwrap();
    proxy.asked("resources/unsubscribe", |message| message["params"]["uri"] == uri).await;
    let client = Client::connect(proxy.port).await;
    assert_eq!(client.call("echo", json!({ "message": "again" })).await, "Echo: again");
    proxy.stop().await;
}

fn newest_first() -> ClientLifecycleMode {
    ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::LATEST],
        legacy_version: Some(ProtocolVersion::LATEST_WITH_INITIALIZE),
    }
}

#[tokio::test]
async fn a_remote_server_serves_clients_of_both_eras_in_either() {
    let url = server::serve().await;
    for protocol in ["auto", "legacy", "modern"] {
        let proxy = Proxy::before(&url, &["--upstreamProtocol", protocol]).await;
        for lifecycle in [ClientLifecycleMode::Initialize, newest_first()] {
            let client = Client::negotiate(proxy.port, lifecycle).await;
            let tools = client.service.list_all_tools().await.unwrap();
            assert_eq!(tools.len(), 2, "{protocol}");
            let said = "\u{2028} \u{1f980} \"\\u0041\" \0";
            let answer = client.call("echo", json!({ "message": said })).await;
            assert_eq!(answer, format!("Echo: {said}"), "{protocol}");
            assert_progress(&client, 0.0, 5).await;
        }
        proxy.stop().await;
    }
}

#[tokio::test]
async fn a_client_that_asks_for_the_newest_protocol_first_is_served() {
    let proxy = everything().await;
    let client = Client::negotiate(proxy.port, newest_first()).await;
    assert_eq!(client.call("echo", json!({ "message": "negotiated" })).await, "Echo: negotiated");
    proxy.stop().await;
}

#[tokio::test]
async fn files_go_in_and_come_out_unchanged() {
    let directory =
        env::temp_dir().canonicalize().unwrap().join(format!("mcp-proxy-rmcp-{}", process::id()));
    fs::create_dir_all(&directory).unwrap();
    let proxy = Proxy::start("server-filesystem", &[directory.to_str().unwrap()]).await;
    let client = Client::connect(proxy.port).await;
    let path = directory.join("\u{fc}.txt");
    let content = "tab\t quote\" backslash\\ \u{2028} \u{1f980}\r\n".repeat(1000);
    client.call("write_file", json!({ "path": path, "content": content })).await;
    assert_eq!(client.call("read_text_file", json!({ "path": path })).await, content);
    assert_eq!(fs::read_to_string(&path).unwrap(), content);
    proxy.stop().await;
    fs::remove_dir_all(&directory).unwrap();
}

/// Runs the long tool and checks the whole of what came back for it.
async fn assert_progress(client: &Client, duration: f64, steps: usize) {
    let start = client.received.len();
    let call = client.begin(LONG, json!({ "duration": duration, "steps": steps })).await;
    let (id, token) = (json!(call.id), json!(call.progress_token));
    call.await_response().await.unwrap();
    let entries = client.received.entries();
    let before = entries[start..].iter().take_while(|message| message["id"] != id);
    let events = before.filter(|message| message["params"]["progressToken"] == token);
    let values: Vec<_> = events.map(|message| message["params"]["progress"].clone()).collect();
    assert_eq!(values, steps_to(steps));
}

fn steps_to(last: usize) -> Vec<Value> {
    #[expect(clippy::cast_precision_loss, reason = "a handful of steps")]
    (1..=last).map(|step| json!(step as f64)).collect()
}

/// Makes the server send one round of updates and waits for each expected one: the update of this
/// resource after this many others of it.
async fn emit_updates(client: &Client, expected: &[(&Client, &str, usize)]) {
    for _ in 0..2 {
        client.call("toggle-subscriber-updates", json!({})).await;
    }
    for (receiver, uri, earlier) in expected {
        let updated = |message: &Value| {
            is("notifications/resources/updated", message) && message["params"]["uri"] == *uri
        };
        receiver.received.nth("an update", *earlier, updated).await;
    }
}
