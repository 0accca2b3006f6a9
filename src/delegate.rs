//! Delegates: handlers for any descriptor that can be waited for, such as a pipe or standard input.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use selectio_platform::{Descriptor, Interest, Platform, Ready, Wake, this_target};

use crate::dispatcher::{Dispatcher, Key};
use crate::error::closed;
use crate::handler::HandlerSlot;
use crate::registration::{Link, Register, Source};

type Handler = dyn FnMut(&Delegate, &Dispatcher) -> io::Result<()>;
type BufferedHandler = dyn FnMut(&Delegate) -> bool;
type ErrorHandler = dyn FnMut(&Delegate, &Dispatcher, &io::Error);

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
/// with: read once per call of the handler, and it never blocks.
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

/// Ends a dispatcher's wait from any thread. Comes from [`Delegate::waker`].
#[derive(Clone)]
pub struct Waker(Arc<dyn Wake>);

impl Waker {
    /// Makes the delegate readable. Calls that it has not seen yet count as one. Never blocks.
    ///
    /// # Errors
    /// `BrokenPipe` when the delegate is closed.
    pub fn wake(&self) -> io::Result<()> {
        self.0.wake()
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}

struct Inner {
    platform: Rc<dyn Platform>,
    /// `None` once it is closed.
    descriptor: RefCell<Option<Descriptor>>,
    mode: Cell<Mode>,
    link: Link,
    read: HandlerSlot<Handler>,
    write: HandlerSlot<Handler>,
    error: HandlerSlot<ErrorHandler>,
    task: HandlerSlot<Handler>,
    buffered: HandlerSlot<BufferedHandler>,
    value: RefCell<Option<Rc<dyn Any>>>,
}

impl Inner {
    /// Asks again before the next wait, as long as there is someone to ask.
    fn note_buffered(&self) {
        if let (true, Some((dispatcher, key))) = (self.buffered.is_set(), self.link.get()) {
            dispatcher.note_pending(key);
        }
    }
}

impl Delegate {
    /// A delegate that owns this descriptor. Natively an `OwnedFd` will do.
    #[must_use]
    pub fn new(descriptor: impl Into<Descriptor>, mode: Mode) -> Delegate {
        let inner = Inner {
            platform: this_target(),
            descriptor: RefCell::new(Some(descriptor.into())),
            mode: Cell::new(mode),
            link: Link::default(),
            read: HandlerSlot::new("handle_read"),
            write: HandlerSlot::new("handle_write"),
            error: HandlerSlot::new("handle_error"),
            task: HandlerSlot::new("handle_task"),
            buffered: HandlerSlot::new("has_data_buffered"),
            value: RefCell::default(),
        };
        Delegate { inner: Rc::new(inner) }
    }

    /// The program's standard input. On every target.
    ///
    /// # Errors
    /// Those of duplicating the descriptor.
    pub fn stdin() -> io::Result<Delegate> {
        Ok(Delegate::new(this_target().stdin()?, Mode::Read))
    }

    /// A delegate that becomes readable when another thread calls the [`Waker`], and how to call. Read from
    /// it in its read handler, whatever the bytes are, or it stays readable. Natively only.
    ///
    /// # Errors
    /// `Unsupported` where there are no threads: use a timer. Natively those of making a pipe.
    ///
    /// ```no_run
    /// use selectio::{Delegate, Dispatcher};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let dispatcher = Dispatcher::new()?;
    /// let (delegate, waker) = Delegate::waker()?;
    /// delegate.set_handle_read(|delegate, _| {
    ///     delegate.read(&mut [0; 64])?;
    ///     println!("another thread has something for us");
    ///     delegate.close()
    /// });
    /// dispatcher.register(&delegate)?;
    /// std::thread::spawn(move || waker.wake());
    /// dispatcher.run()
    /// # }
    /// ```
    pub fn waker() -> io::Result<(Delegate, Waker)> {
        let (descriptor, wake) = this_target().waker()?;
        Ok((Delegate::new(descriptor, Mode::Read), Waker(wake)))
    }

    /// Called when there is something to read, or the end is reached.
    #[doc(alias = "handleRead")]
    pub fn set_handle_read(&self, handler: impl FnMut(&Delegate, &Dispatcher) -> io::Result<()> + 'static) {
        self.set(|inner| inner.read.set(Box::new(handler)));
    }

    /// Called when there is room to write.
    #[doc(alias = "handleWrite")]
    pub fn set_handle_write(&self, handler: impl FnMut(&Delegate, &Dispatcher) -> io::Result<()> + 'static) {
        self.set(|inner| inner.write.set(Box::new(handler)));
    }

    /// Called with what went wrong, just before the delegate is closed for it.
    #[doc(alias = "handleError")]
    pub fn set_handle_error(&self, handler: impl FnMut(&Delegate, &Dispatcher, &io::Error) + 'static) {
        self.set(|inner| inner.error.set(Box::new(handler)));
    }

    /// Called once in every poll, after the events.
    #[doc(alias = "handleTask")]
    pub fn set_handle_task(&self, handler: impl FnMut(&Delegate, &Dispatcher) -> io::Result<()> + 'static) {
        self.set(|inner| inner.task.set(Box::new(handler)));
        if let (true, Some((dispatcher, key))) = (self.is_open(), self.inner.link.get()) {
            dispatcher.set_has_task(key, true);
        }
    }

    /// Asked once before every wait: while it answers true, the read handler is called although nothing new
    /// has come. For a protocol of your own that reads ahead.
    #[doc(alias = "hasDataBuffered")]
    pub fn set_has_data_buffered(&self, has_data_buffered: impl FnMut(&Delegate) -> bool + 'static) {
        self.set(|inner| inner.buffered.set(Box::new(has_data_buffered)));
        self.inner.note_buffered();
    }

    /// Keeps a value of yours with the delegate.
    #[doc(alias = "deleVal")]
    pub fn set_value(&self, value: impl Any) {
        *self.inner.value.borrow_mut() = Some(Rc::new(value));
    }

    /// The value that was kept, when it is of this type.
    #[must_use]
    #[doc(alias = "deleVal")]
    pub fn value<T: Any>(&self) -> Option<Rc<T>> {
        self.inner.value.borrow().clone()?.downcast().ok()
    }

    /// Calls with the open descriptor, which has an `fd` natively and on wasip1.
    ///
    /// # Errors
    /// `NotConnected` when it is closed; what `call` says.
    #[doc(alias = "fd")]
    pub fn with_descriptor<T>(&self, call: impl FnOnce(&Descriptor) -> io::Result<T>) -> io::Result<T> {
        match &*self.inner.descriptor.borrow() {
            Some(descriptor) => call(descriptor),
            None => Err(closed("with_descriptor")),
        }
    }

    /// What it is watched for, as far as there are handlers.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.inner.mode.get()
    }

    /// Watches for something else from now on.
    pub fn set_mode(&self, mode: Mode) {
        self.inner.mode.set(mode);
        self.update_interest();
    }

    /// Whether it is not closed.
    #[must_use]
    #[doc(alias = "open")]
    pub fn is_open(&self) -> bool {
        self.inner.descriptor.borrow().is_some()
    }

    /// Reads once. `None` when there is nothing now, 0 at the end.
    ///
    /// # Errors
    /// Those of `read(2)`; `NotConnected` when it is closed.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        self.once("read", |platform, descriptor| platform.read(descriptor, buffer))
    }

    /// Writes once and says how much was taken. `None` when there is no room now.
    ///
    /// # Errors
    /// Those of `write(2)`; `NotConnected` when it is closed.
    pub fn write(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
        self.once("write", |platform, descriptor| platform.write(descriptor, bytes))
    }

    /// Closes it now and for good. A second time does nothing.
    ///
    /// # Errors
    /// Those of `close(2)`, once; it is closed all the same.
    pub fn close(&self) -> io::Result<()> {
        let inner = &self.inner;
        let Some(descriptor) = inner.descriptor.borrow_mut().take() else { return Ok(()) };
        inner.link.detach(Some(&descriptor));
        let closed = inner.platform.close(descriptor);
        // Handlers may own this very delegate: without them nothing keeps it alive.
        for slot in [&inner.read, &inner.write, &inner.task] {
            slot.clear();
        }
        inner.error.clear();
        inner.buffered.clear();
        closed
    }

    fn once(
        &self,
        operation: &str,
        mut call: impl FnMut(&dyn Platform, &Descriptor) -> io::Result<usize>,
    ) -> io::Result<Option<usize>> {
        let descriptor = self.inner.descriptor.borrow();
        let descriptor = descriptor.as_ref().ok_or_else(|| closed(operation))?;
        loop {
            match call(&*self.inner.platform, descriptor) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                result => return result.map(Some),
            }
        }
    }

    fn set(&self, set: impl FnOnce(&Inner)) {
        if self.is_open() {
            set(&self.inner);
            self.update_interest();
        }
    }

    fn interest(&self) -> Interest {
        let mode = self.inner.mode.get();
        Interest {
            read: mode != Mode::Write && self.inner.read.is_set(),
            write: mode != Mode::Read && self.inner.write.is_set(),
        }
    }

    fn update_interest(&self) {
        if let Some(descriptor) = &*self.inner.descriptor.borrow() {
            self.inner.link.set_interest(descriptor, self.interest());
        }
    }

    fn call(&self, handler: &HandlerSlot<Handler>, dispatcher: &Dispatcher) -> bool {
        match handler.call(|handler| handler(self, dispatcher)) {
            None => false,
            Some(Ok(())) => {
                self.update_interest();
                true
            }
            Some(Err(error)) => {
                self.fail(&error, dispatcher);
                true
            }
        }
    }

    fn fail(&self, error: &io::Error, dispatcher: &Dispatcher) {
        if self.is_open() {
            let handler = &self.inner.error;
            // A panic in here has no other place to go: the delegate is closed all the same.
            let _ = handler.call(|handler| {
                handler(self, dispatcher, error);
                Ok(())
            });
            let _ = self.close();
        }
    }
}

impl Register for Delegate {
    fn register_with(&self, dispatcher: &Dispatcher) -> io::Result<()> {
        let descriptor = self.inner.descriptor.borrow();
        let descriptor = descriptor.as_ref().ok_or_else(|| closed("register"))?;
        self.inner.link.attach(self.inner.clone(), descriptor, self.interest(), dispatcher)?;
        if let Some((dispatcher, key)) = self.inner.link.get() {
            dispatcher.set_has_task(key, self.inner.task.is_set());
            self.inner.note_buffered();
        }
        Ok(())
    }

    fn unregister_from(&self, dispatcher: &Dispatcher) -> io::Result<()> {
        self.inner.link.detach_from(dispatcher, self.inner.descriptor.borrow().as_ref())
    }
}

impl Source for Inner {
    fn on_ready(self: Rc<Self>, ready: Ready, key: Key, dispatcher: &Dispatcher) -> bool {
        let delegate = Delegate { inner: self };
        if let Some(error) = &ready.error {
            delegate.fail(error, dispatcher);
            return true;
        }
        let mut was_called = false;
        if ready.readable && delegate.inner.mode.get() != Mode::Write {
            was_called |= delegate.call(&delegate.inner.read, dispatcher);
        }
        // The read handler may have changed everything.
        if ready.writable && delegate.inner.link.is(key) && delegate.interest().write {
            was_called |= delegate.call(&delegate.inner.write, dispatcher);
        }
        was_called
    }

    fn has_pending(self: Rc<Self>) -> bool {
        let delegate = Delegate { inner: self };
        let answer = delegate.inner.buffered.call(|handler| Ok(handler(&delegate)));
        delegate.inner.note_buffered();
        matches!(answer, Some(Ok(true)))
    }

    fn run_task(self: Rc<Self>, dispatcher: &Dispatcher) {
        let delegate = Delegate { inner: self };
        delegate.call(&delegate.inner.task, dispatcher);
    }

    fn unmute(self: Rc<Self>) {}

    fn close_source(self: Rc<Self>) -> io::Result<()> {
        Delegate { inner: self }.close()
    }
}

impl fmt::Debug for Delegate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delegate").field("mode", &self.mode()).field("is_open", &self.is_open()).finish()
    }
}
