//! Sockets that call handlers. This file has the type and its states; each of its abilities has a file
//! of its own.

mod blocking;
mod connect;
mod datagram;
mod events;
mod finish;
mod handlers;
mod interop;
mod listen;
mod preopened;
mod receive;
mod transmit;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use selectio_platform::{Address, Descriptor, Domain, Platform, Protocol, SocketOption, Type, this_target};

use crate::dispatcher::Dispatcher;
use crate::error::{closed, misuse, named};
use crate::line_reader::LineReader;
use crate::registration::{Link, Register};
use crate::send_queue::SendQueue;
use crate::status::SocketStatus;
pub use blocking::Blocking;
use handlers::Handlers;

/// A non-blocking socket whose handlers a [`Dispatcher`] calls.
///
/// A cheap handle: clones name the same socket. It belongs to one thread. The socket is closed by
/// [`close`](AsyncSocket::close), by the default handlers when the peer is done, or when the last handle
/// is dropped, of which the dispatcher has one while it is registered.
///
/// ```no_run
/// use selectio::{AsyncSocket, Dispatcher};
///
/// # fn main() -> std::io::Result<()> {
/// let dispatcher = Dispatcher::new()?;
/// let server = AsyncSocket::listener("127.0.0.1:7000")?;
/// server.set_handle_accept(|server, dispatcher| {
///     while let Some((client, _peer)) = server.accept_addr()? {
///         client.set_handle_read(|client, _| {
///             while let Some(line) = client.read_line()?.full() {
///                 client.send(line.with_newline())?;
///             }
///             Ok(())
///         });
///         dispatcher.register(&client)?;
///     }
///     Ok(())
/// });
/// dispatcher.register(&server)?;
/// dispatcher.run()
/// # }
/// ```
#[derive(Clone)]
pub struct AsyncSocket {
    inner: Rc<Inner>,
}

pub(crate) struct Inner {
    platform: Rc<dyn Platform>,
    /// `None` once it is closed.
    descriptor: RefCell<Option<Descriptor>>,
    status: Cell<SocketStatus>,
    kind: Type,
    /// `None` for a socket that came from elsewhere.
    domain: Cell<Option<Domain>>,
    /// What the host calls a preopened socket.
    name: String,
    link: Link,
    handlers: Handlers,
    reader: RefCell<LineReader>,
    queue: RefCell<SendQueue>,
    /// The addresses that a connect has not tried yet.
    untried: RefCell<VecDeque<SocketAddr>>,
    /// Errors that came up outside of the socket's own turn, to be delivered in its next one.
    noted_error: RefCell<Option<io::Error>>,
    flags: Flags,
}

#[derive(Default)]
struct Flags {
    /// The peer sends nothing more, and a read has seen that.
    is_read_closed: Cell<bool>,
    /// `handle_close` was called for that, or its default was done.
    is_close_delivered: Cell<bool>,
    /// A connect was tried on the descriptor.
    is_connect_tried: Cell<bool>,
    /// Lines are read byte by byte.
    is_unbuffered: Cell<bool>,
    /// The last receive did not fill its room: nothing more is there until the next event says so.
    is_drained: Cell<bool>,
    /// Closes when the queue is empty; drops what it reads.
    closes_after_flush: Cell<bool>,
    /// Shuts down writing when the queue is empty.
    shuts_down_after_flush: Cell<bool>,
    /// A listener that ran out of descriptors, until one may be free.
    is_muted: Cell<bool>,
    /// That has been reported, and no accept has succeeded since.
    is_exhaustion_reported: Cell<bool>,
}

impl AsyncSocket {
    /// An idle socket for streams over IPv4. Natively only: on WebAssembly the host opens the sockets.
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

    fn adopt(
        platform: Rc<dyn Platform>,
        descriptor: Descriptor,
        status: SocketStatus,
        kind: Type,
        name: String,
    ) -> AsyncSocket {
        let inner = Inner {
            platform,
            descriptor: RefCell::new(Some(descriptor)),
            status: Cell::new(status),
            kind,
            domain: Cell::new(None),
            name,
            link: Link::default(),
            handlers: Handlers::new(),
            reader: RefCell::new(LineReader::new()),
            queue: RefCell::new(SendQueue::new()),
            untried: RefCell::default(),
            noted_error: RefCell::default(),
            flags: Flags::default(),
        };
        AsyncSocket { inner: Rc::new(inner) }
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

    /// The address that it is bound to. Natively only.
    ///
    /// # Errors
    /// `Unsupported` on wasip1, where only the host knows; `NotConnected` when it is closed.
    #[doc(alias = "getSockName")]
    pub fn local_addr(&self) -> io::Result<Address> {
        self.with_open_descriptor("local_addr", |platform, descriptor| platform.local_addr(descriptor))
    }

    /// The address of the peer. Natively only.
    ///
    /// # Errors
    /// `Unsupported` on wasip1, where only the host knows; `NotConnected` without a peer.
    pub fn peer_addr(&self) -> io::Result<Address> {
        self.with_open_descriptor("peer_addr", |platform, descriptor| platform.peer_addr(descriptor))
    }

    /// Whether an option of the socket is on. Natively only.
    ///
    /// # Errors
    /// `Unsupported` on wasip1; otherwise those of `getsockopt(2)`.
    #[doc(alias = "getSockOpt")]
    pub fn option(&self, option: SocketOption) -> io::Result<bool> {
        self.with_open_descriptor("option", |platform, socket| platform.option(socket, option))
    }

    /// Turns an option of the socket on or off. Natively only.
    ///
    /// # Errors
    /// `Unsupported` on wasip1; `InvalidInput` for an option that can only be asked for; otherwise those
    /// of `setsockopt(2)`.
    #[doc(alias = "setSockOpt")]
    pub fn set_option(&self, option: SocketOption, on: bool) -> io::Result<()> {
        self.with_open_descriptor("set_option", |platform, socket| platform.set_option(socket, option, on))
    }

    /// Closes it now and for good: queued bytes are dropped, no handler is called any more, and the
    /// dispatcher forgets it. A second time does nothing.
    ///
    /// # Errors
    /// Those of `close(2)`, once; the socket is closed all the same.
    pub fn close(&self) -> io::Result<()> {
        let inner = &self.inner;
        if inner.status.replace(SocketStatus::Closed) == SocketStatus::Closed {
            return Ok(());
        }
        let descriptor = inner.descriptor.borrow_mut().take();
        inner.link.detach(descriptor.as_ref());
        inner.queue.borrow_mut().clear();
        *inner.reader.borrow_mut() = LineReader::new();
        let closed = descriptor.map_or(Ok(()), |descriptor| inner.platform.close(descriptor));
        // Handlers may own this very socket: without them nothing keeps it alive.
        inner.handlers.clear();
        closed.map_err(|error| named("close", error))
    }

    /// Calls with the open descriptor. An error of the kernel's gets the operation in front.
    fn with_open_descriptor<T>(
        &self,
        operation: &str,
        call: impl FnOnce(&dyn Platform, &Descriptor) -> io::Result<T>,
    ) -> io::Result<T> {
        match &*self.inner.descriptor.borrow() {
            Some(descriptor) => call(&*self.inner.platform, descriptor).map_err(|error| named(operation, error)),
            None => Err(closed(operation)),
        }
    }

    /// Lets the selector know what this socket waits for now.
    fn update_interest(&self) {
        if let Some(descriptor) = &*self.inner.descriptor.borrow() {
            self.inner.link.set_interest(descriptor, self.interest());
        }
    }

    /// The dispatcher serves this socket in its next poll without waiting.
    fn note_pending(&self) {
        if let Some((dispatcher, key)) = self.inner.link.get() {
            dispatcher.note_pending(key);
        }
    }
}

impl Register for AsyncSocket {
    fn register_with(&self, dispatcher: &Dispatcher) -> io::Result<()> {
        let descriptor = self.inner.descriptor.borrow();
        let descriptor = descriptor.as_ref().ok_or_else(|| closed("register"))?;
        self.inner.link.attach(self.inner.clone(), descriptor, self.interest(), dispatcher)?;
        if let Some((dispatcher, key)) = self.inner.link.get() {
            dispatcher.set_has_task(key, self.inner.handlers.task.is_set());
            // What was read or went wrong before is still to be delivered.
            dispatcher.note_pending(key);
        }
        Ok(())
    }

    fn unregister_from(&self, dispatcher: &Dispatcher) -> io::Result<()> {
        self.inner.link.detach_from(dispatcher, self.inner.descriptor.borrow().as_ref())
    }
}

/// The local address natively; on WebAssembly what the host calls the socket.
impl fmt::Display for AsyncSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.local_addr() {
            Ok(address) => address.fmt(f),
            Err(_) if self.is_closed() => f.write_str("a closed socket"),
            Err(_) if self.inner.name.is_empty() => f.write_str("a socket of the host"),
            Err(_) => write!(f, "the host's socket {:?}", self.inner.name),
        }
    }
}

impl fmt::Debug for AsyncSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncSocket")
            .field("status", &self.status())
            .field("local_addr", &self.local_addr().ok())
            .field("peer_addr", &self.peer_addr().ok())
            .finish()
    }
}

/// A call that needs another state.
fn wrong_state(operation: &str, status: SocketStatus, remedy: &str) -> io::Error {
    match status {
        SocketStatus::Closed => closed(operation),
        _ => misuse(operation, &format!("the socket is {status:?}: {remedy}")),
    }
}
