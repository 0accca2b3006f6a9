//! What a socket is, and what it is doing.

use std::io;

use selectio_platform::Address;

use super::AsyncSocket;
use crate::id::Id;
use crate::status::SocketStatus;

/// # Asking
impl AsyncSocket {
    /// Names this socket, in messages and as the key of a map: clones of the handle have the same one, no other socket
    /// ever has.
    #[must_use]
    pub fn id(&self) -> Id {
        self.inner.id
    }

    /// What the socket is doing.
    #[must_use]
    #[doc(alias = "info")]
    pub fn status(&self) -> SocketStatus {
        self.inner.status.get()
    }

    /// Whether it is connected. Inside `handle_connect` it is.
    #[must_use]
    #[doc(alias = "isConnected")]
    pub fn is_connected(&self) -> bool {
        self.status() == SocketStatus::Connected
    }

    /// Whether it accepts connections.
    #[must_use]
    #[doc(alias = "isListening")]
    pub fn is_listening(&self) -> bool {
        self.status() == SocketStatus::Listening
    }

    /// Whether a connect is under way.
    #[must_use]
    #[doc(alias = "isConnecting")]
    pub fn is_connecting(&self) -> bool {
        self.status() == SocketStatus::Connecting
    }

    /// Whether it is closed.
    #[must_use]
    #[doc(alias = "isClosed")]
    pub fn is_closed(&self) -> bool {
        self.status() == SocketStatus::Closed
    }

    /// The address that it is bound to. Natively and on wasip2.
    ///
    /// # Errors
    /// `Unsupported` on wasip1, where only the host knows; `NotConnected` when it is closed.
    #[doc(alias = "getSockName")]
    pub fn local_addr(&self) -> io::Result<Address> {
        self.with_open_descriptor("local_addr", |platform, descriptor| platform.local_addr(descriptor))
    }

    /// The address of the peer. Natively and on wasip2.
    ///
    /// # Errors
    /// `Unsupported` on wasip1, where only the host knows; `NotConnected` without a peer.
    pub fn peer_addr(&self) -> io::Result<Address> {
        self.with_open_descriptor("peer_addr", |platform, descriptor| platform.peer_addr(descriptor))
    }
}
