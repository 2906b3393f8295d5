//! The flags that a file may contain as settings: those of the command line, by their names.

use mcp_proxy_core::fleet::{Kind, Known, Vocabulary};

use crate::args::{
    Definition, Json, Section,
    flags::{self, ALL},
};

/// Flags that belong to a command line, or to a proxy with one server.
const NOT_IN_A_FILE: [&str; 7] = [
    flags::CONNECT.name,
    flags::SIGN_IN.name,
    flags::SIGN_OUT.name,
    flags::EXIT_ON_CHILD_DEATH.name,
    flags::LISTEN_EARLY.name,
    flags::NEW_TOKEN.name,
    flags::TOKEN_EXPIRES.name,
];

/// Flags for one server that are in other sections than those for servers.
const OF_A_SERVER: [&str; 7] = [
    flags::MAX_LINE_SIZE.name,
    flags::CONNECTION_TIMEOUT.name,
    flags::REQUEST_TIMEOUT.name,
    flags::MAX_REQUEST_TIME.name,
    flags::RESTART_WAIT.name,
    flags::PING_INTERVAL.name,
    flags::PING_TIMEOUT.name,
];

/// The settings of the block at the top.
pub(crate) fn of_the_top() -> impl Iterator<Item = &'static dyn Definition> {
    let is_setting = |flag: &&'static dyn Definition| {
        !matches!(flag.section(), Section::Config | Section::Calling)
            && !NOT_IN_A_FILE.contains(&flag.name())
    };
    ALL.iter().copied().filter(is_setting)
}

/// Flags that a server's block has in another form: `tools`.
const IN_OTHER_WORDS: [&str; 2] = [flags::ALLOW_TOOL.name, flags::IGNORE_TOOL.name];

/// The settings of the block of one server.
pub(crate) fn of_a_server() -> impl Iterator<Item = &'static dyn Definition> {
    of_the_top().filter(|flag| {
        let is_of_servers = matches!(flag.section(), Section::Upstream | Section::Remote);
        (is_of_servers && !IN_OTHER_WORDS.contains(&flag.name()))
            || OF_A_SERVER.contains(&flag.name())
    })
}

/// Both, for reading a file.
pub(super) fn vocabulary() -> Vocabulary {
    Vocabulary {
        top: of_the_top().map(known).collect(),
        server: of_a_server().map(known).collect(),
    }
}

fn known(flag: &'static dyn Definition) -> Known {
    let kind = match flag.json() {
        Json::Boolean => Kind::Switch,
        Json::Number { .. } => Kind::Number,
        Json::Text => Kind::Text,
        Json::Texts => Kind::List,
    };
    Known { name: flag.name(), kind, help: flag.help() }
}
