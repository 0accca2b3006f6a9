//! What readiness does to a socket.

use std::io;
use std::rc::Rc;

use selectio_platform::{Interest, Ready};

use super::state::{ReadSide, State};
use super::{AsyncSocket, Inner};
use crate::dispatcher::{Dispatcher, Key};
use crate::error::in_operation;
use crate::handler::HandlerSlot;
use crate::registration::Source;
use crate::served::{ErrorHandler, Served};
use crate::status::SocketStatus;

impl AsyncSocket {
    /// What the socket is doing, for the question what it wants. Inlined always, so that a question that depends on
    /// three of the fields reads three of them.
    #[inline(always)]
    pub(super) fn state(&self) -> State {
        let inner = &self.inner;
        let read_handler = if self.is_listening() { inner.handlers.accept() } else { Some(&inner.handlers.read) };
        let has_error = inner.noted_error.borrow().is_some();
        State {
            status: self.status(),
            read: inner.read.get(),
            write: inner.write.get(),
            has_read_handler: read_handler.is_some_and(HandlerSlot::is_set),
            has_write_handler: inner.handlers.write.is_set(),
            has_close_handler: inner.handlers.close().is_some_and(HandlerSlot::is_set),
            waits_for_drain: (inner.is_full.get() || inner.is_drain_due.get())
                && inner.handlers.drain().is_some_and(HandlerSlot::is_set),
            is_paused: inner.is_paused.get() || inner.is_muted.get(),
            is_shaking_hands: self.is_shaking_hands(),
            has_unread: inner.reader.borrow().has_unread() || inner.has_pending_end(),
            is_send_blocked: inner.is_send_blocked.get(),
            has_error,
            has_news: inner.is_connect_untold.get()
                || inner.is_handshake_untold.get()
                || inner.is_drain_due.get()
                || (self.is_shaking_hands() && inner.has_pending_end()),
        }
    }

    /// Whether the program has asked for the close.
    pub(super) fn is_closing(&self) -> bool {
        self.inner.write.get().is_closing()
    }

    /// Serves the socket in its turn. What its handlers change and send takes effect when they have returned.
    fn take_turn(&self, dispatcher: &Dispatcher, serve: impl FnOnce() -> bool) -> bool {
        self.inner.turn.begin(dispatcher.turn());
        self.inner.is_in_turn.set(true);
        let was_called = serve();
        if !self.is_closed() {
            self.flush_own(dispatcher);
        }
        self.inner.is_in_turn.set(false);
        if !self.is_closed() {
            self.inner.reader.borrow_mut().settle();
            self.changed();
        }
        was_called
    }

    /// Sends what the socket's own handlers have sent.
    fn flush_own(&self, dispatcher: &Dispatcher) {
        if !self.inner.is_send_blocked.get() && !self.inner.queue.borrow().is_empty() {
            self.flush_waiting(dispatcher);
        }
    }

    /// Tells the dispatcher what to watch for, and whether there is something to deliver.
    fn tell_wants(&self) {
        if !self.inner.link.is_attached() {
            return;
        }
        let wants = self.state().wants();
        if wants.watch != self.inner.link.interest() {
            self.watch(wants.watch);
        }
        if wants.deliver_now {
            self.inner.link.note_pending();
        }
    }

    fn watch(&self, interest: Interest) {
        let Ok(descriptor) = self.inner.descriptor.get("changed") else { return };
        if let Err(error) = self.inner.link.set_interest(&descriptor, interest) {
            *self.inner.noted_error.borrow_mut() = Some(in_operation("watching the socket", error));
            self.inner.link.note_pending();
        }
    }

    /// Whether the socket is still served as what it was when its turn began: a handler may have changed everything.
    fn is_served(&self, key: Key) -> bool {
        self.inner.link.is(key) && !self.is_closing()
    }

    fn serve(&self, ready: &Ready, key: Key, dispatcher: &Dispatcher) -> bool {
        if let Some(error) = self.inner.noted_error.take() {
            if (self.is_listening() || self.is_connectionless()) && !self.is_closing() {
                // Out of descriptors, or about a datagram that was sent: nothing is wrong with the socket.
                self.report(error, dispatcher);
            } else {
                self.fail(error, dispatcher);
            }
            return true;
        }
        if self.is_closing() && !self.is_connecting() {
            return self.serve_closing(ready, dispatcher);
        }
        match self.status() {
            SocketStatus::Listening => ready.readable && self.state().is_reading() && self.serve_accept(dispatcher),
            SocketStatus::Connecting => self.serve_connect(dispatcher),
            SocketStatus::Connected | SocketStatus::UdpBound => self.serve_connected(ready, key, dispatcher),
            SocketStatus::Idle | SocketStatus::Closed => false,
        }
    }

    fn serve_connected(&self, ready: &Ready, key: Key, dispatcher: &Dispatcher) -> bool {
        let mut was_called = self.tell_connect(dispatcher);
        if self.is_shaking_hands() && self.is_served(key) {
            was_called |= self.serve_handshake(ready, dispatcher);
            if self.is_shaking_hands() {
                return was_called;
            }
        }
        was_called |= self.is_served(key) && self.tell_handshake(dispatcher);
        if ready.readable && self.is_served(key) {
            was_called |= self.serve_read(dispatcher);
        }
        if self.inner.read.get() == ReadSide::Ended && self.is_served(key) {
            was_called |= self.tell_end(dispatcher);
        }
        if ready.writable && self.is_served(key) {
            was_called |= self.serve_write(key, dispatcher);
        }
        if self.inner.is_drain_due.get() && self.is_served(key) {
            self.inner.is_drain_due.set(false);
            was_called |= self.call("handle_drain", self.inner.handlers.drain(), dispatcher);
        }
        was_called
    }

    fn serve_read(&self, dispatcher: &Dispatcher) -> bool {
        if self.inner.read.get() == ReadSide::Drained {
            // More may have come, so the next read asks the kernel again.
            self.inner.read.set(ReadSide::Open);
        }
        // At the end of the stream there is only what is buffered.
        let has_more = !self.has_ended() || self.inner.reader.borrow().has_unread();
        has_more && self.state().is_reading() && self.call("handle_read", &self.inner.handlers.read, dispatcher)
    }

    /// Once, when the peer is done and every line was read.
    fn tell_end(&self, dispatcher: &Dispatcher) -> bool {
        if !self.state().is_end_due() {
            return false;
        }
        self.inner.read.set(ReadSide::Told);
        if !self.call("handle_close", self.inner.handlers.close(), dispatcher) {
            // Nobody else wants to go on with it. What others send to it from now on has nobody to reach.
            self.inner.is_given_up.set(true);
            let result = self.close_after_flush();
            self.finish_call("close_after_flush", result, dispatcher);
        }
        true
    }

    fn serve_write(&self, key: Key, dispatcher: &Dispatcher) -> bool {
        let has_sent = self.inner.is_send_blocked.get() && self.flush_waiting(dispatcher);
        let has_room = self.is_served(key) && !self.inner.is_send_blocked.get();
        let was_called =
            has_room && self.state().is_writing() && self.call("handle_write", &self.inner.handlers.write, dispatcher);
        // Bytes that have left are something that a program may wait for.
        was_called || has_sent
    }

    /// Tells an error that costs nothing. What a socket says after its close is of no interest.
    pub(super) fn report(&self, error: io::Error, dispatcher: &Dispatcher) {
        if !self.is_closed()
            && let Some(error) = self.tell(error, dispatcher)
        {
            dispatcher.tell(&error);
        }
    }
}

impl Served for AsyncSocket {
    fn is_open(&self) -> bool {
        !self.is_closed()
    }

    #[inline]
    fn changed(&self) {
        // In the socket's own turn the end of that does it once for all changes.
        if !self.inner.is_in_turn.get() {
            self.tell_wants();
        }
    }

    fn error_handler(&self) -> &HandlerSlot<ErrorHandler<AsyncSocket>> {
        &self.inner.handlers.error
    }

    fn give_up(&self) {
        self.inner.is_given_up.set(true);
        // The reason was told, or nobody has to know it: that of the close would only hide it.
        let _ = self.close();
    }

    fn description(&self) -> String {
        let id = self.id();
        match (self.local_addr(), self.peer_addr()) {
            (Ok(local), Ok(peer)) => format!("socket {local} with {peer} ({id})"),
            (Ok(local), Err(_)) => format!("socket {local} ({id})"),
            _ => format!("{self} ({id})"),
        }
    }

    /// The program has lost a listener: that comes out of the poll.
    fn lose(&self, error: io::Error, dispatcher: &Dispatcher) {
        if self.is_listening() {
            dispatcher.fail(error);
        } else {
            dispatcher.tell(&error);
        }
    }
}

impl Source for Inner {
    fn on_ready(self: Rc<Self>, ready: Ready, key: Key, dispatcher: &Dispatcher) -> bool {
        let socket = AsyncSocket { inner: self };
        socket.take_turn(dispatcher, || socket.serve(&ready, key, dispatcher))
    }

    fn on_failure(self: Rc<Self>, error: io::Error, dispatcher: &Dispatcher) -> bool {
        let socket = AsyncSocket { inner: self };
        socket.take_turn(dispatcher, || {
            socket.fail(error, dispatcher);
            true
        })
    }

    fn has_pending(self: Rc<Self>) -> bool {
        AsyncSocket { inner: self }.state().wants().deliver_now
    }

    fn run_task(self: Rc<Self>, dispatcher: &Dispatcher) {
        let socket = AsyncSocket { inner: self };
        socket.take_turn(dispatcher, || {
            !socket.is_closing() && socket.call("handle_task", socket.inner.handlers.task(), dispatcher)
        });
    }

    fn flush(self: Rc<Self>, dispatcher: &Dispatcher) -> bool {
        let socket = AsyncSocket { inner: self };
        socket.flush_own(dispatcher);
        socket.is_closed()
    }

    fn on_timer(self: Rc<Self>, dispatcher: &Dispatcher) -> bool {
        let socket = AsyncSocket { inner: self };
        socket.inner.deadline_timer.set(None);
        match socket.status() {
            SocketStatus::Listening => {
                socket.accept_again();
                false
            }
            SocketStatus::Connecting if !socket.is_closing() => socket.connect_time_is_over(dispatcher),
            SocketStatus::Connected if socket.is_shaking_hands() && !socket.is_closing() => {
                socket.handshake_time_is_over(dispatcher)
            }
            _ => socket.close_time_is_over(dispatcher),
        }
    }

    fn try_again(self: Rc<Self>) {
        AsyncSocket { inner: self }.accept_again();
    }

    fn close_source(self: Rc<Self>) -> io::Result<()> {
        AsyncSocket { inner: self }.close()
    }
}
