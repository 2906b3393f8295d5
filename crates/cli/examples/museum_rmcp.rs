//! The Rust SDK as a client of the museum; see scripts/museum/clients.mjs.
#![expect(clippy::print_stdout, reason = "what it has seen is what it is for")]

use std::{env, error::Error, process::Stdio};

use rmcp::{
    RoleClient, ServiceExt,
    model::{CallToolRequestParams, ClientConfig, ReadResourceRequestParams},
    service::RunningService,
    transport::StreamableHttpClientTransport,
};
use serde_json::{Map, Value, json};
use tokio::process::Command;

type Client = RunningService<RoleClient, ClientConfig>;

/// The answer, or the error in its place.
fn seen<E: ToString>(answer: Result<Value, E>) -> Value {
    match answer {
        Ok(answer) => answer,
        Err(error) => json!({ "failed": error.to_string() }),
    }
}

async fn look(client: &Client, tool: String, given: &str) -> Result<Value, Box<dyn Error>> {
    let info = json!(client.peer_info());
    let can = |what: &str| info["capabilities"].get(what).is_some();
    let mut report = Map::new();
    report.insert("name".to_owned(), info["serverInfo"]["name"].clone());
    report.insert("instructions".to_owned(), info["instructions"].clone());
    if can("tools") {
        report.insert(
            "tools".to_owned(),
            seen(client.list_tools(None).await.map(|found| json!(found))),
        );
    }
    if can("prompts") {
        report.insert(
            "prompts".to_owned(),
            seen(client.list_prompts(None).await.map(|found| json!(found))),
        );
    }
    if can("resources") {
        let resources = client.list_resources(None).await;
        let first = resources.as_ref().ok().and_then(|list| list.resources.first());
        if let Some(uri) = first.map(|resource| resource.uri.clone()) {
            let read = client.read_resource(ReadResourceRequestParams::new(uri)).await;
            report.insert("read".to_owned(), seen(read.map(|found| json!(found))));
        }
        report.insert("resources".to_owned(), seen(resources.map(|found| json!(found))));
    }
    if !tool.is_empty() {
        let arguments: Map<String, Value> = serde_json::from_str(given)?;
        let call = CallToolRequestParams::new(tool).with_arguments(arguments);
        report.insert(
            "call".to_owned(),
            seen(client.call_tool(call).await.map(|found| json!(found))),
        );
    }
    Ok(Value::Object(report))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = env::args().skip(1);
    let mut next = || words.next().ok_or("words: TOOL ARGUMENTS http URL | stdio COMMAND…");
    let (tool, given, way, place) = (next()?, next()?, next()?, next()?);
    drop(rustls::crypto::ring::default_provider().install_default());
    let config = ClientConfig::default();
    let client = if way == "http" {
        config.serve(StreamableHttpClientTransport::from_uri(place)).await?
    } else {
        let mut command = Command::new(place);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.kill_on_drop(true).spawn()?;
        let pipes = child.stdout.take().zip(child.stdin.take()).ok_or("no pipes")?;
        let client = config.serve(pipes).await?;
        println!("{}", look(&client, tool, &given).await?);
        return Ok(());
    };
    println!("{}", look(&client, tool, &given).await?);
    Ok(())
}
