//! What a socket is doing.

/// The state of an [`AsyncSocket`](crate::AsyncSocket).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SocketStatus {
    /// Made, and nothing else yet.
    #[doc(alias = "SockIdle")]
    Idle,
    /// A connect is under way.
    #[doc(alias = "SockConnecting")]
    Connecting,
    /// Bytes can be sent and received.
    #[doc(alias = "SockConnected")]
    Connected,
    /// Connections can be accepted.
    #[doc(alias = "SockListening")]
    Listening,
    /// Datagrams can be received.
    #[doc(alias = "SockUDPBound")]
    UdpBound,
    /// Closed, for good.
    #[doc(alias = "SockClosed")]
    Closed,
}
