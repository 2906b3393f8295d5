//! Actions in place of serving: signing in to a remote server, and out; making a token; one request
//! to a server; checking a file.

use std::path::PathBuf;

use mcp_proxy_core::config::{RemoteConfig, Upstream};

use super::{
    answering::answering,
    auth,
    fleet::{self, Report},
    logging, remote, replay, upstream,
};
use crate::{
    args::{Typed, UsageError, Values, flags},
    calling::{Asking, Question, read_argument},
    examining::{Examining, Patient},
    replaying::{Replaying, Verifying},
    telemetry::Logging,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Errand {
    pub(crate) task: Task,
    logging: Logging,
}

/// The action.
#[derive(Debug)]
pub(crate) enum Task {
    /// Sign in to this server.
    SignIn(RemoteConfig),
    /// Delete the sign-in to this server.
    Forget(RemoteConfig),
    /// Delete every sign-in in this directory.
    ForgetAll(PathBuf),
    /// Make a static token.
    NewToken {
        /// The file that lists it.
        file: PathBuf,
        /// Its name.
        name: String,
        /// Its scopes.
        scopes: Vec<String>,
        /// Its expiry.
        expires: Option<String>,
    },
    /// Serve a recording on standard input and output.
    Replay(Replaying),
    /// Compare a server with a recording.
    Verify(Box<Verifying>),
    /// Ask a server one question.
    Ask(Box<Asking>),
    /// Print the schema of the settings.
    Schema,
    /// Print what a file contains.
    Check(Report),
    /// Examine servers.
    Examine(Examining),
}

impl Errand {
    /// The action that was typed, if there is one.
    pub(crate) fn of(typed: &Typed) -> Result<Option<Self>, UsageError> {
        let values = &typed.values;
        if let Some(name) = values.of(&flags::NEW_TOKEN)? {
            let file = values.of(&flags::AUTH_TOKENS)?.ok_or(UsageError::NewTokenWhere)?;
            let (scopes, expires) = (auth::scopes(values)?, values.of(&flags::TOKEN_EXPIRES)?);
            let task = Task::NewToken { file, name, scopes, expires };
            return Ok(Some(Self { task, logging: logging(values)? }));
        }
        if values.has(&flags::TOKEN_EXPIRES) {
            return Err(UsageError::TokenExpiresAlone);
        }
        if values.of(&flags::DOCTOR)? {
            return Self::examination(typed).map(Some);
        }
        if let Some(verifying) = replay::verifying(typed)? {
            let task = Task::Verify(Box::new(verifying));
            return Ok(Some(Self { task, logging: logging(values)? }));
        }
        if let Some(replaying) = replay::replaying(values)? {
            let task = Task::Replay(replaying);
            return Ok(Some(Self { task, logging: logging(values)? }));
        }
        if let Some(question) = question(values)? {
            values.check_choices()?;
            let answering = answering(typed)?;
            let asking = Asking { answering, question, json: values.of(&flags::JSON)? };
            return Ok(Some(Self { task: Task::Ask(Box::new(asking)), logging: logging(values)? }));
        }
        if values.of(&flags::CONFIG_SCHEMA)? {
            return Ok(Some(Self { task: Task::Schema, logging: logging(values)? }));
        }
        if values.of(&flags::CHECK_CONFIG)? {
            let report = fleet::check(typed)?;
            return Ok(Some(Self { task: Task::Check(report), logging: logging(values)? }));
        }
        let (sign_in, sign_out) = (values.of(&flags::SIGN_IN)?, values.of(&flags::SIGN_OUT)?);
        if !sign_in && !sign_out {
            return Ok(None);
        }
        if sign_in && sign_out {
            return Err(UsageError::SignInAndOut);
        }
        values.check_choices()?;
        let named = !typed.command.is_empty() || values.has(&flags::CONNECT);
        let task = if named {
            match upstream::server(values, typed.command.clone())? {
                Upstream::Remote(config) if sign_in => Task::SignIn(*config),
                Upstream::Remote(config) => Task::Forget(*config),
                _ => return Err(UsageError::SignInWhere),
            }
        } else if sign_in {
            return Err(UsageError::SignInWhere);
        } else {
            Task::ForgetAll(remote::token_directory(values)?)
        };
        Ok(Some(Self { task, logging: logging(values)? }))
    }

    /// Examines everything that is configured.
    fn examination(typed: &Typed) -> Result<Self, UsageError> {
        let values = &typed.values;
        let others =
            [("--list", values.of(&flags::LIST)?), ("--signIn", values.of(&flags::SIGN_IN)?)];
        let others = others.into_iter().chain([
            ("--signOut", values.of(&flags::SIGN_OUT)?),
            ("--call", values.has(&flags::CALL)),
            ("--read", values.has(&flags::READ)),
        ]);
        if let Some((flag, _)) = others.into_iter().find(|(_, given)| *given) {
            return Err(UsageError::OneErrand { flags: ["--doctor", flag] });
        }
        values.check_choices()?;
        let patients = match fleet::configured(typed) {
            Ok(Some(fleet)) => fleet.servers.into_iter().map(Patient::of).collect(),
            Ok(None) => {
                vec![Patient::Server(None, upstream::server(values, typed.command.clone())?)]
            }
            Err(UsageError::Config(reason)) => vec![Patient::File(reason)],
            Err(error) => return Err(error),
        };
        let examining = Examining { patients, json: values.of(&flags::JSON)? };
        Ok(Self { task: Task::Examine(examining), logging: logging(values)? })
    }

    /// The log level meanwhile.
    pub(crate) fn logging(&self) -> Logging {
        self.logging
    }
}

/// The request for a server, if there is one.
fn question(values: &Values) -> Result<Option<Question>, UsageError> {
    let mut asked = Vec::new();
    if values.of(&flags::LIST)? {
        asked.push(("--list", Question::List));
    }
    if let Some(uri) = values.of(&flags::READ)? {
        asked.push(("--read", Question::Read(uri)));
    }
    let mut words = values.of(&flags::CALL)?.into_iter();
    if let Some(name) = words.next() {
        let given = words.map(|word| read_argument(&word)).collect::<Result<_, _>>();
        let given = given.map_err(|problem| UsageError::Call { problem })?;
        asked.push(("--call", Question::Call { name, given }));
    }
    for (flag, others) in
        [("--signIn", values.of(&flags::SIGN_IN)?), ("--signOut", values.of(&flags::SIGN_OUT)?)]
    {
        if let (true, Some((first, _))) = (others, asked.first()) {
            return Err(UsageError::OneErrand { flags: [first, flag] });
        }
    }
    if let [(first, _), (second, _), ..] = asked.as_slice() {
        return Err(UsageError::OneErrand { flags: [first, second] });
    }
    Ok(asked.pop().map(|(_, question)| question))
}
