//! The blocking client: waits for one socket, outside of any dispatcher.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::time::Duration;

use super::AsyncSocket;
use super::receive::Reader;
use super::state::State;
use crate::line::ReadLine;
use crate::served::Served;

/// A socket whose calls wait until they are done or their time is over. Comes from
/// [`AsyncSocket::blocking`].
///
/// The socket itself stays non-blocking, and may be registered: whoever comes first gets what there is.
#[derive(Clone, Debug)]
pub struct Blocking {
    socket: AsyncSocket,
    timeout: Duration,
}

/// # Waiting without a dispatcher
impl AsyncSocket {
    /// The same socket for calls that wait, each for `timeout` at most. While one waits, no dispatcher of
    /// this thread serves anybody. On every target.
    ///
    /// ```no_run
    /// # fn main() -> std::io::Result<()> {
    /// use std::time::Duration;
    /// use selectio::AsyncSocket;
    ///
    /// let server = AsyncSocket::listener("127.0.0.1:7000")?;
    /// let (client, _peer) = server.blocking(Duration::from_secs(60)).accept()?;
    /// client.blocking(Duration::from_secs(5)).send("hello\n")?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    #[doc(alias = "getSocket")]
    #[doc(alias = "setBlocking")]
    pub fn blocking(&self, timeout: Duration) -> Blocking {
        Blocking { socket: self.clone(), timeout }
    }
}

impl Blocking {
    /// Waits for a connection.
    ///
    /// # Errors
    /// `TimedOut`; `QuotaExceeded` when there is no descriptor left for the one that waits; otherwise as for
    /// [`AsyncSocket::accept_addr`].
    pub fn accept(&self) -> io::Result<(AsyncSocket, Option<SocketAddr>)> {
        self.until("accept", true, || self.socket.accept_addr_as(Reader::Blocking))
    }

    /// Waits for bytes; 0 is the end of the stream. While the socket connects, it waits for that first.
    ///
    /// # Errors
    /// `TimedOut`; why the connect failed; otherwise as for [`AsyncSocket::recv`].
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.until("recv", true, || self.socket.recv_as(buffer, Reader::Blocking))
    }

    /// Waits for a whole line, or the end: never [`ReadLine::Pending`]. While the socket connects, it waits for that
    /// first.
    ///
    /// # Errors
    /// `TimedOut`; why the connect failed; otherwise as for [`AsyncSocket::read_line`].
    pub fn read_line(&self) -> io::Result<ReadLine> {
        self.until("read_line", true, || {
            let line = self.socket.read_line_as(Reader::Blocking)?;
            Ok((line != ReadLine::Pending).then_some(line))
        })
    }

    /// Waits until the kernel has taken all of `data`, and what was buffered before. While the socket connects, it
    /// waits for that first.
    ///
    /// # Errors
    /// `TimedOut`, when some of it may have been sent and the rest stays buffered; why the connect failed; otherwise
    /// as for [`AsyncSocket::send`].
    pub fn send(&self, data: impl AsRef<[u8]>) -> io::Result<()> {
        self.send_vectored(&[IoSlice::new(data.as_ref())])
    }

    fn send_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<()> {
        self.socket.send_vectored(pieces)?;
        let is_sent = || self.socket.inner.queue.borrow().is_empty();
        self.until("send", false, || Ok(is_sent().then_some(())))
    }

    /// Tries until there is a result, and waits between for what the socket's state says. What waits to be sent
    /// leaves meanwhile: the peer may need it to answer.
    fn until<T>(
        &self,
        operation: &str,
        is_reading: bool,
        mut attempt: impl FnMut() -> io::Result<Option<T>>,
    ) -> io::Result<T> {
        let socket = &self.socket;
        let platform = socket.inner.descriptor.platform().clone();
        let deadline = platform.now().saturating_add(self.timeout);
        loop {
            if socket.is_connecting() {
                self.try_connect()?;
            }
            if !socket.is_connecting() {
                if socket.is_shaking_hands() {
                    self.try_handshake()?;
                }
                self.try_send()?;
                if let Some(done) = attempt()? {
                    return Ok(done);
                }
            }
            let left = deadline.saturating_sub(platform.now());
            if left.is_zero() {
                let text = format!(
                    "{operation}: not done within {:?}: wait longer, or serve it from a dispatcher",
                    self.timeout
                );
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            // Handlers belong to the dispatcher: this call waits for itself alone.
            let state =
                State { has_read_handler: is_reading, has_write_handler: false, is_paused: false, ..socket.state() };
            socket.with_open_descriptor(operation, |platform, descriptor| {
                platform.wait(descriptor, state.wants().watch, Some(left))
            })?;
        }
    }

    /// A connect that has failed closes the socket, as it does in a dispatcher.
    fn try_connect(&self) -> io::Result<()> {
        let result = self.socket.finish_connect();
        if result.is_err() {
            self.socket.give_up();
        }
        result.map(drop)
    }

    /// The same goes for a handshake.
    fn try_handshake(&self) -> io::Result<()> {
        let result = self.socket.shake_hands();
        if result.is_err() {
            self.socket.give_up();
        }
        result
    }

    fn try_send(&self) -> io::Result<()> {
        let socket = &self.socket;
        if socket.inner.queue.borrow().is_empty() && !socket.inner.has_output() {
            return Ok(());
        }
        socket.send_waiting()?;
        // It belongs to this call, not to the socket's next turn.
        socket.inner.noted_error.take().map_or(Ok(()), Err)
    }
}

/// Reading waits; 0 is the end of the stream.
impl io::Read for Blocking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() { Ok(0) } else { self.recv(buffer) }
    }
}

/// Writing waits until the kernel has taken everything.
impl io::Write for Blocking {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.send(data).map(|()| data.len())
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.send_vectored(pieces).map(|()| pieces.iter().map(|piece| piece.len()).sum())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_vectored(&[])
    }
}
