//! Sockets that the host opens for the guest.

use crate::error::Error;
use crate::socket::{RemovedAtEnd, Role, Socket};
use crate::system::socket_file::SocketFile;
use crate::system::{calls, inherit};
use selectio_platform::for_hosts::{NO_DELAY_IS_INHERITED, Owned};
use socket2::{Domain, Protocol, SockAddr, SockRef, Type};
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long an address may take to answer: meanwhile nobody can end the host but by force.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Connections that may wait to be accepted; the kernel lowers it to its own
/// limit (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// What an unnamed socket is called in `LISTEN_FDNAMES`, as systemd does.
const UNNAMED: &str = "unknown";

/// A socket for the guest, ready for use: it gets the next number from 3 on.
#[derive(Debug)]
pub struct Preopen {
    fd: Owned,
    role: Role,
    name: Option<String>,
    address: String,
    file: Option<Arc<RemovedAtEnd>>,
    /// It listens and has TCP_NODELAY, which what it accepts may lack.
    passes_on_no_delay: bool,
    /// It listens, and nobody but this host has it.
    is_own_listener: bool,
}

impl Preopen {
    /// A TCP listener on an address such as `127.0.0.1:7000`, `[::1]:0` or
    /// `localhost:80`; port 0 lets the kernel choose.
    pub fn tcp_listener(address: &str) -> Result<Preopen, Error> {
        let listener = first_that_works(address, |one| listen(&one.into()))
            .map_err(|error| refusal("a listener on", address, &error))?;
        // It had TCP_NODELAY before it listened.
        Ok(Preopen {
            passes_on_no_delay: !NO_DELAY_IS_INHERITED,
            is_own_listener: true,
            ..Preopen::try_from(listener)?
        })
    }

    /// A TCP connection to an address such as `127.0.0.1:7000` or `localhost:80`, which has ten seconds to answer.
    pub fn tcp_stream(address: &str) -> Result<Preopen, Error> {
        let stream = first_that_works(address, |one| TcpStream::connect_timeout(&one, CONNECT_TIME))
            .map_err(|error| refusal("a connection to", address, &error))?;
        Preopen::try_from(stream)
    }

    /// A Unix listener on a path, which is removed when the guest ends. What a
    /// listener that is gone has left behind there is replaced. Not on Windows.
    pub fn unix_listener(path: impl AsRef<Path>) -> Result<Preopen, Error> {
        let path = path.as_ref();
        let address = path.display().to_string();
        let (listener, file) = SocketFile::bind(path).map_err(|error| refusal_of_path(&address, &error))?;
        let file = Some(Arc::new(RemovedAtEnd(file)));
        Ok(Preopen { file, is_own_listener: true, ..Preopen::new(listener, Role::Listener, address) })
    }

    /// The sockets that a service manager has opened for this process, as
    /// systemd's socket activation describes them in `LISTEN_PID`,
    /// `LISTEN_FDS` and `LISTEN_FDNAMES`. They can be taken once. Not on Windows.
    pub fn inherited() -> Result<Vec<Preopen>, Error> {
        let refused =
            |reason: String| Error::Preopen { asked: "the sockets of the service manager".to_owned(), reason };
        let sockets = inherit::take().map_err(refused)?.into_iter();
        let prepared = sockets.map(|socket| {
            let role = if socket.is_listener()? { Role::Listener } else { Role::Stream };
            let (name, address) = (socket.name().to_owned(), socket.address());
            let preopen = Preopen::new(socket.into_owned(), role, address);
            match name.as_str() {
                "" | UNNAMED => Ok(preopen),
                name => preopen.named(name).map_err(|error| error.to_string()),
            }
        });
        prepared.collect::<Result<_, _>>().map_err(refused)
    }

    /// `fd` is non-blocking.
    fn new(fd: Owned, role: Role, address: String) -> Preopen {
        // It fails for what is not TCP, which has nothing of the kind.
        let is_tcp = SockRef::from(&fd).set_tcp_nodelay(true).is_ok();
        Preopen {
            fd,
            role,
            name: None,
            address,
            file: None,
            passes_on_no_delay: is_tcp && role == Role::Listener,
            is_own_listener: false,
        }
    }

    /// Lets TCP hold back small amounts of data while others are on their way
    /// (Nagle's algorithm), on this socket and on what it accepts. Without it
    /// they go out at once: TCP_NODELAY is on, since a guest can't ask for it.
    pub fn with_nagle(self) -> Preopen {
        // It fails for what is not TCP, which has nothing of the kind.
        let _ = SockRef::from(&self.fd).set_tcp_nodelay(false);
        Preopen { passes_on_no_delay: false, ..self }
    }

    /// Gives the socket a name, which the guest finds in `LISTEN_FDNAMES`.
    pub fn named(mut self, name: &str) -> Result<Preopen, Error> {
        let printable = |c: char| c.is_ascii_graphic() && c != ':';
        if name.is_empty() || name.len() > 255 || !name.chars().all(printable) {
            return Err(Error::Preopen {
                asked: format!("a socket named {name:?}"),
                reason: "a name is 1 to 255 printable ASCII characters without a colon".to_owned(),
            });
        }
        self.name = Some(name.to_owned());
        Ok(self)
    }

    /// Where it listens, with the port that the kernel chose, or the peer of a
    /// connected stream.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The name that it was given.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The file of a Unix listener, which is removed when the guest ends. Who ends the process otherwise removes it
    /// before.
    pub fn file(&self) -> Option<&SocketFile> {
        self.file.as_ref().map(|file| &file.0)
    }

    /// The name as the guest finds it in `LISTEN_FDNAMES`.
    pub(crate) fn guest_name(&self) -> &str {
        self.name().unwrap_or(UNNAMED)
    }

    /// The same socket once more, for another guest.
    pub(crate) fn share(&self) -> Result<Preopen, Error> {
        let fd = self.fd.try_clone().map_err(|error| refusal("another guest's share of", &self.address, &error))?;
        let (name, address, file) = (self.name.clone(), self.address.clone(), self.file.clone());
        Ok(Preopen { fd, name, address, file, ..*self })
    }

    pub(crate) fn is_listener(&self) -> bool {
        self.role == Role::Listener
    }

    /// Listeners start non-blocking, as on other hosts; streams start blocking,
    /// as programs expect that were not written for an event loop.
    pub(crate) fn into_socket(self) -> Socket {
        let nonblocking = self.role == Role::Listener;
        let socket = Socket::new(self.fd, self.role, nonblocking, self.file);
        let socket = if self.is_own_listener { socket.that_may_be_shut() } else { socket };
        if self.passes_on_no_delay { socket.passing_on_no_delay() } else { socket }
    }
}

impl fmt::Display for Preopen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.role {
            Role::Listener => write!(f, "listening on {}", self.address),
            Role::Stream => write!(f, "connected to {}", self.address),
        }
    }
}

/// A listener that is bound already.
impl TryFrom<TcpListener> for Preopen {
    type Error = Error;

    fn try_from(listener: TcpListener) -> Result<Preopen, Error> {
        let address = listener
            .set_nonblocking(true)
            .and_then(|()| listener.local_addr())
            .map_err(|error| refusal("a listener", "given", &error))?;
        let address = address.to_string();
        Ok(Preopen::new(listener.into(), Role::Listener, address))
    }
}

/// A stream that is connected already.
impl TryFrom<TcpStream> for Preopen {
    type Error = Error;

    fn try_from(stream: TcpStream) -> Result<Preopen, Error> {
        let peer = stream
            .set_nonblocking(true)
            .and_then(|()| stream.peer_addr())
            .map_err(|error| refusal("a connection", "given", &error))?;
        Ok(Preopen::new(stream.into(), Role::Stream, peer.to_string()))
    }
}

/// Tries all addresses that a name has.
fn first_that_works<T>(address: &str, attempt: impl Fn(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for one in address.to_socket_addrs()? {
        match attempt(one) {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// As the standard library's `bind`, with a longer backlog.
fn listen(address: &SockAddr) -> io::Result<TcpListener> {
    let domain = Domain::from(i32::from(address.family()));
    let socket = socket2::Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    calls::prepare_listener(&socket)?;
    socket.bind(address)?;
    // Before the first connection comes: on some systems what is accepted inherits it.
    socket.set_tcp_nodelay(true)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn refusal_of_path(path: &str, error: &io::Error) -> Error {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => "; somebody listens there, or it is no socket: choose another path",
        io::ErrorKind::NotFound => "; make its folder first",
        io::ErrorKind::PermissionDenied => "; choose a folder that this user may write to",
        _ => "",
    };
    Error::Preopen { asked: format!("a listener on {path:?}"), reason: format!("{error}{remedy}") }
}

fn refusal(what: &str, address: &str, error: &io::Error) -> Error {
    let remedy = match error.kind() {
        _ if address.starts_with(':') => "; write HOST:PORT, for example 127.0.0.1:0",
        io::ErrorKind::AddrInUse => "; choose another address, or port 0 for any free one",
        io::ErrorKind::AddrNotAvailable => "; choose an address of this machine",
        io::ErrorKind::ConnectionRefused => "; start what shall listen there first",
        io::ErrorKind::InvalidInput => "; write HOST:PORT, for example 127.0.0.1:0",
        io::ErrorKind::PermissionDenied => "; choose an address that this user may use",
        _ => "",
    };
    Error::Preopen { asked: format!("{what} {address}"), reason: format!("{error}{remedy}") }
}
