//! Counts the bytes that wait for all clients together.
//!
//! Each stream limits what waits in it; this limits the sum. If it is too large, the client with
//! the most waiting bytes is cut off: its stream or its connection ends.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, Weak,
    atomic::{AtomicUsize, Ordering},
};

/// From this many waiting bytes on, a client is listed separately.
const LARGE: usize = 16 * 1024;

/// A client or a connection for which bytes wait.
pub(crate) trait Debtor: Send + Sync {
    /// How many bytes wait.
    fn waiting(&self) -> usize;

    /// Drops them and cuts the client off.
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
    /// A backlog of at most `limit` bytes.
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

    /// Cuts off the clients with the most waiting bytes, until the sum is within the limit. Must
    /// not be called while the lock of one of them is held.
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

    /// Removes the client with the most waiting bytes from the list.
    fn largest(&self) -> Option<Arc<dyn Debtor>> {
        let all: Vec<_> = self.large().iter().filter_map(Weak::upgrade).collect();
        // They are asked without the lock: a client that lists itself holds its own.
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

/// One client's share of the backlog; returned when dropped.
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

    /// Sets its share. Returns the backlog if it is above its limit, for [`Backlog::shed`].
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

    /// It was cut off and removed from the list.
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
