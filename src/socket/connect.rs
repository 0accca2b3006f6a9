//! Connecting out: every address of a name in turn, each on a fresh descriptor.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use selectio_platform::{Address, Domain, Platform, Preopen, Type, explained, this_target};

use super::preopened::{is_path, parse_address, take_preopened};
use super::{AsyncSocket, wrong_state};
use crate::dispatcher::Dispatcher;
use crate::error::{in_operation, misuse, named};
use crate::served::Served;
use crate::status::SocketStatus;

/// How long one address may take to answer, when nobody says otherwise.
pub(super) const CONNECT_TIME: Duration = Duration::from_secs(30);

/// What a connect tries.
#[derive(Default)]
pub(super) struct Attempts {
    /// The address that is being tried; none when the host connects.
    current: Option<Address>,
    untried: VecDeque<SocketAddr>,
}

impl Attempts {
    /// What messages call the try that is under way.
    fn name(&self) -> String {
        self.current.as_ref().map_or("connect".to_owned(), |address| format!("connect to {address}"))
    }
}

/// # Connecting
impl AsyncSocket {
    /// A connection to `address`, made or under way: the one entry that is the same in every world.
    ///
    /// It is the stream that the host connected for this program under the name `address`, or else the next
    /// one without a name, when `address` is an address; only when there is none, a new socket that connects to
    /// `address`, which is `HOST:PORT` or, with a slash in it, the path of a Unix socket. Either way `handle_connect`
    /// is called when it is registered and stands.
    ///
    /// # Errors
    /// `Unsupported` on wasip1 when the host passed no stream, with the way to pass one; `InvalidInput` when
    /// `address` is neither a name nor an address; otherwise as for [`connect`](AsyncSocket::connect).
    ///
    /// ```no_run
    /// # fn main() -> std::io::Result<()> {
    /// use selectio::AsyncSocket;
    ///
    /// let client = AsyncSocket::connection("127.0.0.1:7000")?;
    /// client.send("sent as soon as the connection stands\n")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn connection(address: &str) -> io::Result<AsyncSocket> {
        let platform = this_target();
        if let Some(Preopen { descriptor, name, .. }) = take_preopened(&*platform, address, false)? {
            return Ok(AsyncSocket::adopt(platform, descriptor, SocketStatus::Connecting, Type::Stream, name));
        }
        let operation = format!("connection({address:?})");
        if !platform.caps().connect {
            // The refusal of this call says how to pass a stream.
            platform.resolve("", 0).map_err(|error| in_operation(&operation, error))?;
        }
        if is_path(address) {
            let socket = AsyncSocket::with_type(Domain::Unix, Type::Stream, None)?;
            socket.connect_addr(Path::new(address)).map_err(|error| in_operation(&operation, error))?;
            return Ok(socket);
        }
        let (host, port) = parse_address(address).map_err(|error| in_operation(&operation, error))?;
        let socket = AsyncSocket::new()?;
        socket.connect(host, port)?;
        Ok(socket)
    }

    /// How long one address may take to answer before the next one is tried, and after the last one `handle_error`
    /// gets `TimedOut`; 30 seconds unless set. For the address that is being tried it counts from this call on. Only
    /// a dispatcher watches the time: the socket has to be registered.
    pub fn set_connect_timeout(&self, timeout: Duration) {
        self.inner.connect_time.set(timeout);
        if self.is_connecting() && !self.is_closing() {
            self.set_deadline(Some(timeout));
        }
    }

    /// Starts to connect to a name or an address; `handle_connect` is called when the connection stands.
    /// All addresses of a name are tried in turn, and only when the last one fails the socket's
    /// `handle_error` is called. Looking up a name blocks. Natively and on wasip2.
    ///
    /// What is sent from now on is delivered in order when the connection stands.
    ///
    /// # Errors
    /// `Unsupported` on wasip1; `InvalidInput` unless the socket is idle; those of the resolver; those of
    /// `connect(2)` when every address fails at once.
    pub fn connect(&self, host: &str, port: u16) -> io::Result<()> {
        self.connect_where(host, port, |_| true)
    }

    fn connect_where(&self, host: &str, port: u16, mut wanted: impl FnMut(&SocketAddr) -> bool) -> io::Result<()> {
        self.check_idle()?;
        let operation = format!("connect({host:?}, {port})");
        let addresses = resolve(&**self.inner.descriptor.platform(), host, port)
            .map_err(|error| in_operation(&operation, error))?;
        self.inner.attempts.borrow_mut().untried = addresses.into_iter().filter(&mut wanted).collect();
        self.connect_to_next(misuse(&operation, "the name has no such address: check its spelling and family"))
    }

    /// Starts to connect to the addresses of a name that are of one family; otherwise as
    /// [`connect`](AsyncSocket::connect).
    ///
    /// # Errors
    /// As for `connect`; `InvalidInput` when the name has no address of this family.
    pub fn connect_family(&self, host: &str, port: u16, family: Domain) -> io::Result<()> {
        self.connect_where(host, port, |address| Domain::of(&Address::from(*address)) == family)
    }

    /// Starts to connect to one address, such as the path of a unix socket.
    ///
    /// # Errors
    /// As for [`connect`](AsyncSocket::connect).
    pub fn connect_addr(&self, address: impl Into<Address>) -> io::Result<()> {
        self.check_idle()?;
        let address = address.into();
        self.connect_to(&address)
    }

    fn check_idle(&self) -> io::Result<()> {
        match self.status() {
            SocketStatus::Idle => Ok(()),
            // A bound datagram socket may still take a peer.
            SocketStatus::UdpBound => Ok(()),
            status => Err(wrong_state("connect", status, "use a new one for a new connection")),
        }
    }

    /// Tries the addresses that are left until one is under way; `last_error` is why the one before failed.
    fn connect_to_next(&self, mut last_error: io::Error) -> io::Result<()> {
        loop {
            let next = self.inner.attempts.borrow_mut().untried.pop_front();
            let Some(address) = next else { return Err(last_error) };
            match self.connect_to(&Address::from(address)) {
                Ok(()) => return Ok(()),
                Err(error) => last_error = error,
            }
        }
    }

    fn connect_to(&self, address: &Address) -> io::Result<()> {
        let is_of_another_family = self.inner.domain.get().is_some_and(|domain| domain != Domain::of(address));
        // The first try keeps the descriptor, for the options and the address that it was given.
        if self.inner.is_connect_tried.replace(true) || is_of_another_family {
            self.renew_descriptor(address)?;
        }
        // Where it stands at once, the next wait says so as for any other.
        self.inner.attempts.borrow_mut().current = Some(address.clone());
        self.with_open_descriptor("connect", |platform, socket| {
            platform.connect(socket, address).map_err(|error| self.in_attempt(error))
        })?;
        self.inner.status.set(SocketStatus::Connecting);
        if !self.is_closing() {
            self.set_deadline(Some(self.inner.connect_time.get()));
        }
        self.changed();
        Ok(())
    }

    /// The same error with the address that was tried in its text.
    fn in_attempt(&self, error: io::Error) -> io::Error {
        in_operation(&self.inner.attempts.borrow().name(), error)
    }

    /// A descriptor that a connect was tried on is of no use for another one (connect(2)).
    fn renew_descriptor(&self, address: &Address) -> io::Result<()> {
        let inner = &self.inner;
        let platform = inner.descriptor.platform();
        let new = platform.socket(Domain::of(address), inner.kind, None).map_err(|error| named("connect", error))?;
        inner.domain.set(Some(Domain::of(address)));
        if let Some(old) = inner.descriptor.replace(new) {
            let watched = inner.descriptor.get("connect").and_then(|new| {
                let wants = self.state().wants();
                inner.link.replace_descriptor(&old, &new, wants.watch)
            });
            // Nothing was sent on it, so its close has nothing to tell.
            let _ = inner.descriptor.close(old);
            watched?;
        }
        Ok(())
    }

    /// The socket is ready while it connects. Answers whether a handler was called.
    pub(super) fn serve_connect(&self, dispatcher: &Dispatcher) -> bool {
        match self.finish_connect() {
            Ok(false) => false,
            Ok(true) => {
                self.flush_waiting(dispatcher);
                self.tell_connect(dispatcher);
                true
            }
            Err(error) => {
                self.fail(error, dispatcher);
                true
            }
        }
    }

    /// Asks how the connect has ended. True when the connection stands; false when it, or the next address after a
    /// failure, takes longer.
    ///
    /// # Errors
    /// Why the last address failed.
    pub(super) fn finish_connect(&self) -> io::Result<bool> {
        let ended = self.with_open_descriptor("connect", |platform, socket| {
            platform.connect_result(socket).map_err(|error| match error.kind() {
                io::ErrorKind::WouldBlock => error,
                _ => self.in_attempt(error),
            })
        });
        match ended {
            // Readiness was only a hint (C1).
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => self.connect_to_next(error).map(|()| false),
            Ok(()) => {
                // Before the handler, which may close or send (P10).
                self.inner.status.set(SocketStatus::Connected);
                self.inner.attempts.take();
                self.inner.is_connect_untold.set(true);
                if !self.is_closing() {
                    self.set_deadline(self.handshake_deadline());
                }
                self.changed();
                Ok(true)
            }
        }
    }

    /// Calls the handler of a connection that stands, once.
    pub(super) fn tell_connect(&self, dispatcher: &Dispatcher) -> bool {
        self.is_connected()
            && !self.is_closing()
            && self.inner.is_connect_untold.replace(false)
            && self.call("handle_connect", self.inner.handlers.connect(), dispatcher)
    }

    /// The address that is being tried has not answered in time.
    pub(super) fn connect_time_is_over(&self, dispatcher: &Dispatcher) -> bool {
        let text = format!(
            "{}: no answer within {:?}: check the address, or give it more time with set_connect_timeout",
            self.inner.attempts.borrow().name(),
            self.inner.connect_time.get()
        );
        match self.connect_to_next(io::Error::new(io::ErrorKind::TimedOut, text)) {
            Ok(()) => false,
            Err(error) => {
                self.fail(error, dispatcher);
                true
            }
        }
    }
}

/// All addresses of a name. Blocks while the resolver works.
pub(super) fn resolve(platform: &dyn Platform, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    platform.resolve(host, port).map_err(|error| match error.kind() {
        io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied => error,
        _ => explained(format!("{error}: check the spelling of {host:?}, or give an address"), error),
    })
}
