//! A guest's socket: a listener or a connected stream.

use crate::errno::{self, Errno};
use crate::memory::Vectors;
use crate::system::calls;
use crate::system::readiness::Readiness;
use crate::system::socket_file::SocketFile;
use crate::waiting::{Cancellation, Failure};
use selectio_platform::Interest;
use selectio_platform::for_hosts::{Borrowed, NO_DELAY_IS_INHERITED, Owned};
use socket2::SockRef;
use std::cell::Cell;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;

/// What a socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It accepts connections.
    Listener,
    /// It is connected to a peer.
    Stream,
}

/// A socket of the guest.
///
/// To the kernel it is always non-blocking. Blocking is what the guest sees
/// while it has not set its own flag: the host waits on its behalf.
pub(crate) struct Socket {
    fd: Owned,
    pub(crate) role: Role,
    /// The guest's own NONBLOCK flag.
    pub(crate) nonblocking: bool,
    /// This listener has TCP_NODELAY, and the connection that comes next may lack
    /// it. Some kernels give a connection what the listener had when it came, so
    /// those that are older than the listener's do, and others give it none.
    passes_on_no_delay: Cell<bool>,
    _file: Option<Arc<RemovedAtEnd>>,
    /// It is a listener that nobody else has.
    may_be_shut: bool,
    /// Which of those that have had its number it is, and when something has moved on it; both for [`crate::idle`].
    pub(crate) serial: Cell<u64>,
    pub(crate) moved_ms: Cell<u64>,
}

/// The file of a Unix listener, removed with the listener.
#[derive(Debug)]
pub(crate) struct RemovedAtEnd(pub(crate) SocketFile);

impl Drop for RemovedAtEnd {
    fn drop(&mut self) {
        self.0.remove();
    }
}

impl Socket {
    /// `fd` must be non-blocking already.
    pub(crate) fn new(fd: Owned, role: Role, nonblocking: bool, file: Option<Arc<RemovedAtEnd>>) -> Socket {
        let (serial, moved_ms) = (Cell::new(0), Cell::new(0));
        Socket {
            fd,
            role,
            nonblocking,
            passes_on_no_delay: Cell::new(false),
            _file: file,
            may_be_shut: false,
            serial,
            moved_ms,
        }
    }

    /// A listener whose TCP_NODELAY is for connections that may lack it.
    pub(crate) fn passing_on_no_delay(mut self) -> Socket {
        self.passes_on_no_delay = Cell::new(true);
        self
    }

    /// A listener that nobody else has.
    pub(crate) fn that_may_be_shut(mut self) -> Socket {
        self.may_be_shut = true;
        self
    }

    /// Has the system refuse connections, where it can and they are nobody else's.
    pub(crate) fn refuse_connections(&self) {
        if self.may_be_shut {
            // Linux does; elsewhere it fails, and who connects waits until the end.
            let _ = self.shutdown(Shutdown::Both);
        }
    }

    /// The kernel's descriptor.
    pub(crate) fn borrow(&self) -> Borrowed<'_> {
        calls::borrow(&self.fd)
    }

    /// Accepts a connection, whose guest flag is `nonblocking`.
    pub(crate) fn accept(&self, nonblocking: bool, cancellation: &Cancellation) -> Result<Socket, Failure> {
        let fd = self.until_ready(Interest::READ, cancellation, || {
            let accepted = calls::accept(self.borrow());
            if NO_DELAY_IS_INHERITED && would_block(&accepted) {
                self.passes_on_no_delay.set(false);
            }
            accepted.map_err(errno::accept_error)
        })?;
        if self.passes_on_no_delay.get() {
            // It was possible for the listener. Should it fail, the connection is only slower.
            let _ = SockRef::from(&fd).set_tcp_nodelay(true);
        }
        Ok(Socket::new(fd, Role::Stream, nonblocking, None))
    }

    /// Receives what is there, or waits for it.
    pub(crate) fn receive(
        &self,
        vectors: &mut Vectors<'_>,
        peek: bool,
        cancellation: &Cancellation,
    ) -> Result<usize, Failure> {
        self.until_ready(Interest::READ, cancellation, || calls::receive(self.borrow(), vectors, peek))
    }

    /// Receives until the buffers are full, or the stream ends.
    ///
    /// To a non-blocking socket that means what it means to the kernel: take
    /// what is there.
    pub(crate) fn receive_all(&self, vectors: &mut Vectors<'_>, cancellation: &Cancellation) -> Result<usize, Failure> {
        let mut received = self.receive(vectors, false, cancellation)?;
        let mut last = received;
        while !self.nonblocking && last > 0 && vectors.length() > last {
            vectors.advance(last);
            let readiness = self.wait(Interest::READ, cancellation)?;
            // The kernel reports an error once: leave it for the next call.
            if readiness == Readiness::Failed {
                break;
            }
            last = self.receive(vectors, false, cancellation)?;
            received += last;
        }
        Ok(received)
    }

    /// Sends as much as fits; a blocking socket sends everything.
    pub(crate) fn send(&self, vectors: &mut Vectors<'_>, cancellation: &Cancellation) -> Result<usize, Failure> {
        let mut sent = 0;
        loop {
            let step = self.until_ready(Interest::WRITE, cancellation, || calls::send(self.borrow(), vectors));
            match step {
                Ok(step) => {
                    sent += step;
                    if self.nonblocking || step == vectors.length() {
                        return Ok(sent);
                    }
                    vectors.advance(step);
                }
                // What has gone out counts; the next call meets the error again.
                Err(Failure::Errno(_)) if sent > 0 => return Ok(sent),
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Shuts down one direction or both.
    pub(crate) fn shutdown(&self, how: Shutdown) -> Result<(), Errno> {
        Ok(SockRef::from(&self.fd).shutdown(how)?)
    }

    /// Makes the call until it does not fail for want of readiness, waiting in
    /// between; once only on a non-blocking socket.
    fn until_ready<T>(
        &self,
        interest: Interest,
        cancellation: &Cancellation,
        mut call: impl FnMut() -> io::Result<T>,
    ) -> Result<T, Failure> {
        loop {
            let result = call();
            if !would_block(&result) || self.nonblocking {
                return result.map_err(|error| Errno::from(error).into());
            }
            self.wait(interest, cancellation)?;
        }
    }

    /// Waits until it is ready. When nothing has moved on it for too long, it is so for ever.
    fn wait(&self, interest: Interest, cancellation: &Cancellation) -> Result<Readiness, Failure> {
        let Some(idle) = cancellation.idle.as_ref().filter(|_| self.role == Role::Stream) else {
            return cancellation.wait(self.borrow(), interest);
        };
        loop {
            let left = idle.left(self);
            match cancellation.wait_for(self.borrow(), interest, Some(left))? {
                Readiness::None if idle.left(self).is_zero() => self.end_idle(),
                Readiness::None => {}
                ready => return Ok(ready),
            }
        }
    }

    /// Ends a connection on which nothing moves: to the guest its peer is gone.
    pub(crate) fn end_idle(&self) {
        log::info!("{}: ended, because nothing moved on it", self.described());
        // It fails for what has ended already.
        let _ = self.shutdown(Shutdown::Both);
    }

    /// The address of the peer, for people.
    pub(crate) fn described(&self) -> String {
        let peer = SockRef::from(&self.fd).peer_addr().ok().and_then(|address| address.as_socket());
        peer.map_or_else(|| "a connection".to_owned(), |peer| peer.to_string())
    }
}

fn would_block<T>(result: &io::Result<T>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}
