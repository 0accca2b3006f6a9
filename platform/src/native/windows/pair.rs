//! Two connected ends: what is written to one makes the other readable.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::windows::io::OwnedSocket;

/// The end to write to. A full one doesn't block.
pub type Writer = TcpStream;

/// The end to watch, and the other one: a connection of the process with itself, because a pipe can't be waited for
/// together with sockets.
pub fn open() -> io::Result<(OwnedSocket, Writer)> {
    let (reader, writer) = connect()?;
    reader.set_nonblocking(true)?;
    writer.set_nonblocking(true)?;
    writer.set_nodelay(true)?;
    Ok((reader.into(), writer))
}

/// The two ends, which block.
pub fn connect() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let writer = TcpStream::connect(listener.local_addr()?)?;
    let ours = writer.local_addr()?;
    loop {
        // Any program of this machine may connect in between: those are closed again.
        let (reader, peer) = listener.accept()?;
        if peer == ours {
            return Ok((reader, writer));
        }
    }
}
