//! The start screen of many servers: the addresses, and each server when it has started.

use std::{
    io::{self, IsTerminal as _},
    net::SocketAddr,
    time::{Duration, Instant},
};

use mcp_proxy_core::{
    Arrival,
    config::{FleetConfig, segment},
    fleet::printable,
};

use crate::{
    console,
    options::{Origin, Reading, unused},
    paint::Paint,
    plain::one_line,
    reached::{Reached, for_people},
};

/// Longest name to which others are aligned.
const WIDEST: usize = 24;

/// See the module.
#[derive(Debug)]
pub(super) struct Screen {
    place: Place,
    paint: Paint,
    /// The file and notes about it.
    file: Vec<(&'static str, String)>,
    reached: Reached,
    endpoints: [(&'static str, Option<String>); 2],
    groups: Vec<String>,
    protected: bool,
    names: Vec<Name>,
    since: Instant,
    /// How many have started, while others are still waited for.
    counted: Option<usize>,
}

/// Where lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Standard output; a terminal also shows which servers are still waited for.
    Output { terminal: bool },
    /// The log, since standard output belongs to a client.
    Log,
}

/// A server.
#[derive(Debug)]
struct Name {
    name: String,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Awaited,
    Seen,
    Lazy,
    Off,
}

/// The open ports.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) address: SocketAddr,
    pub(super) metrics: Option<SocketAddr>,
    /// The address of the inspection page.
    pub(super) inspection: Option<String>,
}

impl Screen {
    /// For users who see standard output.
    pub(super) fn new(origin: &Origin, reading: &Reading, paint: Paint) -> Self {
        let place = Place::Output { terminal: io::stdout().is_terminal() };
        let mut screen = Self { place, paint, ..Self::silent(reading) };
        if let (Some(file), Some(dialect)) = (origin.file(), reading.dialect) {
            let file = printable(&file.display().to_string());
            screen.file.push(("configuration", format!("{file} ({dialect})")));
        }
        let labels = std::iter::once("not used").chain(std::iter::repeat(""));
        screen.file.extend(labels.zip(unused(&reading.unused)));
        screen
    }

    /// For the log.
    pub(super) fn silent(reading: &Reading) -> Self {
        let http = &reading.fleet.http;
        let group = |group: &mcp_proxy_core::config::GroupConfig| group.name.clone();
        Self {
            place: Place::Log,
            paint: Paint::PLAIN,
            file: Vec::new(),
            reached: Reached::of(http),
            endpoints: [
                ("Streamable HTTP", http.stream_endpoint.clone()),
                ("HTTP+SSE", http.sse_endpoint.clone()),
            ],
            groups: reading.fleet.groups.iter().map(group).collect(),
            protected: http.auth.api_key.is_some(),
            names: names(&reading.fleet),
            since: Instant::now(),
            counted: Some(0),
        }
    }

    /// Shows all addresses.
    pub(super) fn begin(&mut self, opened: &Opened) {
        let text = self.beginning(opened);
        self.print(text.trim_end_matches('\n'));
        for name in &self.names {
            let said = match name.state {
                State::Lazy => "starts when it is first needed",
                State::Off => "switched off",
                State::Awaited | State::Seen => continue,
            };
            let line = format!("  {}  {}", self.aligned(&name.name), self.paint.dim(said));
            self.print(&line);
        }
        self.show_awaited();
    }

    fn beginning(&self, opened: &Opened) -> String {
        let (scheme, paint) = (self.reached.scheme(), self.paint);
        let base = self.reached.base(opened.address);
        let row =
            |label: &str, value: &str| format!("  {}{value}\n", paint.dim(format!("{label:<17}")));
        let heading = paint.bold(format!("{scheme}://{}", opened.address));
        let mut text = format!("{} {heading}\n", paint.green("listening on"));
        for (label, value) in &self.file {
            text.push_str(&row(label, value));
        }
        for (label, path) in &self.endpoints {
            if let Some(path) = path {
                text.push_str(&row(label, &format!("{base}{path}")));
            }
        }
        for (label, path) in [("one server", "/servers/NAME/mcp"), ("state", "/servers")] {
            text.push_str(&row(label, &format!("{base}{path}")));
        }
        for group in &self.groups {
            text.push_str(&row("group", &format!("{base}/groups/{}/mcp", segment(group))));
        }
        if let Some(tokens) = self.reached.tokens() {
            text.push_str(&row("tokens", &printable(&tokens)));
        }
        if let Some(address) = opened.metrics {
            text.push_str(&row("metrics", &format!("http://{}/metrics", for_people(address))));
        }
        if let Some(url) = &opened.inspection {
            text.push_str(&row("inspect", url));
        }
        if let Some(example) = self.example(&base) {
            text.push_str(&row("try it", &example));
        }
        text
    }

    fn example(&self, base: &str) -> Option<String> {
        let [(_, stream), (_, sse)] = &self.endpoints;
        let (transport, path) = match (stream, sse) {
            (Some(path), _) => ("http", path),
            (None, Some(path)) => ("sse", path),
            (None, None) => return None,
        };
        let key = if self.protected { " --header \"X-API-Key: <key>\"" } else { "" };
        Some(format!("claude mcp add --transport {transport} all {base}{path}{key}"))
    }

    /// Reports the start of a server.
    pub(super) fn arrived(&mut self, arrival: &Arrival) {
        let line = self.line(arrival);
        match (self.place, &arrival.outcome) {
            (Place::Log, Ok(_)) => tracing::info!("{}", line.trim()),
            (Place::Log, Err(_)) => tracing::warn!("{}", line.trim()),
            (Place::Output { .. }, _) => self.print(&line),
        }
        let known = self.names.iter_mut().find(|name| name.name == arrival.name);
        let was_awaited = known
            .is_some_and(|name| std::mem::replace(&mut name.state, State::Seen) == State::Awaited);
        if was_awaited
            && arrival.outcome.is_ok()
            && let Some(counted) = &mut self.counted
        {
            *counted += 1;
        }
        let is_awaited = |name: &Name| name.state == State::Awaited;
        if let Some(up) = self.counted
            && !self.names.iter().any(is_awaited)
        {
            self.counted = None;
            let all = self.names.iter().filter(|name| name.state == State::Seen).count();
            let line = format!("{up} of {all} servers are up after {}", time(self.since.elapsed()));
            if self.place != Place::Log {
                self.print(&line);
            }
        }
        self.show_awaited();
    }

    fn line(&self, arrival: &Arrival) -> String {
        let (name, paint) = (self.aligned(&arrival.name), self.paint);
        let beginning = format!("  {name}  {:<5}", arrival.transport);
        match &arrival.outcome {
            Err(reason) => {
                let failed = paint.red(format!("failed after {}", time(arrival.took)));
                format!("{beginning}  {failed}: {}", one_line(reason, 300))
            }
            Ok(arrived) => {
                let tools = arrived.tools.map(|tools| match tools {
                    1 => "1 tool".to_owned(),
                    tools => format!("{tools} tools"),
                });
                let signs_in = "requires a sign-in, which starts with its first client";
                let parts = [
                    arrived.server.clone(),
                    tools,
                    arrived.signs_in.then(|| signs_in.to_owned()),
                    Some(time(arrival.took)),
                ];
                let parts: Vec<String> = parts.into_iter().flatten().collect();
                format!("{}  {}", paint.green(beginning), printable(&parts.join("  ")))
            }
        }
    }

    /// Takes over the new content of a file.
    pub(super) fn follow(&mut self, reading: &Reading) {
        let mut after = names(&reading.fleet);
        for name in &mut after {
            name.state = State::Seen;
        }
        // Servers that were waited for are still waited for.
        for name in self.names.iter().filter(|name| name.state == State::Awaited) {
            let same = after.iter_mut().find(|other| other.name == name.name);
            if let Some(same) = same {
                same.state = State::Awaited;
            }
        }
        self.names = after;
    }

    /// A separate line.
    pub(super) fn say(&self, line: &str) {
        match self.place {
            Place::Log => tracing::info!("{line}"),
            Place::Output { .. } => self.print(line),
        }
        self.show_awaited();
    }

    /// On a terminal, replaces the line with the servers that are waited for.
    fn print(&self, line: &str) {
        match self.place {
            Place::Output { terminal: true } => console::show(&format!("\r\u{1b}[K{line}")),
            _ => console::show(line),
        }
    }

    fn show_awaited(&self) {
        const SHOWN: usize = 3;
        if self.place != (Place::Output { terminal: true }) || self.counted.is_none() {
            return;
        }
        let is_awaited = |name: &&Name| name.state == State::Awaited;
        let awaited: Vec<&str> =
            self.names.iter().filter(is_awaited).map(|name| name.name.as_str()).collect();
        if awaited.is_empty() {
            return;
        }
        let first = awaited.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
        let more = awaited.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let text = printable(&format!("  waiting for {first}{more} …"));
        console::begin(&format!("\r\u{1b}[K{}", self.paint.dim(text)));
    }

    fn aligned(&self, name: &str) -> String {
        let length = |name: &Name| name.name.chars().count();
        let width = self.names.iter().map(length).filter(|length| *length <= WIDEST).max();
        format!("{:<1$}", printable(name), width.unwrap_or_default())
    }
}

fn names(fleet: &FleetConfig) -> Vec<Name> {
    let name = |server: &mcp_proxy_core::config::ServerConfig| Name {
        name: server.name.clone(),
        state: match (server.enabled, server.lazy) {
            (false, _) => State::Off,
            (true, true) => State::Lazy,
            (true, false) => State::Awaited,
        },
    };
    fleet.servers.iter().map(name).collect()
}

fn time(time: Duration) -> String {
    match time.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}
