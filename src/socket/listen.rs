//! Listening and accepting.

use std::io;
use std::net::SocketAddr;

use selectio_platform::{Address, Domain, Preopen, SocketOption, Type, this_target};

use super::connect::resolve;
use super::preopened::{parse_address, take_preopened};
use super::{AsyncSocket, wrong_state};
use crate::error::{in_operation, misuse};
use crate::status::SocketStatus;

/// How many connections may wait to be accepted. The kernel cuts it to its own limit (somaxconn).
const BACKLOG: u32 = 4096;

impl AsyncSocket {
    /// A listening socket: the one entry that is the same in both worlds.
    ///
    /// It is the listener that the host opened for this program under the name `address`, or else the next
    /// one without an owner (WebAssembly, or natively under socket activation); only when there is none, a
    /// new socket bound to `address`, which is `HOST:PORT`. Port 0 lets the kernel pick one. The new socket
    /// has `SO_REUSEADDR` set, so that a server can be started again at once.
    ///
    /// # Errors
    /// `Unsupported` on wasip1 when the host passed no listener, with the way to pass one; `InvalidInput`
    /// when `address` is neither a name nor an address; otherwise those of binding, such as `AddrInUse`.
    pub fn listener(address: &str) -> io::Result<AsyncSocket> {
        let platform = this_target();
        if let Some(Preopen { descriptor, name, .. }) = take_preopened(&*platform, address, true)? {
            return Ok(AsyncSocket::adopt(platform, descriptor, SocketStatus::Listening, Type::Stream, name));
        }
        AsyncSocket::bound_listener(address).map_err(|error| in_operation(&format!("listener({address:?})"), error))
    }

    fn bound_listener(address: &str) -> io::Result<AsyncSocket> {
        let platform = this_target();
        if !platform.caps().listen {
            // The refusal of this call says how to pass a listener.
            platform.socket(Domain::Ipv4, Type::Stream, None)?;
        }
        let (host, port) = parse_address("listener", address)?;
        let mut last_error = misuse("resolve", "the name has no address: check its spelling");
        for address in resolve(&*platform, host, port)? {
            match AsyncSocket::listener_at(address) {
                Ok(listener) => return Ok(listener),
                Err(error) => last_error = error,
            }
        }
        Err(last_error)
    }

    fn listener_at(address: SocketAddr) -> io::Result<AsyncSocket> {
        let address = Address::from(address);
        let socket = AsyncSocket::with_type(Domain::of(&address), Type::Stream, None)?;
        socket.set_option(SocketOption::ReuseAddress, true)?;
        socket.bind_addr(address)?;
        socket.listen()?;
        Ok(socket)
    }

    /// Gives the socket its local address. Natively only.
    ///
    /// # Errors
    /// `Unsupported` on wasip1; `AddrInUse` and others of `bind(2)`; `InvalidInput` unless it is idle.
    #[doc(alias = "bindAddr")]
    pub fn bind_addr(&self, address: impl Into<Address>) -> io::Result<()> {
        if self.status() != SocketStatus::Idle {
            return Err(wrong_state("bind_addr", self.status(), "bind it before anything else"));
        }
        let address = address.into();
        self.with_open_descriptor("bind_addr", |platform, socket| {
            platform.bind(socket, &address).map_err(|error| match error.kind() {
                io::ErrorKind::AddrInUse => {
                    let text = format!("bind_addr: {address} is in use: stop its owner or take another port");
                    io::Error::new(io::ErrorKind::AddrInUse, text)
                }
                io::ErrorKind::Unsupported => error,
                _ => in_operation(&format!("bind_addr({address})"), error),
            })
        })?;
        if self.inner.kind == Type::Datagram {
            self.inner.status.set(SocketStatus::UdpBound);
            self.update_interest();
        }
        Ok(())
    }

    /// Starts to listen. On a listener, such as a preopened one, it changes nothing.
    ///
    /// # Errors
    /// `InvalidInput` unless the socket is idle or listening; `Unsupported` on wasip1; otherwise those of
    /// `listen(2)`.
    pub fn listen(&self) -> io::Result<()> {
        match self.status() {
            SocketStatus::Listening => return Ok(()),
            SocketStatus::Idle => {}
            status => return Err(wrong_state("listen", status, "use a new one")),
        }
        self.with_open_descriptor("listen", |platform, socket| platform.listen(socket, BACKLOG))?;
        self.inner.status.set(SocketStatus::Listening);
        self.update_interest();
        Ok(())
    }

    /// Takes the next connection that waits, and the peer's address where the world knows it. `None` when
    /// none waits; so call it in a loop. The new socket is connected and not registered.
    ///
    /// Where there are no descriptors left, it answers `None` too: the listener's `handle_error` is called
    /// once, the listener stays open, and it tries again when a socket of its dispatcher has closed or 0.1
    /// seconds have passed.
    ///
    /// # Errors
    /// `InvalidInput` unless the socket listens; otherwise those of `accept(2)` that a new try won't cure.
    #[doc(alias = "acceptAddr")]
    pub fn accept_addr(&self) -> io::Result<Option<(AsyncSocket, Option<SocketAddr>)>> {
        if !self.is_listening() {
            return Err(wrong_state("accept_addr", self.status(), "only a listening socket accepts"));
        }
        loop {
            match self.with_open_descriptor("accept_addr", |platform, socket| platform.accept(socket)) {
                Ok((descriptor, peer)) => {
                    self.inner.flags.is_exhaustion_reported.set(false);
                    let platform = self.inner.platform.clone();
                    let (status, kind) = (SocketStatus::Connected, self.inner.kind);
                    return Ok(Some((AsyncSocket::adopt(platform, descriptor, status, kind, String::new()), peer)));
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(None),
                    // That client is gone already; the next one may wait behind it (accept(2)).
                    io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::Interrupted
                    | io::ErrorKind::NetworkDown
                    | io::ErrorKind::NetworkUnreachable
                    | io::ErrorKind::HostUnreachable => {}
                    io::ErrorKind::QuotaExceeded => return self.pause_accepting(error).map(|()| None),
                    _ => return Err(error),
                },
            }
        }
    }

    /// As [`accept_addr`](AsyncSocket::accept_addr), for who doesn't ask where from.
    ///
    /// # Errors
    /// As for `accept_addr`.
    pub fn accept(&self) -> io::Result<Option<AsyncSocket>> {
        Ok(self.accept_addr()?.map(|(client, _)| client))
    }

    /// The connection stays in the backlog, so the listener would be ready all the time: it is not watched
    /// until a descriptor may be free.
    fn pause_accepting(&self, error: io::Error) -> io::Result<()> {
        let Some((dispatcher, key)) = self.inner.link.get() else { return Err(error) };
        self.inner.flags.is_muted.set(true);
        self.update_interest();
        dispatcher.mute(key);
        if !self.inner.flags.is_exhaustion_reported.replace(true) {
            *self.inner.noted_error.borrow_mut() = Some(error);
            self.note_pending();
        }
        Ok(())
    }
}
