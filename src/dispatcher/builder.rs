//! A dispatcher with other limits than the usual ones.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use selectio_platform::{Backend, this_target};

use super::{DEFAULT_TIMEOUT, Dispatcher, Shared};
use crate::error::misuse;
use crate::handler::HandlerSlot;

/// Makes a [`Dispatcher`]. Comes from [`Dispatcher::builder`].
///
/// ```
/// use selectio::Dispatcher;
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// let dispatcher = Dispatcher::builder()
///     .task_interval(Duration::from_millis(50))
///     .registered_max(10_000)
///     .build()?;
/// # assert!(dispatcher.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct DispatcherBuilder {
    task_interval: Duration,
    registered_max: usize,
    send_buffers_max: usize,
    backend: Backend,
}

/// What the send buffers of all sockets may hold together when nobody says otherwise.
const SEND_BUFFERS_MAX: usize = 512 * 1024 * 1024;

impl DispatcherBuilder {
    pub(super) fn new() -> DispatcherBuilder {
        DispatcherBuilder {
            task_interval: DEFAULT_TIMEOUT,
            registered_max: u32::MAX as usize,
            send_buffers_max: SEND_BUFFERS_MAX,
            backend: Backend::Default,
        }
    }

    /// How long [`Dispatcher::run`] waits at most before it calls the tasks again, when there are any; 500
    /// milliseconds unless set.
    pub fn task_interval(mut self, interval: Duration) -> DispatcherBuilder {
        self.task_interval = interval;
        self
    }

    /// How many sockets and delegates may be registered at once, listeners included; as many as there are descriptors
    /// unless set. Registering one more is refused
    /// with `QuotaExceeded`. A server that wants to tell a client that there is no room sends that on the socket which
    /// it can't register, and then calls [`close_after_flush`](crate::AsyncSocket::close_after_flush). A client that speaks TLS
    /// can't be told so: that takes a handshake, and only a registered socket has one. Let such a server stop accepting
    /// ([`pause_reading`](crate::AsyncSocket::pause_reading) of its listener) before there is no room.
    pub fn registered_max(mut self, count: usize) -> DispatcherBuilder {
        self.registered_max = count;
        self
    }

    /// How many bytes may wait for slow peers in all sockets together; 512 MiB unless set. Beyond it a socket still
    /// may have 64 KiB of its own, so that one slow peer takes nothing away from the others: ten thousand peers that
    /// read nothing cost 1.1 GiB at most. Each socket's own limit is
    /// [`set_send_buffer_max`](crate::AsyncSocket::set_send_buffer_max).
    pub fn send_buffers_max(mut self, length: usize) -> DispatcherBuilder {
        self.send_buffers_max = length;
        self
    }

    /// What to wait with; the mechanism that suits the system unless set, or what `SELECTIO_BACKEND` says (see
    /// [`Backend`]). `{:?}` of the dispatcher tells which one it is.
    pub fn backend(mut self, backend: Backend) -> DispatcherBuilder {
        self.backend = backend;
        self
    }

    /// Makes the dispatcher, with nothing registered.
    ///
    /// # Errors
    /// `InvalidInput` for a task interval of zero, which would leave no time to wait; `Unsupported` for a backend that
    /// this target doesn't have; otherwise as for [`Dispatcher::new`].
    pub fn build(self) -> io::Result<Dispatcher> {
        if self.task_interval.is_zero() {
            return Err(misuse("build", "a task interval of zero leaves no time to wait: use a millisecond or more"));
        }
        let platform = this_target();
        let selector = RefCell::new(platform.selector(self.backend)?);
        Ok(Dispatcher {
            shared: Rc::new(Shared {
                platform,
                selector,
                task_interval: self.task_interval,
                registered_max: self.registered_max,
                send_buffers_max: self.send_buffers_max,
                send_buffered: Cell::new(0),
                entries: RefCell::default(),
                next_order: Cell::new(0),
                pending: RefCell::default(),
                pending_round: RefCell::default(),
                unflushed: RefCell::default(),
                tasks: RefCell::default(),
                muted: RefCell::default(),
                timers: RefCell::default(),
                deferred: RefCell::default(),
                error_handler: HandlerSlot::default(),
                failure: RefCell::default(),
                found: RefCell::default(),
                round: RefCell::default(),
                task_round: RefCell::default(),
                time: Cell::new(None),
                turn: Cell::new(0),
                is_polling: Cell::new(false),
                is_stopped: Cell::new(false),
            }),
        })
    }
}
