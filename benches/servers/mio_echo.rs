//! Sends every byte back, with mio; natively, as a guest of preview1 on the first socket of the host, or as one of preview2
//! on a socket of its own.

use std::io;
use std::net::SocketAddr;

use connection::{BUFFER_LENGTH, Connection, Next};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};

mod connection;
#[cfg(not(target_env = "p1"))]
mod listen;

const LISTENER: Token = Token(usize::MAX);
const EVENTS_MAX: usize = 1024;

/// Connections by token, and the tokens that are free.
#[derive(Default)]
struct Connections {
    slots: Vec<Option<Connection<TcpStream>>>,
    free: Vec<usize>,
}

#[cfg(not(target_env = "p1"))]
fn listener() -> io::Result<TcpListener> {
    listen::listen("mio_echo").map(TcpListener::from_std)
}

/// The host's first socket has the first number after standard input, output and error.
#[cfg(target_env = "p1")]
fn listener() -> io::Result<TcpListener> {
    use std::os::fd::FromRawFd;
    // SAFETY: the host has opened this descriptor for the program, and nothing else in it takes it.
    let listener = unsafe { std::net::TcpListener::from_raw_fd(3) };
    listener.set_nonblocking(true)?;
    Ok(TcpListener::from_std(listener))
}

#[cfg(not(target_env = "p2"))]
fn accept(listener: &mut TcpListener, _: &Registry) -> io::Result<(TcpStream, SocketAddr)> {
    listener.accept()
}

/// mio's own ends with `EINVAL` there: it asks `fcntl` for a stream that doesn't block, which the libc that comes with
/// Rust 1.95 has for no socket. The standard library asks `ioctl`.
#[cfg(target_env = "p2")]
fn accept(listener: &mut TcpListener, registry: &Registry) -> io::Result<(TcpStream, SocketAddr)> {
    use std::mem::ManuallyDrop;
    use std::os::fd::{AsRawFd, FromRawFd};
    // SAFETY: the descriptor is open as long as the listener, which lives longer than this, and is never closed by this.
    let same = ManuallyDrop::new(unsafe { std::net::TcpListener::from_raw_fd(listener.as_raw_fd()) });
    match same.accept() {
        Ok((stream, peer)) => {
            stream.set_nonblocking(true)?;
            Ok((TcpStream::from_std(stream), peer))
        }
        // Its readiness was told, and is told again only for the asking.
        Err(error) => registry.reregister(listener, LISTENER, Interest::READABLE).and(Err(error)),
    }
}

fn main() -> io::Result<()> {
    let mut listener = listener()?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(EVENTS_MAX);
    let mut connections = Connections::default();
    let mut buffer = vec![0; BUFFER_LENGTH];
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            match event.token() {
                LISTENER => connections.accept(&mut listener, poll.registry())?,
                Token(index) => connections.serve(index, poll.registry(), &mut buffer)?,
            }
        }
    }
}

impl Connections {
    fn accept(&mut self, listener: &mut TcpListener, registry: &Registry) -> io::Result<()> {
        while let Ok((mut stream, _)) = accept(listener, registry) {
            // Guests of preview1 have no options; there the host has set it.
            #[cfg(not(target_env = "p1"))]
            stream.set_nodelay(true)?;
            let index = self.free.pop().unwrap_or(self.slots.len());
            if index == self.slots.len() {
                self.slots.push(None);
            }
            registry.register(&mut stream, Token(index), Interest::READABLE)?;
            self.slots[index] = Some(Connection::new(stream));
        }
        Ok(())
    }

    fn serve(&mut self, index: usize, registry: &Registry, buffer: &mut [u8]) -> io::Result<()> {
        let Some(slot) = self.slots.get_mut(index) else { return Ok(()) };
        let Some(connection) = slot else { return Ok(()) };
        let has_waited = !connection.unsent.is_empty();
        // Readiness is edge-triggered: what is left now is not told again.
        let next = loop {
            match connection.echo(buffer) {
                Next::Again => {}
                next => break next,
            }
        };
        match next {
            Next::Nothing => {
                registry.deregister(&mut connection.stream)?;
                *slot = None;
                self.free.push(index);
            }
            Next::Room => registry.reregister(&mut connection.stream, Token(index), Interest::WRITABLE)?,
            Next::Bytes if has_waited => {
                registry.reregister(&mut connection.stream, Token(index), Interest::READABLE)?;
            }
            Next::Bytes | Next::Again => {}
        }
        Ok(())
    }
}
