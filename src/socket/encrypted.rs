//! Connections that are encrypted: a session stands between their buffers and the kernel, so that lines, back-pressure
//! and closing know nothing of it.
//!
//! What arrives is decrypted at once into the buffer of the lines, all of it: no byte waits in the session of which
//! the kernel would have nothing more to tell. What is sent stays in the queue until its encrypted form has left.

use std::io::{self, IoSlice};
use std::time::Duration;

use selectio_platform::Ready;

use super::session::{Channel, Encryption, Session};
use super::state::{ReadSide, WriteSide};
use super::{AsyncSocket, Inner, wrong_state};
use crate::buffer_pool::{give_receive_buffer, take_receive_buffer};
use crate::dispatcher::Dispatcher;
use crate::error::{misuse, named};
use crate::send_queue::SendQueue;
use crate::served::Served;
use crate::status::SocketStatus;

/// How long a handshake may take, when nobody says otherwise.
pub(super) const HANDSHAKE_TIME: Duration = Duration::from_secs(30);

/// What one receive takes: two of the longest records. Decrypted it fits into one buffer beside the rest of a line.
const RECEIVED_MAX: usize = 32 * 1024;

/// Not every record has bytes for the program. After so many receives without any, the others are served.
const EMPTY_RECEIVES_MAX: usize = 4;

/// How much is encrypted at a time, and sent by one system call.
const ENCRYPTED_MAX: usize = 64 * 1024;

/// How much is sent at a time: about what the kernel takes of a connection without encryption (tcp_wmem, tcp(7)).
const SENT_MAX: usize = 4 * 1024 * 1024;

impl Inner {
    /// Sends `pieces` encrypted, as much as the kernel has room for, and answers how many of their bytes have left
    /// completely.
    pub(super) fn send_encrypted(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut channel = self.channel.borrow_mut();
        let Some(channel) = channel.as_deref_mut() else { return Ok(0) };
        let mut sent = 0;
        loop {
            if channel.output.is_empty() && channel.owed == 0 && self.encryption.get() == Encryption::Established {
                channel.encrypt(pieces, sent, ENCRYPTED_MAX)?;
            }
            self.send_output(channel)?;
            let has_left = channel.output.is_empty();
            let length = if has_left { std::mem::take(&mut channel.owed) } else { 0 };
            sent += length;
            if length == 0 || sent >= SENT_MAX {
                return Ok(sent);
            }
        }
    }

    fn send_output(&self, channel: &mut Channel) -> io::Result<()> {
        if channel.output.is_empty() {
            return Ok(());
        }
        let sent = {
            let output = [IoSlice::new(channel.output.waiting())];
            let sent = self.descriptor.once("send", |platform, socket| platform.send(socket, &output));
            sent.map_err(|error| named("send", error))?
        };
        channel.output.sent(sent.unwrap_or(0));
        Ok(())
    }

    /// Whether encrypted bytes wait that the kernel had no room for.
    pub(super) fn has_output(&self) -> bool {
        self.encryption.get() != Encryption::None
            && self.channel.borrow().as_ref().is_some_and(|channel| !channel.output.is_empty())
    }

    /// Whether the end of the stream or an error is to be told after the bytes that were received before it.
    #[inline]
    pub(super) fn has_pending_end(&self) -> bool {
        self.encryption.get() != Encryption::None
            && self.channel.borrow().as_ref().is_some_and(|channel| channel.end.is_some())
    }

    /// Says through the session that nothing more comes, so that the peer can tell the end from a cut. False as long as
    /// the kernel has no room for that.
    pub(super) fn end_encryption(&self) -> io::Result<bool> {
        let mut channel = self.channel.borrow_mut();
        let (Some(channel), Encryption::Established) = (channel.as_deref_mut(), self.encryption.get()) else {
            return Ok(true);
        };
        channel.session.end(&mut channel.output);
        self.send_output(channel)?;
        Ok(channel.output.is_empty())
    }

    /// The same for a socket that closes now. When something that the program sent is lost by that, the peer has to be able
    /// to tell, so nothing is said.
    pub(super) fn end_encryption_before_close(&self) {
        if self.queue.borrow().is_empty() && !self.is_given_up.get() {
            let _ = self.end_encryption();
        }
    }
}

impl AsyncSocket {
    #[inline]
    pub(super) fn is_encrypted(&self) -> bool {
        self.inner.encryption.get() != Encryption::None
    }

    #[inline]
    pub(super) fn is_shaking_hands(&self) -> bool {
        self.inner.encryption.get() == Encryption::ShakingHands
    }

    /// Encrypts the connection from here on. What was sent before leaves as it is, and what was received and not read
    /// is for the session: nobody can slip a command in that is then taken for an encrypted one.
    pub(super) fn start_session(&self, operation: &str, mut session: Box<dyn Session>) -> io::Result<()> {
        let inner = &self.inner;
        if !matches!(self.status(), SocketStatus::Connected | SocketStatus::Connecting) || self.is_connectionless() {
            return Err(wrong_state(
                operation,
                self.status(),
                "only a stream that is connected or connecting can be encrypted",
            ));
        }
        if self.is_encrypted() || inner.write.get() != WriteSide::Open {
            return Err(misuse(operation, "the connection is encrypted already, or its sending side is closed"));
        }
        self.flush_gathered()?;
        let mut output = SendQueue::new();
        output.push(inner.queue.borrow().waiting());
        inner.queue.borrow_mut().clear();
        session.speak(&mut output);
        let (received, skips_newline) = inner.reader.borrow_mut().take_all();
        let channel = Channel { session, output, owed: 0, end: None, output_error: None, skips_newline };
        *inner.channel.borrow_mut() = Some(Box::new(channel));
        inner.encryption.set(Encryption::ShakingHands);
        if self.is_connected() {
            self.set_deadline(self.handshake_deadline());
        }
        if !received.is_empty() {
            self.take_in(&received)?;
        }
        self.send_waiting()
    }

    /// How long the connection has from now on, once it stands.
    pub(super) fn handshake_deadline(&self) -> Option<Duration> {
        self.is_shaking_hands().then(|| self.inner.handshake_time.get())
    }

    /// Receives once or a few times, until there are bytes for the program, which are in the buffer of the lines then;
    /// answers how many. `None` when there is nothing now, 0 at the end.
    pub(super) fn receive_decrypted(&self, operation: &str) -> io::Result<Option<usize>> {
        let mut buffer = take_receive_buffer();
        let result = self.receive_into(operation, &mut buffer[..RECEIVED_MAX]);
        give_receive_buffer(buffer);
        result
    }

    fn receive_into(&self, operation: &str, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        for _ in 0..EMPTY_RECEIVES_MAX {
            if let Some(end) = self.inner.channel.borrow_mut().as_deref_mut().and_then(|channel| channel.end.take()) {
                self.end_reading();
                return end.map(|()| Some(0));
            }
            let received = self.once(operation, |platform, socket| platform.recv(socket, buffer));
            let received = received.inspect_err(|_| self.end_reading())?;
            let is_full = received == Some(buffer.len());
            if self.inner.read.get() != ReadSide::Discarding {
                self.inner.read.set(if is_full { ReadSide::Open } else { ReadSide::Drained });
            }
            let Some(length) = received else { return Ok(None) };
            let was_shaking_hands = self.is_shaking_hands();
            let decrypted = self.take_in(&buffer[..length])?;
            if self.inner.has_pending_end() && self.inner.read.get() == ReadSide::Drained {
                // The kernel may never have more to tell.
                self.inner.read.set(ReadSide::Open);
            }
            if decrypted > 0 {
                return Ok(Some(decrypted));
            }
            if was_shaking_hands && !self.is_shaking_hands() {
                // That the handshake is done is told before anything that came after it.
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Takes in what has arrived, answers it, and says how much of it is for the program.
    fn take_in(&self, received: &[u8]) -> io::Result<usize> {
        let inner = &self.inner;
        let mut is_done = false;
        let decrypted = {
            let (mut channel, mut reader) = (inner.channel.borrow_mut(), inner.reader.borrow_mut());
            let Some(channel) = channel.as_deref_mut() else { return Ok(0) };
            let before = reader.len();
            channel.take_in(received, &mut reader);
            if self.is_shaking_hands() && !channel.session.is_shaking_hands() {
                inner.encryption.set(Encryption::Established);
                inner.is_handshake_untold.set(true);
                is_done = true;
            }
            if self.is_connected() && channel.owed == 0 {
                self.answer(channel);
            }
            reader.len() - before
        };
        if is_done && !self.is_closing() {
            self.set_deadline(None);
        }
        if self.is_connected() && is_done && !inner.has_pending_end() {
            // What waited for the handshake leaves now.
            self.send_waiting()?;
        } else if self.is_connected() && inner.has_output() {
            inner.is_send_blocked.set(true);
            self.changed();
        }
        Ok(decrypted)
    }

    /// Sends what the session says by itself: a flight, a ticket, an alert. That the peer is gone by now must not lose what
    /// it has said before, so an error is told later.
    fn answer(&self, channel: &mut Channel) {
        if let Err(error) = self.inner.send_output(channel) {
            channel.output.clear();
            channel.output_error = Some(error);
        }
    }

    /// Takes what has come for the handshake.
    pub(super) fn shake_hands(&self) -> io::Result<()> {
        self.receive_decrypted("handshake").map(drop)
    }

    /// Serves a socket whose peers have not agreed on keys yet. Answers whether a handler was called.
    pub(super) fn serve_handshake(&self, ready: &Ready, dispatcher: &Dispatcher) -> bool {
        if ready.writable && self.inner.is_send_blocked.get() {
            self.flush_waiting(dispatcher);
        }
        if ready.readable
            && self.is_shaking_hands()
            && let Err(error) = self.shake_hands()
        {
            self.fail_handshake(error, dispatcher);
            return true;
        }
        false
    }

    /// Calls the handler of a handshake that is done, once.
    pub(super) fn tell_handshake(&self, dispatcher: &Dispatcher) -> bool {
        if self.is_closing() || !self.inner.is_handshake_untold.replace(false) {
            return false;
        }
        self.call("handle_handshake", self.inner.handlers.handshake(), dispatcher)
    }

    /// Tells why the handshake failed, and closes when the peer has had time to read the alert: bytes that arrive after a
    /// close make the kernel reset the connection, and the alert is lost.
    fn fail_handshake(&self, error: io::Error, dispatcher: &Dispatcher) {
        if let Some(error) = self.tell(error, dispatcher) {
            self.lose(error, dispatcher);
        }
        let inner = &self.inner;
        inner.is_given_up.set(true);
        if self.is_closed() {
            return;
        }
        inner.encryption.set(Encryption::None);
        inner.channel.take();
        inner.queue.borrow_mut().clear();
        self.linger_for_peer();
    }

    /// The handshake has taken too long.
    pub(super) fn handshake_time_is_over(&self, dispatcher: &Dispatcher) -> bool {
        let text = format!(
            "handshake: not done within {:?}: see whether the peer speaks TLS, or give it more time with \
             set_handshake_timeout",
            self.inner.handshake_time.get()
        );
        self.fail(io::Error::new(io::ErrorKind::TimedOut, text), dispatcher);
        true
    }
}
