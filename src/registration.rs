//! What is registered with a dispatcher, and the link back from there.

use std::cell::{Cell, RefCell};
use std::io;
use std::num::NonZeroU64;
use std::rc::{Rc, Weak};

use selectio_platform::{Descriptor, Interest, Ready};

use crate::dispatcher::{Dispatcher, Key, Shared};
use crate::error::misuse;

/// Something that a dispatcher can serve: a socket, a delegate, or a protocol module of your own that
/// registers the sockets that it is made of.
///
/// ```
/// use selectio::{AsyncSocket, Dispatcher, Register};
///
/// struct Proxy {
///     inner: AsyncSocket,
///     outer: AsyncSocket,
/// }
///
/// impl Register for Proxy {
///     fn register_with(&self, dispatcher: &Dispatcher) -> std::io::Result<()> {
///         dispatcher.register(&self.inner)?;
///         dispatcher.register(&self.outer)
///     }
///
///     fn unregister_from(&self, dispatcher: &Dispatcher) -> std::io::Result<()> {
///         dispatcher.unregister(&self.inner)?;
///         dispatcher.unregister(&self.outer)
///     }
/// }
/// ```
pub trait Register {
    /// Called by [`Dispatcher::register`].
    ///
    /// # Errors
    /// Those of registering the parts.
    fn register_with(&self, dispatcher: &Dispatcher) -> io::Result<()>;

    /// Called by [`Dispatcher::unregister`].
    ///
    /// # Errors
    /// Those of unregistering the parts.
    fn unregister_from(&self, dispatcher: &Dispatcher) -> io::Result<()>;
}

/// What the dispatcher calls. The receiver is the shared state itself, so that a source stays alive
/// while it is being served, whatever its handlers do.
pub(crate) trait Source {
    /// Serves what the wait found; answers whether any handler was called.
    fn on_ready(self: Rc<Self>, ready: Ready, key: Key, dispatcher: &Dispatcher) -> bool;

    /// The descriptor can't be watched any more, which the platform says once (C5); answers whether any handler was
    /// called.
    fn on_failure(self: Rc<Self>, error: io::Error, dispatcher: &Dispatcher) -> bool;

    /// Whether there is something to deliver that no wait would find.
    fn has_pending(self: Rc<Self>) -> bool;

    /// Runs the task, after the events of a poll.
    fn run_task(self: Rc<Self>, dispatcher: &Dispatcher);

    /// Sends what was sent on it by others; answers whether any handler was called.
    fn flush(self: Rc<Self>, dispatcher: &Dispatcher) -> bool;

    /// The time that it has set itself is over; answers whether any handler was called.
    fn on_timer(self: Rc<Self>, dispatcher: &Dispatcher) -> bool;

    /// Something was closed, so that what had run out may be there again.
    fn try_again(self: Rc<Self>);

    /// Closes, for good.
    fn close_source(self: Rc<Self>) -> io::Result<()>;
}

struct Registration {
    dispatcher: Weak<Shared>,
    key: Key,
}

/// A source's side of its registration.
#[derive(Default)]
pub(crate) struct Link {
    registration: RefCell<Option<Registration>>,
    /// What the selector was told last.
    interest: Cell<Interest>,
}

impl Link {
    /// The dispatcher that serves this source, and the key there. None when that dispatcher is gone.
    pub(crate) fn get(&self) -> Option<(Dispatcher, Key)> {
        let registration = self.registration.borrow();
        let registration = registration.as_ref()?;
        let shared = registration.dispatcher.upgrade()?;
        Some((Dispatcher::from_shared(shared), registration.key))
    }

    /// Whether some dispatcher serves this source.
    pub(crate) fn is_attached(&self) -> bool {
        self.registration.borrow().as_ref().is_some_and(|registration| registration.dispatcher.strong_count() > 0)
    }

    /// Whether this very dispatcher serves this source.
    pub(crate) fn is_attached_to(&self, dispatcher: &Dispatcher) -> bool {
        self.get().is_some_and(|(registered, _)| registered.is_same(dispatcher))
    }

    /// Whether it is registered under this very key: a handler may have changed that.
    pub(crate) fn is(&self, key: Key) -> bool {
        self.registration.borrow().as_ref().is_some_and(|registration| registration.key == key)
    }

    /// Registers `source`. A second time with the same dispatcher changes nothing.
    pub(crate) fn attach(
        &self,
        source: Rc<dyn Source>,
        descriptor: &Descriptor,
        interest: Interest,
        dispatcher: &Dispatcher,
    ) -> io::Result<()> {
        if let Some((other, _)) = self.get() {
            return if other.is_same(dispatcher) {
                Ok(())
            } else {
                Err(misuse("register", "it is registered with another dispatcher: unregister it there first"))
            };
        }
        let key = dispatcher.insert(source, descriptor, interest)?;
        self.interest.set(interest);
        *self.registration.borrow_mut() = Some(Registration { dispatcher: dispatcher.downgrade(), key });
        Ok(())
    }

    /// Ends the registration, if there is one.
    pub(crate) fn detach(&self, descriptor: Option<&Descriptor>) {
        if let Some((dispatcher, key)) = self.get() {
            *self.registration.borrow_mut() = None;
            dispatcher.remove(key, descriptor);
        }
    }

    /// Ends the registration with this very dispatcher.
    pub(crate) fn detach_from(&self, dispatcher: &Dispatcher, descriptor: Option<&Descriptor>) -> io::Result<()> {
        match self.get() {
            Some((registered, _)) if registered.is_same(dispatcher) => {
                self.detach(descriptor);
                Ok(())
            }
            _ => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "unregister: it is not registered with this dispatcher: register it first",
            )),
        }
    }

    /// What the selector was told last.
    pub(crate) fn interest(&self) -> Interest {
        self.interest.get()
    }

    /// Tells the selector what to watch for, when that has changed. What the kernel refuses comes as a failure.
    ///
    /// # Errors
    /// Those of the selector.
    pub(crate) fn set_interest(&self, descriptor: &Descriptor, interest: Interest) -> io::Result<()> {
        if self.interest.get() != interest
            && let Some((dispatcher, _)) = self.get()
        {
            self.interest.set(interest);
            return dispatcher.set_interest(descriptor, interest);
        }
        Ok(())
    }

    /// Which round of serving runs at the dispatcher; `None` outside of a poll, or without a dispatcher.
    pub(crate) fn turn(&self) -> Option<NonZeroU64> {
        self.get().and_then(|(dispatcher, _)| dispatcher.turn())
    }

    /// The dispatcher delivers to this source in its next poll without waiting.
    pub(crate) fn note_pending(&self) {
        if let Some((dispatcher, key)) = self.get() {
            dispatcher.note_pending(key);
        }
    }

    /// Watches another descriptor in the place of the old one, from now on.
    pub(crate) fn replace_descriptor(&self, old: &Descriptor, new: &Descriptor, interest: Interest) -> io::Result<()> {
        if let Some((dispatcher, key)) = self.get() {
            self.interest.set(interest);
            dispatcher.replace_descriptor(old, new, key, interest)?;
        }
        Ok(())
    }
}
