//! Closing without losing what was sent.
//!
//! A kernel that closes a connection on which received bytes were not read, or on which more arrive later,
//! resets it, and what the peer has not received yet is gone (RFC 1122, 4.2.2.13). So a socket that is to
//! close after its last bytes reads on and drops what it reads.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use selectio_platform::Shutdown;

use super::AsyncSocket;
use crate::dispatcher::Dispatcher;

/// How long a peer that was slow to take its bytes has to close its side.
const LINGER_TIME: Duration = Duration::from_secs(5);

/// How much is dropped in one turn.
const DISCARD_COUNT_MAX: usize = 64;

impl AsyncSocket {
    /// Closes the socket when everything that was sent has left; at once when nothing waits. Until then
    /// what arrives is dropped, and sending is an error.
    ///
    /// A peer that had to be waited for sees the end of the stream as soon as it has taken everything; the
    /// socket then closes when the peer does, or after five seconds.
    ///
    /// # Errors
    /// As for [`close`](AsyncSocket::close).
    pub fn close_after_flush(&self) -> io::Result<()> {
        if self.is_send_data_buffered() {
            self.inner.flags.closes_after_flush.set(true);
            self.update_interest();
            return Ok(());
        }
        if self.is_connected() {
            // It is closed next: whatever this finds changes nothing.
            let _ = self.discard_received();
        }
        self.close()
    }

    /// Everything has left for the kernel: tells the peer so, and waits for it to be done as well.
    pub(super) fn linger(&self, dispatcher: &Dispatcher) -> io::Result<()> {
        if self.inner.flags.is_read_closed.get() {
            return self.close();
        }
        self.shut_down_now(Shutdown::Write)?;
        let inner = Rc::downgrade(&self.inner);
        dispatcher.call_after(LINGER_TIME, move |_| match inner.upgrade() {
            Some(inner) => AsyncSocket { inner }.close(),
            None => Ok(()),
        });
        Ok(())
    }

    /// Something arrived on a socket that is about to close.
    pub(super) fn on_closing_readable(&self, dispatcher: &Dispatcher) {
        let result = match self.discard_received() {
            Ok(()) if self.inner.flags.is_read_closed.get() && !self.is_send_data_buffered() => self.close(),
            result => result,
        };
        if let Err(error) = result {
            self.fail(&error, dispatcher);
        }
    }

    fn discard_received(&self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        for _ in 0..DISCARD_COUNT_MAX {
            match self.recv(&mut buffer)? {
                None | Some(0) => break,
                Some(_) => {}
            }
        }
        Ok(())
    }
}
