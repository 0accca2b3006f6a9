//! The handlers of a socket: what the dispatcher calls, and how they are set.

use std::io;

use crate::dispatcher::Dispatcher;
use crate::handler::HandlerSlot;
use crate::socket::AsyncSocket;

type Handler = dyn FnMut(&AsyncSocket, &Dispatcher) -> io::Result<()>;
type ErrorHandler = dyn FnMut(&AsyncSocket, &Dispatcher, &io::Error);

pub(super) struct Handlers {
    pub(super) read: HandlerSlot<Handler>,
    pub(super) write: HandlerSlot<Handler>,
    pub(super) accept: HandlerSlot<Handler>,
    pub(super) connect: HandlerSlot<Handler>,
    pub(super) close: HandlerSlot<Handler>,
    pub(super) error: HandlerSlot<ErrorHandler>,
    pub(super) task: HandlerSlot<Handler>,
}

impl Handlers {
    pub(super) fn new() -> Handlers {
        Handlers {
            read: HandlerSlot::new("handle_read"),
            write: HandlerSlot::new("handle_write"),
            accept: HandlerSlot::new("handle_accept"),
            connect: HandlerSlot::new("handle_connect"),
            close: HandlerSlot::new("handle_close"),
            error: HandlerSlot::new("handle_error"),
            task: HandlerSlot::new("handle_task"),
        }
    }

    pub(super) fn clear(&self) {
        for slot in [&self.read, &self.write, &self.accept, &self.connect, &self.close, &self.task] {
            slot.clear();
        }
        self.error.clear();
    }
}

/// # Handlers
///
/// Each gets the socket and the dispatcher that calls it, so no program needs to build a reference cycle.
/// One that returns an error (or panics, where the target unwinds) costs its own socket only: the error
/// goes to that socket's `handle_error`, then the socket is closed, and the others go on.
impl AsyncSocket {
    /// Called when there is something to read, and each time again while some of it is left. Without a
    /// read handler nothing is waited for or taken in.
    #[doc(alias = "handleRead")]
    pub fn set_handle_read(&self, handler: impl FnMut(&AsyncSocket, &Dispatcher) -> io::Result<()> + 'static) {
        self.set(|handlers| handlers.read.set(Box::new(handler)));
    }

    /// Called whenever the socket has room to send and no bytes wait: as long as it is set, again and
    /// again. Take it back with [`del_handle_write`](AsyncSocket::del_handle_write).
    #[doc(alias = "setHandleWrite")]
    pub fn set_handle_write(&self, handler: impl FnMut(&AsyncSocket, &Dispatcher) -> io::Result<()> + 'static) {
        self.set(|handlers| handlers.write.set(Box::new(handler)));
    }

    /// Takes the write handler back. Bytes that wait are sent all the same.
    #[doc(alias = "delHandleWrite")]
    pub fn del_handle_write(&self) {
        self.inner.handlers.write.clear();
        self.update_interest();
    }

    /// Called on a listening socket when a connection waits.
    #[doc(alias = "handleAccept")]
    pub fn set_handle_accept(&self, handler: impl FnMut(&AsyncSocket, &Dispatcher) -> io::Result<()> + 'static) {
        self.set(|handlers| handlers.accept.set(Box::new(handler)));
    }

    /// Called once when a connect has succeeded. One that failed goes to `handle_error`.
    #[doc(alias = "handleConnect")]
    pub fn set_handle_connect(&self, handler: impl FnMut(&AsyncSocket, &Dispatcher) -> io::Result<()> + 'static) {
        self.set(|handlers| handlers.connect.set(Box::new(handler)));
    }

    /// Called once, after a read has seen that the peer sends nothing more and everything was read. Sending
    /// still works. Without this handler, the socket is closed as soon as its last bytes are sent.
    pub fn set_handle_close(&self, handler: impl FnMut(&AsyncSocket, &Dispatcher) -> io::Result<()> + 'static) {
        self.set(|handlers| handlers.close.set(Box::new(handler)));
    }

    /// Called with what went wrong, just before the socket is closed for it.
    #[doc(alias = "handleError")]
    pub fn set_handle_error(&self, handler: impl FnMut(&AsyncSocket, &Dispatcher, &io::Error) + 'static) {
        self.set(|handlers| handlers.error.set(Box::new(handler)));
    }

    /// Called once in every poll, after the events.
    #[doc(alias = "handleTask")]
    pub fn set_handle_task(&self, handler: impl FnMut(&AsyncSocket, &Dispatcher) -> io::Result<()> + 'static) {
        self.set(|handlers| handlers.task.set(Box::new(handler)));
        if let (false, Some((dispatcher, key))) = (self.is_closed(), self.inner.link.get()) {
            dispatcher.set_has_task(key, true);
        }
    }

    /// A closed socket keeps no handlers: they might own it.
    fn set(&self, set: impl FnOnce(&Handlers)) {
        if !self.is_closed() {
            set(&self.inner.handlers);
            self.update_interest();
        }
    }
}
