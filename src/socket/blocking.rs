//! The blocking client: waits for one socket, outside of any dispatcher.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use selectio_platform::Interest;

use super::AsyncSocket;
use crate::line::ReadLine;

/// A socket whose calls wait until they are done or their time is over. Comes from
/// [`AsyncSocket::blocking`].
///
/// The socket itself stays non-blocking, and may be registered: whoever comes first gets what there is.
#[derive(Clone, Debug)]
pub struct Blocking {
    socket: AsyncSocket,
    timeout: Duration,
}

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
    /// `TimedOut`; otherwise as for [`AsyncSocket::accept_addr`].
    pub fn accept(&self) -> io::Result<(AsyncSocket, Option<SocketAddr>)> {
        self.until("accept", Interest::READ, || self.socket.accept_addr())
    }

    /// Waits for bytes; 0 is the end of the stream.
    ///
    /// # Errors
    /// `TimedOut`; otherwise as for [`AsyncSocket::recv`].
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.until("recv", Interest::READ, || self.socket.recv(buffer))
    }

    /// Waits for a whole line, or the end: never [`ReadLine::Pending`].
    ///
    /// # Errors
    /// `TimedOut`; otherwise as for [`AsyncSocket::read_line`].
    pub fn read_line(&self) -> io::Result<ReadLine> {
        self.until("read_line", Interest::READ, || {
            self.socket.inner.flags.is_drained.set(false);
            self.socket.read_line().map(|line| (line != ReadLine::Pending).then_some(line))
        })
    }

    /// Waits until the kernel has taken all of `data`, and what was buffered before.
    ///
    /// # Errors
    /// `TimedOut`, when some of it may have been sent and the rest stays buffered; otherwise as for
    /// [`AsyncSocket::send`].
    pub fn send(&self, data: impl AsRef<[u8]>) -> io::Result<()> {
        self.socket.send(data)?;
        self.until("send", Interest::WRITE, || {
            self.socket.send_buffered()?;
            Ok((!self.socket.is_send_data_buffered()).then_some(()))
        })
    }

    fn until<T>(
        &self,
        operation: &str,
        interest: Interest,
        mut attempt: impl FnMut() -> io::Result<Option<T>>,
    ) -> io::Result<T> {
        let platform = self.socket.inner.platform.clone();
        let deadline = platform.now().saturating_add(self.timeout);
        loop {
            if let Some(done) = attempt()? {
                return Ok(done);
            }
            let left = deadline.saturating_sub(platform.now());
            if left.is_zero() {
                let text = format!(
                    "{operation}: not done within {:?}: wait longer, or serve it from a dispatcher",
                    self.timeout
                );
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            self.socket.with_open_descriptor(operation, |platform, socket| {
                let mut selector = platform.selector()?;
                selector.add(socket, 0, interest)?;
                selector.select(Some(left), &mut Vec::new())
            })?;
        }
    }
}
