//! The listener of a native server: on the address that is its first argument, which it tells on standard output.

use std::io;
use std::net::TcpListener;

/// Listens without blocking on the first argument, or on any free loopback port.
pub fn listen(name: &str) -> io::Result<TcpListener> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    println!("{name}: listening on {}", listener.local_addr()?);
    Ok(listener)
}
