//! `startStdioServer` without hooks: a remote server on this process's standard input and output.
#![expect(clippy::needless_pass_by_value, reason = "Node-API hands arguments over by value")]

use std::sync::Arc;

use mcp_proxy_core::{Recording, StdioServer, Unusable, config::RemoteConfig};
use napi::Env;
use napi_derive::napi;
use serde_json::json;
use tokio::sync::Notify;

use crate::{
    event::{Dispatch, Event, Kind, Listener, dispatch, tell},
    invalid::invalid,
    options::{Remote, remote},
    runtime,
};

/// A server on standard input and output that JavaScript has started.
#[napi]
pub struct NativeStdioServer {
    stop: Arc<Notify>,
}

/// Starts it; `listener` is told whether the remote server could be reached, and of the end.
#[napi]
pub fn start_stdio_server(
    env: Env,
    options: String,
    listener: Listener<'_>,
    is_worker: bool,
) -> napi::Result<NativeStdioServer> {
    let config = remote(&options).map_err(|wrong| invalid(env, "startStdioServer", &wrong))?;
    let (dispatch, stop) = (dispatch(&listener)?, Arc::<Notify>::default());
    if is_worker {
        // What a worker has started ends with it.
        env.add_env_cleanup_hook(Arc::clone(&stop), |stop| stop.notify_one())?;
    }
    let runtime = runtime::handle().map_err(napi::Error::from_reason)?;
    runtime.spawn(run(config, dispatch, Arc::clone(&stop)));
    Ok(NativeStdioServer { stop })
}

/// Runs the server to its end; keeps the event loop alive until then.
async fn run(config: Remote, dispatch: Dispatch, stop: Arc<Notify>) {
    let recording = match config.recording.as_ref().map(Recording::start).transpose() {
        Ok(recording) => recording,
        Err(error) => {
            let described = json!({ "message": error.to_string(), "reached": true }).to_string();
            return tell(&dispatch, Event::new(Kind::Failed, 0).with_text(described));
        }
    };
    let server = match start(&config.server).await {
        Ok(server) => server,
        Err(described) => {
            return tell(&dispatch, Event::new(Kind::Failed, 0).with_text(described));
        }
    };
    tell(&dispatch, Event::new(Kind::Listening, 0));
    let ended = server.run_on_standard_streams(stop.notified()).await;
    drop(recording);
    let closed = Event::new(Kind::Closed, 0);
    tell(
        &dispatch,
        match ended {
            Ok(()) => closed,
            Err(interrupted) => closed.with_text(interrupted.to_string()),
        },
    );
}

/// A server whose remote server answers; or as JSON why there is none.
async fn start(config: &RemoteConfig) -> Result<StdioServer, String> {
    let describe = |unusable| match unusable {
        Unusable::Unreached { reason, status } => {
            json!({ "message": reason, "reached": status.is_some(), "status": status })
        }
        refused => json!({ "message": refused.to_string(), "reached": true }),
    };
    StdioServer::greet(config).await.map_err(|unusable| describe(unusable).to_string())?;
    StdioServer::new(config)
        .map_err(|error| json!({ "message": error.to_string(), "reached": true }).to_string())
}

#[napi]
impl NativeStdioServer {
    /// Ends it; the listener is told when that is done.
    #[napi]
    pub fn close(&self) {
        self.stop.notify_one();
    }
}
