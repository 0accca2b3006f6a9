//! A guest's socket: a listener or a connected stream.

use crate::errno::{self, Errno};
use crate::memory::Vectors;
use crate::socket_file::SocketFile;
use crate::sys;
use crate::waiting::{Deadline, Failure};
use socket2::SockRef;
use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

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
    fd: OwnedFd,
    pub(crate) role: Role,
    /// The guest's own NONBLOCK flag.
    pub(crate) nonblocking: bool,
    /// Connections may be waiting that are older than this listener's
    /// TCP_NODELAY. The kernel gives a connection what the listener had when the
    /// connection came, so these lack it.
    has_older_connections: Cell<bool>,
    /// Removed with the socket.
    _file: Option<SocketFile>,
}

impl Socket {
    /// `fd` must be non-blocking already.
    pub(crate) fn new(fd: OwnedFd, role: Role, nonblocking: bool, file: Option<SocketFile>) -> Socket {
        Socket { fd, role, nonblocking, has_older_connections: Cell::new(false), _file: file }
    }

    /// A listener that has got its TCP_NODELAY when it listened already.
    pub(crate) fn with_older_connections(mut self) -> Socket {
        self.has_older_connections = Cell::new(true);
        self
    }

    /// Accepts a connection, whose guest flag is `nonblocking`.
    pub(crate) fn accept(&self, nonblocking: bool, deadline: &Deadline) -> Result<Socket, Failure> {
        let fd = self.patiently(libc::POLLIN, deadline, || {
            let accepted = sys::accept(self.as_fd());
            if would_block(&accepted) {
                self.has_older_connections.set(false);
            }
            accepted.map_err(errno::accept_error)
        })?;
        if self.has_older_connections.get() {
            // It was possible for the listener. Should it fail, the connection is only slower.
            let _ = SockRef::from(&fd).set_tcp_nodelay(true);
        }
        Ok(Socket::new(fd, Role::Stream, nonblocking, None))
    }

    /// Receives what is there, or waits for it.
    pub(crate) fn receive(&self, vectors: &mut Vectors<'_>, peek: bool, deadline: &Deadline) -> Result<usize, Failure> {
        let flags = if peek { libc::MSG_PEEK } else { 0 };
        self.patiently(libc::POLLIN, deadline, || sys::receive(self.as_fd(), vectors, flags))
    }

    /// Receives until the buffers are full, or the stream ends.
    ///
    /// To a non-blocking socket that means what it means to the kernel: take
    /// what is there.
    pub(crate) fn receive_all(&self, vectors: &mut Vectors<'_>, deadline: &Deadline) -> Result<usize, Failure> {
        let mut received = self.receive(vectors, false, deadline)?;
        let mut last = received;
        while !self.nonblocking && last > 0 && vectors.length() > last {
            vectors.advance(last);
            let events = deadline.wait(self.as_fd(), libc::POLLIN)?;
            // The kernel reports an error once: leave it for the next call.
            if events & libc::POLLERR != 0 {
                break;
            }
            last = self.receive(vectors, false, deadline)?;
            received += last;
        }
        Ok(received)
    }

    /// Sends as much as fits; a blocking socket sends everything.
    pub(crate) fn send(&self, vectors: &mut Vectors<'_>, deadline: &Deadline) -> Result<usize, Failure> {
        let mut sent = 0;
        loop {
            let step = self.patiently(libc::POLLOUT, deadline, || sys::send(self.as_fd(), vectors));
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

    /// Shuts down one direction or both (`SHUT_RD`, `SHUT_WR`, `SHUT_RDWR`).
    pub(crate) fn shutdown(&self, how: i32) -> Result<(), Errno> {
        Ok(sys::shutdown(self.as_fd(), how)?)
    }

    /// Makes the call until it does not fail for want of readiness, waiting in
    /// between; once only on a non-blocking socket.
    fn patiently<T>(
        &self,
        events: i16,
        deadline: &Deadline,
        mut call: impl FnMut() -> io::Result<T>,
    ) -> Result<T, Failure> {
        loop {
            let result = call();
            if !would_block(&result) || self.nonblocking {
                return result.map_err(|error| Errno::from(error).into());
            }
            deadline.wait(self.as_fd(), events)?;
        }
    }
}

fn would_block<T>(result: &io::Result<T>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
