//! One server of a file: read and checked, with its variables not expanded yet.
//!
//! A value of the wrong kind is a fault of the file. If only this server cannot be served, for
//! example because of its transport, that is a fault of the server.

mod launch;
mod limits;
mod reading;
mod remote;
mod stdio;

use self::{
    launch::{Launch, Refusal},
    reading::Reading,
};
use super::{
    block,
    dialect::Dialect,
    document::{Member, Source},
    fault::{Fault, quoted},
    members::{Members, Text, Unused},
    setting::Vocabulary,
};
use crate::config::{Policy, Rules};

/// A server before its variables are expanded.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) name: Text,
    pub(super) launch: Result<Launch, Fault>,
    /// Whether the user has left it switched on.
    pub(super) enabled: bool,
    pub(super) rules: Rules,
    pub(super) policy: Policy,
    pub(super) required: bool,
    pub(super) lazy: bool,
    pub(super) unused: Vec<Unused>,
}

/// Reads one server.
pub(super) fn read(
    key: &str,
    member: &Member,
    source: &Source,
    dialect: Dialect,
    vocabulary: &Vocabulary,
) -> Result<Draft, Fault> {
    let path = format!("{key}.{}", member.name);
    let members = Members::of(&member.node, &path, source)?;
    let block = block::of_server(&members, vocabulary)?;
    let mut reading = Reading { members, dialect, block };
    let enabled = reading.enabled()?;
    reading.client_consent();
    limits::restrict(&reading.members, &mut reading.block.rules)?;
    let launch = match reading.launch() {
        Ok(launch) => Ok(launch),
        Err(Refusal::Server(fault)) => Err(fault),
        Err(Refusal::File(fault)) => return Err(fault),
    };
    Ok(Draft {
        name: Text { value: member.name.clone(), at: member.at },
        launch: usable_name(&member.name).map_err(|why| source.fault(member.at, why)).and(launch),
        enabled,
        rules: reading.block.rules,
        policy: reading.block.policy,
        required: reading.block.required,
        lazy: reading.block.lazy,
        unused: reading.members.unused(),
    })
}

/// A name must be a single segment of a path.
pub(super) fn usable_name(name: &str) -> Result<(), String> {
    match name {
        "" | "." | ".." => Err(format!(
            "a server cannot be served under the name {}; call it something else",
            quoted(name)
        )),
        _ => Ok(()),
    }
}

impl Reading<'_> {
    fn enabled(&self) -> Result<bool, Fault> {
        let disabled = self.members.boolean("disabled")?.unwrap_or(false);
        Ok(!disabled && self.members.boolean("enabled")?.unwrap_or(true))
    }

    /// Which tools need no confirmation is a setting of the client.
    fn client_consent(&self) {
        for name in ["autoApprove", "alwaysAllow", "trust"] {
            self.members.ignore(name, "each client decides which calls need consent");
        }
    }

    fn launch(&mut self) -> Result<Launch, Refusal> {
        let members = &self.members;
        // A description for people, which clients show.
        for name in ["title", "description"] {
            members.ignore(name, "it is a note for people");
        }
        self.refuse_two_transports()?;
        if let Some(sandboxed) = members.get("sandboxEnabled")
            && members.boolean("sandboxEnabled")? == Some(true)
            && !self.block.ignores_sandbox
        {
            return Err(self.server(
                sandboxed.at,
                "the client runs this server in a sandbox, which the proxy cannot do; \
                 \"mcp-proxy\": { \"sandbox\": \"ignore\" } runs it without one",
            ));
        }
        let mut launch = if members.get("command").is_some() {
            stdio::launch(members)?
        } else if let Some(url) = self.url()? {
            remote::launch(self, url)?
        } else {
            let is_extension = members
                .text("source")
                .ok()
                .flatten()
                .is_some_and(|source| source.value == "extension");
            let why = if is_extension && self.dialect == Dialect::Zed {
                "an extension of Zed provides this server, and only Zed can start it: add its command \
                 or URL"
            } else {
                "the server has neither a command nor a URL"
            };
            return Err(self.server(members.at, why));
        };
        launch.settings.extend(limits::times(members, self.dialect)?);
        launch.settings.append(&mut self.block.settings);
        Ok(launch)
    }

    /// Members with the address of a remote server.
    fn url(&self) -> Result<Option<(&'static str, Text)>, Fault> {
        for name in ["httpUrl", "serverUrl", "url"] {
            if let Some(url) = self.members.text(name)? {
                return Ok(Some((name, url)));
            }
        }
        Ok(None)
    }

    /// Two addresses for one server are ambiguous.
    fn refuse_two_transports(&self) -> Result<(), Refusal> {
        let places = ["command", "httpUrl", "serverUrl", "url"];
        let mut found = places.iter().filter_map(|name| self.members.get(name));
        if let (Some(first), Some(second)) = (found.next(), found.next()) {
            let both = format!(
                "{} and {} are both set; remove one of them",
                quoted(&first.name),
                quoted(&second.name)
            );
            return Err(Refusal::File(self.members.source.fault(second.at, both)));
        }
        Ok(())
    }
}
