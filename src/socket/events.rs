//! What readiness does to a socket, and what it waits for.

use std::io;
use std::rc::Rc;

use selectio_platform::{Interest, Ready};

use super::{AsyncSocket, Inner};
use crate::dispatcher::{Dispatcher, Key};
use crate::registration::Source;
use crate::status::SocketStatus;

impl AsyncSocket {
    /// Computed from the state each time: there is no stored mode to forget.
    pub(super) fn interest(&self) -> Interest {
        let (flags, handlers) = (&self.inner.flags, &self.inner.handlers);
        match self.status() {
            SocketStatus::Idle | SocketStatus::Closed => Interest::NONE,
            SocketStatus::Connecting => Interest::WRITE,
            SocketStatus::Listening => {
                Interest { read: handlers.accept.is_set() && !flags.is_muted.get(), write: false }
            }
            SocketStatus::Connected | SocketStatus::UdpBound => Interest {
                read: !flags.is_read_closed.get() && (handlers.read.is_set() || flags.closes_after_flush.get()),
                write: self.is_send_data_buffered() || handlers.write.is_set(),
            },
        }
    }

    fn on_stream_ready(&self, ready: &Ready, key: Key, dispatcher: &Dispatcher) -> bool {
        let mut was_called = false;
        if ready.readable && self.inner.flags.closes_after_flush.get() {
            self.on_closing_readable(dispatcher);
            was_called = true;
        } else if ready.readable {
            // More may have come, so the next read asks the kernel again.
            self.inner.flags.is_drained.set(false);
            was_called |= self.call_read(dispatcher);
        }
        if !self.inner.link.is(key) {
            return was_called;
        }
        was_called |= self.deliver_close(dispatcher);
        if ready.writable && self.inner.link.is(key) {
            was_called |= self.on_writable(key, dispatcher);
        }
        was_called
    }

    fn call_read(&self, dispatcher: &Dispatcher) -> bool {
        let flags = &self.inner.flags;
        // At the end of the stream there is only what is buffered.
        if flags.is_read_closed.get() && !self.inner.reader.borrow().has_unread() {
            return false;
        }
        let result = self.inner.handlers.read.call(|handler| handler(self, dispatcher));
        let was_called = self.finish_call(result, dispatcher);
        if !self.is_closed() && self.has_unread() {
            self.note_pending();
        }
        was_called
    }

    /// Once, when the peer is done and every line was read.
    fn deliver_close(&self, dispatcher: &Dispatcher) -> bool {
        let flags = &self.inner.flags;
        if !flags.is_read_closed.get()
            || flags.closes_after_flush.get()
            || self.inner.reader.borrow().has_unread()
            || flags.is_close_delivered.replace(true)
        {
            return false;
        }
        let handler = &self.inner.handlers.close;
        let result = handler.call(|handler| handler(self, dispatcher)).or_else(|| Some(self.close_after_flush()));
        self.finish_call(result, dispatcher)
    }

    fn on_writable(&self, key: Key, dispatcher: &Dispatcher) -> bool {
        let had_bytes = self.is_send_data_buffered();
        if had_bytes {
            self.flush(dispatcher);
        }
        if !self.inner.link.is(key) || self.is_send_data_buffered() {
            return had_bytes;
        }
        let result = self.inner.handlers.write.call(|handler| handler(self, dispatcher));
        self.finish_call(result, dispatcher) || had_bytes
    }

    fn on_accept_ready(&self, dispatcher: &Dispatcher) -> bool {
        let result = self.inner.handlers.accept.call(|handler| handler(self, dispatcher));
        self.finish_call(result, dispatcher)
    }

    /// After a handler: an error costs this socket. Answers whether there was a handler.
    pub(super) fn finish_call(&self, result: Option<io::Result<()>>, dispatcher: &Dispatcher) -> bool {
        match result {
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

    /// Tells the socket's `handle_error`, then closes it (P13).
    pub(super) fn fail(&self, error: &io::Error, dispatcher: &Dispatcher) {
        if !self.is_closed() {
            self.tell_error(error, dispatcher);
            // The socket is given up for a reason that was told: that of its close would only hide it.
            let _ = self.close();
        }
    }

    fn tell_error(&self, error: &io::Error, dispatcher: &Dispatcher) {
        let handler = &self.inner.handlers.error;
        // A panic in here has no other place to go: the socket is closed all the same.
        let _ = handler.call(|handler| {
            handler(self, dispatcher, error);
            Ok(())
        });
    }
}

impl Source for Inner {
    fn on_ready(self: Rc<Self>, ready: Ready, key: Key, dispatcher: &Dispatcher) -> bool {
        let socket = AsyncSocket { inner: self };
        let noted = socket.inner.noted_error.borrow_mut().take();
        if let Some(error) = &noted {
            if socket.is_listening() || socket.is_connectionless() {
                // Out of descriptors, or about a datagram that was sent: nothing is wrong with the socket.
                socket.tell_error(error, dispatcher);
            } else {
                socket.fail(error, dispatcher);
            }
        }
        // The platform says this once (C5), so it is not put off.
        if let (Some(error), true) = (&ready.error, socket.inner.link.is(key)) {
            socket.fail(error, dispatcher);
            return true;
        }
        if noted.is_some() {
            return true;
        }
        match socket.status() {
            SocketStatus::Listening => {
                ready.readable && !socket.inner.flags.is_muted.get() && socket.on_accept_ready(dispatcher)
            }
            SocketStatus::Connecting => socket.on_connect_ready(dispatcher),
            SocketStatus::Connected | SocketStatus::UdpBound => socket.on_stream_ready(&ready, key, dispatcher),
            SocketStatus::Idle | SocketStatus::Closed => false,
        }
    }

    fn has_pending(self: Rc<Self>) -> bool {
        let flags = &self.flags;
        let is_end_untold = flags.is_read_closed.get() && !flags.is_close_delivered.get();
        self.noted_error.borrow().is_some()
            || self.reader.borrow().has_unread()
            || is_end_untold
            || self.status.get() == SocketStatus::Connecting
    }

    fn run_task(self: Rc<Self>, dispatcher: &Dispatcher) {
        let socket = AsyncSocket { inner: self };
        let result = socket.inner.handlers.task.call(|handler| handler(&socket, dispatcher));
        socket.finish_call(result, dispatcher);
    }

    fn unmute(self: Rc<Self>) {
        self.flags.is_muted.set(false);
        AsyncSocket { inner: self }.update_interest();
    }

    fn close_source(self: Rc<Self>) -> io::Result<()> {
        AsyncSocket { inner: self }.close()
    }
}
