//! Connecting out: every address of a name in turn, each on a fresh descriptor.

use std::io;

use selectio_platform::{Address, Connect, Domain};

use super::{AsyncSocket, wrong_state};
use crate::dispatcher::Dispatcher;
use crate::error::{in_operation, misuse};
use crate::status::SocketStatus;

impl AsyncSocket {
    /// Starts to connect to a name or an address; `handle_connect` is called when the connection stands.
    /// All addresses of a name are tried in turn, and only when the last one fails the socket's
    /// `handle_error` is called. Looking up a name blocks. Natively only.
    ///
    /// What is sent from now on is delivered in order when the connection stands.
    ///
    /// # Errors
    /// `Unsupported` on wasip1; `InvalidInput` unless the socket is idle; those of the resolver; those of
    /// `connect(2)` when every address fails at once.
    pub fn connect(&self, host: &str, port: u16) -> io::Result<()> {
        if self.status() != SocketStatus::Idle {
            return Err(wrong_state("connect", self.status(), "use a new one for a new connection"));
        }
        let operation = format!("connect({host:?}, {port})");
        let addresses = self.inner.platform.resolve(host, port).map_err(|error| in_operation(&operation, &error))?;
        *self.inner.untried.borrow_mut() = addresses.into();
        self.connect_to_next(misuse(&operation, "the name has no address: check its spelling"))
    }

    /// Tries the addresses that are left until one is under way; `last_error` is why the one before failed.
    fn connect_to_next(&self, mut last_error: io::Error) -> io::Result<()> {
        loop {
            let next = self.inner.untried.borrow_mut().pop_front();
            let Some(address) = next else { return Err(last_error) };
            match self.connect_to(&Address::from(address)) {
                Ok(()) => return Ok(()),
                Err(error) => last_error = in_operation(&format!("connect to {address}"), &error),
            }
        }
    }

    fn connect_to(&self, address: &Address) -> io::Result<()> {
        self.renew_descriptor(address)?;
        let connect = self.with_descriptor("connect", |platform, socket| platform.connect(socket, address))?;
        self.inner.status.set(SocketStatus::Connecting);
        if connect == Connect::Done {
            // Its handler is called in the next poll, as after a wait.
            self.note_pending();
        }
        self.update_interest();
        Ok(())
    }

    /// A descriptor that a connect was tried on is of no use for another one (connect(2)).
    fn renew_descriptor(&self, address: &Address) -> io::Result<()> {
        let inner = &self.inner;
        let new = inner.platform.socket(Domain::of(address), inner.kind, None)?;
        let old = inner.descriptor.borrow_mut().replace(new);
        if let (Some(old), Some(new)) = (old, &*inner.descriptor.borrow()) {
            inner.link.replace_descriptor(&old, new, self.interest())?;
            // Nothing was sent on it, so its close has nothing to tell.
            let _ = inner.platform.close(old);
        }
        Ok(())
    }

    /// The socket is ready while it connects: asks how that ended. Answers whether a handler was called.
    pub(super) fn on_connect_ready(&self, dispatcher: &Dispatcher) -> bool {
        match self.with_descriptor("connect", |platform, socket| platform.connect_result(socket)) {
            // Readiness was only a hint (C1).
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => match self.connect_to_next(in_operation("connect", &error)) {
                Ok(()) => false,
                Err(error) => {
                    self.fail(&error, dispatcher);
                    true
                }
            },
            Ok(()) => {
                // Before the handler, which may close or send (P10).
                self.inner.status.set(SocketStatus::Connected);
                self.inner.untried.borrow_mut().clear();
                self.flush(dispatcher);
                if self.is_connected() {
                    let handler = &self.inner.handlers.connect;
                    self.finish_call(handler.call(|handler| handler(self, dispatcher)), dispatcher);
                }
                true
            }
        }
    }
}
