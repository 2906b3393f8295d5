//! What is done in place of serving: signing in to a remote server, and out; making a token.

use std::path::PathBuf;

use mcp_proxy_core::config::{RemoteConfig, Upstream};

use super::{auth, logging, remote, upstream};
use crate::{
    args::{Typed, UsageError, flags},
    telemetry::Logging,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Errand {
    pub(crate) task: Task,
    logging: Logging,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Task {
    /// Sign in to this server.
    SignIn(RemoteConfig),
    /// Forget the sign-in to this server.
    Forget(RemoteConfig),
    /// Forget every sign-in of this directory.
    ForgetAll(PathBuf),
    /// Make a static token.
    NewToken {
        /// Where it is listed.
        file: PathBuf,
        /// Whose it is.
        name: String,
        /// What it is good for.
        scopes: Vec<String>,
    },
}

impl Errand {
    /// The errand that was typed, if it was one.
    pub(crate) fn of(typed: &Typed) -> Result<Option<Self>, UsageError> {
        let values = &typed.values;
        if let Some(name) = values.of(&flags::NEW_TOKEN)? {
            let file = values.of(&flags::AUTH_TOKENS)?.ok_or(UsageError::NewTokenWhere)?;
            let task = Task::NewToken { file, name, scopes: auth::scopes(values)? };
            return Ok(Some(Self { task, logging: logging(values)? }));
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

    /// What is logged meanwhile.
    pub(crate) fn logging(&self) -> Logging {
        self.logging
    }
}
