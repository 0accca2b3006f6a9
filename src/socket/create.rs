//! Making a socket that is of no use yet.

use std::io;

use selectio_platform::{Domain, Protocol, Type, this_target};

use super::AsyncSocket;
use crate::status::SocketStatus;

/// # Making one
///
/// [`listener`](AsyncSocket::listener), [`connection`](AsyncSocket::connection) and
/// [`datagrams`](AsyncSocket::datagrams) are the entries that are the same in every world, and all that most programs need.
impl AsyncSocket {
    /// An idle socket for streams over IPv4, or over IPv6 when it connects to such an address. Natively and on wasip2: on
    /// wasip1 the host opens the sockets.
    ///
    /// # Errors
    /// `Unsupported` on wasip1, with the way to get a socket there; otherwise those of `socket(2)`.
    #[doc(alias = "asyncSocket")]
    pub fn new() -> io::Result<AsyncSocket> {
        AsyncSocket::with_type(Domain::Ipv4, Type::Stream, None)
    }

    /// An idle socket of this family, type and protocol.
    ///
    /// # Errors
    /// As for [`AsyncSocket::new`].
    #[doc(alias = "asyncSocket")]
    pub fn with_type(domain: Domain, kind: Type, protocol: Option<Protocol>) -> io::Result<AsyncSocket> {
        let platform = this_target();
        let descriptor = platform.socket(domain, kind, protocol)?;
        let socket = AsyncSocket::adopt(platform, descriptor, SocketStatus::Idle, kind, String::new());
        socket.inner.domain.set(Some(domain));
        Ok(socket)
    }
}
