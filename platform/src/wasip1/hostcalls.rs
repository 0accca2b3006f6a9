//! The host functions, made safe: the only `unsafe` of the wasip1 world.

#![allow(unsafe_code, reason = "raw host calls; each block says why it is sound")]

use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::ptr;

use super::subscription::Subscription;
use crate::error::{connection_gone, exhausted, not_a_socket};
use crate::{Shutdown, Type, explained_as};

/// Where `selectio run` says that its user wants the program to end. It is in no list of descriptors, and nobody
/// opens or closes it. Other hosts have nothing there.
pub const SHUTDOWN_FD: wasi::Fd = 0x7fff_fff0;

/// How many buffers go to the host in one call; it takes an array of them, which is made without allocating.
const BUFFERS_MAX: usize = 8;

/// A host's error number as an `io::Error`, which decodes its kind.
pub fn to_error(errno: wasi::Errno) -> io::Error {
    let error = io::Error::from_raw_os_error(i32::from(errno.raw()));
    if errno == wasi::ERRNO_NOTSOCK || errno == wasi::ERRNO_NOSYS || errno == wasi::ERRNO_NOTSUP {
        let text =
            format!("this host has no sockets for preview1 programs ({}): {}", errno.name(), super::PASS_A_LISTENER);
        return explained_as(io::ErrorKind::Unsupported, text, error);
    }
    error
}

fn number(fd: BorrowedFd<'_>) -> wasi::Fd {
    fd.as_raw_fd().cast_unsigned()
}

/// What kind of thing a descriptor number is, and its flags.
pub fn fdstat(fd: wasi::Fd) -> Result<wasi::Fdstat, wasi::Errno> {
    // SAFETY: takes a number; one that is not open answers badf.
    unsafe { wasi::fd_fdstat_get(fd) }
}

/// Whether the host is `selectio run`: no other one has this descriptor.
pub fn is_selectio() -> bool {
    fdstat(SHUTDOWN_FD).is_ok()
}

/// Makes a descriptor non-blocking, whatever the host made of it.
pub fn set_nonblocking(fd: wasi::Fd) -> Result<(), wasi::Errno> {
    // SAFETY: takes a number and flags.
    unsafe { wasi::fd_fdstat_set_flags(fd, wasi::FDFLAGS_NONBLOCK) }
}

/// Makes a descriptor of a socket non-blocking and says of which type it is.
pub fn adopt_socket(fd: BorrowedFd<'_>) -> io::Result<Type> {
    let fd = number(fd);
    let kind = match fdstat(fd).map_err(to_error)?.fs_filetype {
        wasi::FILETYPE_SOCKET_STREAM => Type::Stream,
        wasi::FILETYPE_SOCKET_DGRAM => Type::Datagram,
        other => return Err(not_a_socket(other.name())),
    };
    set_nonblocking(fd).map_err(to_error)?;
    Ok(kind)
}

/// Takes over a descriptor that the host opened.
pub fn adopt(fd: wasi::Fd) -> OwnedFd {
    // SAFETY: the host passed it for this program to own, and each number is adopted once (by the pool of
    // preopens, or when it is accepted). A stale number would only answer badf.
    unsafe { OwnedFd::from_raw_fd(fd.cast_signed()) }
}

/// Standard input, which the process has from its start to its end.
pub fn standard_input() -> BorrowedFd<'static> {
    // SAFETY: std never closes it, and here nothing owns it, so its number comes to nobody else.
    unsafe { BorrowedFd::borrow_raw(0) }
}

/// The descriptor [`SHUTDOWN_FD`].
pub fn shutdown_requests() -> BorrowedFd<'static> {
    // SAFETY: a host that has it keeps it for the whole run; nothing here owns it.
    unsafe { BorrowedFd::borrow_raw(SHUTDOWN_FD.cast_signed()) }
}

/// How many bytes the next recv would give, of one byte at most. Takes none.
pub fn peek(fd: wasi::Fd) -> Result<usize, wasi::Errno> {
    recv_with_flags(fd, &mut [0], wasi::RIFLAGS_RECV_PEEK)
}

pub fn accept(listener: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    accept_raw(number(listener)).map_err(|errno| match errno {
        wasi::ERRNO_MFILE | wasi::ERRNO_NFILE | wasi::ERRNO_NOBUFS | wasi::ERRNO_NOMEM => exhausted(to_error(errno)),
        // As natively: see accept(2), whose errors a host passes on. Preview1 has no number for the others.
        wasi::ERRNO_CONNABORTED
        | wasi::ERRNO_PROTO
        | wasi::ERRNO_NOPROTOOPT
        | wasi::ERRNO_HOSTUNREACH
        | wasi::ERRNO_NETUNREACH
        | wasi::ERRNO_NETDOWN
        | wasi::ERRNO_PERM => connection_gone(to_error(errno)),
        _ => to_error(errno),
    })
}

pub fn accept_raw(listener: wasi::Fd) -> Result<OwnedFd, wasi::Errno> {
    // The flag matters: without it the client would block, and one spurious event would hang the program.
    // SAFETY: takes a number and flags.
    unsafe { wasi::sock_accept(listener, wasi::FDFLAGS_NONBLOCK) }.map(adopt)
}

pub fn recv(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    recv_with_flags(number(socket), buffer, 0).map_err(to_error)
}

fn recv_with_flags(socket: wasi::Fd, buffer: &mut [u8], flags: wasi::Riflags) -> Result<usize, wasi::Errno> {
    let buffers = [wasi::Iovec { buf: buffer.as_mut_ptr(), buf_len: buffer.len() }];
    // SAFETY: the host writes at most `buf_len` bytes at `buf`, which is the borrowed buffer.
    unsafe { wasi::sock_recv(socket, &buffers, flags) }.map(|(length, _)| length)
}

/// Takes at most the first [`BUFFERS_MAX`] buffers of a stream.
pub fn send(socket: BorrowedFd<'_>, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    if buffers.len() > BUFFERS_MAX {
        refuse_to_cut_a_message(socket)?;
    }
    let mut array = [wasi::Ciovec { buf: ptr::null(), buf_len: 0 }; BUFFERS_MAX];
    let count = buffers.len().min(BUFFERS_MAX);
    for (entry, bytes) in array.iter_mut().zip(buffers) {
        *entry = wasi::Ciovec { buf: bytes.as_ptr(), buf_len: bytes.len() };
    }
    // SAFETY: the host reads at most `buf_len` bytes at each `buf`, which are the borrowed slices.
    unsafe { wasi::sock_send(number(socket), &array[..count], 0) }.map_err(to_error)
}

fn refuse_to_cut_a_message(socket: BorrowedFd<'_>) -> io::Result<()> {
    if fdstat(number(socket)).map_err(to_error)?.fs_filetype == wasi::FILETYPE_SOCKET_STREAM {
        return Ok(());
    }
    let text = format!("send: a message goes to the host in at most {BUFFERS_MAX} buffers: join them");
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}

pub fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let buffers = [wasi::Iovec { buf: buffer.as_mut_ptr(), buf_len: buffer.len() }];
    // SAFETY: the host writes at most `buf_len` bytes at `buf`, which is the borrowed buffer.
    unsafe { wasi::fd_read(number(fd), &buffers) }.map_err(to_error)
}

pub fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let buffers = [wasi::Ciovec { buf: bytes.as_ptr(), buf_len: bytes.len() }];
    // SAFETY: the host reads at most `buf_len` bytes at `buf`, which is the borrowed slice.
    unsafe { wasi::fd_write(number(fd), &buffers) }.map_err(to_error)
}

pub fn shutdown(socket: BorrowedFd<'_>, how: Shutdown) -> io::Result<()> {
    let how = match how {
        Shutdown::Read => wasi::SDFLAGS_RD,
        Shutdown::Write => wasi::SDFLAGS_WR,
        Shutdown::Both => wasi::SDFLAGS_RD | wasi::SDFLAGS_WR,
    };
    // SAFETY: takes a number and flags.
    unsafe { wasi::sock_shutdown(number(socket), how) }.map_err(to_error)
}

pub fn close(fd: OwnedFd) -> io::Result<()> {
    // SAFETY: the owner gave it up just now; it is closed once.
    unsafe { wasi::fd_close(fd.into_raw_fd().cast_unsigned()) }.map_err(to_error)
}

/// `poll_oneoff`, which fills the start of `events` and says how many. There are at least as many events
/// as subscriptions.
pub fn poll_oneoff(subscriptions: &[Subscription], events: &mut [wasi::Event]) -> Result<usize, wasi::Errno> {
    assert!(events.len() >= subscriptions.len(), "room for every event");
    // SAFETY: the host reads `subscriptions.len()` entries, which are laid out as it wants them, and writes no more
    // events than that, for which there is room.
    unsafe { wasi::poll_oneoff(subscriptions.as_ptr().cast(), events.as_mut_ptr(), subscriptions.len()) }
}
