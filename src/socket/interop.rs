//! To and from the rest of the world: descriptors of others, and the traits of `std::io`.

use std::io::{self, IoSlice};

use selectio_platform::{Descriptor, Interest, this_target};

use super::AsyncSocket;
use crate::error::{in_operation, misuse};
use crate::status::SocketStatus;

/// # From and to elsewhere
impl AsyncSocket {
    /// Takes over an open socket, in the state that it is in: natively anything that owns one will do, such
    /// as a `TcpStream`. It is made non-blocking.
    ///
    /// # Errors
    /// `InvalidInput` when it is no socket, or when a socket can't be adopted in that state.
    ///
    /// ```no_run
    /// # #[cfg(unix)]
    /// # fn main() -> std::io::Result<()> {
    /// use selectio::{AsyncSocket, SocketStatus};
    ///
    /// let stream = std::net::TcpStream::connect("127.0.0.1:7000")?;
    /// let socket = AsyncSocket::from_descriptor(stream, SocketStatus::Connected)?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    #[doc(alias = "toAsyncSocket")]
    pub fn from_descriptor(descriptor: impl Into<Descriptor>, status: SocketStatus) -> io::Result<AsyncSocket> {
        if matches!(status, SocketStatus::Closed) {
            return Err(misuse("from_descriptor", "a closed socket can't be adopted: name the state that it is in"));
        }
        let (platform, descriptor) = (this_target(), descriptor.into());
        let kind = platform.adopt(&descriptor).map_err(|error| in_operation("from_descriptor", error))?;
        Ok(AsyncSocket::adopt(platform, descriptor, status, kind, String::new()))
    }

    /// Calls with the open descriptor, which has an `fd` natively and on wasip1: for what this library has no
    /// call for. What a handler has sent before leaves first. A close meanwhile closes the descriptor when the call
    /// is over.
    ///
    /// # Errors
    /// `NotConnected` when it is closed; what `call` says.
    #[doc(alias = "fd")]
    pub fn with_descriptor<T>(&self, call: impl FnOnce(&Descriptor) -> io::Result<T>) -> io::Result<T> {
        self.flush_gathered()?;
        self.inner.descriptor.lend(call)
    }

    /// Whether there is room to send right now; one look, without waiting.
    ///
    /// # Errors
    /// `NotConnected` when it is closed; otherwise those of waiting.
    #[doc(alias = "isWriteable")]
    pub fn is_writeable(&self) -> io::Result<bool> {
        if matches!(self.status(), SocketStatus::Idle | SocketStatus::Listening) {
            return Ok(false);
        }
        self.with_open_descriptor("is_writeable", |platform, socket| platform.is_ready(socket, Interest::WRITE))
    }
}

/// Reading never blocks: with nothing there it is `WouldBlock`. So calls that read until the end, such as
/// `read_to_end`, are for [`Blocking`](crate::Blocking).
impl io::Read for &AsyncSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.recv(buffer)?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }
}

/// Writing takes everything, as [`AsyncSocket::send`] does.
impl io::Write for &AsyncSocket {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.send(data).map(|_| data.len())
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.send_vectored(pieces).map(|_| pieces.iter().map(|piece| piece.len()).sum())
    }

    /// What was written is safe already: the dispatcher sends it.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Read for AsyncSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl io::Write for AsyncSocket {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        (&*self).write(data)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self).flush()
    }
}
