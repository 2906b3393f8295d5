//! The frames that one reader has not read yet, or may want to see again.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::Frame;

/// The limits of a ring; if either is exceeded, the oldest frames are dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) frames: usize,
    pub(crate) bytes: usize,
    /// Longest message that is kept whole.
    pub(crate) whole: usize,
    /// How much is kept of a longer one.
    pub(crate) beginning: usize,
}

/// See the module. Frames are numbered from 0 in the order of their arrival.
#[derive(Debug)]
pub(crate) struct Ring {
    limits: Limits,
    state: Mutex<State>,
    /// Notifies a thread of new frames.
    filled: Condvar,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
    /// Number of the first frame that is kept.
    first: u64,
    /// Number of the first frame that was not taken yet.
    untaken: u64,
    /// Frames that a thread is done with. Their memory is freed where that of new ones is
    /// allocated: the allocator is several times as fast if it is the same thread.
    spent: Vec<Arc<Frame>>,
    closed: bool,
}

/// Most frames that are kept until their memory is freed.
const MAX_SPENT: usize = 2048;
/// Weight of the largest of them.
const SMALL: usize = 2048;

/// How full a ring is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Filling {
    Empty,
    Some,
    /// At least a quarter of a limit.
    Much,
}

/// Frames for a reader.
#[derive(Debug)]
pub(crate) struct Taken {
    /// How many frames the reader has missed before these.
    pub(crate) lost: u64,
    /// Number of the first of them.
    pub(crate) first: u64,
    pub(crate) frames: Vec<Arc<Frame>>,
}

impl Taken {
    /// Number to continue with.
    #[cfg(test)]
    pub(crate) fn next(&self) -> u64 {
        self.first + self.frames.len() as u64
    }
}

impl Ring {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::default(), filled: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a frame. The oldest ones are dropped to make room.
    pub(super) fn push(&self, frame: &Arc<Frame>) {
        let cut = frame.payload.cut(self.limits.whole, self.limits.beginning);
        let frame = match cut {
            Some(payload) => Arc::new(Frame { payload, ..Frame::clone(frame) }),
            None => Arc::clone(frame),
        };
        let mut state = self.lock();
        let before = self.filling(&state);
        state.bytes += frame.weight();
        state.frames.push_back(frame);
        while state.frames.len() > self.limits.frames
            || (state.bytes > self.limits.bytes && state.frames.len() > 1)
        {
            state.drop_first();
        }
        let after = self.filling(&state);
        let spent = state.spent.pop();
        drop(state);
        drop(spent);
        if after > before {
            self.filled.notify_one();
        }
    }

    fn filling(&self, state: &State) -> Filling {
        if state.frames.is_empty() {
            Filling::Empty
        } else if state.frames.len() < self.limits.frames / 4 && state.bytes < self.limits.bytes / 4
        {
            Filling::Some
        } else {
            Filling::Much
        }
    }

    /// Takes back frames that are not needed any more.
    pub(crate) fn give_back(&self, mut frames: Vec<Arc<Frame>>) {
        frames.retain(|frame| frame.weight() <= SMALL);
        frames.truncate(MAX_SPENT);
        let before = std::mem::replace(&mut self.lock().spent, frames);
        drop(before);
    }

    /// Waits until the ring is as full as this, at most this long.
    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        until: Filling,
        patience: Duration,
    ) -> MutexGuard<'a, State> {
        let waits = |state: &mut State| self.filling(state) < until && !state.closed;
        let waited = self.filled.wait_timeout_while(state, patience, waits);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits until there is something, at most for `patience`; then until there is much, at most
    /// for `pause`; takes everything. `None` once the ring is closed and empty.
    pub(crate) fn drain(&self, patience: Duration, pause: Duration) -> Option<Taken> {
        let mut state = self.wait(self.lock(), Filling::Some, patience);
        if !state.frames.is_empty() {
            state = self.wait(state, Filling::Much, pause);
        }
        if state.frames.is_empty() && state.closed {
            return None;
        }
        let first = state.first;
        // As many will come again.
        let room = VecDeque::with_capacity(state.frames.len());
        let frames: Vec<_> = std::mem::replace(&mut state.frames, room).into();
        let lost = first - state.untaken;
        state.bytes = 0;
        state.first += frames.len() as u64;
        state.untaken = state.first;
        Some(Taken { lost, first, frames })
    }

    /// Up to `most` frames from number `from` on, which stay in the ring.
    pub(crate) fn read(&self, from: u64, most: usize) -> Taken {
        let state = self.lock();
        let first = from.max(state.first);
        let skipped = usize::try_from(first - state.first).unwrap_or(usize::MAX);
        let frames = state.frames.iter().skip(skipped).take(most).map(Arc::clone).collect();
        Taken { lost: first - from, first, frames }
    }

    /// The number that the next frame will have.
    pub(crate) fn end(&self) -> u64 {
        let state = self.lock();
        state.first + state.frames.len() as u64
    }

    /// Nothing more will be added.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }
}

impl State {
    fn drop_first(&mut self) {
        if let Some(frame) = self.frames.pop_front() {
            self.bytes = self.bytes.saturating_sub(frame.weight());
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::{Payload, Point};

    const LIMITS: Limits = Limits { frames: 4, bytes: 4096, whole: 1024, beginning: 16 };

    fn frame(length: usize) -> Arc<Frame> {
        Arc::new(Frame::new(Point::FromClient, Payload::copied(&vec![b'x'; length])))
    }

    #[test]
    fn whoever_is_too_slow_loses_the_oldest_and_is_told_how_many() {
        let ring = Ring::new(LIMITS);
        for _ in 0..10 {
            ring.push(&frame(1));
        }
        let taken = ring.read(0, 100);
        assert_eq!((taken.lost, taken.first, taken.frames.len(), taken.next()), (6, 6, 4, 10));
        let taken = ring.read(8, 1);
        assert_eq!((taken.lost, taken.first, taken.next()), (0, 8, 9));
        assert!(ring.read(10, 100).frames.is_empty());
    }

    #[test]
    fn bytes_are_bounded_too_and_one_message_is_always_there() {
        let ring = Ring::new(LIMITS);
        ring.push(&frame(1000));
        ring.push(&frame(1000));
        ring.push(&frame(1000));
        ring.push(&frame(1000));
        assert_eq!(ring.read(0, 100).lost, 1);
        let narrow = Ring::new(Limits { bytes: 10, ..LIMITS });
        narrow.push(&frame(1000));
        assert_eq!(narrow.read(0, 100).frames.len(), 1);
    }

    #[test]
    fn of_a_message_that_is_too_long_the_beginning_is_kept() {
        let ring = Ring::new(LIMITS);
        ring.push(&frame(100_000_000));
        let taken = ring.read(0, 1);
        let payload = &taken.frames[0].payload;
        assert_eq!((payload.kept(), payload.length()), (16, 100_000_000));
    }

    #[test]
    fn draining_takes_all_and_counts_what_was_lost_in_between() {
        let ring = Ring::new(LIMITS);
        for _ in 0..6 {
            ring.push(&frame(1));
        }
        let taken = ring.drain(Duration::ZERO, Duration::ZERO).unwrap();
        assert_eq!((taken.lost, taken.first, taken.frames.len()), (2, 2, 4));
        assert_eq!(ring.drain(Duration::ZERO, Duration::ZERO).unwrap().frames.len(), 0);
        ring.push(&frame(1));
        ring.close();
        let taken = ring.drain(Duration::from_mins(1), Duration::ZERO).unwrap();
        assert_eq!((taken.lost, taken.first), (0, 6));
        assert!(ring.drain(Duration::from_mins(1), Duration::ZERO).is_none());
    }

    #[test]
    fn a_reader_that_collects_is_woken_before_anything_is_lost() {
        let ring = Arc::new(Ring::new(Limits { frames: 40, bytes: 1 << 20, ..LIMITS }));
        let reader = Arc::clone(&ring);
        let minute = Duration::from_mins(1);
        let reader = std::thread::spawn(move || reader.drain(minute, minute).unwrap());
        while !reader.is_finished() {
            ring.push(&frame(1));
            std::thread::yield_now();
        }
        let taken = reader.join().unwrap();
        assert!(taken.lost > 0 || taken.frames.len() >= 10, "{taken:?}");
    }
}
