//! Sockets that the host opens for the guest.

use crate::error::Error;
use crate::socket::{Role, Socket};
use socket2::{Domain, Protocol, SockAddr, Type};
use std::fmt;
use std::io;
use std::net::{TcpListener, ToSocketAddrs};
use std::os::fd::OwnedFd;

/// Connections that may wait to be accepted; the kernel lowers it to its own
/// limit (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// What an unnamed socket is called in `LISTEN_FDNAMES`, as systemd does.
const UNNAMED: &str = "unknown";

/// A socket for the guest, ready for use: it gets the next number from 3 on.
#[derive(Debug)]
pub struct Preopen {
    fd: OwnedFd,
    role: Role,
    name: Option<String>,
    address: String,
}

impl Preopen {
    /// A TCP listener on an address such as `127.0.0.1:7000`, `[::1]:0` or
    /// `localhost:80`; port 0 lets the kernel choose.
    pub fn tcp_listener(address: &str) -> Result<Preopen, Error> {
        let fail = |reason: String| Error::Preopen {
            asked: format!("a listener on {address}"),
            reason,
        };
        let all = address.to_socket_addrs().map_err(|error| {
            fail(format!(
                "{error}; write HOST:PORT, for example 127.0.0.1:0"
            ))
        })?;
        let mut last = None;
        for one in all {
            match listen(&one.into()) {
                Ok(listener) => return Preopen::try_from(listener),
                Err(error) => last = Some(error),
            }
        }
        Err(fail(last.map_or_else(
            || "the name has no address".to_owned(),
            |error| error.to_string() + remedy(&error),
        )))
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

    /// The address that it listens on, with the port that the kernel chose.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The name that it was given.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The name as the guest finds it in `LISTEN_FDNAMES`.
    pub(crate) fn guest_name(&self) -> &str {
        self.name().unwrap_or(UNNAMED)
    }

    /// A guest finds its sockets non-blocking, as on other hosts.
    pub(crate) fn into_socket(self) -> Socket {
        Socket::new(self.fd, self.role, true)
    }
}

impl fmt::Display for Preopen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "listening on {}", self.address)
    }
}

/// A listener that is bound already, on whatever address.
impl TryFrom<TcpListener> for Preopen {
    type Error = Error;

    fn try_from(listener: TcpListener) -> Result<Preopen, Error> {
        let prepared = listener
            .set_nonblocking(true)
            .and_then(|()| listener.local_addr());
        let address = prepared.map_err(|error| Error::Preopen {
            asked: "a listener".to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Preopen {
            fd: listener.into(),
            role: Role::Listener,
            name: None,
            address: address.to_string(),
        })
    }
}

/// As the standard library's `bind`, with a longer backlog.
fn listen(address: &SockAddr) -> io::Result<TcpListener> {
    let domain = Domain::from(i32::from(address.family()));
    let socket = socket2::Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; choose another port, or 0 for any free one",
        io::ErrorKind::AddrNotAvailable => "; choose an address of this machine",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege",
        _ => "",
    }
}
