//! Tasks of a single type that know for which server they work.
//!
//! Tokio's part of a task is compiled for each type of future, and again for each of its two
//! schedulers: several kilobytes in all. Boxed futures have one type. Only the tasks that every
//! message passes are not boxed: a server's reader and writer, and the connections.
//!
//! With several servers, the log lines of a task are about one of them: the code that starts a
//! server sets its name once, and every task that follows inherits it.

use std::{cell::RefCell, future::poll_fn, mem, pin::pin, sync::Arc};

use futures_util::FutureExt as _;
use tokio::task::JoinHandle;

thread_local! {
    static SERVER: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
}

/// The name of the server for which the current code works; `None` if there is only one server, or
/// if the code is not about one.
pub(crate) fn server() -> Option<Arc<str>> {
    SERVER.with_borrow(Clone::clone)
}

/// As [`tokio::spawn`], for the same server.
pub(crate) fn spawn<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    // Boxed before the two cases part: each would compile the future once more.
    let future = future.boxed();
    match server() {
        None => tokio::spawn(future),
        server => tokio::spawn(on_behalf(server, future).boxed()),
    }
}

/// The same future, for the current server.
pub(crate) fn inherited<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    on_behalf(server(), future)
}

/// The same future, for the server with this name.
pub(crate) async fn on_behalf<T>(
    mut server: Option<Arc<str>>,
    future: impl Future<Output = T>,
) -> T {
    let mut future = pin!(future);
    poll_fn(|context| {
        let _inside = Inside::enter(&mut server);
        future.as_mut().poll(context)
    })
    .await
}

/// While it lives, the current code works for a server.
struct Inside<'a>(Option<&'a mut Option<Arc<str>>>);

impl<'a> Inside<'a> {
    fn enter(server: &'a mut Option<Arc<str>>) -> Self {
        if server.is_none() {
            return Self(None);
        }
        SERVER.with_borrow_mut(|current| mem::swap(current, server));
        Self(Some(server))
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        if let Some(server) = &mut self.0 {
            SERVER.with_borrow_mut(|current| mem::swap(current, server));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tasks_work_on_behalf_of_whoever_has_started_them() {
        let name = |name: &str| Some(Arc::<str>::from(name));
        let nested = on_behalf(name("a"), async {
            tokio::task::yield_now().await;
            let inner = on_behalf(name("b"), async { server() }).await;
            let task = spawn(async { server() }).await.unwrap();
            let own = tokio::spawn(inherited(async { server() })).await.unwrap();
            (inner, task, own, server())
        });
        assert_eq!(nested.await, (name("b"), name("a"), name("a"), name("a")));
        assert_eq!(server(), None);
        let failed = spawn(on_behalf(name("a"), async { panic!("on purpose") })).await;
        assert!(failed.is_err());
        assert_eq!(spawn(async { server() }).await.unwrap(), None);
    }
}
