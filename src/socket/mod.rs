//! Sockets that call handlers. This file has the type and its states; each of its abilities has a file
//! of its own.

mod encrypted;
mod events;
mod preopened;
mod session;
mod state;
mod turn;

// The page of `AsyncSocket` has its methods in the order of these.
mod create;

mod listen;

mod connect;

mod handlers;

mod receive;

mod transmit;

mod finish;

mod timers;

mod ask;

#[cfg(feature = "tls")]
mod tls;

mod datagram;

mod options;

mod blocking;

mod interop;

mod pipe;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use selectio_platform::{Descriptor, Domain, Platform, Type};

use crate::dispatcher::{Dispatcher, Timer};
use crate::error::{closed, misuse, named};
use crate::handler::HandlerSlot;
use crate::id::Id;
use crate::line_reader::LineReader;
use crate::open_descriptor::OpenDescriptor;
use crate::registration::{Link, Register};
use crate::send_queue::SendQueue;
use crate::served::Served;
use crate::status::SocketStatus;
pub use blocking::Blocking;
use connect::Attempts;
use handlers::Handlers;
pub use pipe::pipe;
use session::{Channel, Encryption};
use state::{ReadSide, WriteSide};
use timers::OwnTimers;
use turn::Turn;

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

/// What an event touches stands first, and together in memory: with many connections every cache line that an event
/// touches has to be fetched first.
#[repr(C)]
pub(crate) struct Inner {
    status: Cell<SocketStatus>,
    read: Cell<ReadSide>,
    write: Cell<WriteSide>,
    encryption: Cell<Encryption>,
    kind: Type,
    /// Its handlers are being called: what they change takes effect when they have returned.
    is_in_turn: Cell<bool>,
    /// Reading or accepting is paused by the program.
    is_paused: Cell<bool>,
    /// Of a listener: it ran out of descriptors, until one may be free.
    is_muted: Cell<bool>,
    /// Lines are read byte by byte.
    is_unbuffered: Cell<bool>,
    /// The kernel had no room for all that was sent.
    is_send_blocked: Cell<bool>,
    /// More waits to be sent than the high water mark, and not few enough since.
    is_full: Cell<bool>,
    /// Back-pressure is over, and `handle_drain` has not been told.
    is_drain_due: Cell<bool>,
    /// The connection stands, and `handle_connect` has not been told.
    is_connect_untold: Cell<bool>,
    /// The handshake is done, and `handle_handshake` has not been told.
    is_handshake_untold: Cell<bool>,
    /// A connect was tried on the descriptor.
    is_connect_tried: Cell<bool>,
    /// The library closes it or has closed it, for what the peer or a handler did.
    is_given_up: Cell<bool>,
    /// Of a listener: that descriptors ran out was told, and somebody has waited in the backlog ever since.
    is_exhaustion_reported: Cell<bool>,
    /// Of a listener: the accept handler that runs has taken a client.
    has_accepted: Cell<bool>,
    /// Of a listener: accepting itself has failed.
    is_broken: Cell<bool>,
    link: Link,
    turn: Turn,
    /// Errors that came up outside of the socket's own turn, to be delivered in its next one.
    noted_error: RefCell<Option<io::Error>>,
    handlers: Handlers,
    descriptor: OpenDescriptor,
    reader: RefCell<LineReader>,
    queue: RefCell<SendQueue>,
    high_water_mark: Cell<usize>,
    low_water_mark: Cell<usize>,
    /// What the dispatcher was told last of the bytes that wait for the peer.
    noted_send_buffered: Cell<usize>,
    id: Id,
    /// Removes the file of a Unix listener when it is dropped.
    file: RefCell<Option<Box<dyn Any>>>,
    /// `None` for a socket that came from elsewhere.
    domain: Cell<Option<Domain>>,
    /// What the host calls a preopened socket.
    name: String,
    attempts: RefCell<Attempts>,
    timers: RefCell<Option<Box<OwnTimers>>>,
    /// Of an encrypted connection.
    channel: RefCell<Option<Box<Channel>>>,
    /// When the time is over that the socket has for what it does now.
    deadline: Cell<Option<Duration>>,
    deadline_timer: Cell<Option<Timer>>,
    connect_time: Cell<Duration>,
    handshake_time: Cell<Duration>,
    close_time: Cell<Duration>,
    /// When the time is over that a peer has to take everything, once the socket is to close.
    close_deadline: Cell<Duration>,
    /// How many bytes were dropped since.
    discarded: Cell<usize>,
}

impl Drop for Inner {
    /// The file goes before the descriptor is closed, for then another file may get the number by which it is known.
    fn drop(&mut self) {
        self.end_encryption_before_close();
        self.file.take();
    }
}

impl AsyncSocket {
    fn adopt(
        platform: Rc<dyn Platform>,
        descriptor: Descriptor,
        status: SocketStatus,
        kind: Type,
        name: String,
    ) -> AsyncSocket {
        let inner = Inner {
            id: Id::next(),
            descriptor: OpenDescriptor::new(platform, descriptor, "socket"),
            status: Cell::new(status),
            read: Cell::new(ReadSide::Open),
            write: Cell::new(WriteSide::Open),
            encryption: Cell::default(),
            kind,
            domain: Cell::new(None),
            name,
            file: RefCell::default(),
            link: Link::default(),
            handlers: Handlers::default(),
            reader: RefCell::new(LineReader::new()),
            queue: RefCell::new(SendQueue::new()),
            turn: Turn::default(),
            attempts: RefCell::default(),
            noted_error: RefCell::default(),
            noted_send_buffered: Cell::default(),
            timers: RefCell::default(),
            channel: RefCell::default(),
            deadline: Cell::default(),
            deadline_timer: Cell::default(),
            connect_time: Cell::new(connect::CONNECT_TIME),
            handshake_time: Cell::new(encrypted::HANDSHAKE_TIME),
            close_time: Cell::new(finish::CLOSE_TIME),
            close_deadline: Cell::default(),
            discarded: Cell::default(),
            high_water_mark: Cell::new(transmit::HIGH_WATER_MARK),
            low_water_mark: Cell::new(transmit::LOW_WATER_MARK),
            is_in_turn: Cell::default(),
            is_paused: Cell::default(),
            is_muted: Cell::default(),
            is_unbuffered: Cell::default(),
            is_send_blocked: Cell::default(),
            is_full: Cell::default(),
            is_drain_due: Cell::default(),
            is_connect_untold: Cell::default(),
            is_handshake_untold: Cell::default(),
            is_connect_tried: Cell::default(),
            is_given_up: Cell::default(),
            is_exhaustion_reported: Cell::default(),
            has_accepted: Cell::default(),
            is_broken: Cell::default(),
        };
        AsyncSocket { inner: Rc::new(inner) }
    }

    /// Calls with the open descriptor. An error of the kernel's gets the operation in front.
    fn with_open_descriptor<T>(
        &self,
        operation: &str,
        call: impl FnOnce(&dyn Platform, &Descriptor) -> io::Result<T>,
    ) -> io::Result<T> {
        let descriptor = self.inner.descriptor.get(operation)?;
        call(&**self.inner.descriptor.platform(), &descriptor).map_err(|error| named(operation, error))
    }

    /// One call, again when a signal came between; `None` when it would block.
    fn once<T>(
        &self,
        operation: &str,
        call: impl FnMut(&dyn Platform, &Descriptor) -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        self.inner.descriptor.once(operation, call).map_err(|error| named(operation, error))
    }
}

impl Register for AsyncSocket {
    fn register_with(&self, dispatcher: &Dispatcher) -> io::Result<()> {
        if self.inner.link.is_attached_to(dispatcher) {
            return Ok(());
        }
        let descriptor = self.inner.descriptor.get("register")?;
        let wants = self.state().wants();
        self.inner.link.attach(self.inner.clone(), &descriptor, wants.watch, dispatcher)?;
        drop(descriptor);
        if let Some((dispatcher, key)) = self.inner.link.get() {
            dispatcher.set_has_task(key, self.inner.handlers.task().is_some_and(HandlerSlot::is_set));
        }
        self.start_deadline_timer();
        self.note_send_buffered();
        // What was read or went wrong before is still to be delivered.
        self.changed();
        Ok(())
    }

    fn unregister_from(&self, dispatcher: &Dispatcher) -> io::Result<()> {
        if self.inner.link.is_attached_to(dispatcher) {
            // From now on nobody sends it later.
            self.flush_gathered()?;
            self.inner.turn.begin(None);
            self.forget_send_buffered();
            self.stop_deadline_timer();
            if self.inner.is_muted.replace(false) {
                self.set_deadline(None);
            }
        }
        let descriptor = self.inner.descriptor.get("unregister").ok();
        self.inner.link.detach_from(dispatcher, descriptor.as_deref())
    }
}

/// Handles of the same socket are equal.
impl PartialEq for AsyncSocket {
    fn eq(&self, other: &AsyncSocket) -> bool {
        self.inner.id == other.inner.id
    }
}

impl Eq for AsyncSocket {}

impl Hash for AsyncSocket {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.id.hash(state);
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
            .field("id", &self.id().to_string())
            .field("status", &self.status())
            .field("local_addr", &self.local_addr().ok())
            .field("peer_addr", &self.peer_addr().ok())
            .finish()
    }
}

/// A call that needs another state.
fn wrong_state(operation: &str, status: SocketStatus, remedy: &str) -> io::Error {
    match status {
        SocketStatus::Closed => closed(operation, "socket"),
        _ => misuse(operation, &format!("the socket is {status:?}: {remedy}")),
    }
}
