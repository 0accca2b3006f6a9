//! Asking guests to end.
//!
//! Preview1 has no way to tell a guest of a signal. So this host has a
//! descriptor of its own for it, under a number that no table reaches: it is
//! found by who knows the number, and changes nothing for all others.

use crate::errno::Errno;
use crate::memory::Vectors;
use crate::system::calls;
use selectio_platform::for_hosts::{self, Borrowed, Owned, Writer};
use std::fmt;
use std::io::{self, Write};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// The guest's descriptor number for requests to end.
///
/// A guest waits for it to be readable in `poll_oneoff`; `fd_read` then gives
/// one byte, the number of a [`Signal`], and `again` when there is none. It
/// can't be closed, moved or written to.
pub const SHUTDOWN_FD: u32 = 0x7fff_fff0;

/// Why a guest is asked to end; the numbers are those of preview1, and of Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Signal {
    /// `hup`: the terminal has gone away.
    Hangup = 1,
    /// `int`: a user has typed Ctrl-C.
    Interrupt = 2,
    /// `term`: a supervisor wants it to end.
    Terminate = 15,
}

/// Asks the guests of a host to end, from any thread. Given to one host by
/// [`HostBuilder::shutdown`](crate::HostBuilder::shutdown); clones are about the same guests.
#[derive(Clone, Default)]
pub struct ShutdownRequest(Arc<Shared>);

#[derive(Default)]
struct Shared {
    channels: Mutex<Vec<Arc<Channel>>>,
    is_draining: Arc<AtomicBool>,
    /// Gives up what is kept for guests to come.
    give_up: Mutex<Option<Box<dyn Fn() + Send>>>,
}

/// The way to one guest. Both ends live together, so that the guest's never reports a hang-up.
pub(crate) struct Channel {
    sender: Mutex<Writer>,
    receiver: Owned,
    is_awaited: AtomicBool,
    /// A component has no descriptors: it sees this in place of the bytes.
    is_requested: AtomicBool,
    requested: Notify,
    is_draining: Arc<AtomicBool>,
}

impl ShutdownRequest {
    /// A request that has not been sent yet.
    pub fn new() -> ShutdownRequest {
        ShutdownRequest::default()
    }

    /// Asks those guests to end that have ever waited for such requests in
    /// `poll_oneoff`, and returns whether there are any: the others would never know.
    pub fn send(&self, signal: Signal) -> bool {
        let channels = self.0.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let awaiting = channels.iter().filter(|channel| channel.is_awaited.load(Ordering::SeqCst));
        awaiting.map(|channel| channel.send(signal)).count() > 0
    }

    /// Ends accepting: no guest that has ended is started anew, this host's own listeners are given up, and to guests
    /// that don't wait for requests no new connection comes. What they have open goes on;
    /// [`Statistics::connections_open`](crate::Statistics::connections_open) says how much that is.
    pub fn drain(&self) {
        self.0.is_draining.store(true, Ordering::SeqCst);
        if let Some(give_up) = &*self.0.give_up.lock().unwrap_or_else(PoisonError::into_inner) {
            give_up();
        }
    }

    /// `give_up` is called when no guest is to be started any more.
    pub(crate) fn attach(&self, give_up: impl Fn() + Send + 'static) {
        *self.0.give_up.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(give_up));
        if self.is_draining() {
            self.drain();
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.0.is_draining.load(Ordering::SeqCst)
    }

    /// A way to a guest that is about to start; needs two descriptors of the process.
    pub(crate) fn channel(&self) -> io::Result<Arc<Channel>> {
        let (receiver, sender) = for_hosts::pair()?;
        let channel = Arc::new(Channel {
            sender: Mutex::new(sender),
            receiver,
            is_awaited: AtomicBool::new(false),
            is_requested: AtomicBool::new(false),
            requested: Notify::new(),
            is_draining: Arc::clone(&self.0.is_draining),
        });
        self.0.channels.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&channel));
        Ok(channel)
    }

    /// The guest at the other end has ended.
    pub(crate) fn forget(&self, channel: &Arc<Channel>) {
        let mut channels = self.0.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.retain(|one| !Arc::ptr_eq(one, channel));
    }
}

impl Channel {
    fn send(&self, signal: Signal) {
        // It fails only while thousands of requests are still unread, which tell the guest as much.
        let _ = self.sender.lock().unwrap_or_else(PoisonError::into_inner).write(&[signal as u8]);
        self.is_requested.store(true, Ordering::SeqCst);
        self.requested.notify_waiters();
    }

    /// Waits until there is a request that was not taken back.
    pub(crate) async fn requested(&self) {
        loop {
            let mut notified = pin!(self.requested.notified());
            // What comes from here on is not missed.
            notified.as_mut().enable();
            if self.is_requested.load(Ordering::SeqCst) {
                return;
            }
            notified.await;
        }
    }

    /// Takes back what was requested until now.
    pub(crate) fn take_back(&self) {
        self.is_requested.store(false, Ordering::SeqCst);
    }

    /// The guest waits for requests.
    pub(crate) fn note_awaited(&self) {
        self.is_awaited.store(true, Ordering::SeqCst);
    }

    /// Whether the guest shall get no more connections, without its knowing.
    pub(crate) fn keeps_connections_away(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed) && !self.is_awaited.load(Ordering::Relaxed)
    }

    /// Reads the number of one signal.
    pub(crate) fn read(&self, vectors: &mut Vectors<'_>) -> Result<usize, Errno> {
        vectors.truncate(1);
        Ok(calls::read(self.borrow(), vectors)?)
    }

    /// The end that the guest reads.
    pub(crate) fn borrow(&self) -> Borrowed<'_> {
        calls::borrow(&self.receiver)
    }
}

impl fmt::Debug for ShutdownRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ShutdownRequest").field("is_draining", &self.is_draining()).finish()
    }
}
