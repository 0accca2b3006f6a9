//! What a delegate waits for, and what readiness does to it.

use std::io;
use std::rc::Rc;

use selectio_platform::{Interest, Ready};

use super::{Delegate, Inner, Mode};
use crate::dispatcher::{Dispatcher, Key};
use crate::error::in_operation;
use crate::handler::HandlerSlot;
use crate::registration::Source;
use crate::served::{ErrorHandler, Served};

/// What a delegate waits for, and whether it asks the program before each wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wants {
    pub(super) watch: Interest,
    asks: bool,
}

/// The one place where that is worked out. What nobody would read is no reason to be served.
fn wants(mode: Mode, is_reading: bool, has_write_handler: bool, has_data_buffered: bool) -> Wants {
    let read = mode != Mode::Write && is_reading;
    Wants { watch: Interest { read, write: mode != Mode::Read && has_write_handler }, asks: read && has_data_buffered }
}

impl Delegate {
    pub(super) fn wants(&self) -> Wants {
        let handlers = &self.inner.handlers;
        let is_reading = handlers.read.is_set() && !self.is_reading_paused();
        wants(self.mode(), is_reading, handlers.write.is_set(), handlers.buffered.is_set())
    }

    fn serve(&self, ready: &Ready, key: Key, dispatcher: &Dispatcher) -> bool {
        if let Some(error) = self.inner.noted_error.take() {
            self.fail(error, dispatcher);
            return true;
        }
        let mut was_called = false;
        // What came before may have changed what it wants.
        if ready.readable && self.wants().watch.read {
            if let Some(drain) = &self.inner.drain {
                drain.take_all(self);
            }
            was_called |= self.call("handle_read", &self.inner.handlers.read, dispatcher);
        }
        if ready.writable && self.inner.link.is(key) && self.wants().watch.write {
            was_called |= self.call("handle_write", &self.inner.handlers.write, dispatcher);
        }
        was_called
    }
}

impl Served for Delegate {
    fn is_open(&self) -> bool {
        Delegate::is_open(self)
    }

    fn changed(&self) {
        let wants = self.wants();
        let watched = match self.inner.descriptor.get("changed") {
            Ok(descriptor) => self.inner.link.set_interest(&descriptor, wants.watch),
            Err(_) => return,
        };
        if let Err(error) = watched {
            *self.inner.noted_error.borrow_mut() = Some(in_operation("watching the descriptor", error));
        }
        if wants.asks || self.inner.noted_error.borrow().is_some() {
            self.inner.link.note_pending();
        }
    }

    fn error_handler(&self) -> &HandlerSlot<ErrorHandler<Delegate>> {
        &self.inner.handlers.error
    }

    fn give_up(&self) {
        // The reason was told: that of the close would only hide it.
        let _ = self.close();
    }

    fn description(&self) -> String {
        format!("delegate ({})", self.id())
    }
}

impl Source for Inner {
    fn on_ready(self: Rc<Self>, ready: Ready, key: Key, dispatcher: &Dispatcher) -> bool {
        Delegate { inner: self }.serve(&ready, key, dispatcher)
    }

    fn on_failure(self: Rc<Self>, error: io::Error, dispatcher: &Dispatcher) -> bool {
        Delegate { inner: self }.fail(error, dispatcher);
        true
    }

    fn has_pending(self: Rc<Self>) -> bool {
        let delegate = Delegate { inner: self };
        let has_buffered = match delegate.inner.handlers.buffered.call(|handler| Ok(handler(&delegate))) {
            Some(Err(panic)) => {
                *delegate.inner.noted_error.borrow_mut() = Some(in_operation("has_data_buffered", panic));
                false
            }
            answer => matches!(answer, Some(Ok(true))),
        };
        let has_error = delegate.inner.noted_error.borrow().is_some();
        // It is asked again before the next wait.
        delegate.changed();
        has_error || (has_buffered && delegate.wants().watch.read)
    }

    fn run_task(self: Rc<Self>, dispatcher: &Dispatcher) {
        let delegate = Delegate { inner: self };
        delegate.call("handle_task", &delegate.inner.handlers.task, dispatcher);
    }

    fn flush(self: Rc<Self>, _: &Dispatcher) -> bool {
        false
    }

    fn on_timer(self: Rc<Self>, _: &Dispatcher) -> bool {
        false
    }

    fn try_again(self: Rc<Self>) {}

    fn close_source(self: Rc<Self>) -> io::Result<()> {
        Delegate { inner: self }.close()
    }
}

#[cfg(test)]
mod tests {
    use selectio_portable::test;

    use super::*;

    #[test]
    fn a_delegate_waits_only_for_what_a_handler_would_serve() {
        for mode in [Mode::Read, Mode::Write, Mode::ReadWrite] {
            for bits in 0..8 {
                let [read, write, buffered] = [bits & 1 != 0, bits & 2 != 0, bits & 4 != 0];
                let wants = wants(mode, read, write, buffered);
                assert_eq!(wants.watch.read, read && mode != Mode::Write, "{mode:?} {bits}");
                assert_eq!(wants.watch.write, write && mode != Mode::Read, "{mode:?} {bits}");
                assert_eq!(wants.asks, buffered && wants.watch.read, "{mode:?} {bits}");
            }
        }
    }
}
