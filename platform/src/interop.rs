//! Descriptors from the standard library's types, and which of its own a descriptor becomes again.

use std::fs::File;
use std::io::{PipeReader, PipeWriter};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;

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

from_std!(File, TcpListener, TcpStream, UdpSocket, PipeReader, PipeWriter);

#[cfg(unix)]
from_std!(
    std::os::unix::net::UnixDatagram,
    std::os::unix::net::UnixListener,
    std::os::unix::net::UnixStream,
    std::process::ChildStdin,
    std::process::ChildStdout,
    std::process::ChildStderr
);
