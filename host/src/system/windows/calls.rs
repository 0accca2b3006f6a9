//! The system calls behind the host functions. std and socket2 have started Winsock by the time that there is a socket.

use crate::memory::Vectors;
use crate::system::readiness::Readiness;
use crate::system::vector::Vector;
use selectio_platform::Interest;
use selectio_platform::for_hosts::{self, Borrowed, Owned};
use socket2::Socket;
use std::io;
use std::os::windows::io::{AsRawSocket, AsSocket};
use std::ptr;
use std::time::Duration;
use windows_sys::Win32::Networking::WinSock::{
    INVALID_SOCKET, MSG_PEEK, POLLERR, POLLIN, POLLOUT, SOCKET, SOCKET_ERROR, WSAESHUTDOWN, WSAPOLLFD, WSAPoll,
    WSARecv, WSASend,
};

pub(crate) fn borrow(owned: &Owned) -> Borrowed<'_> {
    owned.as_socket()
}

fn number(socket: Borrowed<'_>) -> SOCKET {
    socket.as_raw_socket() as SOCKET
}

fn check(answer: i32) -> io::Result<()> {
    if answer == SOCKET_ERROR { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Receives into the guest's buffers, or only looks at what is there.
pub(crate) fn receive(socket: Borrowed<'_>, vectors: &mut Vectors<'_>, peek: bool) -> io::Result<usize> {
    if vectors.length() == 0 {
        // Other systems have nothing to wait for then.
        return Ok(0);
    }
    let (entries, mut received) = (vectors.entries(), 0);
    let mut flags = if peek { MSG_PEEK as u32 } else { 0 };
    let (buffers, count) = (Vector::as_raw(entries), entries.len() as u32);
    // SAFETY: a `Vectors` entry lies in guest memory that is mutably borrowed meanwhile; without an OVERLAPPED the call
    // has ended when it returns.
    let answer = check(unsafe {
        WSARecv(number(socket), buffers, count, &raw mut received, &raw mut flags, ptr::null_mut(), None)
    });
    match answer {
        Ok(()) => Ok(received as usize),
        // To the guest, reading what it has shut down is the end of the stream, as elsewhere.
        Err(error) if error.raw_os_error() == Some(WSAESHUTDOWN) => Ok(0),
        Err(error) => Err(error),
    }
}

/// Sends the guest's buffers.
pub(crate) fn send(socket: Borrowed<'_>, vectors: &Vectors<'_>) -> io::Result<usize> {
    let (entries, mut sent) = (vectors.entries(), 0);
    let (buffers, count) = (Vector::as_raw(entries), entries.len() as u32);
    // SAFETY: a `Vectors` entry lies in guest memory that is borrowed meanwhile; without an OVERLAPPED the call has
    // ended when it returns.
    check(unsafe { WSASend(number(socket), buffers, count, &raw mut sent, 0, ptr::null_mut(), None) })?;
    Ok(sent as usize)
}

/// Reads into the guest's buffers: all that is read here is a socket.
pub(crate) fn read(socket: Borrowed<'_>, vectors: &mut Vectors<'_>) -> io::Result<usize> {
    receive(socket, vectors, false)
}

/// Accepts a connection; the new socket is non-blocking, and no child process inherits it.
pub(crate) fn accept(listener: Borrowed<'_>) -> io::Result<Owned> {
    for_hosts::accept(listener)
}

/// To be called before a listener is bound. Here a port is free again at once, and what SO_REUSEADDR allows is to take
/// it from a listener that is alive.
pub(crate) fn prepare_listener(_socket: &Socket) -> io::Result<()> {
    Ok(())
}

/// Waits for one socket, or for `wakeup` to be readable, for ever without a timeout. The wakeup may end the wait early, as if
/// the time were over, and so may the system's limit of a wait: callers look again.
pub(crate) fn wait_for_one(
    socket: Borrowed<'_>,
    interest: Interest,
    wakeup: Option<Borrowed<'_>>,
    timeout: Option<Duration>,
) -> io::Result<Readiness> {
    let mut events = 0;
    if interest.read {
        events |= POLLIN;
    }
    if interest.write {
        events |= POLLOUT;
    }
    let wakeup = wakeup.map_or(INVALID_SOCKET, number);
    let mut both =
        [WSAPOLLFD { fd: number(socket), events, revents: 0 }, WSAPOLLFD { fd: wakeup, events: POLLIN, revents: 0 }];
    let count = if wakeup == INVALID_SOCKET { 1 } else { 2 };
    let milliseconds =
        timeout.map_or(-1, |timeout| i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX));
    // SAFETY: an array of two, of which all or the first count.
    check(unsafe { WSAPoll(both.as_mut_ptr(), count, milliseconds) })?;
    Ok(match both[0].revents {
        0 => Readiness::None,
        events if events & POLLERR != 0 => Readiness::Failed,
        _ => Readiness::Ready,
    })
}
