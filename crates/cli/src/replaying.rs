//! Plays recordings: as a server on standard input and output, and against a server.

use std::{future::pending, path::PathBuf};

use mcp_proxy_core::{Form, Player, Report, Unreadable, Verified, verify};
use tokio::{
    io::{stdin, stdout},
    runtime::Builder,
};

use crate::{Ending, calling::Answering, console, plain::plain};

/// A recording to serve.
#[derive(Debug)]
pub(crate) struct Replaying {
    pub(crate) file: PathBuf,
    /// Values that may differ from the recording.
    pub(crate) ignored: Vec<String>,
    /// Speed-up; 0 makes no pauses.
    pub(crate) speed: u64,
}

/// A server to compare with a recording.
#[derive(Debug)]
pub(crate) struct Verifying {
    pub(crate) file: PathBuf,
    pub(crate) answering: Answering,
    pub(crate) ignored: Vec<String>,
    pub(crate) form: Form,
}

impl Replaying {
    /// Serves until the input ends; returns how the process ends.
    pub(crate) fn run(self) -> Ending {
        let speed = u32::try_from(self.speed).unwrap_or(u32::MAX);
        let player = match Player::load(&self.file, &self.ignored, speed.into()) {
            Ok(player) => player,
            Err(error) => return failed(&error.to_string()),
        };
        block_on(async {
            player.run((stdin(), stdout()), pending()).await;
            Ending::Success
        })
    }
}

impl Verifying {
    /// Compares and prints a report; returns how the process ends.
    pub(crate) fn run(self) -> Ending {
        block_on(self.compare())
    }

    async fn compare(self) -> Ending {
        let Self { file, answering, ignored, form } = self;
        let mut conversation = match answering.open(Box::new(|_, _| ())).await {
            Ok(conversation) => conversation,
            Err(unanswered) => {
                console::complain(&plain(&unanswered.to_string()));
                return Ending::Unreached;
            }
        };
        let verified = verify(&file, &ignored, &mut conversation).await;
        conversation.close().await;
        report(verified, form)
    }
}

fn report(verified: Result<Verified, Unreadable>, form: Form) -> Ending {
    match verified {
        Ok(Verified::Done(report)) => print(&report, form),
        Ok(Verified::Interrupted(report, reason)) => {
            print(&report, form);
            console::complain(&format!("the server does not answer: {}", plain(&reason)));
            Ending::Unreached
        }
        Err(error) => failed(&error.to_string()),
        Ok(_) => Ending::Failure,
    }
}

fn print(report: &Report, form: Form) -> Ending {
    console::print(&report.text(form));
    if report.differing() == 0 { Ending::Success } else { Ending::Failure }
}

fn failed(problem: &str) -> Ending {
    console::complain(&plain(problem));
    Ending::Failure
}

fn block_on(work: impl Future<Output = Ending>) -> Ending {
    match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let ending = runtime.block_on(work);
            runtime.shutdown_background();
            ending
        }
        Err(error) => failed(&error.to_string()),
    }
}
