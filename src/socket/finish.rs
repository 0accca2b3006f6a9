//! Closing without losing what was sent.
//!
//! A kernel that closes a connection on which received bytes were not read, or on which more arrive later,
//! resets it, and what the peer has not received yet is gone (RFC 1122, 4.2.2.13). So a socket that is to
//! close after its last bytes reads on and drops what it reads: not for ever, for a peer may never stop.

use std::io;
use std::time::Duration;

use selectio_platform::{Ready, Shutdown};

use super::AsyncSocket;
use super::session::Encryption;
use super::state::{ReadSide, WriteSide};
use crate::buffer_pool::{give_receive_buffer, take_receive_buffer};
use crate::dispatcher::Dispatcher;
use crate::error::{closed, in_operation, named};
use crate::handler::HandlerSlot;
use crate::served::Served;
use crate::status::SocketStatus;

/// How long a peer may take its bytes, when nobody says otherwise.
pub(super) const CLOSE_TIME: Duration = Duration::from_secs(60);

/// How long a peer for which all bytes have left has to close its side.
const LINGER_TIME: Duration = Duration::from_secs(5);

/// How often what arrives is dropped in one turn.
const DISCARD_COUNT_MAX: usize = 4;

/// How much is dropped in all. What a peer has on its way when it hears of the end mostly fits into that, as does the body
/// of a request that was answered early, which servers commonly limit to as much. A peer that sends more doesn't listen:
/// to drop that as fast as it comes would cost the others, for as long as this socket has to close.
const DISCARDED_MAX: usize = 1 << 20;

/// # Closing
impl AsyncSocket {
    /// Closes it now and for good: bytes that wait for the peer are dropped, no handler is called any more except
    /// that of [`set_handle_gone`](AsyncSocket::set_handle_gone), and the dispatcher forgets it. What the running
    /// handler has sent leaves first, as far as the kernel takes it. A second time does nothing.
    ///
    /// # Errors
    /// Those of `close(2)`, once; the socket is closed all the same.
    pub fn close(&self) -> io::Result<()> {
        let inner = &self.inner;
        if self.is_closed() {
            return Ok(());
        }
        if inner.noted_error.borrow().is_none() {
            // It is closed next: whatever this finds changes nothing.
            let _ = self.flush_gathered();
            inner.end_encryption_before_close();
        }
        let dispatcher = inner.link.get();
        inner.status.set(SocketStatus::Closed);
        let descriptor = inner.descriptor.take();
        self.stop_own_timers();
        self.set_deadline(None);
        self.forget_send_buffered();
        inner.link.detach(descriptor.as_deref());
        inner.queue.borrow_mut().clear();
        inner.is_send_blocked.set(false);
        inner.is_full.set(false);
        inner.reader.borrow_mut().clear();
        inner.noted_error.take();
        inner.channel.take();
        inner.encryption.set(Encryption::None);
        inner.file.take();
        let closed = descriptor.map_or(Ok(()), |descriptor| inner.descriptor.close(descriptor));
        let gone = inner.handlers.gone().and_then(HandlerSlot::take);
        // Handlers may own this very socket: without them nothing keeps it alive.
        inner.handlers.clear();
        if let (Some(mut gone), Some((dispatcher, _))) = (gone, dispatcher) {
            let socket = self.clone();
            dispatcher.defer(move |dispatcher| {
                let result = gone(&socket, dispatcher);
                result.map_err(|error| in_operation(&format!("{}: handle_gone", socket.description()), error))
            });
        }
        closed.map_err(|error| named("close", error))
    }

    /// Closes the socket when everything that was sent has left; at once when nothing waits and the peer sends
    /// nothing. From this call on none
    /// of its handlers and tasks is called (except `handle_error`, when bytes can't be delivered, and that of
    /// [`set_handle_gone`](AsyncSocket::set_handle_gone)), what arrives is dropped, and sending is an error.
    ///
    /// A peer that had to be waited for, or that still sends, sees the end of the stream as soon as it has taken
    /// everything; the socket then closes when the peer does, or after five seconds. One that has not taken everything
    /// within 60 seconds of this call, or the time that [`set_close_timeout`](AsyncSocket::set_close_timeout) gave it,
    /// loses the rest: the socket's `handle_error` gets `TimedOut`. A guest can't know what the host's kernel still
    /// holds, so there the five seconds are those 60 as well.
    ///
    /// Of what the peer sends meanwhile 1 MiB is dropped. From then on nothing is read any more, so that TCP makes the
    /// peer wait; the socket closes as soon as it is known that nothing of its own waits, or else when its time is over,
    /// and the peer sees a reset. So whoever sends more than that has to read while it sends.
    ///
    /// # Errors
    /// As for [`close`](AsyncSocket::close).
    pub fn close_after_flush(&self) -> io::Result<()> {
        let inner = &self.inner;
        if self.is_closed() || self.is_closing() {
            return Ok(());
        }
        let flushed = self.flush_gathered();
        if !self.has_ended() {
            inner.read.set(ReadSide::Discarding);
        }
        inner.reader.borrow_mut().clear();
        self.stop_own_timers();
        if flushed.is_err() || inner.noted_error.borrow().is_some() {
            if !inner.link.is_attached() {
                return self.close();
            }
            // The peer is gone already: its error is told in the socket's own turn, which closes it too.
            inner.write.set(WriteSide::CloseAfterFlush);
            self.changed();
            return Ok(());
        }
        if inner.queue.borrow().is_empty() && (self.has_ended() || self.is_connectionless()) {
            // Nothing can come any more that would make the kernel reset a connection.
            let _ = inner.end_encryption();
            return self.close();
        }
        inner.close_deadline.set(inner.descriptor.platform().now().saturating_add(inner.close_time.get()));
        if inner.queue.borrow().is_empty() {
            // A peer that still sends would be reset, and lose what it has not read yet or what has not left yet.
            let still_sends = self.is_connected() && self.discard_received().is_ok_and(|count| count > 0);
            let is_awaited = still_sends || self.unsent().is_some_and(|length| length > 0);
            if !is_awaited || !inner.link.is_attached() {
                let _ = inner.end_encryption();
                return self.close();
            }
            inner.write.set(WriteSide::CloseAfterFlush);
            return self.send_waiting();
        }
        inner.write.set(WriteSide::CloseAfterFlush);
        self.set_deadline(Some(inner.close_time.get()));
        self.changed();
        Ok(())
    }

    /// How many bytes the kernel holds back for the peer, where that can be known.
    fn unsent(&self) -> Option<usize> {
        let descriptor = self.inner.descriptor.get("unsent").ok()?;
        self.inner.descriptor.platform().unsent(&descriptor)
    }

    /// How long after the call of [`close_after_flush`](AsyncSocket::close_after_flush) a peer may take the bytes
    /// that wait; 60 seconds unless set. It counts for calls that come later. A program that ends when its clients
    /// have got everything needs less than the time that it is given to end, such as the ten seconds of `selectio run`.
    pub fn set_close_timeout(&self, timeout: Duration) {
        self.inner.close_time.set(timeout);
    }

    /// Everything has left for the kernel: tells the peer so, and waits for it to be done as well.
    pub(super) fn linger(&self) -> io::Result<()> {
        if self.has_ended() {
            return self.close();
        }
        if self.shut_down_now(Shutdown::Write).is_err() {
            // The peer is gone: there is nobody to wait for.
            return self.close();
        }
        self.inner.write.set(WriteSide::Lingering);
        self.set_deadline(Some(LINGER_TIME.min(self.close_time_left())));
        self.changed();
        Ok(())
    }

    /// Closes a connection on which only the peer may have something to say, and lets it read what was sent last.
    pub(super) fn linger_for_peer(&self) {
        let inner = &self.inner;
        inner.read.set(ReadSide::Discarding);
        inner.reader.borrow_mut().clear();
        self.stop_own_timers();
        inner.close_deadline.set(inner.descriptor.platform().now().saturating_add(inner.close_time.get()));
        if self.linger().is_err() {
            self.give_up();
        }
    }

    /// Serves a socket that is about to close. Answers whether that came nearer to its end, for which a program may
    /// wait; what is dropped doesn't count.
    pub(super) fn serve_closing(&self, ready: &Ready, dispatcher: &Dispatcher) -> bool {
        if ready.readable && self.inner.read.get() == ReadSide::Discarding {
            let result = self.discard_received();
            let has_all_left = self.inner.write.get() == WriteSide::Lingering;
            match result {
                Err(error) if !has_all_left => {
                    self.fail(error, dispatcher);
                    return true;
                }
                Ok(_) if !(has_all_left && (self.has_ended() || self.is_known_to_listen_no_more())) => {}
                // The peer is done as well, or has reset a connection on which nothing is left to say, or doesn't
                // listen to what it was told.
                _ => {
                    self.give_up();
                    return true;
                }
            }
        }
        ready.writable && self.flush_waiting(dispatcher)
    }

    /// Whether a peer that has taken everything sends on and on.
    fn is_known_to_listen_no_more(&self) -> bool {
        self.inner.read.get() == ReadSide::Ignoring && self.unsent() == Some(0)
    }

    /// The time to take what was sent, or to close, is over.
    pub(super) fn close_time_is_over(&self, dispatcher: &Dispatcher) -> bool {
        let mut waiting = self.inner.queue.borrow().len();
        if waiting == 0 {
            let (unsent, left) = (self.unsent(), self.close_time_left());
            if unsent != Some(0) && !left.is_zero() {
                self.set_deadline(Some(LINGER_TIME.min(left)));
                return false;
            }
            waiting = unsent.unwrap_or(0);
        }
        if waiting == 0 {
            self.give_up();
            return false;
        }
        let text = format!(
            "close_after_flush: the peer did not take the last {waiting} bytes within {:?}, so they are lost: give it \
             more time with set_close_timeout",
            self.inner.close_time.get()
        );
        self.fail(io::Error::new(io::ErrorKind::TimedOut, text), dispatcher);
        true
    }

    /// How much is left of the time that the peer has to take everything.
    fn close_time_left(&self) -> Duration {
        self.inner.close_deadline.get().saturating_sub(self.inner.descriptor.platform().now())
    }

    /// Drops what has arrived, and says how many bytes that was. Once it was enough in all, the rest stays where it is.
    fn discard_received(&self) -> io::Result<usize> {
        if self.is_shaking_hands() {
            // What was sent can't leave before that is done.
            let received = self.receive_decrypted("handshake");
            self.inner.reader.borrow_mut().clear();
            return received.map(Option::unwrap_or_default);
        }
        let mut buffer = take_receive_buffer();
        let mut discarded = 0;
        let mut result = Ok(());
        for _ in 0..DISCARD_COUNT_MAX {
            let received = self.receive("recv", |platform, socket| {
                let length = platform.recv(socket, &mut buffer)?;
                Ok((length, length == buffer.len()))
            });
            let (length, is_full) = received.map(Option::unwrap_or_default).unwrap_or_else(|error| {
                result = Err(error);
                (0, false)
            });
            discarded += length;
            if !is_full {
                break;
            }
        }
        give_receive_buffer(buffer);
        let discarded_in_all = self.inner.discarded.get() + discarded;
        self.inner.discarded.set(discarded_in_all);
        if discarded_in_all >= DISCARDED_MAX && self.inner.read.get() == ReadSide::Discarding {
            self.inner.read.set(ReadSide::Ignoring);
        }
        result.map(|()| discarded)
    }

    /// Gives the socket up without closing it: it is unregistered and closed as far as this handle and its
    /// clones go. What was buffered here is lost, and so is what an encrypted connection needs to go on.
    ///
    /// # Errors
    /// `NotConnected` when it is closed; `ResourceBusy` inside of a call of
    /// [`with_descriptor`](AsyncSocket::with_descriptor).
    pub fn into_descriptor(self) -> io::Result<selectio_platform::Descriptor> {
        let _ = self.flush_gathered();
        let Some(descriptor) = self.inner.descriptor.take() else { return Err(closed("into_descriptor", "socket")) };
        self.forget_send_buffered();
        self.inner.link.detach(Some(&descriptor));
        self.close()?;
        descriptor.into_sole().ok_or_else(|| {
            let text = "into_descriptor: with_descriptor has lent it: return from that call first";
            io::Error::new(io::ErrorKind::ResourceBusy, text)
        })
    }
}
