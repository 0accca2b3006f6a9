//! The words that both sides of the boundary use.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::Descriptor;

/// What a descriptor is watched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Interest {
    /// Bytes, a connection, or the end of the stream can be taken.
    pub read: bool,
    /// Bytes can be sent, or a connect has ended.
    pub write: bool,
}

impl Interest {
    /// Watched for nothing: keeps its place and is never ready.
    pub const NONE: Interest = Interest { read: false, write: false };
    /// Watched for reading.
    pub const READ: Interest = Interest { read: true, write: false };
    /// Watched for writing.
    pub const WRITE: Interest = Interest { read: false, write: true };
    /// Watched for both.
    pub const BOTH: Interest = Interest { read: true, write: true };

    /// Whether it asks for nothing.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Interest::NONE
    }
}

/// What a wait found out about one watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The key that the watch was added with.
    pub key: u64,
    /// Reading is worth a try.
    pub readable: bool,
    /// Writing is worth a try.
    pub writable: bool,
}

/// All that a wait found out. Kept from wait to wait, so that a wait allocates nothing.
#[derive(Debug, Default)]
pub struct Found {
    /// At most one for each watch, in any order (C6).
    pub ready: Vec<Ready>,
    /// The watches, by key, whose descriptor can't be watched any more, and why. Each is told once: nothing else
    /// comes of the watch until its interest changes.
    pub errors: Vec<(u64, io::Error)>,
    /// Of the watches that are ready, by key, which directions of the connection have ended: reading when the peer
    /// sends nothing more, both when it is gone. Only where the mechanism tells, which epoll does; a read or a write
    /// tells everywhere.
    pub ended: Vec<(u64, Interest)>,
}

impl Found {
    /// Forgets what an earlier wait found.
    pub fn clear(&mut self) {
        self.ready.clear();
        self.errors.clear();
        self.ended.clear();
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.errors.is_empty()
    }
}

/// Which of the system's mechanisms a native program waits with.
///
/// | system | `Default` is |
/// |---|---|
/// | Linux, Android | `Epoll` |
/// | macOS, the BSDs, illumos | `Select` up to 15 descriptors, then `Polling` |
/// | Windows | `Select` |
/// | wasip1 | `poll_oneoff`, the only one there |
/// | wasip2 | `wasi:io/poll`, the only one there |
///
/// No program needs another one to be right, and on unix none is faster in general. On Windows `Polling` pays with
/// hundreds of connections. `select` takes what the kernel takes: on Linux and Windows `FD_SETSIZE` is no limit here.
///
/// A program that leaves it at `Default` can be told by the environment: `SELECTIO_BACKEND` is `select`, `epoll` or
/// `polling`. That is for trying and for tests; what the program chooses itself wins, and guests don't look at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// The one that suits the system. On every target.
    #[default]
    Default,
    /// `select(2)`: simple, and the same everywhere; a wait costs more with each descriptor. On unix, and through
    /// Winsock on Windows.
    Select,
    /// `epoll(7)`: a wait costs what is ready, however many descriptors are idle. On Linux and Android.
    Epoll,
    /// The crate `polling`: kqueue on macOS and the BSDs, event ports on illumos and Solaris, the completion port on
    /// Windows, epoll on Linux. Natively.
    Polling,
}

/// A socket that the host opened before the program started.
#[derive(Debug)]
pub struct Preopen {
    /// The open socket.
    pub descriptor: Descriptor,
    /// What the host calls it (`LISTEN_FDNAMES`); empty when it has no name.
    pub name: String,
    /// Whether it accepts connections; otherwise it is a connected stream.
    pub is_listener: bool,
}

/// What a world can do; what is `false` here answers `Unsupported` when it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// The program can make sockets, bind and listen.
    pub listen: bool,
    /// The program can connect out.
    pub connect: bool,
    /// Datagrams can be sent and received.
    pub datagrams: bool,
    /// Local and peer addresses are known.
    pub addresses: bool,
    /// Socket options can be read and set.
    pub options: bool,
    /// Another thread can end a wait.
    pub waker: bool,
}

/// How a call of connect went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connect {
    /// The connection stands.
    Done,
    /// It is under way: writable tells when to ask [`connect_result`](crate::Platform::connect_result).
    Pending,
}

/// The address family of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "AF_INET")]
pub enum Domain {
    /// Internet, version 4.
    #[doc(alias = "AF_INET")]
    Ipv4,
    /// Internet, version 6.
    #[doc(alias = "AF_INET6")]
    Ipv6,
    /// Local to the machine, by path.
    #[doc(alias = "AF_UNIX")]
    Unix,
}

impl Domain {
    /// The family that an address belongs to.
    #[must_use]
    pub fn of(address: &Address) -> Domain {
        match address {
            Address::Inet(SocketAddr::V4(_)) => Domain::Ipv4,
            Address::Inet(SocketAddr::V6(_)) => Domain::Ipv6,
            Address::Unix(_) => Domain::Unix,
        }
    }
}

/// The type of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// A stream of bytes.
    #[doc(alias = "SOCK_STREAM")]
    Stream,
    /// Messages, each on its own.
    #[doc(alias = "SOCK_DGRAM")]
    Datagram,
    /// Messages in order, over a connection.
    #[doc(alias = "SOCK_SEQPACKET")]
    SeqPacket,
    /// Packets as the network carries them; the kernel asks for privileges.
    #[doc(alias = "SOCK_RAW")]
    Raw,
}

/// The protocol of a socket, where the family and type leave a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Streams over the internet.
    #[doc(alias = "IPPROTO_TCP")]
    Tcp,
    /// Datagrams over the internet.
    #[doc(alias = "IPPROTO_UDP")]
    Udp,
    /// Control messages of version 4.
    #[doc(alias = "IPPROTO_ICMP")]
    Icmp,
    /// Any other, by the kernel's number.
    Other(i32),
}

/// A property of a socket that is on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SocketOption {
    /// The socket listens. Can only be asked for.
    #[doc(alias = "OptAcceptConn")]
    AcceptConnections,
    /// Datagrams may be sent to broadcast addresses.
    #[doc(alias = "OptBroadcast")]
    Broadcast,
    /// The kernel records debugging information; asks for privileges.
    #[doc(alias = "OptDebug")]
    Debug,
    /// Only to hosts that are directly connected.
    #[doc(alias = "OptDontRoute")]
    DontRoute,
    /// A silent peer is probed now and then.
    #[doc(alias = "OptKeepAlive")]
    KeepAlive,
    /// Urgent data stays in the stream.
    #[doc(alias = "OptOOBInline")]
    OutOfBandInline,
    /// Addresses on which earlier connections linger may be bound. On wasip2 they always may.
    #[doc(alias = "OptReuseAddr")]
    ReuseAddress,
    /// Small pieces are sent at once instead of being gathered. On from the start, unless a host decides: under
    /// `selectio run` it is on for every guest, and the `wasmtime` command leaves it off for components.
    #[doc(alias = "TCP_NODELAY")]
    NoDelay,
}

/// A property of a socket that is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IntegerOption {
    /// The room for bytes that wait to be sent, in bytes. Linux doubles what is set, for its own bookkeeping, and
    /// says so when it is asked.
    #[doc(alias = "SO_SNDBUF")]
    SendBufferSize,
    /// The room for bytes that wait to be read, in bytes; doubled in the same way.
    #[doc(alias = "SO_RCVBUF")]
    ReceiveBufferSize,
    /// How long a peer may be silent before it is probed, in seconds. [`SocketOption::KeepAlive`] turns probing on.
    #[doc(alias = "TCP_KEEPIDLE")]
    KeepAliveTime,
    /// From one probe to the next, in seconds.
    #[doc(alias = "TCP_KEEPINTVL")]
    KeepAliveInterval,
    /// After how many probes without an answer the connection is given up, a count.
    #[doc(alias = "TCP_KEEPCNT")]
    KeepAliveRetries,
    /// How far a packet may travel, in hops: the time to live of IPv4, the hop limit of IPv6.
    #[doc(alias = "IP_TTL")]
    TimeToLive,
}

/// Which direction of a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shutdown {
    /// Nothing more is read.
    Read,
    /// Nothing more is written: the peer sees the end of the stream (half-close).
    Write,
    /// Both.
    Both,
}

/// Where a socket is bound or connected to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An internet address and port.
    Inet(SocketAddr),
    /// A path; empty when the socket has no name.
    Unix(PathBuf),
}

impl Address {
    /// The internet address, when it is one.
    #[must_use]
    pub fn inet(&self) -> Option<SocketAddr> {
        match self {
            Address::Inet(address) => Some(*address),
            Address::Unix(_) => None,
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Address {
        Address::Inet(address)
    }
}

impl From<&Path> for Address {
    fn from(path: &Path) -> Address {
        Address::Unix(path.to_owned())
    }
}

impl From<PathBuf> for Address {
    fn from(path: PathBuf) -> Address {
        Address::Unix(path)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Inet(address) => address.fmt(f),
            Address::Unix(path) if path.as_os_str().is_empty() => f.write_str("an unnamed unix socket"),
            Address::Unix(path) => path.display().fmt(f),
        }
    }
}
