//! The descriptor of a socket or a delegate, until that is closed.

use std::cell::{Ref, RefCell};
use std::io;
use std::ops::Deref;
use std::rc::Rc;

use selectio_platform::{Descriptor, Platform};

use crate::error::closed;

/// An open descriptor and the platform that it is of; nothing once it is closed.
pub(crate) struct OpenDescriptor {
    platform: Rc<dyn Platform>,
    descriptor: RefCell<Option<Open>>,
    /// What messages call the owner: `socket` or `delegate`.
    owner: &'static str,
}

/// A descriptor that is open. It stands in its owner, and moves out of there only for a program that borrows it.
pub(crate) enum Open {
    Own(Descriptor),
    /// Shared with a call of [`OpenDescriptor::lend`] that is running, or was.
    Shared(Rc<Descriptor>),
}

impl Open {
    fn share(self) -> Rc<Descriptor> {
        match self {
            Open::Own(descriptor) => Rc::new(descriptor),
            Open::Shared(descriptor) => descriptor,
        }
    }

    /// The descriptor itself; nothing while a call has it.
    pub(crate) fn into_sole(self) -> Option<Descriptor> {
        match self {
            Open::Own(descriptor) => Some(descriptor),
            Open::Shared(descriptor) => Rc::try_unwrap(descriptor).ok(),
        }
    }
}

impl Deref for Open {
    type Target = Descriptor;

    fn deref(&self) -> &Descriptor {
        match self {
            Open::Own(descriptor) => descriptor,
            Open::Shared(descriptor) => descriptor,
        }
    }
}

impl OpenDescriptor {
    pub(crate) fn new(platform: Rc<dyn Platform>, descriptor: Descriptor, owner: &'static str) -> OpenDescriptor {
        OpenDescriptor { platform, descriptor: RefCell::new(Some(Open::Own(descriptor))), owner }
    }

    pub(crate) fn platform(&self) -> &Rc<dyn Platform> {
        &self.platform
    }

    /// The descriptor, for a moment in which nothing of the program's is called.
    ///
    /// # Errors
    /// `NotConnected` when it is closed.
    pub(crate) fn get(&self, operation: &str) -> io::Result<Ref<'_, Descriptor>> {
        let borrowed = Ref::filter_map(self.descriptor.borrow(), Option::as_deref);
        borrowed.map_err(|_| closed(operation, self.owner))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.descriptor.borrow().is_some()
    }

    /// Calls into the program with the descriptor. Closing the owner meanwhile works: then the descriptor itself
    /// is closed when the call is over.
    pub(crate) fn lend<T>(&self, call: impl FnOnce(&Descriptor) -> io::Result<T>) -> io::Result<T> {
        let lent = self.take().ok_or_else(|| closed("with_descriptor", self.owner))?.share();
        *self.descriptor.borrow_mut() = Some(Open::Shared(lent.clone()));
        let result = call(&lent);
        // Shared as long as it is open: then this does nothing.
        let closed = self.close(Open::Shared(lent));
        result.and_then(|answer| closed.map(|()| answer))
    }

    /// Takes the descriptor out: from now on the owner is closed.
    pub(crate) fn take(&self) -> Option<Open> {
        self.descriptor.borrow_mut().take()
    }

    /// Puts another descriptor in the place of the old one, which is given back.
    pub(crate) fn replace(&self, new: Descriptor) -> Option<Open> {
        self.descriptor.borrow_mut().replace(Open::Own(new))
    }

    /// Closes a descriptor that was taken out, unless a call has it: then the end of that call closes it.
    pub(crate) fn close(&self, descriptor: Open) -> io::Result<()> {
        descriptor.into_sole().map_or(Ok(()), |descriptor| self.platform.close(descriptor))
    }

    /// One system call, again when a signal came between; `None` when it would block.
    pub(crate) fn once<T>(
        &self,
        operation: &str,
        mut call: impl FnMut(&dyn Platform, &Descriptor) -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        let descriptor = self.get(operation)?;
        loop {
            match call(&*self.platform, &descriptor) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                result => return result.map(Some),
            }
        }
    }
}

impl Drop for OpenDescriptor {
    /// The last handle is gone without a call of close.
    fn drop(&mut self) {
        if let Some(descriptor) = self.take() {
            // Nobody is left who could be told.
            let _ = self.close(descriptor);
        }
    }
}
