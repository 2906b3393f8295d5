//! Bytes that wait for clients, all of them together.
//!
//! Each stream bounds what waits in it; this bounds the sum. When it is too large, whoever has the
//! most waiting is shed: its stream is cut, or its connection ended.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, Weak,
    atomic::{AtomicUsize, Ordering},
};

/// Somebody is known by name from so many waiting bytes on.
const LARGE: usize = 16 * 1024;

/// A client or a connection that bytes wait for.
pub(crate) trait Debtor: Send + Sync {
    /// How many.
    fn waiting(&self) -> usize;

    /// Gives them up.
    fn shed(&self);
}

/// See the module.
#[derive(Default)]
pub(crate) struct Backlog {
    total: AtomicUsize,
    limit: Option<usize>,
    large: Mutex<Vec<Weak<dyn Debtor>>>,
}

impl std::fmt::Debug for Backlog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backlog").field("total", &self.total).finish_non_exhaustive()
    }
}

impl Backlog {
    /// At most so many bytes.
    pub(crate) fn new(limit: Option<usize>) -> Arc<Self> {
        Arc::new(Self { limit, ..Self::default() })
    }

    /// Bytes that wait at the moment.
    pub(crate) fn total(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        self.limit.is_some_and(|limit| self.total() > limit)
    }

    /// Cuts those off that the most bytes wait for, until the rest is few enough. Not to be called
    /// with the lock of one of them.
    pub(crate) fn shed(&self) {
        while self.is_over() {
            let Some(largest) = self.largest() else { return };
            let waiting = largest.waiting();
            tracing::warn!(
                waiting,
                "cutting off the client that is farthest behind (--maxBuffered)"
            );
            largest.shed();
        }
    }

    /// Takes whoever has the most waiting.
    fn largest(&self) -> Option<Arc<dyn Debtor>> {
        let all: Vec<_> = self.large().iter().filter_map(Weak::upgrade).collect();
        // They are asked without the lock: who lists himself holds his own.
        let largest = all.into_iter().max_by_key(|debtor| debtor.waiting())?;
        let is_it =
            |debtor: &Weak<dyn Debtor>| std::ptr::addr_eq(debtor.as_ptr(), Arc::as_ptr(&largest));
        self.large().retain(|debtor| !is_it(debtor));
        (largest.waiting() > 0).then_some(largest)
    }

    fn large(&self) -> MutexGuard<'_, Vec<Weak<dyn Debtor>>> {
        self.large.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self, debtor: Weak<dyn Debtor>) {
        let mut large = self.large();
        if large.len() == large.capacity() {
            large.retain(|debtor| debtor.strong_count() > 0);
        }
        large.push(debtor);
    }
}

/// What one debtor is counted with; given back when dropped.
#[derive(Debug)]
pub(crate) struct Debt {
    backlog: Arc<Backlog>,
    counted: usize,
    is_listed: bool,
}

impl Debt {
    pub(crate) fn new(backlog: Arc<Backlog>) -> Self {
        Self { backlog, counted: 0, is_listed: false }
    }

    /// Counts so many bytes from now on. What to shed with if that is too much.
    pub(crate) fn is(
        &mut self,
        waiting: usize,
        debtor: impl FnOnce() -> Option<Weak<dyn Debtor>>,
    ) -> Option<Arc<Backlog>> {
        if waiting <= self.counted {
            self.backlog.total.fetch_sub(self.counted - waiting, Ordering::Relaxed);
            self.counted = waiting;
            return None;
        }
        self.backlog.total.fetch_add(waiting - self.counted, Ordering::Relaxed);
        self.counted = waiting;
        if waiting >= LARGE
            && !self.is_listed
            && let Some(debtor) = debtor()
        {
            self.is_listed = true;
            self.backlog.list(debtor);
        }
        self.backlog.is_over().then(|| Arc::clone(&self.backlog))
    }

    /// It was taken from those that are large.
    pub(crate) fn is_shed(&mut self) {
        self.is_listed = false;
        self.backlog.total.fetch_sub(self.counted, Ordering::Relaxed);
        self.counted = 0;
    }
}

impl Drop for Debt {
    fn drop(&mut self) {
        self.backlog.total.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Client(Mutex<Debt>);

    impl Client {
        fn new(backlog: &Arc<Backlog>) -> Arc<Self> {
            Arc::new(Self(Mutex::new(Debt::new(Arc::clone(backlog)))))
        }

        fn waits(self: &Arc<Self>, bytes: usize) {
            let me: Arc<dyn Debtor> = Arc::<Self>::clone(self);
            let over = self.0.lock().unwrap().is(bytes, || Some(Arc::downgrade(&me)));
            if let Some(backlog) = over {
                backlog.shed();
            }
        }
    }

    impl Debtor for Client {
        fn waiting(&self) -> usize {
            self.0.lock().unwrap().counted
        }

        fn shed(&self) {
            self.0.lock().unwrap().is_shed();
        }
    }

    #[test]
    fn the_farthest_behind_is_shed_and_nobody_else() {
        let backlog = Backlog::new(Some(10 * LARGE));
        let clients = [(); 3].map(|()| Client::new(&backlog));
        clients[0].waits(2 * LARGE);
        clients[1].waits(6 * LARGE);
        clients[2].waits(2 * LARGE);
        assert_eq!(backlog.total(), 10 * LARGE, "as much as may be");
        clients[0].waits(3 * LARGE);
        let waiting = || clients.each_ref().map(|client| client.waiting() / LARGE);
        assert_eq!(waiting(), [3, 0, 2]);
        clients[1].waits(20 * LARGE);
        assert_eq!(waiting(), [3, 0, 2]);
        clients[2].waits(1);
        drop(clients);
        assert_eq!(backlog.total(), 0);
    }

    #[test]
    fn without_a_limit_nobody_is_shed() {
        let backlog = Backlog::new(None);
        let client = Client::new(&backlog);
        client.waits(100 * LARGE);
        assert_eq!(client.waiting(), 100 * LARGE);
    }
}
