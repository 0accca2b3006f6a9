//! Descriptors from the standard library's types, and which of its own a descriptor becomes again.

use std::net::{TcpListener, TcpStream, UdpSocket};
#[cfg(not(windows))]
use std::os::fd::OwnedFd;
#[cfg(windows)]
use std::os::windows::io::OwnedSocket as OwnedFd;

use crate::Descriptor;

macro_rules! from_std {
    ($($type:ty),*) => {
        $(impl From<$type> for Descriptor {
            fn from(open: $type) -> Descriptor {
                OwnedFd::from(open).into()
            }
        })*
    };
}

from_std!(TcpListener, TcpStream, UdpSocket);

// Windows waits for nothing but sockets.
#[cfg(not(windows))]
from_std!(std::fs::File, std::io::PipeReader, std::io::PipeWriter);

#[cfg(unix)]
from_std!(
    std::os::unix::net::UnixDatagram,
    std::os::unix::net::UnixListener,
    std::os::unix::net::UnixStream,
    std::process::ChildStdin,
    std::process::ChildStdout,
    std::process::ChildStderr
);
