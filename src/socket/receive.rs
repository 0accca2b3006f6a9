//! Receiving: lines, and raw bytes.

use std::io;

use selectio_platform::{Descriptor, Platform};

use super::{AsyncSocket, wrong_state};
use crate::error::misuse;
use crate::line::ReadLine;
use crate::status::SocketStatus;

impl AsyncSocket {
    /// The older name of [`read_line`](AsyncSocket::read_line).
    ///
    /// # Errors
    /// As for `read_line`.
    #[deprecated = "use read_line"]
    #[doc(alias = "recvLine")]
    pub fn recv_line(&self) -> io::Result<ReadLine> {
        self.read_line()
    }

    /// Reads the next line. `\n`, `\r\n` and a lone `\r` end one, whatever segments they arrive in. At the
    /// end of the stream what came after the last line end is a line too, then every call says
    /// [`Eof`](ReadLine::Eof).
    ///
    /// # Errors
    /// `InvalidData` once for a line above the limit ([`set_line_length_max`](AsyncSocket::set_line_length_max)),
    /// which is dropped: the next one is whole. `ConnectionReset` and others of `recv(2)` once, then it is
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
        self.check_readable("read_line")?;
        let result = self.read_line_or_wait();
        self.note_unread();
        result
    }

    fn read_line_or_wait(&self) -> io::Result<ReadLine> {
        let inner = &self.inner;
        loop {
            if let Some(line) = inner.reader.borrow_mut().next_line() {
                return line.map(ReadLine::Full);
            }
            if inner.flags.is_read_closed.get() {
                return Ok(inner.reader.borrow_mut().take_tail().map_or(ReadLine::Eof, ReadLine::Full));
            }
            // An unregistered socket hears of no events: it has to ask each time.
            if inner.flags.is_drained.get() && inner.link.is_attached() {
                return Ok(ReadLine::Pending);
            }
            let received = self.receive("read_line", |platform, socket| {
                let mut reader = inner.reader.borrow_mut();
                let mut room = reader.room();
                if inner.flags.is_unbuffered.get() {
                    room = &mut room[..1];
                }
                let room_length = room.len();
                let length = platform.recv(socket, room)?;
                reader.filled(length);
                Ok((length, length < room_length))
            })?;
            match received {
                None => return Ok(ReadLine::Pending),
                Some((_, is_short)) => inner.flags.is_drained.set(is_short),
            }
        }
    }

    /// Reads raw bytes: those that arrived after the last line that was read first, otherwise what the
    /// kernel has. `None` when there is nothing now, 0 at the end of the stream.
    ///
    /// # Errors
    /// Those of `recv(2)`, once, then it is the end of the stream; `InvalidInput` when the socket is not
    /// connected, or the buffer is empty.
    #[doc(alias = "recvAsync")]
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        self.check_readable("recv")?;
        if buffer.is_empty() {
            return Err(misuse("recv", "0 bytes would look like the end of the stream: give it a buffer with room"));
        }
        let buffered = self.inner.reader.borrow_mut().take(buffer);
        if buffered > 0 {
            self.note_unread();
            return Ok(Some(buffered));
        }
        if self.inner.flags.is_read_closed.get() {
            return Ok(Some(0));
        }
        let received = self.receive("recv", |platform, socket| platform.recv(socket, buffer).map(|n| (n, false)));
        self.note_unread();
        Ok(received?.map(|(length, _)| length))
    }

    /// Whether reading lines takes as many bytes from the kernel as there are, which is the default, or none
    /// beyond its line: for handing the socket to someone else in between. That costs a system call for
    /// each byte.
    #[doc(alias = "buffered")]
    pub fn set_buffered(&self, buffered: bool) {
        self.inner.flags.is_unbuffered.set(!buffered);
    }

    /// The longest line that [`read_line`](AsyncSocket::read_line) delivers, in bytes without its line end;
    /// 64 KiB unless set. It bounds what a peer can make this socket buffer.
    pub fn set_line_length_max(&self, length_max: usize) {
        self.inner.reader.borrow_mut().set_length_max(length_max);
    }

    /// Receives once. Latches the end of the stream and errors, so that neither comes twice (P15).
    fn receive(
        &self,
        operation: &str,
        mut receive: impl FnMut(&dyn Platform, &Descriptor) -> io::Result<(usize, bool)>,
    ) -> io::Result<Option<(usize, bool)>> {
        loop {
            match self.with_open_descriptor(operation, &mut receive) {
                Ok((0, is_short)) if !self.is_connectionless() => {
                    self.close_reading();
                    return Ok(Some((0, is_short)));
                }
                Ok(received) => return Ok(Some(received)),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(None),
                    io::ErrorKind::Interrupted => {}
                    _ if self.is_connectionless() => return self.note_error(error).map(|()| None),
                    _ => {
                        self.close_reading();
                        return Err(error);
                    }
                },
            }
        }
    }

    fn close_reading(&self) {
        self.inner.flags.is_read_closed.set(true);
        self.update_interest();
    }

    /// Buffered lines, and an end that `handle_close` has not been told of, are for the next poll (P5).
    fn note_unread(&self) {
        if self.has_unread() {
            self.note_pending();
        }
    }

    pub(super) fn has_unread(&self) -> bool {
        let flags = &self.inner.flags;
        self.inner.reader.borrow().has_unread() || (flags.is_read_closed.get() && !flags.is_close_delivered.get())
    }

    fn check_readable(&self, operation: &str) -> io::Result<()> {
        match self.status() {
            SocketStatus::Connected => Ok(()),
            SocketStatus::UdpBound if operation == "recv" => Ok(()),
            status => Err(wrong_state(operation, status, "read from a connected one")),
        }
    }
}
