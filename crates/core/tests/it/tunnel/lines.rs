//! The tunnel's log lines on the thread of a test.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

/// The lines since the capture began.
pub(crate) struct Lines {
    log: Log,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Log(Arc<(Mutex<String>, Notify)>);

impl Lines {
    pub(crate) fn capture() -> Self {
        let log = Log::default();
        let subscriber =
            tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
        Self { log, _guard: tracing::subscriber::set_default(subscriber) }
    }

    pub(crate) fn text(&self) -> String {
        self.log.0.0.lock().unwrap().clone()
    }

    /// The first line that holds `text`, now or later.
    pub(crate) async fn wait_for(&self, text: &str) -> String {
        let found = async {
            loop {
                let written = self.log.0.1.notified();
                if let Some(line) = self.text().lines().find(|line| line.contains(text)) {
                    return line.to_owned();
                }
                written.await;
            }
        };
        let found = timeout(Duration::from_secs(20), found).await;
        found.unwrap_or_else(|_| panic!("{text:?} is not in {}", self.text()))
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.0.lock().unwrap().push_str(std::str::from_utf8(bytes).unwrap());
        self.0.1.notify_one();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
