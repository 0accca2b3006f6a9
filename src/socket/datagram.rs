//! Datagrams: each on its own, with an address. Natively and on wasip2.

use std::io::{self, IoSlice};
use std::net::SocketAddr;

use selectio_platform::{Address, Domain, Type, explained_as, this_target};

use super::preopened::is_path;
use super::turn::RECEIVE_COST_MIN;
use super::{AsyncSocket, wrong_state};
use crate::error::{in_operation, misuse};
use crate::served::Served;
use crate::status::SocketStatus;

/// How many errors of earlier datagrams one call passes over.
const ERROR_COUNT_MAX: usize = 16;

/// # Datagrams
impl AsyncSocket {
    /// A socket bound to `address`, for datagrams from and to everybody: the one entry that is the same in every world.
    ///
    /// `address` is `HOST:PORT`, and of a name that has several addresses the first one that can be bound. Port 0 lets the
    /// kernel pick one.
    ///
    /// # Errors
    /// `Unsupported` on wasip1, where there are none; `InvalidInput` when `address` is no address; otherwise those of
    /// binding, such as `AddrInUse`.
    ///
    /// ```no_run
    /// # fn main() -> std::io::Result<()> {
    /// use selectio::AsyncSocket;
    ///
    /// let server = AsyncSocket::datagrams("127.0.0.1:7000")?;
    /// server.set_handle_read(|server, _| {
    ///     let mut buffer = [0; 1500];
    ///     while let Some((length, Some(from))) = server.recv_from(&mut buffer)? {
    ///         server.send_to(&buffer[..length], from)?;
    ///     }
    ///     Ok(())
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn datagrams(address: &str) -> io::Result<AsyncSocket> {
        AsyncSocket::bound_to(address).map_err(|error| in_operation(&format!("datagrams({address:?})"), error))
    }

    fn bound_to(address: &str) -> io::Result<AsyncSocket> {
        let platform = this_target();
        if !platform.caps().datagrams {
            // The refusal of this call says what to do instead.
            platform.socket(Domain::Ipv4, Type::Datagram, None)?;
        }
        if is_path(address) {
            return Err(misuse("bind", "it is a path: make the socket by with_type, and bind it by bind_addr"));
        }
        AsyncSocket::bound_to_first(&*platform, address, AsyncSocket::datagrams_at)
    }

    fn datagrams_at(address: SocketAddr) -> io::Result<AsyncSocket> {
        let address = Address::from(address);
        let socket = AsyncSocket::with_type(Domain::of(&address), Type::Datagram, None)?;
        socket.bind_addr(address)?;
        Ok(socket)
    }

    /// Reads one datagram and says where it came from. `None` when there is none now. What doesn't fit the
    /// buffer is lost; a datagram of no bytes is one all the same. In one poll it gives 64 KiB at most, then it says
    /// `None`: the rest comes in the next poll.
    ///
    /// When an earlier datagram could not be delivered, the kernel says so here; that goes to the socket's
    /// `handle_error`, the socket stays open, and the next datagram is read.
    ///
    /// # Errors
    /// `Unsupported` on wasip1; `InvalidInput` unless the socket is bound or connected; `NotConnected` when
    /// it is closed; otherwise those of `recvfrom(2)`. On a socket that is registered nowhere also what
    /// became of an earlier datagram, such as `ConnectionRefused`.
    ///
    /// ```no_run
    /// # fn example(socket: &selectio::AsyncSocket) -> std::io::Result<()> {
    /// let mut buffer = [0; 1500];
    /// while let Some((length, Some(from))) = socket.recv_from(&mut buffer)? {
    ///     socket.send_to(&buffer[..length], from)?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "recvFromAsync")]
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, Option<Address>)>> {
        if !matches!(self.status(), SocketStatus::UdpBound | SocketStatus::Connected) {
            return Err(wrong_state("recv_from", self.status(), "bind or connect it first"));
        }
        if self.inner.turn.left(self.current_turn()) == 0 {
            return Ok(None);
        }
        for _ in 0..ERROR_COUNT_MAX {
            let received =
                self.with_open_descriptor("recv_from", |platform, socket| platform.recv_from(socket, buffer));
            match received {
                Ok(received) => {
                    self.inner.turn.spend(received.0.max(RECEIVE_COST_MIN));
                    return Ok(Some(received));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_about_another_datagram(&error) => self.note_error(error)?,
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Sends one datagram. `None` when there is no room now: nothing was sent, and a write handler is called
    /// when there is. An idle socket gets an address of its own by this.
    ///
    /// # Errors
    /// `Unsupported` on wasip1; `InvalidInput` when the socket is no datagram socket; `NotConnected` when it
    /// is closed; otherwise those of `sendto(2)`.
    #[doc(alias = "sendTo")]
    pub fn send_to(&self, data: impl AsRef<[u8]>, address: impl Into<Address>) -> io::Result<Option<usize>> {
        if self.inner.kind == Type::Stream {
            return Err(wrong_state("send_to", self.status(), "a stream has one peer: use send"));
        }
        let address = address.into();
        let sent = self.once("send_to", |platform, socket| platform.send_to(socket, data.as_ref(), &address));
        let sent = sent.map_err(|error| about_length("send_to", data.as_ref().len(), error))?;
        if self.status() == SocketStatus::Idle {
            // The kernel has bound it to a port of its choice, so answers can come.
            self.inner.status.set(SocketStatus::UdpBound);
            self.changed();
        }
        Ok(sent)
    }

    /// Messages can't be cut to fit, nor joined, so none is buffered. Datagrams wait for no connection.
    pub(super) fn send_message(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.is_connecting() && !self.is_connectionless() {
            return Err(wrong_state("send", self.status(), "send messages from handle_connect on"));
        }
        let length = pieces.iter().map(|piece| piece.len()).sum();
        match self.once("send", |platform, socket| platform.send(socket, pieces)) {
            Ok(Some(_)) => Ok(0),
            Ok(None) => Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                "send: no room for this message now: send it again from the write handler",
            )),
            Err(error) if is_about_another_datagram(&error) => self.note_error(error).map(|()| 0),
            Err(error) => Err(about_length("send", length, error)),
        }
    }

    /// Whether each send is a message of its own, not a part of a stream.
    pub(super) fn keeps_messages(&self) -> bool {
        self.inner.kind != Type::Stream
    }

    /// Whether it has no connection that could end or fail.
    pub(super) fn is_connectionless(&self) -> bool {
        matches!(self.inner.kind, Type::Datagram | Type::Raw)
    }
}

/// No datagram of the internet is longer, and IPv4 takes no longer ones.
const DATAGRAM_LENGTH_MAX: usize = 65_507;

/// The same error, or one that says that so many bytes are too many for a datagram.
fn about_length(operation: &str, length: usize, error: io::Error) -> io::Error {
    if length <= DATAGRAM_LENGTH_MAX {
        return error;
    }
    let text = format!(
        "{operation}: {length} bytes are too many for one datagram, which has {DATAGRAM_LENGTH_MAX} at most: send them in \
         several ({error})"
    );
    explained_as(io::ErrorKind::InvalidInput, text, error)
}

/// What a network reports of a datagram that was sent before (ICMP).
fn is_about_another_datagram(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
    )
}
