//! Options of a socket that another library makes and keeps to itself.

use socket2::{Domain, Socket, Type};
use std::os::fd::{AsRawFd, RawFd};

/// Sets TCP_NODELAY for the socket that `make` makes: wasmtime-wasi doesn't, programs can't, and doesn't say which
/// descriptor it has. The system gives each new one the lowest number that is free, so this is the number that another
/// socket has just had. Connections that a listener accepts have what it has.
///
/// When another thread of this process opens something at this very moment, the socket stays without the option.
pub(crate) fn sending_at_once<T>(make: impl FnOnce() -> T) -> T {
    let number = Socket::new(Domain::IPV4, Type::STREAM, None).map(|socket| socket.as_raw_fd());
    let made = make();
    if let Ok(number) = number {
        set_nodelay(number);
    }
    made
}

fn set_nodelay(number: RawFd) {
    let on: libc::c_int = 1;
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the kernel reads one integer, which is there. A number that is no TCP socket is answered with an error, and
    // on a socket of somebody else the option would change nothing but when small writes leave.
    unsafe { libc::setsockopt(number, libc::IPPROTO_TCP, libc::TCP_NODELAY, (&raw const on).cast(), length) };
}
