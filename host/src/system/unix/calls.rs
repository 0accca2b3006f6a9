//! The system calls behind the host functions.
//!
//! Every call here is one system call; a call that a signal interrupts is made again.

use crate::memory::Vectors;
use crate::system::readiness::Readiness;
use crate::system::vector::Vector;
use selectio_platform::Interest;
use selectio_platform::for_hosts::{self, Borrowed, Owned};
use socket2::Socket;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// Runs a system call until a signal does not interrupt it.
fn retry(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    uninterrupted(|| {
        // A negative result is the call's failure, with the reason in errno.
        usize::try_from(call()).map_err(|_| io::Error::last_os_error())
    })
}

fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

pub(crate) fn borrow(owned: &Owned) -> Borrowed<'_> {
    owned.as_fd()
}

fn message(vectors: &Vectors<'_>) -> libc::msghdr {
    // SAFETY: all-zero is a valid msghdr: no address, no buffers, no control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = Vector::as_raw(vectors.entries()).cast_mut();
    message.msg_iovlen = vectors.entries().len() as _;
    message
}

/// Receives into the guest's buffers, or only looks at what is there.
pub(crate) fn receive(fd: Borrowed<'_>, vectors: &mut Vectors<'_>, peek: bool) -> io::Result<usize> {
    let fd = fd.as_raw_fd();
    let flags = if peek { libc::MSG_PEEK } else { 0 };
    retry(|| match *vectors.entries() {
        // SAFETY: a `Vectors` entry lies in guest memory that is mutably borrowed meanwhile.
        [one] => unsafe { libc::recv(fd, one.start().cast(), one.length(), flags) },
        // SAFETY: as above, for each entry; the header lives until the call returns.
        _ => unsafe { libc::recvmsg(fd, &mut message(vectors), flags) },
    })
}

/// Sends the guest's buffers; a closed connection is an error, not a signal.
pub(crate) fn send(fd: Borrowed<'_>, vectors: &Vectors<'_>) -> io::Result<usize> {
    let fd = fd.as_raw_fd();
    retry(|| match *vectors.entries() {
        // SAFETY: a `Vectors` entry lies in guest memory that is borrowed meanwhile.
        [one] => unsafe { libc::send(fd, one.start().cast(), one.length(), libc::MSG_NOSIGNAL) },
        // SAFETY: as above, for each entry; the header lives until the call returns.
        _ => unsafe { libc::sendmsg(fd, &message(vectors), libc::MSG_NOSIGNAL) },
    })
}

/// Reads into the guest's buffers.
pub(crate) fn read(fd: Borrowed<'_>, vectors: &mut Vectors<'_>) -> io::Result<usize> {
    let (fd, entries) = (fd.as_raw_fd(), vectors.entries());
    // SAFETY: a `Vectors` entry lies in guest memory that is mutably borrowed meanwhile.
    retry(|| unsafe { libc::readv(fd, Vector::as_raw(entries), entries.len() as _) })
}

/// Writes the guest's buffers.
pub(crate) fn write(fd: Borrowed<'_>, vectors: &Vectors<'_>) -> io::Result<usize> {
    let (fd, entries) = (fd.as_raw_fd(), vectors.entries());
    // SAFETY: a `Vectors` entry lies in guest memory that is borrowed meanwhile.
    retry(|| unsafe { libc::writev(fd, Vector::as_raw(entries), entries.len() as _) })
}

/// Accepts a connection; the new socket is non-blocking and close-on-exec.
pub(crate) fn accept(fd: Borrowed<'_>) -> io::Result<Owned> {
    uninterrupted(|| for_hosts::accept(fd))
}

/// To be called before a listener is bound: it may be there again at once after a process that has ended.
pub(crate) fn prepare_listener(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

/// Waits for one descriptor, or for `wakeup` to be readable, for ever without a timeout. The wakeup or a signal may end the
/// wait early, as if the time were over, and so may the kernel's limit of a wait: callers look again.
pub(crate) fn wait_for_one(
    fd: Borrowed<'_>,
    interest: Interest,
    wakeup: Option<Borrowed<'_>>,
    timeout: Option<Duration>,
) -> io::Result<Readiness> {
    let mut events = 0;
    if interest.read {
        events |= libc::POLLIN;
    }
    if interest.write {
        events |= libc::POLLOUT;
    }
    // A negative number is passed over.
    let wakeup = wakeup.map_or(-1, |wakeup| wakeup.as_raw_fd());
    let mut both = [
        libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 },
        libc::pollfd { fd: wakeup, events: libc::POLLIN, revents: 0 },
    ];
    let milliseconds =
        timeout.map_or(-1, |timeout| i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX));
    // SAFETY: an array of two, as said.
    if unsafe { libc::poll(both.as_mut_ptr(), 2, milliseconds) } == -1 {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::Interrupted { Ok(Readiness::None) } else { Err(error) };
    }
    Ok(match both[0].revents {
        0 => Readiness::None,
        events if events & libc::POLLERR != 0 => Readiness::Failed,
        _ => Readiness::Ready,
    })
}

/// Takes over `count` descriptors from 3 on, which a service manager has left
/// to this process; they become close-on-exec.
pub(crate) fn inherited(count: i32) -> io::Result<Vec<Owned>> {
    let all = 3..3 + count;
    for fd in all.clone() {
        // SAFETY: takes numbers only, and fails for one that is not open.
        retry(|| unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) as isize })?;
    }
    // SAFETY: they are open, and by LISTEN_PID they are this process's own, to be taken once.
    Ok(all.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect())
}

/// Whether it listens; socket2 doesn't ask on all systems.
pub(crate) fn is_listener(socket: &Socket) -> io::Result<bool> {
    let mut value: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    let (fd, level, name) = (socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ACCEPTCONN);
    // SAFETY: the kernel writes at most `length` bytes, which is the size of `value`.
    retry(|| unsafe { libc::getsockopt(fd, level, name, (&raw mut value).cast(), &raw mut length) as isize })?;
    Ok(value != 0)
}
