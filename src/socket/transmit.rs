//! Sending: at once what the kernel takes, the rest when it has room again.

use std::io;

use selectio_platform::{Descriptor, Platform, Shutdown};

use super::{AsyncSocket, wrong_state};
use crate::dispatcher::Dispatcher;
use crate::error::misuse;
use crate::status::SocketStatus;

impl AsyncSocket {
    /// Sends all of `data` without ever blocking: what the kernel doesn't take now is buffered and sent
    /// when there is room, in order. While the socket connects, all of it is buffered. Answers how many
    /// bytes are buffered now, for who wants to wait for a slow peer.
    ///
    /// What the peer did (a reset, say) is no error here but goes to this socket's own `handle_error`, so
    /// a handler may send to many sockets and fail for none of them.
    ///
    /// # Errors
    /// `QuotaExceeded` when more would be buffered than
    /// [`set_send_buffer_max`](AsyncSocket::set_send_buffer_max) allows: then nothing of `data` is sent.
    /// `InvalidInput` or `NotConnected` when the socket is in no state to send. On a socket that is
    /// registered nowhere also those of `send(2)`.
    pub fn send(&self, data: impl AsRef<[u8]>) -> io::Result<usize> {
        let data = data.as_ref();
        let inner = &self.inner;
        match self.status() {
            SocketStatus::Connected | SocketStatus::Connecting => {}
            status => return Err(wrong_state("send", status, "connect it first")),
        }
        if inner.flags.closes_after_flush.get() || inner.flags.shuts_down_after_flush.get() {
            return Err(misuse("send", "the sending side is closed already: send before you close it"));
        }
        if self.keeps_messages() && self.is_connected() {
            return self.send_message(data);
        }
        inner.queue.borrow().check_room(data.len())?;
        let mut rest = data;
        if self.is_connected() && inner.queue.borrow().is_empty() && inner.noted_error.borrow().is_none() {
            match self.try_send(data) {
                Ok(sent) => rest = &data[sent..],
                Err(error) => return self.note_error(error).map(|()| 0),
            }
        }
        if !rest.is_empty() {
            inner.queue.borrow_mut().push(rest);
            self.update_interest();
        }
        Ok(inner.queue.borrow().len())
    }

    /// Whether bytes wait to be sent.
    #[must_use]
    #[doc(alias = "isSendDataBuffered")]
    pub fn is_send_data_buffered(&self) -> bool {
        !self.inner.queue.borrow().is_empty()
    }

    /// How many bytes may wait to be sent; 64 MiB unless set.
    pub fn set_send_buffer_max(&self, length_max: usize) {
        self.inner.queue.borrow_mut().set_length_max(length_max);
    }

    /// Closes one direction or both. The sending side ends when everything that was sent has left: then
    /// the peer sees the end of the stream, and can still send (half-close).
    ///
    /// # Errors
    /// `InvalidInput` unless the socket is connected or connecting; otherwise those of `shutdown(2)`.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if !matches!(self.status(), SocketStatus::Connected | SocketStatus::Connecting) {
            return Err(wrong_state("shutdown", self.status(), "shut down a connected one"));
        }
        if how != Shutdown::Read {
            self.inner.flags.shuts_down_after_flush.set(true);
            if self.is_connected() && !self.is_send_data_buffered() {
                self.shut_down_now(Shutdown::Write)?;
            }
        }
        if how != Shutdown::Write {
            self.shut_down_now(Shutdown::Read)?;
        }
        Ok(())
    }

    pub(super) fn shut_down_now(&self, how: Shutdown) -> io::Result<()> {
        self.with_open_descriptor("shutdown", |platform, socket| platform.shutdown(socket, how))
    }

    /// One send of a part of the stream; 0 when there is no room.
    fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let sent = self.once("send", |platform, socket| platform.send(socket, bytes))?;
        Ok(sent.unwrap_or(0))
    }

    /// One call, again when a signal came between; `None` when it would block.
    pub(super) fn once(
        &self,
        operation: &str,
        mut call: impl FnMut(&dyn Platform, &Descriptor) -> io::Result<usize>,
    ) -> io::Result<Option<usize>> {
        loop {
            match self.with_open_descriptor(operation, &mut call) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                result => return result.map(Some),
            }
        }
    }

    /// Sends of what waits as much as one system call takes.
    pub(super) fn send_buffered(&self) -> io::Result<()> {
        if !self.is_connected() {
            return Ok(());
        }
        let sent = self.try_send(self.inner.queue.borrow().front())?;
        self.inner.queue.borrow_mut().sent(sent);
        Ok(())
    }

    /// Keeps an error for the socket's own turn; gives it back when no dispatcher will give it one.
    pub(super) fn note_error(&self, error: io::Error) -> io::Result<()> {
        if !self.inner.link.is_attached() {
            return Err(error);
        }
        *self.inner.noted_error.borrow_mut() = Some(error);
        self.note_pending();
        Ok(())
    }

    /// Sends what waits, as much as one system call takes, so that no socket keeps the others waiting; then
    /// does what was put off until all had left.
    pub(super) fn flush(&self, dispatcher: &Dispatcher) {
        let inner = &self.inner;
        if let Err(error) = self.send_buffered() {
            return self.fail(&error, dispatcher);
        }
        if inner.queue.borrow().is_empty() {
            let finished = if inner.flags.closes_after_flush.get() {
                self.linger(dispatcher)
            } else if inner.flags.shuts_down_after_flush.get() {
                self.shut_down_now(Shutdown::Write)
            } else {
                Ok(())
            };
            if let Err(error) = finished {
                return self.fail(&error, dispatcher);
            }
        }
        self.update_interest();
    }
}
