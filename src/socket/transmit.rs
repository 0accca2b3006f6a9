//! Sending: what a handler sends leaves when it has returned, in one system call; the rest when the kernel has room.

use std::io::{self, IoSlice};

use selectio_platform::{Shutdown, Type};

use super::state::WriteSide;
use super::{AsyncSocket, wrong_state};
use crate::dispatcher::Dispatcher;
use crate::error::misuse;
use crate::served::Served;
use crate::status::SocketStatus;

/// So many bytes leave at once, also while the handler that sends them runs: one system call takes no more gladly.
const GATHERED_MAX: usize = 64 * 1024;

/// A piece of this length leaves at once, behind what was gathered: to copy it costs more than a call of its own.
const PIECE_LENGTH_MAX: usize = 16 * 1024;

/// So many bytes may wait for each slow peer, however many there are.
const FAIR_SHARE: usize = 64 * 1024;

/// Back-pressure begins when so many bytes wait, unless the program says otherwise.
pub(super) const HIGH_WATER_MARK: usize = 64 * 1024;
/// It ends when no more than so many are left.
pub(super) const LOW_WATER_MARK: usize = 16 * 1024;

/// # Sending
impl AsyncSocket {
    /// Sends all of `data` without ever blocking: what the kernel doesn't take is buffered and sent
    /// when there is room, in order. While a stream connects, all of it is buffered. Answers how many
    /// bytes wait for a peer that is slow; [`is_send_buffer_full`](AsyncSocket::is_send_buffer_full) says when to
    /// stop.
    ///
    /// Inside of a handler the bytes leave when it has returned: many small sends cost one system call.
    ///
    /// What the peer did (a reset, say) is no error here but goes to this socket's own `handle_error`, so
    /// a handler may send to many sockets and fail for none of them. The same holds when the socket was closed for
    /// it: then the bytes are dropped. Only a socket that the program itself has closed refuses them: take it out of
    /// your lists when you close it.
    ///
    /// # Errors
    /// `QuotaExceeded` when more would wait than [`set_send_buffer_max`](AsyncSocket::set_send_buffer_max) or, for all
    /// sockets together, [`send_buffers_max`](crate::DispatcherBuilder::send_buffers_max) allows: then nothing of
    /// `data` is sent.
    /// `InvalidInput` or `NotConnected` when the program has closed the socket or its sending side, or never
    /// connected it. On a socket that is registered nowhere also those of `send(2)`.
    pub fn send(&self, data: impl AsRef<[u8]>) -> io::Result<usize> {
        let data = data.as_ref();
        if self.gathers(data.len()) {
            self.inner.queue.borrow_mut().push(data);
            return Ok(0);
        }
        self.send_vectored(&[IoSlice::new(data)])
    }

    /// The short way for what a handler sends on its own socket: whether so many bytes can just lie beside what waits
    /// for the end of the turn.
    #[inline]
    fn gathers(&self, length: usize) -> bool {
        let inner = &self.inner;
        inner.is_in_turn.get()
            && inner.turn.current().is_some()
            && inner.kind == Type::Stream
            && inner.write.get() == WriteSide::Open
            && !inner.is_given_up.get()
            && self.is_open_to_kernel()
            && self.has_room_beside(length)
    }

    /// Whether the kernel may take more.
    #[inline]
    fn is_open_to_kernel(&self) -> bool {
        self.is_connected()
            && !self.inner.is_send_blocked.get()
            && !self.is_shaking_hands()
            && self.inner.noted_error.borrow().is_none()
    }

    /// Whether so many bytes are few enough to wait for the end of a turn, beside those that do.
    #[inline]
    fn has_room_beside(&self, length: usize) -> bool {
        let gathered_max = GATHERED_MAX.min(self.inner.high_water_mark.get());
        length < PIECE_LENGTH_MAX && self.inner.queue.borrow().has_room(length, gathered_max)
    }

    /// Sends several pieces, one after the other, as [`send`](AsyncSocket::send) does with one: all of them or, with
    /// an error, none.
    ///
    /// # Errors
    /// As for `send`.
    pub fn send_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.inner.is_given_up.get() {
            return Ok(0);
        }
        match self.status() {
            SocketStatus::Connected | SocketStatus::Connecting => {}
            status => return Err(wrong_state("send", status, "connect it first")),
        }
        if self.inner.write.get() != WriteSide::Open {
            return Err(misuse("send", "the sending side is closed already: send before you close it"));
        }
        if self.keeps_messages() {
            return self.send_message(pieces);
        }
        let length = pieces.iter().map(|piece| piece.len()).sum();
        self.check_room(length)?;
        if length > 0 {
            self.send_or_gather(pieces, length)?;
        }
        Ok(self.waiting_length())
    }

    #[inline]
    fn check_room(&self, length: usize) -> io::Result<()> {
        let queue = self.inner.queue.borrow();
        queue.check_room(length)?;
        if queue.len() + length > FAIR_SHARE
            && let Some((dispatcher, _)) = self.inner.link.get()
        {
            return dispatcher.check_send_buffers(length);
        }
        Ok(())
    }

    #[inline]
    fn send_or_gather(&self, pieces: &[IoSlice<'_>], length: usize) -> io::Result<()> {
        let inner = &self.inner;
        let is_open_to_kernel = self.is_open_to_kernel();
        let gathers = self.has_room_beside(length) && self.current_turn().is_some();
        if is_open_to_kernel && !gathers {
            return self.send_now(pieces);
        }
        let mut queue = inner.queue.borrow_mut();
        pieces.iter().for_each(|piece| queue.push(piece));
        drop(queue);
        if !is_open_to_kernel {
            self.queue_changed();
        } else if !inner.is_in_turn.get()
            && let Some((dispatcher, key)) = inner.link.get()
        {
            dispatcher.note_unflushed(key);
        }
        Ok(())
    }

    /// One system call with what was gathered and `pieces`. An error is kept for the socket's own turn.
    #[inline]
    pub(super) fn send_now(&self, pieces: &[IoSlice<'_>]) -> io::Result<()> {
        let inner = &self.inner;
        let sent = inner.queue.borrow_mut().send_with(pieces, |pieces| {
            if self.is_encrypted() {
                return inner.send_encrypted(pieces);
            }
            Ok(self.once("send", |platform, socket| platform.send(socket, pieces))?.unwrap_or(0))
        });
        match sent {
            Ok(is_all) => {
                // During a handshake it is not the kernel that what was sent waits for.
                let is_held = !is_all && !self.is_shaking_hands();
                inner.is_send_blocked.set(is_held || inner.has_output());
                self.queue_changed();
                Ok(())
            }
            Err(error) => {
                inner.queue.borrow_mut().clear();
                self.note_send_buffered();
                self.note_error(error)
            }
        }
    }

    /// Lets the dispatcher know how many bytes wait for the peer.
    #[inline]
    pub(super) fn note_send_buffered(&self) {
        let now = self.waiting_length();
        if now != self.inner.noted_send_buffered.get()
            && let Some((dispatcher, _)) = self.inner.link.get()
        {
            dispatcher.note_send_buffered(self.inner.noted_send_buffered.replace(now), now);
        }
    }

    /// It is registered nowhere from now on.
    pub(super) fn forget_send_buffered(&self) {
        if let Some((dispatcher, _)) = self.inner.link.get() {
            dispatcher.note_send_buffered(self.inner.noted_send_buffered.take(), 0);
        }
    }

    /// Other bytes wait than before.
    #[inline]
    fn queue_changed(&self) {
        let inner = &self.inner;
        self.note_send_buffered();
        if inner.queue.borrow().len() > inner.high_water_mark.get() {
            inner.is_full.set(true);
        }
        self.changed();
    }

    /// How many bytes wait for the peer or for the connect; what a handler has gathered doesn't count.
    #[inline]
    fn waiting_length(&self) -> usize {
        if self.is_send_data_buffered() { self.inner.queue.borrow().len() } else { 0 }
    }

    /// Whether bytes wait to be sent because the peer is slow, or is not connected yet.
    #[must_use]
    #[doc(alias = "isSendDataBuffered")]
    pub fn is_send_data_buffered(&self) -> bool {
        let is_waiting = self.inner.is_send_blocked.get() || self.is_connecting() || self.is_shaking_hands();
        is_waiting && !self.inner.queue.borrow().is_empty()
    }

    /// Whether the sender should stop until [`set_handle_drain`](AsyncSocket::set_handle_drain)'s handler is called:
    /// more bytes wait than the high water mark, and since then not few enough.
    #[must_use]
    pub fn is_send_buffer_full(&self) -> bool {
        self.inner.is_full.get()
    }

    /// When the send buffer counts as full, and when as drained again: with more than `high` bytes that wait, and
    /// with no more than `low`. 64 KiB and 16 KiB unless set. Nothing is refused above the mark; the limit is that
    /// of [`set_send_buffer_max`](AsyncSocket::set_send_buffer_max).
    ///
    /// # Errors
    /// `InvalidInput` when `low` is above `high`.
    pub fn set_send_water_marks(&self, low: usize, high: usize) -> io::Result<()> {
        if low > high {
            return Err(misuse("set_send_water_marks", "the low mark is above the high one: swap them"));
        }
        self.inner.low_water_mark.set(low);
        self.inner.high_water_mark.set(high);
        Ok(())
    }

    /// How many bytes may wait to be sent; a send that would pass it is refused. 64 MiB unless set; what all sockets
    /// of a dispatcher may hold together is
    /// [`send_buffers_max`](crate::DispatcherBuilder::send_buffers_max).
    pub fn set_send_buffer_max(&self, length_max: usize) {
        self.inner.queue.borrow_mut().set_length_max(length_max);
    }

    /// Closes one direction or both. The sending side ends when everything that was sent has left: then
    /// the peer sees the end of the stream, and can still send (half-close).
    ///
    /// What the peer did (a reset, say) is no error here, as with [`send`](AsyncSocket::send).
    ///
    /// # Errors
    /// `InvalidInput` unless the socket is connected or connecting. On a socket that is registered nowhere also those
    /// of `shutdown(2)`.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if !matches!(self.status(), SocketStatus::Connected | SocketStatus::Connecting) {
            return Err(wrong_state("shutdown", self.status(), "shut down a connected one"));
        }
        if how != Shutdown::Read && self.inner.write.get() == WriteSide::Open {
            self.flush_gathered()?;
            self.inner.write.set(WriteSide::ShutAfterFlush);
            if self.is_connected() && self.inner.queue.borrow().is_empty() {
                self.end_sending().or_else(|error| self.note_error(error))?;
            }
            self.changed();
        }
        if how != Shutdown::Write {
            self.shut_down_now(Shutdown::Read).or_else(|error| self.note_error(error))?;
        }
        Ok(())
    }

    /// Does what was put off until all had left.
    #[inline]
    fn end_sending(&self) -> io::Result<()> {
        match self.inner.write.get() {
            WriteSide::Open | WriteSide::Shut | WriteSide::Lingering => Ok(()),
            // It goes on when the handshake is done.
            WriteSide::ShutAfterFlush if self.is_shaking_hands() => Ok(()),
            _ if !self.inner.end_encryption()? => {
                self.inner.is_send_blocked.set(true);
                Ok(())
            }
            WriteSide::ShutAfterFlush => {
                self.inner.write.set(WriteSide::Shut);
                match self.shut_down_now(Shutdown::Write) {
                    // The peer has gone, and has taken everything: reading tells how.
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                    result => result,
                }
            }
            WriteSide::CloseAfterFlush => self.linger(),
        }
    }

    pub(super) fn shut_down_now(&self, how: Shutdown) -> io::Result<()> {
        self.with_open_descriptor("shutdown", |platform, socket| platform.shutdown(socket, how))
    }

    /// Keeps an error for the socket's own turn; gives it back when no dispatcher will give it one.
    pub(super) fn note_error(&self, error: io::Error) -> io::Result<()> {
        if !self.inner.link.is_attached() {
            return Err(error);
        }
        *self.inner.noted_error.borrow_mut() = Some(error);
        self.changed();
        Ok(())
    }

    /// Sends what was gathered, if the kernel has room.
    pub(super) fn flush_gathered(&self) -> io::Result<()> {
        let inner = &self.inner;
        if self.is_connected() && !inner.is_send_blocked.get() && !inner.queue.borrow().is_empty() {
            return self.send_now(&[]);
        }
        Ok(())
    }

    /// Sends what waits, as much as one system call takes, so that no socket keeps the others waiting; then
    /// does what was put off until all had left. Answers whether any byte has left, or an error was told.
    #[inline]
    pub(super) fn flush_waiting(&self, dispatcher: &Dispatcher) -> bool {
        let before = self.inner.queue.borrow().len();
        // In its own turn an error is told at once.
        let result = self.send_waiting().and_then(|()| self.inner.noted_error.take().map_or(Ok(()), Err));
        if let Err(error) = result {
            self.fail(error, dispatcher);
            return true;
        }
        self.inner.queue.borrow().len() < before
    }

    /// The same without a dispatcher.
    #[inline]
    pub(super) fn send_waiting(&self) -> io::Result<()> {
        let inner = &self.inner;
        if !self.is_connected() {
            return Ok(());
        }
        let mut waiting = inner.queue.borrow().len();
        if waiting > 0 || inner.has_output() {
            self.send_now(&[])?;
            waiting = inner.queue.borrow().len();
        }
        if inner.is_full.get() && waiting <= inner.low_water_mark.get() {
            inner.is_full.set(false);
            inner.is_drain_due.set(true);
        }
        if waiting == 0 && inner.noted_error.borrow().is_none() {
            self.end_sending()?;
        }
        self.changed();
        Ok(())
    }
}
