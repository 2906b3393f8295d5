//! Actions in place of serving.

use mcp_proxy_core::{StdioServer, make_token, sign_out, sign_out_everywhere};
use tokio::runtime::Builder;

use crate::{
    Ending, calling, console, examining,
    options::{Errand, Report, Task, schema},
};

/// Runs the action; returns how the process ends.
pub(crate) fn run(errand: Errand) -> Ending {
    let done = match errand.task {
        Task::Examine(examining) => return examining::run(examining),
        Task::Ask(asking) => return calling::run(*asking),
        Task::Replay(replaying) => return replaying.run(),
        Task::Verify(verifying) => return verifying.run(),
        Task::SignIn(config) => Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())
            .and_then(|runtime| {
                let greeted = runtime.block_on(StdioServer::greet(&config));
                // If a pasted address is waited for, standard input is read to its end.
                runtime.shutdown_background();
                greeted.map_err(|error| format!("not signed in: {error}"))
            })
            .map(|()| "signed in\n".to_owned()),
        Task::Forget(config) => match sign_out(&config) {
            Ok(true) => Ok("signed out\n".to_owned()),
            Ok(false) => Ok("this server has no sign-in to forget\n".to_owned()),
            Err(error) => Err(error.to_string()),
        },
        Task::ForgetAll(directory) => match sign_out_everywhere(&directory) {
            Ok(count) => Ok(format!("signed out of {count} servers\n")),
            Err(error) => Err(format!("{}: {error}", directory.display())),
        },
        Task::NewToken { file, name, scopes, expires } => {
            make_token(&file, &name, &scopes, expires.as_deref())
                .map(|made| format!("{}\n", made.secret))
        }
        Task::Schema => Ok(schema()),
        Task::Check(Report { text, is_good: true }) => Ok(text),
        Task::Check(Report { text, is_good: false }) => {
            console::print(&text);
            return Ending::Failure;
        }
    };
    match done {
        Ok(text) => {
            console::print(&text);
            Ending::Success
        }
        Err(problem) => {
            console::complain(&problem);
            Ending::Failure
        }
    }
}
