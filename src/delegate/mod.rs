//! Delegates: handlers for any descriptor that can be waited for, such as a pipe or standard input.

mod events;
mod wake;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::rc::Rc;

use selectio_platform::{Descriptor, Platform, this_target};

use crate::dispatcher::Dispatcher;
use crate::error::named;
use crate::handler::HandlerSlot;
use crate::id::Id;
use crate::open_descriptor::OpenDescriptor;
use crate::registration::{Link, Register};
use crate::served::{ErrorHandler, Handler, Served};
use wake::Drain;
pub use wake::Waker;

type BufferedHandler = dyn FnMut(&Delegate) -> bool;

/// What a delegate's descriptor is open for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "FileMode")]
pub enum Mode {
    /// Reading only: the write handler is never called.
    #[doc(alias = "fmRead")]
    Read,
    /// Writing only: the read handler is never called.
    #[doc(alias = "fmWrite")]
    #[doc(alias = "fmAppend")]
    Write,
    /// Both.
    #[doc(alias = "fmReadWrite")]
    #[doc(alias = "fmReadWriteExisting")]
    ReadWrite,
}

/// Any descriptor, with handlers that a [`Dispatcher`] calls.
///
/// A cheap handle: clones name the same delegate. Its descriptor keeps the blocking mode that it came
/// with. On one that blocks, read or write once in each call of the handler; even then the kernel may say "ready" and
/// block all the same now and then (select(2), BUGS), so prefer non-blocking ones where you make them yourself.
///
/// ```no_run
/// use selectio::{Delegate, Dispatcher};
///
/// # fn main() -> std::io::Result<()> {
/// let dispatcher = Dispatcher::new()?;
/// let stdin = Delegate::stdin()?;
/// stdin.set_handle_read(|stdin, _| {
///     let mut buffer = [0; 4096];
///     match stdin.read(&mut buffer)? {
///         Some(0) => stdin.close(),
///         Some(length) => Ok(println!("{length} bytes typed")),
///         None => Ok(()),
///     }
/// });
/// dispatcher.register(&stdin)?;
/// dispatcher.run()
/// # }
/// ```
#[derive(Clone)]
#[doc(alias = "newDelegate")]
pub struct Delegate {
    inner: Rc<Inner>,
}

struct Inner {
    id: Id,
    descriptor: OpenDescriptor,
    mode: Cell<Mode>,
    is_paused: Cell<bool>,
    link: Link,
    handlers: Handlers,
    /// Of a waker or of signals: what is read only tells that something has happened.
    drain: Option<Drain>,
    value: RefCell<Option<Rc<dyn Any>>>,
    /// An error that came up outside of its own turn, to be delivered in its next one.
    noted_error: RefCell<Option<io::Error>>,
}

#[derive(Default)]
struct Handlers {
    read: HandlerSlot<Handler<Delegate>>,
    write: HandlerSlot<Handler<Delegate>>,
    error: HandlerSlot<ErrorHandler<Delegate>>,
    task: HandlerSlot<Handler<Delegate>>,
    buffered: HandlerSlot<BufferedHandler>,
}

impl Delegate {
    /// A delegate that owns this descriptor. Natively an `OwnedFd` will do.
    #[must_use]
    pub fn new(descriptor: impl Into<Descriptor>, mode: Mode) -> Delegate {
        Delegate::on(this_target(), descriptor.into(), mode, None)
    }

    fn on(platform: Rc<dyn Platform>, descriptor: Descriptor, mode: Mode, drain: Option<Drain>) -> Delegate {
        let inner = Inner {
            id: Id::next(),
            descriptor: OpenDescriptor::new(platform, descriptor, "delegate"),
            mode: Cell::new(mode),
            is_paused: Cell::default(),
            link: Link::default(),
            handlers: Handlers::default(),
            drain,
            value: RefCell::default(),
            noted_error: RefCell::default(),
        };
        Delegate { inner: Rc::new(inner) }
    }

    /// Names this delegate, in messages and as the key of a map: clones of the handle have the same one, nothing else
    /// ever has.
    #[must_use]
    pub fn id(&self) -> Id {
        self.inner.id
    }

    /// The program's standard input. On every target.
    ///
    /// # Errors
    /// Those of duplicating the descriptor.
    pub fn stdin() -> io::Result<Delegate> {
        Ok(Delegate::new(this_target().stdin()?, Mode::Read))
    }

    /// Called when there is something to read, or the end is reached.
    #[doc(alias = "handleRead")]
    pub fn set_handle_read(&self, handler: impl FnMut(&Delegate, &Dispatcher) -> io::Result<()> + 'static) {
        self.set(|inner| inner.handlers.read.set(Box::new(handler)));
    }

    /// Called when there is room to write.
    #[doc(alias = "handleWrite")]
    pub fn set_handle_write(&self, handler: impl FnMut(&Delegate, &Dispatcher) -> io::Result<()> + 'static) {
        self.set(|inner| inner.handlers.write.set(Box::new(handler)));
    }

    /// Called with what went wrong, just before the delegate is closed for it. Without this handler the error goes to
    /// [`Dispatcher::set_handle_error`], which tells it on standard error unless set.
    #[doc(alias = "handleError")]
    pub fn set_handle_error(&self, handler: impl FnMut(&Delegate, &Dispatcher, &io::Error) + 'static) {
        self.set(|inner| inner.handlers.error.set(Box::new(handler)));
    }

    /// Called once in every poll, after the events: whatever happened, and twice a second when nothing does. It costs
    /// each poll a call, so it is for one socket or a few; what is to happen at some time needs a timer
    /// ([`Dispatcher::call_after`]).
    #[doc(alias = "handleTask")]
    pub fn set_handle_task(&self, handler: impl FnMut(&Delegate, &Dispatcher) -> io::Result<()> + 'static) {
        self.set(|inner| inner.handlers.task.set(Box::new(handler)));
        if let (true, Some((dispatcher, key))) = (self.is_open(), self.inner.link.get()) {
            dispatcher.set_has_task(key, true);
        }
    }

    /// Asked once before every wait: while it answers true, the read handler is called although nothing new
    /// has come. For a protocol of your own that reads ahead. Without a read handler nobody is asked.
    #[doc(alias = "hasDataBuffered")]
    pub fn set_has_data_buffered(&self, has_data_buffered: impl FnMut(&Delegate) -> bool + 'static) {
        self.set(|inner| inner.handlers.buffered.set(Box::new(has_data_buffered)));
    }

    /// Keeps a value of yours with the delegate, until it is closed.
    #[doc(alias = "deleVal")]
    pub fn set_value(&self, value: impl Any) {
        if self.is_open() {
            // The value before may come back here when it is dropped.
            drop(self.inner.value.replace(Some(Rc::new(value))));
        }
    }

    /// The value that was kept, when it is of this type.
    #[must_use]
    #[doc(alias = "deleVal")]
    pub fn value<T: Any>(&self) -> Option<Rc<T>> {
        self.inner.value.borrow().clone()?.downcast().ok()
    }

    /// Calls with the open descriptor, which has an `fd` natively and on wasip1. A close meanwhile closes the
    /// descriptor when the call is over.
    ///
    /// # Errors
    /// `NotConnected` when it is closed; what `call` says.
    #[doc(alias = "fd")]
    pub fn with_descriptor<T>(&self, call: impl FnOnce(&Descriptor) -> io::Result<T>) -> io::Result<T> {
        self.inner.descriptor.lend(call)
    }

    /// What it is watched for, as far as there are handlers.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.inner.mode.get()
    }

    /// Watches for something else from now on.
    pub fn set_mode(&self, mode: Mode) {
        self.inner.mode.set(mode);
        self.changed();
    }

    /// Stops reading: its read handler is not called until [`resume_reading`](Delegate::resume_reading), as for a
    /// reader whose bytes nobody takes fast enough.
    pub fn pause_reading(&self) {
        self.inner.is_paused.set(true);
        self.changed();
    }

    /// Reads again after [`pause_reading`](Delegate::pause_reading).
    pub fn resume_reading(&self) {
        self.inner.is_paused.set(false);
        self.changed();
    }

    /// Whether [`pause_reading`](Delegate::pause_reading) was called, and not taken back.
    #[must_use]
    pub fn is_reading_paused(&self) -> bool {
        self.inner.is_paused.get()
    }

    /// Whether it is not closed.
    #[must_use]
    #[doc(alias = "open")]
    pub fn is_open(&self) -> bool {
        self.inner.descriptor.is_open()
    }

    /// Reads once. `None` when there is nothing now, 0 at the end.
    ///
    /// # Errors
    /// Those of `read(2)`; `NotConnected` when it is closed.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let read = self.inner.descriptor.once("read", |platform, descriptor| platform.read(descriptor, buffer));
        read.map_err(|error| named("read", error))
    }

    /// Writes once and says how much was taken. `None` when there is no room now.
    ///
    /// # Errors
    /// Those of `write(2)`; `NotConnected` when it is closed.
    pub fn write(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
        let written = self.inner.descriptor.once("write", |platform, descriptor| platform.write(descriptor, bytes));
        written.map_err(|error| named("write", error))
    }

    /// Closes it now and for good. A second time does nothing.
    ///
    /// # Errors
    /// Those of `close(2)`, once; it is closed all the same.
    pub fn close(&self) -> io::Result<()> {
        let inner = &self.inner;
        let Some(descriptor) = inner.descriptor.take() else { return Ok(()) };
        inner.link.detach(Some(&descriptor));
        let closed = inner.descriptor.close(descriptor);
        // Handlers and the value may own this very delegate: without them nothing keeps it alive.
        for slot in [&inner.handlers.read, &inner.handlers.write, &inner.handlers.task] {
            slot.clear();
        }
        inner.handlers.error.clear();
        inner.handlers.buffered.clear();
        inner.noted_error.take();
        drop(inner.value.take());
        closed.map_err(|error| named("close", error))
    }

    fn set(&self, set: impl FnOnce(&Inner)) {
        if self.is_open() {
            set(&self.inner);
            self.changed();
        }
    }
}

impl Register for Delegate {
    fn register_with(&self, dispatcher: &Dispatcher) -> io::Result<()> {
        let descriptor = self.inner.descriptor.get("register")?;
        self.inner.link.attach(self.inner.clone(), &descriptor, self.wants().watch, dispatcher)?;
        drop(descriptor);
        if let Some((dispatcher, key)) = self.inner.link.get() {
            dispatcher.set_has_task(key, self.inner.handlers.task.is_set());
        }
        self.changed();
        Ok(())
    }

    fn unregister_from(&self, dispatcher: &Dispatcher) -> io::Result<()> {
        let descriptor = self.inner.descriptor.get("unregister").ok();
        self.inner.link.detach_from(dispatcher, descriptor.as_deref())
    }
}

/// Handles of the same delegate are equal.
impl PartialEq for Delegate {
    fn eq(&self, other: &Delegate) -> bool {
        self.inner.id == other.inner.id
    }
}

impl Eq for Delegate {}

impl Hash for Delegate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.id.hash(state);
    }
}

impl fmt::Debug for Delegate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delegate")
            .field("id", &self.id().to_string())
            .field("mode", &self.mode())
            .field("is_open", &self.is_open())
            .finish()
    }
}
