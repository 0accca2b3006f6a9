//! Socket options, of the socket level and of TCP.

use std::io;

use socket2::SockRef;

use super::{Descriptor, SocketOption, syscalls};

pub fn get(socket: &Descriptor, option: SocketOption) -> io::Result<bool> {
    let fd = socket.owned_fd()?;
    let socket_ref = SockRef::from(fd);
    match option {
        SocketOption::AcceptConnections => socket_ref.is_listener(),
        SocketOption::Broadcast => socket_ref.broadcast(),
        SocketOption::Debug => syscalls::socket_flag(fd, libc::SO_DEBUG),
        SocketOption::DontRoute => syscalls::socket_flag(fd, libc::SO_DONTROUTE),
        SocketOption::KeepAlive => socket_ref.keepalive(),
        SocketOption::OutOfBandInline => socket_ref.out_of_band_inline(),
        SocketOption::ReuseAddress => socket_ref.reuse_address(),
        SocketOption::NoDelay => socket_ref.tcp_nodelay(),
    }
}

pub fn set(socket: &Descriptor, option: SocketOption, on: bool) -> io::Result<()> {
    let fd = socket.owned_fd()?;
    let socket_ref = SockRef::from(fd);
    match option {
        SocketOption::AcceptConnections => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "set_option: a socket accepts by listening: call listen"))
        }
        SocketOption::Broadcast => socket_ref.set_broadcast(on),
        SocketOption::Debug => syscalls::set_socket_flag(fd, libc::SO_DEBUG, on),
        SocketOption::DontRoute => syscalls::set_socket_flag(fd, libc::SO_DONTROUTE, on),
        SocketOption::KeepAlive => socket_ref.set_keepalive(on),
        SocketOption::OutOfBandInline => socket_ref.set_out_of_band_inline(on),
        SocketOption::ReuseAddress => socket_ref.set_reuse_address(on),
        SocketOption::NoDelay => socket_ref.set_tcp_nodelay(on),
    }
}
