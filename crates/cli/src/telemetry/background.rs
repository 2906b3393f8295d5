//! Lines for people, written by a separate thread: a stopped terminal, or a pipe that nobody reads,
//! delays nothing else.
//!
//! The waiting bytes are limited. Lines beyond the limit are dropped, and their number is printed
//! once writing works again.

use std::{
    io::{self, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

/// Most bytes that wait, unless it is one line.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// What a line counts for besides its bytes.
const LINE: usize = 64;
/// How long the end of the process waits for a slow reader.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// An output whose lines are written later; clones share it.
#[derive(Clone)]
pub(crate) struct Background(Arc<Queue>);

struct Queue {
    /// Takes memory only for what waits. It is bounded by `waiting`.
    lines: Sender<Entry>,
    /// Everything that the thread needs, until the first line starts it.
    idle: Mutex<Option<Idle>>,
    waiting: AtomicUsize,
    dropped: AtomicU64,
}

/// An element of the queue.
type Idle = (Receiver<Entry>, Box<dyn Write + Send>);

enum Entry {
    Line(Vec<u8>),
    /// Notifies that everything before it was written.
    Flush(Sender<()>),
}

impl Background {
    /// Writes to this output.
    pub(crate) fn new(output: impl Write + Send + 'static) -> Self {
        let (lines, entries) = channel();
        Self(Arc::new(Queue {
            lines,
            idle: Mutex::new(Some((entries, Box::new(output)))),
            waiting: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
        }))
    }

    /// Starts the thread, unless it runs already.
    fn begin(&self) {
        let idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((entries, output)) = idle else { return };
        let queue = Arc::downgrade(&self.0);
        thread::spawn(move || {
            write_all(&entries, output, |length| {
                queue.upgrade().map_or(0, |queue| {
                    queue.waiting.fetch_sub(length + LINE, Ordering::Relaxed);
                    queue.dropped.swap(0, Ordering::Relaxed)
                })
            });
        });
    }

    fn push(&self, line: Vec<u8>) {
        self.begin();
        let length = line.len() + LINE;
        let fits = |waiting: usize| {
            waiting.checked_add(length).filter(|sum| *sum <= MAX_BYTES || waiting == 0)
        };
        let has_room =
            self.0.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        if !has_room {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        } else if self.0.lines.send(Entry::Line(line)).is_err() {
            self.0.waiting.fetch_sub(length, Ordering::Relaxed);
        }
    }

    /// Waits until everything is written, for a limited time.
    pub(crate) fn flush(&self) {
        if self.0.idle.lock().is_ok_and(|idle| idle.is_some()) {
            return;
        }
        let (told, written) = channel();
        if self.0.lines.send(Entry::Flush(told)).is_ok() {
            // A reader that is stuck gets no more.
            if written.recv_timeout(LAST_WORDS).is_err() {
                tracing::debug!("nobody reads the last lines");
            }
        }
    }
}

/// Writes entries until the queue is closed; `taken` is called for each line, and returns how many
/// were dropped.
fn write_all(entries: &Receiver<Entry>, mut output: impl Write, taken: impl Fn(usize) -> u64) {
    for entry in entries {
        match entry {
            Entry::Line(line) => {
                // A closed pipe is not our failure.
                drop(output.write_all(&line).and_then(|()| output.flush()));
                let dropped = taken(line.len());
                if dropped > 0 {
                    drop(writeln!(
                        output,
                        "[mcp-proxy] {dropped} lines were dropped because nobody read them"
                    ));
                }
            }
            Entry::Flush(told) => drop(told.send(())),
        }
    }
}

/// One event's bytes, which become one entry.
pub(crate) struct Writing<'a> {
    to: &'a Background,
    line: Vec<u8>,
}

impl Write for Writing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.to.push(std::mem::take(&mut self.line));
    }
}

impl<'a> MakeWriter<'a> for Background {
    type Writer = Writing<'a>;

    fn make_writer(&'a self) -> Writing<'a> {
        Writing { to: self, line: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An output that takes a line only when it is allowed to.
    struct Gate {
        allowed: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.allowed.recv().map_err(io::Error::other)?;
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_beyond_the_bound_are_dropped_and_counted() {
        let (allow, allowed) = channel();
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let lines = Background::new(Gate { allowed, written: Arc::clone(&written) });
        let long = vec![b'x'; MAX_BYTES / 2 - LINE];
        for _ in 0..2 {
            lines.push(long.clone());
        }
        for _ in 0..3 {
            lines.push(b"lost\n".to_vec());
        }
        for _ in 0..16 {
            allow.send(()).unwrap();
        }
        lines.push(b"last\n".to_vec());
        lines.flush();
        let written = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert!(written.contains("3 lines were dropped") || written.contains("4 lines"), "lost");
        assert!(!written.contains("lost\n"));
    }

    #[test]
    fn an_output_that_takes_nothing_holds_nobody_up() {
        let (_allow, allowed) = channel();
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let lines = Background::new(Gate { allowed, written });
        for _ in 0..200_000 {
            write!(lines.make_writer(), "a line of no interest").unwrap();
        }
        lines.flush();
        assert!(lines.0.waiting.load(Ordering::Relaxed) <= MAX_BYTES);
        assert!(lines.0.dropped.load(Ordering::Relaxed) > 0);
    }
}
