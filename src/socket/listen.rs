//! Listening and accepting.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use selectio_platform::{Address, Domain, Platform, Preopen, SocketOption, Type, explained, this_target};

use super::connect::resolve;
use super::preopened::{is_path, parse_address, take_preopened};
use super::receive::Reader;
use super::turn::ACCEPT_COST;
use super::{AsyncSocket, wrong_state};
use crate::dispatcher::Dispatcher;
use crate::error::{in_operation, misuse};
use crate::served::Served;
use crate::status::SocketStatus;

/// How long a listener that ran out of descriptors pauses, unless a socket closes before.
const MUTE_TIME: Duration = Duration::from_millis(100);

/// How many connections may wait to be accepted. The kernel cuts it to its own limit (somaxconn).
const BACKLOG: u32 = 4096;

/// # Listening and accepting
impl AsyncSocket {
    /// A listening socket: the one entry that is the same in every world.
    ///
    /// It is the listener that the host opened for this program under the name `address`, or else the next
    /// one without a name or the only one that is left, when `address` is an address (WebAssembly, or natively under
    /// socket activation); only when there is none, a new socket bound to `address`, which is `HOST:PORT` or, with a slash in it, the path of
    /// a Unix socket. Port 0 lets the kernel pick one. The new socket has `SO_REUSEADDR` set, so that a server can be
    /// started again at once; a path that a server left behind which is gone is replaced, and the file is removed
    /// when the socket closes.
    ///
    /// # Errors
    /// `Unsupported` on wasip1 when the host passed no listener, with the way to pass one; `NotFound` when it passed
    /// others and `address` is none of their names; `InvalidInput` when `address` is neither a name nor an address;
    /// otherwise those of binding, such as `AddrInUse`.
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
        if is_path(address) {
            return AsyncSocket::listener_at_path(Path::new(address));
        }
        AsyncSocket::bound_to_first(&*platform, address, AsyncSocket::listener_at)
    }

    /// What `bind` makes of the first address that it takes, of those that `HOST:PORT` means.
    pub(super) fn bound_to_first(
        platform: &dyn Platform,
        address: &str,
        bind: impl Fn(SocketAddr) -> io::Result<AsyncSocket>,
    ) -> io::Result<AsyncSocket> {
        let (host, port) = parse_address(address)?;
        let mut last_error = misuse("resolve", "the name has no address: check its spelling");
        for address in resolve(platform, host, port)? {
            match bind(address) {
                Ok(bound) => return Ok(bound),
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

    fn listener_at_path(path: &Path) -> io::Result<AsyncSocket> {
        let socket = AsyncSocket::with_type(Domain::Unix, Type::Stream, None)?;
        let file = socket.with_open_descriptor("bind", |platform, socket| platform.bind_path(socket, path))?;
        *socket.inner.file.borrow_mut() = Some(file);
        socket.listen()?;
        Ok(socket)
    }

    /// Gives the socket its local address. Natively and on wasip2.
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
                    explained(format!("bind_addr: {address} is in use: stop its owner or take another port"), error)
                }
                io::ErrorKind::Unsupported => error,
                _ => in_operation(&format!("bind_addr({address})"), error),
            })
        })?;
        if self.inner.kind == Type::Datagram {
            self.inner.status.set(SocketStatus::UdpBound);
            self.changed();
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
        self.changed();
        Ok(())
    }

    /// Takes the next connection that waits, and the peer's address where the world knows it. `None` when
    /// none waits; so call it in a loop. The new socket is connected and not registered.
    ///
    /// In one poll it gives 64 connections at most, then it says `None`: the rest comes in the next poll, and the
    /// other sockets before that. Where there are no descriptors left, it answers `None` too: the listener's
    /// `handle_error` is called once until nobody waits any more, the listener stays open, and it tries again when a socket of its dispatcher
    /// has closed or 0.1 seconds have passed.
    ///
    /// # Errors
    /// `InvalidInput` unless the socket listens; otherwise those of `accept(2)` that a new try won't cure: a
    /// registered listener is closed for them when its handler has returned.
    #[doc(alias = "acceptAddr")]
    pub fn accept_addr(&self) -> io::Result<Option<(AsyncSocket, Option<SocketAddr>)>> {
        self.accept_addr_as(Reader::Turn)
    }

    pub(super) fn accept_addr_as(&self, reader: Reader) -> io::Result<Option<(AsyncSocket, Option<SocketAddr>)>> {
        if !self.is_listening() {
            return Err(wrong_state("accept_addr", self.status(), "only a listening socket accepts"));
        }
        let inner = &self.inner;
        let turn = self.turn(reader);
        while inner.turn.left(turn) > 0 && (reader == Reader::Blocking || !inner.is_muted.get()) {
            inner.turn.spend(ACCEPT_COST);
            match self.with_open_descriptor("accept_addr", |platform, socket| platform.accept(socket)) {
                Ok((descriptor, peer)) => {
                    inner.has_accepted.set(true);
                    let platform = inner.descriptor.platform().clone();
                    let client =
                        AsyncSocket::adopt(platform, descriptor, SocketStatus::Connected, inner.kind, String::new());
                    client.inner.handshake_time.set(inner.handshake_time.get());
                    if let Some(make) = inner.handlers.session_maker() {
                        client.start_session("accept_addr", make()?)?;
                    }
                    return Ok(Some((client, peer)));
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => {
                        // Nobody waits any more, so a shortage is over: the next one is told again.
                        inner.is_exhaustion_reported.set(false);
                        return Ok(None);
                    }
                    // That client is gone already; the next one may wait behind it (accept(2)).
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {}
                    io::ErrorKind::QuotaExceeded if reader == Reader::Turn => {
                        return self.pause_accepting(error).map(|()| None);
                    }
                    _ => {
                        // Should the program ignore it, it doesn't come again and again without a pause.
                        inner.is_broken.set(true);
                        self.mute();
                        return Err(error);
                    }
                },
            }
        }
        Ok(None)
    }

    /// As [`accept_addr`](AsyncSocket::accept_addr), for who doesn't ask where from.
    ///
    /// # Errors
    /// As for `accept_addr`.
    pub fn accept(&self) -> io::Result<Option<AsyncSocket>> {
        Ok(self.accept_addr()?.map(|(client, _)| client))
    }

    /// Calls the accept handler. Its error is about the client that it has accepted, and costs that one: it drops
    /// the client, and is told. Only when it has accepted none, or accepting itself failed, it is about the
    /// listener.
    pub(super) fn serve_accept(&self, dispatcher: &Dispatcher) -> bool {
        self.inner.has_accepted.set(false);
        self.inner.is_broken.set(false);
        let result = self.inner.handlers.accept().and_then(|slot| slot.call(|handler| handler(self, dispatcher)));
        match result {
            None => false,
            Some(Err(error)) if self.inner.has_accepted.get() && !self.inner.is_broken.get() => {
                if error.kind() != io::ErrorKind::WouldBlock {
                    self.report(in_operation("handle_accept", error), dispatcher);
                }
                true
            }
            Some(result) => {
                self.finish_call("handle_accept", result, dispatcher);
                true
            }
        }
    }

    /// The connection stays in the backlog, so the listener would be ready all the time: it is not watched
    /// until a descriptor may be free.
    fn pause_accepting(&self, error: io::Error) -> io::Result<()> {
        if !self.inner.link.is_attached() {
            return Err(error);
        }
        self.mute();
        if !self.inner.is_exhaustion_reported.replace(true) {
            *self.inner.noted_error.borrow_mut() = Some(error);
        }
        self.changed();
        Ok(())
    }

    fn mute(&self) {
        if let Some((dispatcher, key)) = self.inner.link.get() {
            self.inner.is_muted.set(true);
            // One timer for each listener, whatever happens meanwhile: it ends the one before.
            self.set_deadline(Some(MUTE_TIME));
            dispatcher.mute(key);
        }
    }

    /// A descriptor may be free again.
    pub(super) fn accept_again(&self) {
        self.set_deadline(None);
        self.inner.is_muted.set(false);
        self.changed();
    }
}
