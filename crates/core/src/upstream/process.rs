//! One child process: started in a process group of its own, and ended with everything that it has
//! started.

use std::{io, process::ExitStatus, time::Duration};

use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop};
use tokio::{
    process::{ChildStdin, ChildStdout, Command},
    task::JoinHandle,
    time::timeout,
};

use super::{
    guard::{Guard, Watch},
    own_variables::own_variables,
    stderr::{Tail, pass_through},
};
use crate::{
    config::CommandConfig,
    error::Error,
    runtime::{
        orphans::{Own, own},
        task,
    },
    watch::{ServerTag, TAP},
};

/// How long a child may take to react to the end of its input before it gets a signal.
const END_OF_INPUT_GRACE: Duration = Duration::from_millis(500);

/// Size of the child's pipes: with the default of 64 KiB on Linux, a message of 1 MiB takes sixteen
/// turns of the child and the proxy.
#[cfg(target_os = "linux")]
const PIPE_SIZE: usize = 1024 * 1024;

/// A running child.
#[derive(Debug)]
pub(crate) struct Process {
    child: Box<dyn ChildWrapper>,
    tail: Tail,
    pass_through: JoinHandle<()>,
    name: String,
    hint: Option<&'static str>,
    tag: ServerTag,
    _watch: Option<Watch>,
    _own: Own,
}

/// The child's pipes.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: ChildStdout,
}

impl Process {
    /// Starts the command.
    pub(crate) fn spawn(
        config: &CommandConfig,
        guard: Option<&Guard>,
    ) -> Result<(Self, Pipes), Error> {
        let program = || config.program.to_string_lossy().into_owned();
        let name = config.name.clone().unwrap_or_else(program);
        if let Some(cwd) = config.cwd.as_ref().filter(|cwd| !cwd.is_dir()) {
            return Err(Error::WorkingDirectory(cwd.clone()));
        }
        let mut wrap = CommandWrap::from(command(config));
        #[cfg(unix)]
        wrap.wrap(process_wrap::tokio::ProcessGroup::leader());
        #[cfg(windows)]
        wrap.wrap(process_wrap::tokio::JobObject);
        wrap.wrap(KillOnDrop);
        let failed = |source| Error::Spawn { command: program(), source };
        let (mut child, own) = own(|| wrap.spawn(), |child| child.id()).map_err(failed)?;
        let watch = child.id().and_then(|group| Some(guard?.watch(group)));
        let pipes = (child.stdin().take(), child.stdout().take(), child.stderr().take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(failed(io::Error::other("its pipes are missing")));
        };
        widen(&stdin);
        widen(&stdout);
        let tag = TAP.server(config.name.as_deref(), program(), child.id());
        let tail = Tail::of_server(tag.number());
        let pass_through = {
            let (tail, name) = (tail.clone(), config.name.clone());
            task::spawn(pass_through(stderr, tail, config.stderr, name))
        };
        let hint = super::program::buffering_hint(config);
        let process = Self { child, tail, pass_through, name, hint, tag, _watch: watch, _own: own };
        Ok((process, Pipes { stdin, stdout }))
    }

    /// Its name in messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Tells it apart from other servers of this process.
    pub(super) fn number(&self) -> u32 {
        self.tag.number()
    }

    /// A hint for a server that writes nothing.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        self.hint
    }

    /// Its process id, which is also that of its process group.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Whether the child is still running.
    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.child.inner_mut().try_wait(), Ok(None))
    }

    /// Waits for the child to exit.
    pub(crate) async fn exited(&mut self) -> io::Result<ExitStatus> {
        self.child.inner_mut().wait().await
    }

    /// The last lines of its standard error; complete once it has exited.
    pub(crate) async fn last_words(&mut self) -> Vec<String> {
        self.hear_out().await;
        self.tail.lines()
    }

    /// Waits until the pipe of its standard error is read. The text is there already; a grandchild
    /// that keeps the pipe open is not waited for.
    async fn hear_out(&mut self) {
        if !self.pass_through.is_finished() {
            drop(timeout(Duration::from_millis(100), &mut self.pass_through).await);
        }
    }

    /// Ends the child, whose input was closed: waits, then SIGTERM, then SIGKILL, all within
    /// `budget`. Nothing of its process group remains.
    pub(crate) async fn stop(&mut self, budget: Duration) -> Option<ExitStatus> {
        let patience = END_OF_INPUT_GRACE.min(budget / 4);
        let mut status = timeout(patience, self.exited()).await.ok().and_then(Result::ok);
        if status.is_none() {
            self.terminate();
            status = timeout(budget / 2, self.exited()).await.ok().and_then(Result::ok);
        }
        if let Err(error) = self.child.start_kill() {
            tracing::debug!(%error, "the server's process group had ended already");
        }
        if status.is_none() {
            status = self.exited().await.ok();
        }
        self.hear_out().await;
        self.tag.ended(outcome(status));
        status
    }

    #[cfg(unix)]
    fn terminate(&self) {
        const SIGTERM: i32 = 15;
        if let Err(error) = self.child.signal(SIGTERM) {
            tracing::debug!(%error, "the server could not be asked to stop");
        }
    }

    #[cfg(not(unix))]
    #[expect(clippy::unused_self, reason = "Windows has no signal to ask with")]
    fn terminate(&self) {}
}

/// Enlarges a pipe for large messages. Memory is only used while it is full; if the user may not
/// have such pipes, the size stays.
#[cfg(target_os = "linux")]
fn widen(pipe: impl std::os::fd::AsFd) {
    if let Err(error) = rustix::pipe::fcntl_setpipe_size(pipe, PIPE_SIZE) {
        tracing::debug!(%error, "the pipe to the server keeps its size");
    }
}

#[cfg(not(target_os = "linux"))]
fn widen<T>(_pipe: &T) {}

/// How a child ended, as the end of "the server …".
pub(crate) fn outcome(status: Option<ExitStatus>) -> String {
    let Some(status) = status else { return "ended".to_owned() };
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("was killed by signal {signal}");
    }
    match status.code() {
        Some(code) => format!("exited with code {code}"),
        None => "ended".to_owned(),
    }
}

fn command(config: &CommandConfig) -> Command {
    let mut command = if config.shell { shell(config) } else { direct(config) };
    if config.inherit_env {
        for name in own_variables() {
            command.env_remove(name);
        }
    } else {
        command.env_clear();
    }
    command.envs(&config.env);
    if let Some(cwd) = &config.cwd {
        command.current_dir(cwd);
    }
    let piped = std::process::Stdio::piped;
    command.stdin(piped()).stdout(piped()).stderr(piped());
    command
}

fn direct(config: &CommandConfig) -> Command {
    #[cfg(windows)]
    let found = super::program::find(config).map(std::path::PathBuf::into_os_string);
    #[cfg(not(windows))]
    let found = None;
    let mut command = Command::new(found.as_ref().unwrap_or(&config.program));
    command.args(&config.args);
    command
}

/// Words are joined unquoted, as the original documents.
fn shell(config: &CommandConfig) -> Command {
    let mut line = config.program.clone();
    for word in &config.args {
        line.push(" ");
        line.push(word);
    }
    let (program, flags): (_, &[&str]) =
        if cfg!(windows) { ("cmd.exe", &["/d", "/s", "/c"]) } else { ("/bin/sh", &["-c"]) };
    let mut command = Command::new(program);
    command.args(flags).arg(line);
    command
}
