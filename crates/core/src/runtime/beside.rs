//! Long inputs: they are read beside the event loop, which serves others meanwhile.

use tokio::{
    sync::Semaphore,
    task::{spawn_blocking, yield_now},
};

/// A scan of this many bytes takes a few milliseconds at most.
const LONG: usize = 1024 * 1024;

/// Inputs that are read beside the event loop at a time: each needs a processor and a thread.
static PLACES: Semaphore = Semaphore::const_new(4);

/// Does this work about an input of this length: at once if it is short, otherwise on another
/// thread. The work may not log: the other thread works for no server.
pub(crate) async fn beside<T: Send + 'static>(
    length: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    if length <= LONG {
        return work();
    }
    let place = PLACES.acquire().await;
    let done = spawn_blocking(work).await;
    drop(place);
    match done.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The runtime is being shut down, and this future with it.
        Err(Err(_)) => std::future::pending().await,
    }
}

/// Lets others run between two steps of work about an input of this length, if it is long.
pub(crate) async fn between_steps(length: usize) {
    if length > LONG {
        yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    #[tokio::test]
    async fn what_is_long_is_read_while_others_are_served() {
        let here = thread::current().id();
        assert_eq!(beside(LONG, || thread::current().id()).await, here);
        let (go, wait) = mpsc::channel();
        let reading = beside(LONG + 1, move || {
            // Ends only if the loop goes on meanwhile.
            wait.recv().is_ok_and(|()| thread::current().id() != here)
        });
        let other = async { go.send(()).is_ok() };
        assert_eq!(tokio::join!(reading, other), (true, true));
    }

    #[tokio::test]
    async fn a_panic_is_that_of_whoever_asked() {
        let work = tokio::spawn(beside(LONG + 1, || panic!("on purpose")));
        assert!(work.await.is_err_and(|error| error.is_panic()));
        assert_eq!(beside(LONG + 1, || 1).await, 1);
    }

    #[tokio::test]
    async fn others_run_between_the_steps_of_a_long_input_only() {
        use futures_util::FutureExt as _;
        assert!(between_steps(LONG).now_or_never().is_some());
        assert!(between_steps(LONG + 1).now_or_never().is_none());
    }
}
