//! Asking a guest to end.
//!
//! Preview1 has no way to tell a guest of a signal. So this host has a
//! descriptor of its own for it, under a number that no table reaches: it is
//! found by who knows the number, and changes nothing for all others.

use crate::errno::Errno;
use crate::error::Error;
use crate::memory::Vectors;
use crate::system::calls;
use selectio_platform::for_hosts::{self, Borrowed, Owned, Writer};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// Asks a guest to end, from any thread; made for one guest, to which
/// [`HostBuilder::shutdown`](crate::HostBuilder::shutdown) gives it.
#[derive(Clone, Debug)]
pub struct ShutdownRequest(Arc<Shared>);

/// Both ends live together, so that the guest's never reports a hang-up.
#[derive(Debug)]
struct Shared {
    sender: Writer,
    receiver: Owned,
    is_awaited: AtomicBool,
}

impl ShutdownRequest {
    /// Needs two descriptors of the process.
    pub fn new() -> Result<ShutdownRequest, Error> {
        let (receiver, sender) = for_hosts::pair().map_err(|error| Error::Host {
            reason: format!("requests to end can't be passed to the program: {error}"),
        })?;
        Ok(ShutdownRequest(Arc::new(Shared { sender, receiver, is_awaited: AtomicBool::new(false) })))
    }

    /// Asks the guest to end, if it has ever waited for such requests in
    /// `poll_oneoff`. If not, this does nothing and returns false: it would
    /// never know.
    pub fn send(&self, signal: Signal) -> bool {
        let is_awaited = self.0.is_awaited.load(Ordering::SeqCst);
        if is_awaited {
            // It fails only while thousands of requests are still unread, which tell the guest as much.
            let _ = (&self.0.sender).write(&[signal as u8]);
        }
        is_awaited
    }

    /// The guest waits for requests.
    pub(crate) fn note_awaited(&self) {
        self.0.is_awaited.store(true, Ordering::SeqCst);
    }

    /// Reads the number of one signal.
    pub(crate) fn read(&self, vectors: &mut Vectors<'_>) -> Result<usize, Errno> {
        vectors.truncate(1);
        Ok(calls::read(self.borrow(), vectors)?)
    }

    /// The end that the guest reads.
    pub(crate) fn borrow(&self) -> Borrowed<'_> {
        calls::borrow(&self.0.receiver)
    }
}
