//! `replayTransport`: a recording in place of a server, for a client in this process.
#![expect(clippy::needless_pass_by_value, reason = "Node-API hands arguments over by value")]

use std::sync::Arc;

use mcp_proxy_core::Player;
use napi::Env;
use napi_derive::napi;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, duplex, split},
    sync::{Notify, mpsc},
};

use crate::{
    event::{Dispatch, Event, Kind, Listener, dispatch, tell},
    invalid::invalid,
    options::{Played, played},
    runtime,
};

/// Most messages of the client that wait.
const WAITING: usize = 4096;
/// Most bytes on their way.
const BUFFER: usize = 64 * 1024;

/// A recording that plays the server.
#[napi]
pub struct NativeReplay {
    messages: mpsc::Sender<String>,
    stop: Arc<Notify>,
}

/// Reads the recording; `listener` is told whether it can be used, then every message, and the end.
#[napi]
pub fn start_replay(
    env: Env,
    options: String,
    listener: Listener<'_>,
) -> napi::Result<NativeReplay> {
    let wanted = played(&options).map_err(|wrong| invalid(env, "replayTransport", &wrong))?;
    let (dispatch, stop) = (dispatch(&listener)?, Arc::<Notify>::default());
    let (messages, received) = mpsc::channel(WAITING);
    let runtime = runtime::handle().map_err(napi::Error::from_reason)?;
    runtime.spawn(run(wanted, dispatch, received, Arc::clone(&stop)));
    Ok(NativeReplay { messages, stop })
}

/// Plays to the end; keeps the event loop alive until then.
async fn run(
    wanted: Played,
    dispatch: Dispatch,
    messages: mpsc::Receiver<String>,
    stop: Arc<Notify>,
) {
    let Played { file, may_differ, speed } = wanted;
    let loading = tokio::task::spawn_blocking(move || Player::load(&file, &may_differ, speed));
    let loaded = loading.await.map_err(|error| error.to_string());
    let player = match loaded.and_then(|loaded| loaded.map_err(|error| error.to_string())) {
        Ok(player) => player,
        Err(text) => return tell(&dispatch, Event::new(Kind::Failed, 0).with_text(text)),
    };
    tell(&dispatch, Event::new(Kind::Listening, 0));
    let (near, far) = duplex(BUFFER);
    let talking = talk(near, messages, &dispatch);
    tokio::join!(player.run(split(far), stop.notified()), talking);
    tell(&dispatch, Event::new(Kind::Closed, 0));
}

/// Carries messages both ways until the player ends.
async fn talk(near: DuplexStream, mut messages: mpsc::Receiver<String>, dispatch: &Dispatch) {
    let (output, mut input) = split(near);
    let writing = async {
        while let Some(message) = messages.recv().await {
            if input.write_all(format!("{message}\n").as_bytes()).await.is_err() {
                return;
            }
        }
        // The player ends with its input.
        drop(input.shutdown().await);
    };
    let reading = async {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            tell(dispatch, Event::new(Kind::Message, 0).with_text(line));
        }
    };
    tokio::select! {
        () = reading => {}
        () = async { writing.await; std::future::pending::<()>().await } => {}
    }
}

#[napi]
impl NativeReplay {
    /// Takes a client's message, which is one line; `false` if the player has ended.
    #[napi]
    pub fn send(&self, message: String) -> bool {
        self.messages.try_send(message).is_ok()
    }

    /// Ends it; the listener is told when that is done.
    #[napi]
    pub fn close(&self) {
        self.stop.notify_one();
    }
}
