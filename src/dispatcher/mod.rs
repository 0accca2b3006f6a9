//! The dispatcher: what is registered, and the calls that change it. How a poll goes is in `poll.rs`.

mod builder;
mod poll;
mod slots;
mod timers;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::rc::{Rc, Weak};
use std::time::Duration;

use selectio_platform::{Descriptor, Found, Interest, Platform, Ready, Selector};

use crate::error::misuse;
use crate::handler::HandlerSlot;
use crate::registration::{Register, Source};
pub use builder::DispatcherBuilder;
pub(crate) use slots::Key;
use slots::Slots;
pub use timers::Timer;
use timers::{Due, Timers};

/// How long a poll waits when nobody says otherwise: 500 milliseconds.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_millis(500);

type ErrorHandler = dyn FnMut(&Dispatcher, &io::Error);

/// A call that was put off until the handler that is running has returned.
type Deferred = Box<dyn FnOnce(&Dispatcher) -> io::Result<()>>;

/// Waits on the sockets and delegates registered with it, and calls their handlers.
///
/// A cheap handle: clones name the same dispatcher. It belongs to one thread.
///
/// ```no_run
/// use selectio::{AsyncSocket, DEFAULT_TIMEOUT, Dispatcher};
///
/// # fn main() -> std::io::Result<()> {
/// let dispatcher = Dispatcher::new()?;
/// let server = AsyncSocket::listener("127.0.0.1:7000")?;
/// dispatcher.register(&server)?;
/// while dispatcher.poll(DEFAULT_TIMEOUT)? {}
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[doc(alias = "newDispatcher")]
pub struct Dispatcher {
    shared: Rc<Shared>,
}

pub(crate) struct Shared {
    platform: Rc<dyn Platform>,
    selector: RefCell<Box<dyn Selector>>,
    task_interval: Duration,
    registered_max: usize,
    send_buffers_max: usize,
    /// How many bytes wait for slow peers, of all that is registered.
    send_buffered: Cell<usize>,
    entries: RefCell<Slots<Entry>>,
    /// Counts registrations: what callbacks are ordered by (P1).
    next_order: Cell<u64>,
    /// Sources with something to deliver that no wait would find, such as buffered lines (P5).
    pending: RefCell<Vec<Key>>,
    pending_round: RefCell<Vec<Key>>,
    /// Sources that a handler of somebody else's has sent something on.
    unflushed: RefCell<Vec<Key>>,
    /// Sources with a task, in the order of registration.
    tasks: RefCell<BTreeMap<u64, Key>>,
    /// Listeners that ran out of descriptors.
    muted: RefCell<Vec<Key>>,
    timers: RefCell<Timers>,
    deferred: RefCell<VecDeque<Deferred>>,
    error_handler: HandlerSlot<ErrorHandler>,
    /// The error of a listener that nobody has handled, on its way out of the poll.
    failure: RefCell<Option<io::Error>>,
    /// Kept from poll to poll, so that a poll allocates nothing.
    found: RefCell<Found>,
    round: RefCell<Vec<(u64, Ready)>>,
    task_round: RefCell<Vec<Key>>,
    /// What the clock said last, unless something that takes time has run since.
    time: Cell<Option<Duration>>,
    /// Counts the rounds of serving: what a socket may read in one of them is limited.
    turn: Cell<u64>,
    is_polling: Cell<bool>,
    is_stopped: Cell<bool>,
}

struct Entry {
    source: Rc<dyn Source>,
    order: u64,
    is_pending: Cell<bool>,
    is_unflushed: Cell<bool>,
}

impl Dispatcher {
    /// A dispatcher with nothing registered, on the platform of this target, or in the simulated network that
    /// the thread [is in](crate::sim::Network::enter). It serves sockets of that platform only.
    ///
    /// # Errors
    /// What the platform says when it has no room for another selector.
    pub fn new() -> io::Result<Dispatcher> {
        Dispatcher::builder().build()
    }

    /// For other limits than the usual ones.
    pub fn builder() -> DispatcherBuilder {
        DispatcherBuilder::new()
    }

    /// Starts to serve a socket, a delegate, or what a module of yours is made of. Registering a second
    /// time with the same dispatcher changes nothing.
    ///
    /// # Errors
    /// `QuotaExceeded` when as many are registered as
    /// [`registered_max`](DispatcherBuilder::registered_max) allows; `InvalidInput` when it is registered with another
    /// dispatcher, or is of another platform than this one;
    /// `NotConnected` when it is closed; those of the platform when it can't watch the descriptor.
    pub fn register(&self, what: &impl Register) -> io::Result<()> {
        what.register_with(self)
    }

    /// Stops serving it, at once: not even an event that is already on its way is delivered. It stays
    /// open.
    ///
    /// # Errors
    /// `NotFound` when it is not registered here.
    pub fn unregister(&self, what: &impl Register) -> io::Result<()> {
        what.unregister_from(self)
    }

    /// How many are registered. Closed ones never are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.entries.borrow().len()
    }

    /// Whether nothing is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Closes everything that is registered.
    ///
    /// # Errors
    /// The first error of a close; all are closed all the same.
    pub fn close_all(&self) -> io::Result<()> {
        let sources: Vec<_> = self.shared.entries.borrow().iter().map(|entry| entry.source.clone()).collect();
        sources.into_iter().map(|source| source.close_source()).fold(Ok(()), io::Result::and)
    }

    /// Calls `handler` once, when `delay` has passed. [`run`](Dispatcher::run) goes on until then.
    ///
    /// Its error goes to [`set_handle_error`](Dispatcher::set_handle_error). A timer that is about one socket is
    /// better made with [`AsyncSocket::call_after`](crate::AsyncSocket::call_after): it ends with the socket.
    pub fn call_after(&self, delay: Duration, handler: impl FnMut(&Dispatcher) -> io::Result<()> + 'static) -> Timer {
        let due = Due::Call { handler: Box::new(handler), period: None };
        self.shared.timers.borrow_mut().insert(self.now().saturating_add(delay), due)
    }

    /// Calls `handler` each time that `period` has passed, until it is cancelled or fails. A call that
    /// comes late is not made up for.
    ///
    /// # Errors
    /// `InvalidInput` for a period of zero, which would leave no time for anything else.
    pub fn call_every(
        &self,
        period: Duration,
        handler: impl FnMut(&Dispatcher) -> io::Result<()> + 'static,
    ) -> io::Result<Timer> {
        if period.is_zero() {
            return Err(misuse("call_every", "a period of zero would leave no time for anything else: use a task"));
        }
        let due = Due::Call { handler: Box::new(handler), period: Some(period) };
        Ok(self.shared.timers.borrow_mut().insert(self.now().saturating_add(period), due))
    }

    /// Lets a timer start anew: it is due when `delay` has passed from now, as for a time limit that each message
    /// puts off; one of [`call_every`](Dispatcher::call_every) goes on with its period from there. Allocates nothing.
    /// Answers whether the timer was still to come; inside of its own handler it is.
    pub fn restart(&self, timer: Timer, delay: Duration) -> bool {
        let deadline = self.now().saturating_add(delay);
        self.shared.timers.borrow_mut().restart(timer, deadline)
    }

    /// Cancels a timer and says whether it was still to come.
    pub fn cancel(&self, timer: Timer) -> bool {
        // What it owned may own sockets, and dropping those comes back here: it is dropped after the borrow.
        let cancelled = self.shared.timers.borrow_mut().cancel(timer);
        cancelled.is_some()
    }

    /// Called with each error that nobody else handles: of a timer, of a socket or delegate without `handle_error`
    /// (which is closed for it), of an accept handler about one client. The text names where it comes from. Unless
    /// set, one line on standard error tells it.
    pub fn set_handle_error(&self, handler: impl FnMut(&Dispatcher, &io::Error) + 'static) {
        self.shared.error_handler.set(Box::new(handler));
    }

    /// Monotonic time, as the platform counts it; for measuring how long something has been silent.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.platform.now()
    }

    pub(crate) fn from_shared(shared: Rc<Shared>) -> Dispatcher {
        Dispatcher { shared }
    }

    pub(crate) fn downgrade(&self) -> Weak<Shared> {
        Rc::downgrade(&self.shared)
    }

    pub(crate) fn is_same(&self, other: &Dispatcher) -> bool {
        Rc::ptr_eq(&self.shared, &other.shared)
    }

    /// Which round of serving runs; `None` outside of a poll.
    pub(crate) fn turn(&self) -> Option<NonZeroU64> {
        if self.shared.is_polling.get() { NonZeroU64::new(self.shared.turn.get()) } else { None }
    }

    pub(crate) fn insert(
        &self,
        source: Rc<dyn Source>,
        descriptor: &Descriptor,
        interest: Interest,
    ) -> io::Result<Key> {
        if self.len() >= self.shared.registered_max {
            let text = format!(
                "register: {} are registered, which is the limit: close one, or raise registered_max",
                self.shared.registered_max
            );
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, text));
        }
        let order = self.shared.next_order.get();
        let entry = Entry { source, order, is_pending: Cell::new(false), is_unflushed: Cell::new(false) };
        let key = self.shared.entries.borrow_mut().insert(entry);
        if let Err(error) = self.shared.selector.borrow_mut().add(descriptor, key.number(), interest) {
            let entry = self.shared.entries.borrow_mut().remove(key);
            drop(entry);
            return Err(crate::error::in_operation("register", error));
        }
        self.shared.next_order.set(order + 1);
        Ok(key)
    }

    pub(crate) fn remove(&self, key: Key, descriptor: Option<&Descriptor>) {
        if let Some(descriptor) = descriptor {
            // It is watched: `insert` saw to that, and only here it ends.
            let _ = self.shared.selector.borrow_mut().remove(descriptor);
        }
        let entry = self.shared.entries.borrow_mut().remove(key);
        if let Some(entry) = &entry {
            self.shared.tasks.borrow_mut().remove(&entry.order);
        }
        self.unmute_all();
        // Dropping it may close sockets, which comes back here.
        drop(entry);
    }

    /// The kernel hears of it when the next wait begins, and what it refuses comes as the source's failure.
    ///
    /// # Errors
    /// Those of the selector, after which the descriptor is not watched as it should be.
    pub(crate) fn set_interest(&self, descriptor: &Descriptor, interest: Interest) -> io::Result<()> {
        self.shared.selector.borrow_mut().modify(descriptor, interest)
    }

    pub(crate) fn replace_descriptor(
        &self,
        old: &Descriptor,
        new: &Descriptor,
        key: Key,
        interest: Interest,
    ) -> io::Result<()> {
        let mut selector = self.shared.selector.borrow_mut();
        selector.remove(old)?;
        selector.add(new, key.number(), interest)
    }

    /// The next poll serves this source without waiting.
    pub(crate) fn note_pending(&self, key: Key) {
        if let Some(entry) = self.shared.entries.borrow().get(key)
            && !entry.is_pending.replace(true)
        {
            self.shared.pending.borrow_mut().push(key);
        }
    }

    /// This source has bytes to send when the handler that is running has returned.
    pub(crate) fn note_unflushed(&self, key: Key) {
        if let Some(entry) = self.shared.entries.borrow().get(key)
            && !entry.is_unflushed.replace(true)
        {
            self.shared.unflushed.borrow_mut().push(key);
        }
    }

    pub(crate) fn set_has_task(&self, key: Key, has_task: bool) {
        let Some(order) = self.shared.entries.borrow().get(key).map(|entry| entry.order) else { return };
        let mut tasks = self.shared.tasks.borrow_mut();
        if has_task {
            tasks.insert(order, key);
        } else {
            tasks.remove(&order);
        }
    }

    /// Calls `try_again` on the source when something was closed.
    pub(crate) fn mute(&self, key: Key) {
        let mut muted = self.shared.muted.borrow_mut();
        if !muted.contains(&key) {
            muted.push(key);
        }
    }

    /// Calls `on_timer` on the source when `delay` has passed.
    pub(crate) fn call_source_after(&self, delay: Duration, key: Key) -> Timer {
        self.shared.timers.borrow_mut().insert(self.now().saturating_add(delay), Due::Source(key))
    }

    pub(crate) fn has_timer(&self, timer: Timer) -> bool {
        self.shared.timers.borrow().contains(timer)
    }

    /// A source's bytes that wait for a slow peer were `before` and are `now`.
    pub(crate) fn note_send_buffered(&self, before: usize, now: usize) {
        self.shared.send_buffered.set(self.shared.send_buffered.get() - before + now);
    }

    /// Whether all that is registered may hold so many bytes more for slow peers.
    ///
    /// # Errors
    /// `QuotaExceeded`, with the remedy.
    pub(crate) fn check_send_buffers(&self, length: usize) -> io::Result<()> {
        let (buffered, max) = (self.shared.send_buffered.get(), self.shared.send_buffers_max);
        if length <= max.saturating_sub(buffered) {
            return Ok(());
        }
        let text = format!(
            "send: {length} bytes do not fit beside the {buffered} that all slow peers together have not taken yet \
             (limit {max}): wait for handle_drain, close some, or raise the limit with send_buffers_max"
        );
        Err(io::Error::new(io::ErrorKind::QuotaExceeded, text))
    }

    /// Calls when the handler that is running has returned; outside of a poll in the next one.
    pub(crate) fn defer(&self, call: impl FnOnce(&Dispatcher) -> io::Result<()> + 'static) {
        self.shared.deferred.borrow_mut().push_back(Box::new(call));
    }

    /// Tells an error that nobody else handles.
    pub(crate) fn tell(&self, error: &io::Error) {
        let told = self.shared.error_handler.call(|handler| {
            handler(self, error);
            Ok(())
        });
        if !matches!(told, Some(Ok(()))) {
            // Where standard error is closed, nobody wants to know.
            let _ = writeln!(io::stderr(), "selectio: {error}");
        }
    }

    /// Lets an error come out of the poll that is running, or of the next one.
    pub(crate) fn fail(&self, error: io::Error) {
        // The first one has led to the others.
        self.shared.failure.borrow_mut().get_or_insert(error);
    }

    fn unmute_all(&self) {
        let muted = std::mem::take(&mut *self.shared.muted.borrow_mut());
        for key in muted {
            if let Some(source) = self.source(key) {
                source.try_again();
            }
        }
    }

    fn source(&self, key: Key) -> Option<Rc<dyn Source>> {
        self.shared.entries.borrow().get(key).map(|entry| entry.source.clone())
    }

    /// Whether nothing is left that could happen.
    fn is_finished(&self) -> bool {
        self.is_empty()
            && self.shared.timers.borrow().is_empty()
            && self.shared.deferred.borrow().is_empty()
            && self.shared.failure.borrow().is_none()
    }
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher")
            .field("platform", &self.shared.platform.name())
            .field("backend", &self.shared.selector.borrow().name())
            .field("len", &self.len())
            .finish()
    }
}
