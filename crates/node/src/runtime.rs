//! The thread on which all servers of this process run.
//!
//! It is started with the first server and sleeps without one: such a thread does not keep Node
//! alive.

use std::{io, sync::OnceLock, thread};

use tokio::runtime::{Builder, EnterGuard, Handle};

static RUNTIME: OnceLock<Result<Handle, String>> = OnceLock::new();

/// A handle to the runtime.
pub(crate) fn handle() -> Result<&'static Handle, String> {
    RUNTIME
        .get_or_init(|| start().map_err(|error| error.to_string()))
        .as_ref()
        .map_err(Clone::clone)
}

/// Makes the runtime this thread's for a while, since messages of servers may start timers.
pub(crate) fn entered() -> Option<EnterGuard<'static>> {
    handle().ok().map(Handle::enter)
}

fn start() -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name("mcp-proxy".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
}
