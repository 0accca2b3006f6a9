//! The system calls behind the host functions.
//!
//! Every call here is one system call (a call that a signal interrupts is made
//! again), and this is the library's only file with `unsafe` in it.

use crate::memory::Vectors;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// Runs a system call until a signal does not interrupt it.
fn retry(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        // A negative result is the call's failure, with the reason in errno.
        if let Ok(result) = usize::try_from(call()) {
            return Ok(result);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

fn message(vectors: &Vectors<'_>) -> libc::msghdr {
    // SAFETY: all-zero is a valid msghdr: no address, no buffers, no control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = vectors.entries().as_ptr().cast_mut();
    message.msg_iovlen = vectors.entries().len() as _;
    message
}

/// Receives into the guest's buffers.
pub(crate) fn receive(fd: BorrowedFd<'_>, vectors: &mut Vectors<'_>, flags: i32) -> io::Result<usize> {
    let fd = fd.as_raw_fd();
    retry(|| match vectors.entries() {
        // SAFETY: a `Vectors` entry lies in guest memory that is mutably borrowed meanwhile.
        [one] => unsafe { libc::recv(fd, one.iov_base, one.iov_len, flags) },
        // SAFETY: as above, for each entry; the header lives until the call returns.
        _ => unsafe { libc::recvmsg(fd, &mut message(vectors), flags) },
    })
}

/// Sends the guest's buffers; a closed connection is an error, not a signal.
pub(crate) fn send(fd: BorrowedFd<'_>, vectors: &Vectors<'_>) -> io::Result<usize> {
    let fd = fd.as_raw_fd();
    retry(|| match vectors.entries() {
        // SAFETY: a `Vectors` entry lies in guest memory that is borrowed meanwhile.
        [one] => unsafe { libc::send(fd, one.iov_base, one.iov_len, libc::MSG_NOSIGNAL) },
        // SAFETY: as above, for each entry; the header lives until the call returns.
        _ => unsafe { libc::sendmsg(fd, &message(vectors), libc::MSG_NOSIGNAL) },
    })
}

/// Reads into the guest's buffers.
pub(crate) fn read(fd: BorrowedFd<'_>, vectors: &mut Vectors<'_>) -> io::Result<usize> {
    let (fd, entries) = (fd.as_raw_fd(), vectors.entries());
    // SAFETY: a `Vectors` entry lies in guest memory that is mutably borrowed meanwhile.
    retry(|| unsafe { libc::readv(fd, entries.as_ptr(), entries.len() as _) })
}

/// Writes the guest's buffers.
pub(crate) fn write(fd: BorrowedFd<'_>, vectors: &Vectors<'_>) -> io::Result<usize> {
    let (fd, entries) = (fd.as_raw_fd(), vectors.entries());
    // SAFETY: a `Vectors` entry lies in guest memory that is borrowed meanwhile.
    retry(|| unsafe { libc::writev(fd, entries.as_ptr(), entries.len() as _) })
}

/// Accepts a connection; the new socket is non-blocking and close-on-exec.
pub(crate) fn accept(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let (fd, flags) = (fd.as_raw_fd(), libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC);
    let accepted = retry(|| {
        // SAFETY: null for the address says that it is not wanted.
        unsafe { libc::accept4(fd, std::ptr::null_mut(), std::ptr::null_mut(), flags) as isize }
    })?;
    // SAFETY: the kernel has just made this descriptor, for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(accepted as RawFd) })
}

/// Shuts down one direction or both (`SHUT_RD`, `SHUT_WR`, `SHUT_RDWR`).
pub(crate) fn shutdown(fd: BorrowedFd<'_>, how: i32) -> io::Result<()> {
    // SAFETY: takes numbers only.
    retry(|| unsafe { libc::shutdown(fd.as_raw_fd(), how) as isize }).map(drop)
}

/// Waits for one descriptor; no events after `timeout` (`None`: for ever).
/// A signal may end the wait early, as if the time were over: callers look again.
pub(crate) fn wait_for_one(fd: BorrowedFd<'_>, events: i16, timeout: Option<Duration>) -> io::Result<i16> {
    let mut one = libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 };
    let timeout = timeout.map(timespec);
    let timeout = timeout.as_ref().map_or(std::ptr::null(), |time| time as _);
    // SAFETY: one pollfd, as said; the timeout is null or outlives the call.
    let result = unsafe { libc::ppoll(&mut one, 1, timeout, std::ptr::null()) };
    match result {
        -1 => interrupted_or(io::Error::last_os_error()).map(|()| 0),
        _ => Ok(one.revents),
    }
}

/// Takes over `count` descriptors from 3 on, which a service manager has left
/// to this process; they become close-on-exec.
pub(crate) fn inherited(count: i32) -> io::Result<Vec<OwnedFd>> {
    let all = 3..3 + count;
    for fd in all.clone() {
        // SAFETY: takes numbers only, and fails for one that is not open.
        retry(|| unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) as isize })?;
    }
    // SAFETY: they are open, and by LISTEN_PID they are this process's own, to be taken once.
    Ok(all.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect())
}

fn interrupted_or(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(()),
        _ => Err(error),
    }
}

fn timespec(time: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}
