//! Ending guests from outside, at once.

use crate::error::{Error, Stop};
use crate::system::calls;
use selectio_platform::for_hosts::{self, Borrowed, Owned, Writer};
use std::fmt;
use std::io::Write;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::Notify;
use wasmtime::Engine;

/// Ends the guests of a host at once, from any thread: while they compute and while they wait. Given to one host by
/// [`HostBuilder::stop`](crate::HostBuilder::stop); clones end the same guests.
///
/// A [`ShutdownRequest`](crate::ShutdownRequest) asks them to end; this doesn't ask.
#[derive(Clone)]
pub struct StopHandle(Arc<Shared>);

struct Shared {
    reason: OnceLock<Stop>,
    /// Readable once the guests shall end, and from then on; each of their waits is for this too.
    wakeup: Owned,
    wakeup_sender: Mutex<Writer>,
    /// Ends the waits of components, which are futures.
    notify: Notify,
    engine: OnceLock<Engine>,
    /// Tells the thread that waits for the guests.
    listener: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl StopHandle {
    /// Needs two descriptors of the process.
    pub fn new() -> Result<StopHandle, Error> {
        let (wakeup, wakeup_sender) = for_hosts::pair()
            .map_err(|error| Error::Host { reason: format!("the program could not be stopped later: {error}") })?;
        Ok(StopHandle(Arc::new(Shared {
            reason: OnceLock::new(),
            wakeup,
            wakeup_sender: Mutex::new(wakeup_sender),
            notify: Notify::new(),
            engine: OnceLock::new(),
            listener: Mutex::new(None),
        })))
    }

    /// Ends the guests: [`Host::run`](crate::Host::run) returns [`Error::Stopped`]. Before they have started, they
    /// don't start.
    pub fn stop(&self) {
        self.stop_for(Stop::Asked);
    }

    /// The first reason counts.
    pub(crate) fn stop_for(&self, reason: Stop) {
        if self.0.reason.set(reason).is_err() {
            return;
        }
        // A byte always fits into what nobody reads or writes otherwise.
        let _ = self.0.wakeup_sender.lock().unwrap_or_else(PoisonError::into_inner).write(&[1]);
        self.0.notify.notify_waiters();
        if let Some(engine) = self.0.engine.get() {
            engine.increment_epoch();
        }
        if let Some(tell) = self.0.listener.lock().unwrap_or_else(PoisonError::into_inner).take() {
            tell();
        }
    }

    /// Why the guests shall end, if they shall.
    pub(crate) fn reason(&self) -> Option<Stop> {
        self.0.reason.get().copied()
    }

    /// Waits until the guests shall end.
    pub(crate) async fn stopped(&self) -> Stop {
        loop {
            let mut notified = pin!(self.0.notify.notified());
            // What comes from here on is not missed.
            notified.as_mut().enable();
            if let Some(reason) = self.reason() {
                return reason;
            }
            notified.await;
        }
    }

    pub(crate) fn wakeup(&self) -> Borrowed<'_> {
        calls::borrow(&self.0.wakeup)
    }

    /// The guests run on `engine`; `tell` is called when they shall end.
    pub(crate) fn attach(&self, engine: &Engine, tell: impl FnOnce() + Send + 'static) {
        *self.0.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(tell));
        // It is given to one host only.
        let _ = self.0.engine.set(engine.clone());
        if self.reason().is_some() {
            engine.increment_epoch();
            if let Some(tell) = self.0.listener.lock().unwrap_or_else(PoisonError::into_inner).take() {
                tell();
            }
        }
    }
}

impl fmt::Debug for StopHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("StopHandle").field(&self.reason()).finish()
    }
}
