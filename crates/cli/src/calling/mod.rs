//! One request to a server from the terminal: a tool call, a resource, or the lists. The answer
//! goes to standard output, everything else to standard error.

mod arguments;
mod content;
mod files;
mod listing;
mod picture;
mod schema;
mod usage;

use std::{
    env,
    io::{self, IsTerminal as _, Read as _},
};

use mcp_proxy_core::{
    Conversation, Listening, Unanswered,
    config::{FleetConfig, ServerConfig, Upstream, prefix},
};
use serde_json::{Map, Value, json};
use tokio::runtime::Builder;

pub(crate) use arguments::{Given, read as read_argument};

use crate::{
    Ending, console, guard,
    paint::Paint,
    plain::{one_line, plain},
};
use content::{Page, Place, pretty};

/// Most names that an error lists.
const MAX_NAMES: usize = 20;

/// A request, and its target.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) answering: Answering,
    pub(crate) question: Question,
    /// Whether the answer is for a program.
    pub(crate) json: bool,
}

/// The target.
#[derive(Debug)]
pub(crate) enum Answering {
    Server(Upstream),
    /// Many servers, merged; their tools have the servers' names as prefixes.
    Fleet(Box<FleetConfig>),
}

impl Answering {
    /// Connects to it; if there are many servers, those that cannot be reached are left out.
    pub(crate) async fn open(self, listening: Listening) -> Result<Conversation, Unanswered> {
        match self {
            Self::Server(upstream) => Conversation::open(upstream, guard::start(), listening).await,
            Self::Fleet(fleet) => Conversation::open_fleet(*fleet, guard::start(), listening).await,
        }
    }
}

/// The request.
#[derive(Debug)]
pub(crate) enum Question {
    /// List everything.
    List,
    /// Call the tool with this name.
    Call { name: String, given: Vec<Given> },
    /// Read the resource with this URI.
    Read(String),
}

/// Why there is no output.
enum Problem {
    /// The request does not fit the server.
    Usage(String),
    Unanswered(Unanswered),
}

impl From<Unanswered> for Problem {
    fn from(unanswered: Unanswered) -> Self {
        Self::Unanswered(unanswered)
    }
}

/// The output, and how the process ends.
struct Answer {
    page: Page,
    ending: Ending,
}

/// Sends the request; returns how the process ends.
pub(crate) fn run(asking: Asking) -> Ending {
    let as_json = asking.json;
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Problem::Usage(error.to_string()), as_json),
    };
    let answered = runtime.block_on(ask(asking));
    // Standard input may be read to its end while a pasted address is waited for.
    runtime.shutdown_background();
    match answered {
        Ok(Answer { page, ending }) => {
            console::print_bytes(&page.output);
            page.notes.iter().for_each(|note| console::complain(&plain(note)));
            ending
        }
        Err(problem) => fail(&problem, as_json),
    }
}

async fn ask(asking: Asking) -> Result<Answer, Problem> {
    let Asking { answering, question, json } = asking;
    let mut question = with_input(question)?;
    let is_call = matches!(question, Question::Call { .. });
    let progress = is_call && !json && io::stderr().is_terminal();
    let mut server = open(answering, &mut question, listening(progress)).await?;
    let answered = match question {
        Question::List => list(&mut server, json).await,
        Question::Call { name, given } => call(&mut server, &name, given, json, progress).await,
        Question::Read(uri) => read(&mut server, &uri, json).await,
    };
    if progress {
        console::status("");
    }
    server.close().await;
    answered
}

/// Connects to the target. If there are many servers, those that cannot be reached are left out.
async fn open(
    answering: Answering,
    question: &mut Question,
    listening: Listening,
) -> Result<Conversation, Unanswered> {
    let mut answering = answering;
    if let (Answering::Fleet(fleet), Question::Call { name, .. }) = (&mut answering, question) {
        only_needed(fleet, name);
    }
    answering.open(listening).await
}

/// A call needs only the server in the prefix of the name. If it is the only one, its tools have
/// their own names.
fn only_needed(fleet: &mut FleetConfig, tool: &mut String) {
    let own_name = |server: &ServerConfig| {
        let own = tool.strip_prefix(&format!("{}__", prefix(&server.name)))?;
        server.enabled.then(|| (server.name.clone(), own.to_owned()))
    };
    let Some((name, own)) = fleet.servers.iter().find_map(own_name) else { return };
    for server in &mut fleet.servers {
        server.enabled &= server.name == name;
    }
    *tool = own;
}

/// Reads the arguments from standard input.
fn with_input(question: Question) -> Result<Question, Problem> {
    let Question::Call { name, given } = question else { return Ok(question) };
    let read = |one| match one {
        Given::Input => {
            let mut text = String::new();
            let read = io::stdin().lock().read_to_string(&mut text);
            read.map_err(|error| Problem::Usage(format!("standard input: {error}")))?;
            arguments::all(&text).map(Given::All).map_err(Problem::Usage)
        }
        other => Ok(other),
    };
    let given = given.into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(Question::Call { name, given })
}

/// Shows progress to a user at a terminal.
fn listening(shown: bool) -> Listening {
    Box::new(move |method, params| {
        if !shown || method != "notifications/progress" {
            return;
        }
        let total = params["total"].as_f64().map(|total| format!("/{total}")).unwrap_or_default();
        let message = one_line(params["message"].as_str().unwrap_or_default(), 60);
        let progress = params["progress"].as_f64().unwrap_or_default();
        console::status(format!("{progress}{total} {message}").trim_end());
    })
}

async fn list(server: &mut Conversation, json: bool) -> Result<Answer, Problem> {
    let mut found = Map::new();
    for (capability, method, member, _) in listing::LISTS {
        if server.introduction()["capabilities"][capability].is_object() {
            match server.list(method, member).await {
                Ok(entries) => drop(found.insert(member.to_owned(), entries.into())),
                // A server with resources need not have templates.
                Err(Unanswered::Error { code: -32601, .. }) => {}
                Err(unanswered) => return Err(unanswered.into()),
            }
        }
    }
    let introduction = server.introduction();
    let output = if json {
        let mut all = introduction.clone();
        if let Value::Object(all) = &mut all {
            all.extend(found);
        }
        document(&all)
    } else {
        let paint = Paint::for_output(&io::stdout());
        listing::text(introduction, &found.into(), paint).into_bytes()
    };
    Ok(Answer { page: Page { output, notes: Vec::new() }, ending: Ending::Success })
}

async fn call(
    server: &mut Conversation,
    name: &str,
    given: Vec<Given>,
    json: bool,
    progress: bool,
) -> Result<Answer, Problem> {
    let tools = server.list("tools/list", "tools").await?;
    let Some(tool) = tools.iter().find(|tool| tool["name"] == name) else {
        return Err(Problem::Usage(no_tool(name, &tools)));
    };
    let arguments = arguments::typed(tool, given)
        .map_err(|problem| Problem::Usage(format!("{}: {problem}", one_line(name, 200))))?;
    let mut params = json!({ "name": name, "arguments": arguments });
    if progress {
        params["_meta"] = json!({ "progressToken": 1 });
    }
    let result = server.ask("tools/call", params).await?;
    let failed = result["isError"] == true;
    let ending = if failed { Ending::ToolFailed } else { Ending::Success };
    if json {
        return Ok(Answer { page: Page { output: document(&result), notes: Vec::new() }, ending });
    }
    let mut page = place().result(name, &result);
    if failed {
        // A script would mistake it for the result.
        let said = String::from_utf8_lossy(&page.output).trim_end().to_owned();
        page.notes.insert(0, format!("the tool {} failed: {said}", one_line(name, 200)));
        page.output.clear();
    }
    Ok(Answer { page, ending })
}

async fn read(server: &mut Conversation, uri: &str, json: bool) -> Result<Answer, Problem> {
    let result = server.ask("resources/read", json!({ "uri": uri })).await?;
    let page = if json {
        Page { output: document(&result), notes: Vec::new() }
    } else {
        place().resource(uri, &result)
    };
    Ok(Answer { page, ending: Ending::Success })
}

fn place() -> Place {
    Place {
        terminal: io::stdout().is_terminal(),
        protocol: picture::Protocol::of(|name| env::var(name).ok()),
        directory: ".".into(),
    }
}

/// A JSON document: indented on a terminal, otherwise on one line.
fn document(value: &Value) -> Vec<u8> {
    // JSON does not escape control characters above ASCII.
    let text = if io::stdout().is_terminal() {
        plain(&pretty(value)).into_owned()
    } else {
        value.to_string()
    };
    format!("{text}\n").into_bytes()
}

fn no_tool(name: &str, tools: &[Value]) -> String {
    const NEAR: f64 = 0.7;
    let names = || tools.iter().filter_map(|tool| tool["name"].as_str());
    let best = names()
        .map(|known| (strsim::jaro(&name.to_lowercase(), &known.to_lowercase()), known))
        .filter(|(score, _)| *score > NEAR)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    let advice = match best {
        Some((_, known)) => format!("did you mean {}?", one_line(known, 200)),
        None if tools.is_empty() => "it has no tools".to_owned(),
        None => {
            let shown: Vec<String> =
                names().take(MAX_NAMES).map(|name| one_line(name, 64)).collect();
            let more = if tools.len() > shown.len() { ", …" } else { "" };
            format!("it has {}{more}", shown.join(", "))
        }
    };
    format!("the server has no tool {:?}; {advice}", one_line(name, 200))
}

/// Reports the failure, and ends with its status.
fn fail(problem: &Problem, json: bool) -> Ending {
    let (kind, ending) = match problem {
        Problem::Usage(_) => ("usage", Ending::Failure),
        Problem::Unanswered(Unanswered::Error { .. }) => ("protocol", Ending::Refused),
        Problem::Unanswered(Unanswered::Unauthorized(_)) => ("unauthorized", Ending::Unauthorized),
        Problem::Unanswered(_) => ("unreachable", Ending::Unreached),
    };
    let text = match problem {
        Problem::Usage(text) => text.clone(),
        Problem::Unanswered(unanswered) => unanswered.to_string(),
    };
    if !json {
        console::complain(&format!("Error: {}", plain(&text)));
        return ending;
    }
    let mut error = json!({ "kind": kind, "message": text });
    if let Problem::Unanswered(Unanswered::Error { code, message, data }) = problem {
        error["code"] = (*code).into();
        error["message"] = message.as_str().into();
        error["data"] = data.clone();
    }
    console::complain(&json!({ "error": error }).to_string());
    ending
}
