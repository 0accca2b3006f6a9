//! The dispatcher: what is registered, and the calls that change it. How a poll goes is in `poll.rs`.

mod builder;
mod poll;
mod slots;
mod timers;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::rc::{Rc, Weak};
use std::time::Duration;

use selectio_platform::{Descriptor, Interest, Platform, Ready, Selector};

use crate::error::misuse;
use crate::registration::{Register, Source};
pub use builder::DispatcherBuilder;
pub(crate) use slots::Key;
use slots::Slots;
pub use timers::Timer;
use timers::{Due, Timers};

/// How long a poll waits when nobody says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_millis(500);

/// How long a listener that ran out of descriptors pauses, unless a socket closes before.
const MUTE_TIME: Duration = Duration::from_millis(100);

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
    entries: RefCell<Slots<Entry>>,
    /// Counts registrations: what callbacks are ordered by (P1).
    next_order: Cell<u64>,
    /// Sources with something to deliver that no wait would find, such as buffered lines (P5).
    pending: RefCell<Vec<Key>>,
    pending_round: RefCell<Vec<Key>>,
    /// Sources with a task, in the order of registration.
    tasks: RefCell<Vec<(u64, Key)>>,
    /// Listeners that ran out of descriptors.
    muted: RefCell<Vec<Key>>,
    timers: RefCell<Timers>,
    /// Kept from poll to poll, so that a poll allocates nothing.
    ready: RefCell<Vec<Ready>>,
    round: RefCell<Vec<(u64, Ready)>>,
    task_round: RefCell<Vec<(u64, Key)>>,
    is_polling: Cell<bool>,
    is_stopped: Cell<bool>,
}

struct Entry {
    source: Rc<dyn Source>,
    order: u64,
    is_pending: Cell<bool>,
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
    /// `InvalidInput` when it is registered with another dispatcher, or is of another platform than this one;
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

    /// Calls `handler` once, when `delay` has passed.
    ///
    /// Its error comes out of the poll that called it, after everything else was served.
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

    /// Cancels a timer and says whether it was still to come.
    pub fn cancel(&self, timer: Timer) -> bool {
        let cancelled = self.shared.timers.borrow_mut().cancel(timer);
        cancelled.is_some()
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
        let key = self.shared.entries.borrow_mut().insert(Entry { source, order, is_pending: Cell::new(false) });
        if let Err(error) = self.shared.selector.borrow_mut().add(descriptor, key.number(), interest) {
            self.shared.entries.borrow_mut().remove(key);
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
        self.shared.tasks.borrow_mut().retain(|(_, task)| *task != key);
        self.unmute_all();
        // Dropping it may close sockets, which comes back here.
        drop(entry);
    }

    pub(crate) fn set_interest(&self, descriptor: &Descriptor, interest: Interest) {
        // It is watched, and a watch takes any interest.
        let _ = self.shared.selector.borrow_mut().modify(descriptor, interest);
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

    pub(crate) fn set_has_task(&self, key: Key, has_task: bool) {
        let mut tasks = self.shared.tasks.borrow_mut();
        tasks.retain(|(_, task)| *task != key);
        if let (true, Some(entry)) = (has_task, self.shared.entries.borrow().get(key)) {
            tasks.push((entry.order, key));
            tasks.sort_unstable_by_key(|(order, _)| *order);
        }
    }

    /// Calls `unmute` on the source when a descriptor may be free again: after a close, or some time.
    pub(crate) fn mute(&self, key: Key) {
        self.shared.muted.borrow_mut().push(key);
        self.shared.timers.borrow_mut().insert(self.now() + MUTE_TIME, Due::Unmute(key));
    }

    fn unmute_all(&self) {
        let muted = std::mem::take(&mut *self.shared.muted.borrow_mut());
        for key in muted {
            self.unmute(key);
        }
    }

    fn unmute(&self, key: Key) {
        self.shared.muted.borrow_mut().retain(|muted| *muted != key);
        if let Some(source) = self.source(key) {
            source.unmute();
        }
    }

    fn source(&self, key: Key) -> Option<Rc<dyn Source>> {
        self.shared.entries.borrow().get(key).map(|entry| entry.source.clone())
    }
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher").field("platform", &self.shared.platform.name()).field("len", &self.len()).finish()
    }
}
