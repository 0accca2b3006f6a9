//! The handlers of a socket: what the dispatcher calls, and how they are set.

use std::cell::{OnceCell, RefCell};
use std::io;
use std::rc::Rc;

use crate::dispatcher::Dispatcher;
use crate::handler::HandlerSlot;
use crate::served::{ErrorHandler, Handler, Served};
use crate::socket::AsyncSocket;
use crate::socket::session::SessionMaker;

type Slot = HandlerSlot<Handler<AsyncSocket>>;

#[derive(Default)]
pub(super) struct Handlers {
    pub(super) read: Slot,
    pub(super) write: Slot,
    pub(super) error: HandlerSlot<ErrorHandler<AsyncSocket>>,
    /// Most connections have none of these, and of connections there are many.
    others: OnceCell<Box<OtherHandlers>>,
}

#[derive(Default)]
struct OtherHandlers {
    accept: Slot,
    connect: Slot,
    handshake: Slot,
    drain: Slot,
    close: Slot,
    gone: Slot,
    task: Slot,
    /// Of a listener whose connections are to be encrypted.
    session_maker: RefCell<Option<Rc<SessionMaker>>>,
}

impl Handlers {
    pub(super) fn accept(&self) -> Option<&Slot> {
        self.others.get().map(|others| &others.accept)
    }

    pub(super) fn connect(&self) -> Option<&Slot> {
        self.others.get().map(|others| &others.connect)
    }

    pub(super) fn handshake(&self) -> Option<&Slot> {
        self.others.get().map(|others| &others.handshake)
    }

    pub(super) fn session_maker(&self) -> Option<Rc<SessionMaker>> {
        self.others.get()?.session_maker.borrow().clone()
    }

    pub(super) fn drain(&self) -> Option<&Slot> {
        self.others.get().map(|others| &others.drain)
    }

    pub(super) fn close(&self) -> Option<&Slot> {
        self.others.get().map(|others| &others.close)
    }

    pub(super) fn gone(&self) -> Option<&Slot> {
        self.others.get().map(|others| &others.gone)
    }

    pub(super) fn task(&self) -> Option<&Slot> {
        self.others.get().map(|others| &others.task)
    }

    fn others(&self) -> &OtherHandlers {
        self.others.get_or_init(Box::default)
    }

    pub(super) fn clear(&self) {
        self.read.clear();
        self.write.clear();
        self.error.clear();
        if let Some(others) = self.others.get() {
            let OtherHandlers { accept, connect, handshake, drain, close, gone, task, session_maker } = &**others;
            [accept, connect, handshake, drain, close, gone, task].into_iter().for_each(Slot::clear);
            session_maker.take();
        }
    }
}

/// # Handlers
///
/// Each gets the socket and the dispatcher that calls it, so no program needs to build a reference cycle.
/// One that returns an error (or panics, where the target unwinds) costs its own socket only: the error, with the
/// name of the handler in front, goes to that socket's `handle_error`, then the socket is closed, and the others go
/// on. `WouldBlock` is no such error: it means that there is nothing to do now, and costs nothing.
impl AsyncSocket {
    /// Called when there is something to read, and each time again while some of it is left. Without a
    /// read handler nothing is waited for or taken in, so that the end of the stream and a reset are not seen either,
    /// until something is sent. [`pause_reading`](AsyncSocket::pause_reading) stops the calls
    /// for a while.
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
        self.changed();
    }

    /// Called once when the handshake of an encrypted connection is done, before anything that the peer says is
    /// delivered. One that failed goes to `handle_error`.
    #[cfg(feature = "tls")]
    #[doc(alias = "handshake")]
    pub fn set_handle_handshake(&self, handler: impl FnMut(&AsyncSocket, &Dispatcher) -> io::Result<()> + 'static) {
        self.set(|handlers| handlers.others().handshake.set(Box::new(handler)));
    }

    /// Called once each time that back-pressure ends: the send buffer was
    /// [full](AsyncSocket::is_send_buffer_full), and now no more bytes wait than the low water mark.
    pub fn set_handle_drain(&self, handler: impl FnMut(&AsyncSocket, &Dispatcher) -> io::Result<()> + 'static) {
        self.set(|handlers| handlers.others().drain.set(Box::new(handler)));
    }

    /// Called on a listening socket when a connection waits. An error that it returns after it has accepted a client
    /// is about that client: it is told, and the listener goes on.
    #[doc(alias = "handleAccept")]
    pub fn set_handle_accept(&self, handler: impl FnMut(&AsyncSocket, &Dispatcher) -> io::Result<()> + 'static) {
        self.set(|handlers| handlers.others().accept.set(Box::new(handler)));
    }

    /// Called once when a connect has succeeded. One that failed goes to `handle_error`.
    #[doc(alias = "handleConnect")]
    pub fn set_handle_connect(&self, handler: impl FnMut(&AsyncSocket, &Dispatcher) -> io::Result<()> + 'static) {
        self.set(|handlers| handlers.others().connect.set(Box::new(handler)));
    }

    /// Called once, after a read has seen that the peer sends nothing more and everything was read. Sending
    /// still works, and with this handler the socket is open until the program closes it. Without it, the socket is
    /// closed as soon as its last bytes are sent, and no write handler is set nor a drain handler waited for.
    pub fn set_handle_close(&self, handler: impl FnMut(&AsyncSocket, &Dispatcher) -> io::Result<()> + 'static) {
        self.set(|handlers| handlers.others().close.set(Box::new(handler)));
    }

    /// Called once when the socket is gone, however it went: closed by the program, by its peer, for an error. It
    /// comes when the handler that is running has returned, and finds the socket closed: the place to take it out
    /// of a list. That a peer is gone is found out by reading or sending: a socket without a read handler, or paused,
    /// that sends nothing never hears of it. A socket that is registered nowhere is closed by the program alone, and
    /// nobody is called.
    pub fn set_handle_gone(&self, handler: impl FnMut(&AsyncSocket, &Dispatcher) -> io::Result<()> + 'static) {
        self.set(|handlers| handlers.others().gone.set(Box::new(handler)));
    }

    /// Called with what went wrong, just before the socket is closed for it. Without this handler the error goes to
    /// [`Dispatcher::set_handle_error`], which tells it on standard error unless set; that of a listener comes out of
    /// [`Dispatcher::run`].
    #[doc(alias = "handleError")]
    pub fn set_handle_error(&self, handler: impl FnMut(&AsyncSocket, &Dispatcher, &io::Error) + 'static) {
        self.set(|handlers| handlers.error.set(Box::new(handler)));
    }

    /// Called once in every poll, after the events: whatever happened, and twice a second when nothing does. It costs
    /// each poll a call, so it is for one socket or a few; what is to happen at some time needs a timer
    /// ([`Dispatcher::call_after`]).
    #[doc(alias = "handleTask")]
    pub fn set_handle_task(&self, handler: impl FnMut(&AsyncSocket, &Dispatcher) -> io::Result<()> + 'static) {
        self.set(|handlers| handlers.others().task.set(Box::new(handler)));
        if let (false, Some((dispatcher, key))) = (self.is_closed(), self.inner.link.get()) {
            dispatcher.set_has_task(key, true);
        }
    }

    #[cfg(feature = "tls")]
    pub(super) fn set_session_maker(&self, maker: Rc<SessionMaker>) {
        *self.inner.handlers.others().session_maker.borrow_mut() = Some(maker);
    }

    /// A closed socket keeps no handlers: they might own it.
    fn set(&self, set: impl FnOnce(&Handlers)) {
        if !self.is_closed() {
            set(&self.inner.handlers);
            self.changed();
        }
    }
}
