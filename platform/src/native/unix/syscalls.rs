//! The system calls that neither std nor socket2 wraps as they are needed here: the only `unsafe` of
//! the native world.

#![allow(unsafe_code, reason = "raw system calls; each block says why it is sound")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

use crate::native::selector::fd_set::FdSet;

/// A wait longer than this is cut to it: some kernels refuse more (POSIX grants 31 days).
const TIMEOUT_MAX: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// `pselect(2)`: counts nanoseconds, so that a timeout needs no rounding (C8), and leaves its argument
/// alone. Both sets have room for `fd_limit` descriptors.
pub fn select(fd_limit: RawFd, read: &mut FdSet, write: &mut FdSet, timeout: Option<Duration>) -> io::Result<usize> {
    let timeout = timeout.map(|timeout| {
        let timeout = timeout.min(TIMEOUT_MAX);
        libc::timespec { tv_sec: timeout.as_secs() as libc::time_t, tv_nsec: timeout.subsec_nanos() as _ }
    });
    // SAFETY: the kernel reads and writes `fd_limit` bits of each set, which hold at least that many
    // (`FdSet::reserve` ran for every watched descriptor); the timespec outlives the call.
    let count = unsafe {
        libc::pselect(
            fd_limit,
            read.as_mut_ptr(),
            write.as_mut_ptr(),
            // No except set: urgent data would keep it ready until read, and nothing here reads it.
            ptr::null_mut(),
            timeout.as_ref().map_or(ptr::null(), ptr::from_ref),
            ptr::null(),
        )
    };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

/// Says so where the C library's `select` can't take this descriptor (C9). Linux takes all.
pub fn check_selectable(fd: RawFd) -> io::Result<()> {
    if cfg!(target_os = "linux") || fd < libc::FD_SETSIZE as RawFd {
        return Ok(());
    }
    let text = format!(
        "select() takes no descriptor above {} here, and this one is {fd}: close some before",
        libc::FD_SETSIZE - 1
    );
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}

pub fn is_open(fd: RawFd) -> bool {
    // SAFETY: F_GETFD takes no pointer; on a number that is not open it answers EBADF.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
}

/// Takes over an inherited socket; `None` when there is none of this number, or it is something else.
pub fn adopt_socket(fd: RawFd) -> Option<OwnedFd> {
    raw_integer_option(fd, libc::SOL_SOCKET, libc::SO_TYPE).ok()?;
    // SAFETY: it is open, and by the protocol of sd_listen_fds(3) it was passed for this program to own;
    // the pool of preopens adopts each number once in the life of the process.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub fn set_nonblocking_and_cloexec(fd: BorrowedFd<'_>) -> io::Result<()> {
    let fd = fd.as_raw_fd();
    // SAFETY: these fcntl commands take and give integers only.
    unsafe {
        let flags = check(libc::fcntl(fd, libc::F_GETFL))?;
        check(libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK))?;
        check(libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC))?;
    }
    Ok(())
}

pub fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes at its start.
    let count = unsafe { libc::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

pub fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the kernel reads at most `bytes.len()` bytes from its start.
    let count = unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

/// How many bytes of a stream have not left for the peer: SIOCOUTQNSD (linux/sockios.h). Of a unix socket all have:
/// the kernel puts them where the peer reads them, and doesn't know the question.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn unsent(socket: BorrowedFd<'_>) -> Option<usize> {
    const SIOCOUTQNSD: u32 = 0x894b;
    let mut length: libc::c_int = 0;
    // SAFETY: the kernel writes one int.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCOUTQNSD as _, &raw mut length) };
    if answer == -1 { Some(0) } else { usize::try_from(length).ok() }
}

/// Apple counts what the peer has not acknowledged as well, which is no less.
#[cfg(target_vendor = "apple")]
pub fn unsent(socket: BorrowedFd<'_>) -> Option<usize> {
    let length = raw_integer_option(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_NWRITE).ok()?;
    usize::try_from(length).ok()
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub fn unsent(_socket: BorrowedFd<'_>) -> Option<usize> {
    None
}

#[inline]
pub fn recv(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    io::Read::read(&mut &*socket2::SockRef::from(&socket), buffer)
}

/// `recvfrom(2)`. No address comes with a datagram of an unnamed unix socket.
pub fn recv_from(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, Option<socket2::SockAddr>)> {
    let receive = |storage: *mut socket2::SockAddrStorage, length: *mut libc::socklen_t| {
        let (fd, into) = (socket.as_raw_fd(), buffer.as_mut_ptr().cast());
        // SAFETY: the kernel writes at most `buffer.len()` bytes at its start; socket2 hands in a storage for
        // any address and its length.
        let count = unsafe { libc::recvfrom(fd, into, buffer.len(), 0, storage.cast(), length) };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    };
    // SAFETY: on success recvfrom has filled the storage as far as it says in the length.
    let (count, address) = unsafe { socket2::SockAddr::try_init(receive) }?;
    Ok((count, (address.len() > 0).then_some(address)))
}

/// What an error of sending means: what its kind says.
#[inline]
pub fn sending(error: io::Error) -> io::Error {
    error
}

/// Whether the addresses of this socket are those of IPv6; it may be unbound.
pub fn is_ipv6(socket: &impl AsFd) -> io::Result<bool> {
    Ok(socket2::SockRef::from(socket).local_addr()?.is_ipv6())
}

/// A flag of the socket level that socket2 has no name for, here or on all kernels.
pub fn socket_flag(socket: &impl AsFd, name: libc::c_int) -> io::Result<bool> {
    integer_option(socket, libc::SOL_SOCKET, name).map(|value| value != 0)
}

pub fn set_socket_flag(socket: &impl AsFd, name: libc::c_int, on: bool) -> io::Result<()> {
    set_integer_option(socket, libc::SOL_SOCKET, name, libc::c_int::from(on))
}

/// `getsockopt(2)` of an option that is an int.
pub fn integer_option(socket: &impl AsFd, level: libc::c_int, name: libc::c_int) -> io::Result<libc::c_int> {
    raw_integer_option(socket.as_fd().as_raw_fd(), level, name)
}

fn raw_integer_option(fd: RawFd, level: libc::c_int, name: libc::c_int) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes, which is the size of `value`; for a number that is not open
    // it answers EBADF.
    check(unsafe { libc::getsockopt(fd, level, name, (&raw mut value).cast(), &raw mut length) })?;
    Ok(value)
}

/// `setsockopt(2)` of an option that is an int.
pub fn set_integer_option(
    socket: &impl AsFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the kernel reads `length` bytes, which is the size of `value`.
    check(unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), length) }).map(drop)
}

/// `accept4(2)`, which makes the new descriptor non-blocking and close-on-exec in the same call.
#[cfg(not(target_vendor = "apple"))]
pub fn accept(listener: BorrowedFd<'_>) -> io::Result<(OwnedFd, socket2::SockAddr)> {
    let accept = |storage: *mut socket2::SockAddrStorage, length: *mut libc::socklen_t| {
        let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: socket2 hands in a storage for any address and its length.
        let fd = unsafe { check(libc::accept4(listener.as_raw_fd(), storage.cast(), length, flags)) }?;
        // SAFETY: accept4 just made this descriptor, and nobody else knows it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    };
    // SAFETY: on success accept4 has filled the storage and set the length.
    unsafe { socket2::SockAddr::try_init(accept) }
}

/// Apple's kernel has no accept4: two more calls.
#[cfg(target_vendor = "apple")]
pub fn accept(listener: BorrowedFd<'_>) -> io::Result<(OwnedFd, socket2::SockAddr)> {
    let (socket, address) = socket2::SockRef::from(&listener).accept()?;
    socket.set_nonblocking(true)?;
    Ok((socket.into(), address))
}

/// `close(2)`, with its answer, which dropping an [`OwnedFd`] would swallow.
pub fn close(fd: OwnedFd) -> io::Result<()> {
    // SAFETY: the owner gave it up just now; it is closed once.
    let answer = unsafe { libc::close(fd.into_raw_fd()) };
    // On EINTR the descriptor is gone all the same (Linux), so nothing is tried again.
    check(answer).map(drop)
}

/// Whether the process, or the one that started it, wants nothing done on this signal.
pub fn is_ignored(signal: libc::c_int) -> io::Result<bool> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action only the present one is written, which there is room for.
    check(unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) })?;
    // SAFETY: the call above was successful and has filled it.
    Ok(unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN)
}

fn check(answer: libc::c_int) -> io::Result<libc::c_int> {
    if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}
