//! A guest's socket: a listener or a connected stream.

use crate::errno::Errno;
use crate::memory::Vectors;
use crate::socket_file::SocketFile;
use crate::sys;
use crate::waiting::{Deadline, Failure};
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
    /// Removed with the socket.
    _file: Option<SocketFile>,
}

impl Socket {
    /// `fd` must be non-blocking already.
    pub(crate) fn new(fd: OwnedFd, role: Role, nonblocking: bool, file: Option<SocketFile>) -> Socket {
        Socket { fd, role, nonblocking, _file: file }
    }

    /// Accepts a connection, whose guest flag is `nonblocking`.
    pub(crate) fn accept(&self, nonblocking: bool, deadline: &Deadline) -> Result<Socket, Failure> {
        let fd = self.patiently(libc::POLLIN, deadline, || sys::accept(self.as_fd()))?;
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
            match call() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !self.nonblocking => {
                    deadline.wait(self.as_fd(), events)?;
                }
                result => return result.map_err(|error| Errno::from(error).into()),
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
