//! What the numbers of errors mean, where their kinds don't tell.

use std::io;

/// Of accept: no descriptor or memory is left for the connection.
pub const EXHAUSTED: [i32; 4] = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];

/// What accept(2) says of a connection that failed while it waited: the network's errors, and the firewall's EPERM.
/// EOPNOTSUPP is not among them: a socket that can't accept never will.
pub const CONNECTION_GONE: &[i32] = &[
    libc::ECONNABORTED,
    libc::EPROTO,
    libc::ENOPROTOOPT,
    libc::EHOSTDOWN,
    libc::EHOSTUNREACH,
    libc::ENETUNREACH,
    libc::ENETDOWN,
    libc::EPERM,
    #[cfg(any(target_os = "linux", target_os = "android"))]
    libc::ENONET,
];

/// Of accept, for the test of who is told: a signal came, nobody waits, and a socket that can't listen.
#[cfg(test)]
pub const OF_THE_LISTENER: [i32; 3] = [libc::EINTR, libc::EAGAIN, libc::EOPNOTSUPP];

/// The descriptor is open and no socket.
pub const NOT_A_SOCKET: i32 = libc::ENOTSOCK;

/// Whether a connect goes on after this answer. EINTR too leaves it under way (connect(2)).
pub fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS) || error.kind() == io::ErrorKind::Interrupted
}
