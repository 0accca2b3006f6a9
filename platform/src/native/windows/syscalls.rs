//! The calls of Winsock that neither std nor socket2 wraps as they are needed here. std and socket2 have started Winsock
//! by the time that there is a socket.

#![allow(unsafe_code, reason = "raw system calls; each block says why it is sound")]

use std::io;
use std::mem::MaybeUninit;
use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket, IntoRawSocket, OwnedSocket, RawSocket};
use std::ptr;
use std::time::Duration;

use socket2::{SockAddr, SockAddrStorage, SockRef};

use super::names::{
    AF_INET6, FD_SET, SO_PROTOCOL_INFOW, SO_TYPE, SOCKET_ERROR, SOL_SOCKET, TIMEVAL, WSAECONNRESET, WSAEMSGSIZE,
    WSAENETRESET, WSAENOTSOCK, WSAESHUTDOWN, WSAPROTOCOL_INFOW, closesocket, getpeername, getsockopt, recvfrom,
    select as winsock_select, setsockopt,
};
use crate::error::explained_as;

/// A wait longer than this is cut to it: the system counts seconds with 31 bits.
const TIMEOUT_MAX: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// `select` of sets that are as long as needed: a count, then so many sockets. FD_SETSIZE limits the type in the header,
/// not the system. The answer is in the sets, or `Err`; an empty set is as good as none, and one at least may not be.
pub fn select(sets: [&mut [RawSocket]; 3], timeout: Option<Duration>) -> io::Result<usize> {
    let timeout = timeout.map(|timeout| {
        // Rounded up to what the system counts (C8).
        let micros = timeout.min(TIMEOUT_MAX).as_nanos().div_ceil(1000);
        TIMEVAL { tv_sec: (micros / 1_000_000) as i32, tv_usec: (micros % 1_000_000) as i32 }
    });
    let [read, write, except] = sets.map(|set| {
        let is_empty = set.first().is_none_or(|&count| count == 0);
        if is_empty { ptr::null_mut() } else { set.as_mut_ptr().cast::<FD_SET>() }
    });
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the system reads the count, which the caller keeps true, and so many sockets after it; it writes no more
    // than it has read. A word of the count's place is as wide as a socket, of which the count is the lower half on
    // this system's machines, all of which are little-endian. The timeout outlives the call.
    let count = unsafe { winsock_select(0, read, write, except, timeout) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

/// Whether the socket has a peer.
pub fn is_connected(socket: RawSocket) -> bool {
    let (mut address, mut length) = (SockAddrStorage::zeroed(), size_of::<SockAddrStorage>() as i32);
    // SAFETY: the system writes at most `length` bytes, which is the size of `address`; for a number that is not open it
    // answers WSAENOTSOCK.
    unsafe { getpeername(socket as usize, (&raw mut address).cast(), &raw mut length) != SOCKET_ERROR }
}

/// Whether there is a socket of this number.
pub fn is_open(socket: RawSocket) -> bool {
    let answer = raw_integer_option(socket, SOL_SOCKET, SO_TYPE);
    !answer.is_err_and(|error| error.raw_os_error() == Some(WSAENOTSOCK))
}

pub fn set_nonblocking_and_cloexec(socket: BorrowedSocket<'_>) -> io::Result<()> {
    let socket = SockRef::from(&socket);
    socket.set_nonblocking(true)?;
    socket.set_no_inherit(true)
}

pub fn read(socket: BorrowedSocket<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    recv(socket, buffer)
}

pub fn write(socket: BorrowedSocket<'_>, bytes: &[u8]) -> io::Result<usize> {
    SockRef::from(&socket).send(bytes).map_err(sending)
}

/// The system doesn't say how many bytes it holds back for the peer.
pub fn unsent(_socket: BorrowedSocket<'_>) -> Option<usize> {
    None
}

pub fn recv(socket: BorrowedSocket<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let received = io::Read::read(&mut &*SockRef::from(&socket), buffer);
    received.or_else(|error| receiving(socket, error, buffer.len()))
}

/// `recvfrom`.
pub fn recv_from(socket: BorrowedSocket<'_>, buffer: &mut [u8]) -> io::Result<(usize, Option<SockAddr>)> {
    let receive = |storage: *mut SockAddrStorage, address_length: *mut i32| {
        let length = i32::try_from(buffer.len()).unwrap_or(i32::MAX);
        let number = socket.as_raw_socket() as usize;
        // SAFETY: the system writes at most `length` bytes at the buffer's start; socket2 hands in a storage for any
        // address and its length.
        let count = unsafe { recvfrom(number, buffer.as_mut_ptr(), length, 0, storage.cast(), address_length) };
        usize::try_from(count).or_else(|_| receiving(socket, io::Error::last_os_error(), buffer.len()))
    };
    // SAFETY: on success, and with a datagram that didn't fit, recvfrom has filled the storage as far as it says in the
    // length.
    let (count, address) = unsafe { SockAddr::try_init(receive) }?;
    Ok((count, Some(address)))
}

/// What an error of receiving means.
fn receiving(socket: BorrowedSocket<'_>, error: io::Error, buffer_length: usize) -> io::Result<usize> {
    let is_datagram = || SockRef::from(&socket).r#type().is_ok_and(|kind| kind == socket2::Type::DGRAM);
    match error.raw_os_error() {
        // The buffer is full, and the rest of the datagram is lost.
        Some(WSAEMSGSIZE) => Ok(buffer_length),
        Some(WSAECONNRESET) if is_datagram() => {
            let text = "recv: nobody has the port that a datagram was sent to before: go on receiving";
            Err(explained_as(io::ErrorKind::ConnectionRefused, text, error))
        }
        Some(WSAENETRESET) if is_datagram() => {
            let text = "recv: a datagram that was sent before had too far to go: go on receiving";
            Err(explained_as(io::ErrorKind::HostUnreachable, text, error))
        }
        _ => Err(error),
    }
}

/// What an error of sending means: std has no kind for the one of a direction that is shut down.
pub fn sending(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(WSAESHUTDOWN) => {
            explained_as(io::ErrorKind::BrokenPipe, "send: the sending side is shut down: send nothing more", error)
        }
        _ => error,
    }
}

/// Whether the addresses of this socket are those of IPv6; it may be unbound.
pub fn is_ipv6(socket: &impl AsSocket) -> io::Result<bool> {
    let mut info = MaybeUninit::<WSAPROTOCOL_INFOW>::zeroed();
    let mut length = size_of::<WSAPROTOCOL_INFOW>() as i32;
    let number = socket.as_socket().as_raw_socket() as usize;
    // SAFETY: the system writes at most `length` bytes, which is the size of `info`.
    check(unsafe { getsockopt(number, SOL_SOCKET, SO_PROTOCOL_INFOW, info.as_mut_ptr().cast(), &raw mut length) })?;
    // SAFETY: all of it is integers, for which zeros are values too.
    Ok(unsafe { info.assume_init() }.iAddressFamily == i32::from(AF_INET6))
}

/// A flag of the socket level that socket2 has no name for.
pub fn socket_flag(socket: &impl AsSocket, name: i32) -> io::Result<bool> {
    integer_option(socket, SOL_SOCKET, name).map(|value| value != 0)
}

pub fn set_socket_flag(socket: &impl AsSocket, name: i32, on: bool) -> io::Result<()> {
    set_integer_option(socket, SOL_SOCKET, name, i32::from(on))
}

/// `getsockopt` of an option that is an int.
pub fn integer_option(socket: &impl AsSocket, level: i32, name: i32) -> io::Result<i32> {
    raw_integer_option(socket.as_socket().as_raw_socket(), level, name)
}

fn raw_integer_option(socket: RawSocket, level: i32, name: i32) -> io::Result<i32> {
    // Some options are a single byte, which leaves the others as they are.
    let mut value: i32 = 0;
    let mut length = size_of::<i32>() as i32;
    // SAFETY: the system writes at most `length` bytes, which is the size of `value`; for a number that is not open it
    // answers WSAENOTSOCK.
    check(unsafe { getsockopt(socket as usize, level, name, (&raw mut value).cast(), &raw mut length) })?;
    Ok(value)
}

/// `setsockopt` of an option that is an int.
pub fn set_integer_option(socket: &impl AsSocket, level: i32, name: i32, value: i32) -> io::Result<()> {
    let number = socket.as_socket().as_raw_socket() as usize;
    // SAFETY: the system reads as many bytes as `value` has.
    check(unsafe { setsockopt(number, level, name, (&raw const value).cast(), size_of::<i32>() as i32) })
}

/// `accept`. socket2 keeps the new socket from being inherited.
pub fn accept(listener: BorrowedSocket<'_>) -> io::Result<(OwnedSocket, SockAddr)> {
    let (socket, address) = SockRef::from(&listener).accept()?;
    socket.set_nonblocking(true)?;
    Ok((socket.into(), address))
}

/// `closesocket`, with its answer, which dropping an [`OwnedSocket`] would swallow.
pub fn close(socket: OwnedSocket) -> io::Result<()> {
    // SAFETY: the owner gave it up just now; it is closed once.
    check(unsafe { closesocket(socket.into_raw_socket() as usize) })
}

fn check(answer: i32) -> io::Result<()> {
    if answer == SOCKET_ERROR { Err(io::Error::last_os_error()) } else { Ok(()) }
}
