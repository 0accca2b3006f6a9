//! The listener of a native server: on the address that is its first argument, which it tells on standard output.

use std::io;
use std::net::TcpListener;

/// Listens without blocking on the first argument, or on any free loopback port.
pub fn listen(name: &str) -> io::Result<TcpListener> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    // The standard library, mio and tokio let 128 clients wait, which is too few when a thousand come at once: the others
    // would try again after a second. To listen again only changes that (listen(2)).
    #[cfg(not(target_family = "wasm"))]
    socket2::SockRef::from(&listener).listen(4096)?;
    println!("{name}: listening on {}", listener.local_addr()?);
    Ok(listener)
}
