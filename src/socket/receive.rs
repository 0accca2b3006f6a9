//! Receiving: lines, and raw bytes.

use std::io;
use std::num::NonZeroU64;

use selectio_platform::{Descriptor, Platform, Type};

use super::state::ReadSide;
use super::turn::{LINE_COST_MIN, RECEIVE_COST_MIN};
use super::{AsyncSocket, wrong_state};
use crate::error::misuse;
use crate::line::ReadLine;
use crate::served::Served;
use crate::status::SocketStatus;

/// Who asks for bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// The program, within what the socket may take of a turn. It hears of an event when there is more.
    Turn,
    /// [`Blocking`](super::Blocking), which waits by itself.
    Blocking,
}

/// # Reading
impl AsyncSocket {
    /// Reads the next line. `\n`, `\r\n` and a lone `\r` end one, whatever segments they arrive in: a protocol whose
    /// values may contain a `\r` reads them by their length, with [`recv`](AsyncSocket::recv), and one for which only
    /// `\r\n` ends a line, as for the body of a mail, has to look for that itself: what two programs take for
    /// different lines can be used against both. At the
    /// end of the stream what came after the last line end is a line too, then every call says
    /// [`Eof`](ReadLine::Eof).
    ///
    /// In one poll it gives 64 KiB of lines at most, then it says [`Pending`](ReadLine::Pending): the rest comes in
    /// the next poll, and the other sockets before that.
    ///
    /// # Errors
    /// `InvalidData` once for a line above the limit ([`set_line_length_max`](AsyncSocket::set_line_length_max)),
    /// which is dropped: the next one is whole, and a handler that does not return this error goes on with it.
    /// `ConnectionReset` and others of `recv(2)` once, then it is
    /// `Eof`. `InvalidInput` when the socket is not connected.
    ///
    /// ```no_run
    /// # fn example(client: &selectio::AsyncSocket) -> std::io::Result<()> {
    /// while let Some(line) = client.read_line()?.full() {
    ///     println!("{line}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "readLine")]
    pub fn read_line(&self) -> io::Result<ReadLine> {
        self.read_line_as(Reader::Turn)
    }

    pub(super) fn read_line_as(&self, reader: Reader) -> io::Result<ReadLine> {
        self.check_readable("read_line")?;
        let result = self.next_line(reader);
        self.reading_changed();
        result
    }

    fn next_line(&self, reader: Reader) -> io::Result<ReadLine> {
        let inner = &self.inner;
        let turn = self.turn(reader);
        loop {
            if inner.turn.left(turn) == 0 && inner.reader.borrow().has_unread() {
                return Ok(ReadLine::Pending);
            }
            if let Some(line) = inner.reader.borrow_mut().next_line() {
                let length = line.as_ref().map_or(0, |line| line.with_newline().len());
                inner.turn.spend(length.max(LINE_COST_MIN));
                return line.map(ReadLine::Full);
            }
            if self.reads_no_more() {
                return Ok(inner.reader.borrow_mut().take_tail().map_or(ReadLine::Eof, ReadLine::Full));
            }
            if !inner.turn.has_room(turn) || (reader == Reader::Turn && self.awaits_event()) {
                return Ok(ReadLine::Pending);
            }
            let received = self.receive_for_lines().inspect_err(|_| {
                // A line that was cut is none.
                inner.reader.borrow_mut().clear();
            });
            if !received? {
                return Ok(ReadLine::Pending);
            }
        }
    }

    /// Receives once into the buffer of the lines. False when nothing is there.
    fn receive_for_lines(&self) -> io::Result<bool> {
        let inner = &self.inner;
        if self.is_encrypted() {
            return Ok(self.receive_decrypted("read_line")?.is_some());
        }
        let is_unbuffered = inner.is_unbuffered.get();
        let received = self.receive("read_line", |platform, socket| {
            let mut reader = inner.reader.borrow_mut();
            let mut room = reader.room();
            if is_unbuffered {
                room = &mut room[..1];
            }
            let room_length = room.len();
            let length = platform.recv(socket, room)?;
            reader.filled(length);
            Ok((length, length == room_length))
        })?;
        match received {
            Some((_, is_full)) if is_unbuffered => {
                inner.turn.spend(if is_full { RECEIVE_COST_MIN } else { 0 });
                Ok(true)
            }
            Some((_, true)) => {
                inner.turn.set_filled();
                Ok(true)
            }
            received => Ok(received.is_some()),
        }
    }

    /// Reads raw bytes: those that arrived after the last line that was read first, otherwise what the
    /// kernel has. A `\n` that belongs to the last line's `\r` is not among them. `None` when there is nothing now,
    /// 0 at the end of the stream.
    ///
    /// In one poll it gives 64 KiB at most, then it says `None`: the rest comes in the next poll, and the other
    /// sockets before that.
    ///
    /// # Errors
    /// Those of `recv(2)`, once, then it is the end of the stream; `InvalidInput` when the socket is not
    /// connected, or the buffer is empty.
    #[doc(alias = "recvAsync")]
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        self.recv_as(buffer, Reader::Turn)
    }

    pub(super) fn recv_as(&self, buffer: &mut [u8], reader: Reader) -> io::Result<Option<usize>> {
        self.check_readable("recv")?;
        if buffer.is_empty() {
            return Err(misuse("recv", "0 bytes would look like the end of the stream: give it a buffer with room"));
        }
        let result = self.next_bytes(buffer, reader);
        self.reading_changed();
        result
    }

    fn next_bytes(&self, buffer: &mut [u8], reader: Reader) -> io::Result<Option<usize>> {
        let inner = &self.inner;
        let has_buffered = !inner.reader.borrow().is_empty();
        if !has_buffered && reader == Reader::Turn && self.awaits_event() {
            return Ok(None);
        }
        let left = inner.turn.left(self.turn(reader));
        // A message is read whole or not at all.
        let length_max = if self.keeps_messages() { buffer.len() } else { buffer.len().min(left) };
        let buffer = &mut buffer[..length_max];
        if has_buffered {
            let length = inner.reader.borrow_mut().take(buffer);
            inner.turn.spend(length);
            return Ok(if length > 0 { Some(length) } else { None });
        }
        if self.reads_no_more() {
            return Ok(Some(0));
        }
        if left == 0 {
            return Ok(None);
        }
        if self.is_encrypted() {
            return self.next_decrypted(buffer);
        }
        loop {
            let received = self.receive("recv", |platform, socket| {
                let length = platform.recv(socket, buffer)?;
                Ok((length, length == buffer.len()))
            })?;
            let Some((length, _)) = received else { return Ok(None) };
            inner.turn.spend(if self.keeps_messages() { length.max(RECEIVE_COST_MIN) } else { length });
            let kept = inner.reader.borrow_mut().received_raw(buffer, length);
            if kept > 0 || length == 0 {
                return Ok(Some(kept));
            }
            // That was only the rest of a line end.
        }
    }

    /// What was decrypted lies in the buffer of the lines.
    fn next_decrypted(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match self.receive_decrypted("recv")? {
                None => return Ok(None),
                Some(0) => return Ok(Some(0)),
                Some(_) => {}
            }
            let length = self.inner.reader.borrow_mut().take(buffer);
            if length > 0 {
                self.inner.turn.spend(length);
                return Ok(Some(length));
            }
            // That was only the rest of a line end.
        }
    }

    /// The older name of [`read_line`](AsyncSocket::read_line).
    ///
    /// # Errors
    /// As for `read_line`.
    #[deprecated = "use read_line"]
    #[doc(alias = "recvLine")]
    pub fn recv_line(&self) -> io::Result<ReadLine> {
        self.read_line()
    }

    /// Whether reading lines takes as many bytes from the kernel as there are, which is the default, or none
    /// beyond its line: for handing the socket to someone else in between. That costs a system call for
    /// each byte. Of a line end `\r\n` the `\n` may still be in the kernel then: the next call of this socket
    /// takes it out.
    #[doc(alias = "buffered")]
    pub fn set_buffered(&self, buffered: bool) {
        self.inner.is_unbuffered.set(!buffered);
    }

    /// The longest line that [`read_line`](AsyncSocket::read_line) delivers, in bytes without its line end;
    /// 64 KiB unless set. It bounds what a peer can make this socket buffer.
    pub fn set_line_length_max(&self, length_max: usize) {
        self.inner.reader.borrow_mut().set_length_max(length_max);
    }

    /// Stops reading: the socket is not watched for it, its read handler is not called and its end is not told,
    /// until [`resume_reading`](AsyncSocket::resume_reading). What has arrived stays where it is, and TCP tells the
    /// peer to wait. Sending goes on; a reset is told when something is sent. A listener accepts nobody meanwhile;
    /// who connects waits in its backlog.
    pub fn pause_reading(&self) {
        self.inner.is_paused.set(true);
        self.changed();
    }

    /// Reads again after [`pause_reading`](AsyncSocket::pause_reading). What has arrived meanwhile is delivered in
    /// the next poll.
    pub fn resume_reading(&self) {
        self.inner.is_paused.set(false);
        self.changed();
    }

    /// Whether [`pause_reading`](AsyncSocket::pause_reading) was called, and not taken back.
    #[must_use]
    pub fn is_reading_paused(&self) -> bool {
        self.inner.is_paused.get()
    }

    /// Receives once, and notes what that says about the reading side: the end of the stream and errors, so that
    /// neither comes twice (P15), and that the kernel has no more. The answer is a length and whether the room was
    /// filled.
    pub(super) fn receive(
        &self,
        operation: &str,
        receive: impl FnMut(&dyn Platform, &Descriptor) -> io::Result<(usize, bool)>,
    ) -> io::Result<Option<(usize, bool)>> {
        let is_stream = self.inner.kind == Type::Stream;
        match self.once(operation, receive) {
            Ok(Some((0, _))) if !self.is_connectionless() => {
                self.end_reading();
                Ok(Some((0, false)))
            }
            Ok(received) => {
                let is_full = received.is_some_and(|(_, is_full)| is_full);
                if is_stream && self.inner.read.get() != ReadSide::Discarding {
                    self.inner.read.set(if is_full { ReadSide::Open } else { ReadSide::Drained });
                }
                Ok(received)
            }
            Err(error) if self.is_connectionless() => self.note_error(error).map(|()| None),
            Err(error) => {
                self.end_reading();
                Err(error)
            }
        }
    }

    pub(super) fn end_reading(&self) {
        // A socket that discards has nobody to tell.
        let is_discarding = self.inner.read.get() == ReadSide::Discarding;
        self.inner.read.set(if is_discarding { ReadSide::Told } else { ReadSide::Ended });
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.inner.read.get(), ReadSide::Ended | ReadSide::Told)
    }

    /// Whether the program gets nothing more from the kernel: the stream has ended, or the socket is to close.
    fn reads_no_more(&self) -> bool {
        self.has_ended() || matches!(self.inner.read.get(), ReadSide::Discarding | ReadSide::Ignoring)
    }

    /// Whether the kernel has nothing, and an event will tell when it has: then it need not be asked. A socket that
    /// nobody watches has to ask each time.
    fn awaits_event(&self) -> bool {
        if self.is_shaking_hands() {
            return self.inner.link.is_attached();
        }
        self.inner.read.get() == ReadSide::Drained && self.inner.link.is_attached() && self.state().is_reading()
    }

    /// Which turn of the dispatcher runs; `None` outside of a poll, or without a dispatcher.
    pub(super) fn current_turn(&self) -> Option<NonZeroU64> {
        if self.inner.is_in_turn.get() { self.inner.turn.current() } else { self.inner.link.turn() }
    }

    pub(super) fn turn(&self, reader: Reader) -> Option<NonZeroU64> {
        match reader {
            Reader::Turn => self.current_turn(),
            Reader::Blocking => None,
        }
    }

    /// After a call that reads: in the socket's own turn its end does this once for all calls.
    fn reading_changed(&self) {
        if !self.inner.is_in_turn.get() {
            self.inner.reader.borrow_mut().settle();
            self.changed();
        }
    }

    fn check_readable(&self, operation: &str) -> io::Result<()> {
        match self.status() {
            status @ SocketStatus::Connected if operation == "read_line" && self.is_connectionless() => {
                Err(wrong_state(operation, status, "datagrams have no lines: use recv or recv_from"))
            }
            SocketStatus::Connected => Ok(()),
            SocketStatus::UdpBound if operation == "recv" => Ok(()),
            status => Err(wrong_state(operation, status, "read from a connected one")),
        }
    }
}
