//! What the numbers of errors mean, where their kinds don't tell.

use std::io;

use super::names::{
    WSAECONNABORTED, WSAECONNRESET, WSAEMFILE, WSAENETDOWN, WSAENOBUFS, WSAENOTCONN, WSAENOTSOCK, WSAEWOULDBLOCK,
};

/// Of accept: no socket or memory is left for the connection.
pub const EXHAUSTED: [i32; 2] = [WSAEMFILE, WSAENOBUFS];

/// What accept says of a connection that failed while it waited; without a peer that could be named, it is unconnected.
pub const CONNECTION_GONE: &[i32] = &[WSAECONNRESET, WSAECONNABORTED, WSAENOTCONN, WSAENETDOWN];

/// Of accept, for the test of who is told: nobody waits, and a socket that can't listen.
#[cfg(test)]
pub const OF_THE_LISTENER: [i32; 2] = [WSAEWOULDBLOCK, super::names::WSAEOPNOTSUPP];

/// The handle is open and no socket, or nothing of this number is open.
pub const NOT_A_SOCKET: i32 = WSAENOTSOCK;

/// Whether a connect goes on after this answer.
pub fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(WSAEWOULDBLOCK)
}
