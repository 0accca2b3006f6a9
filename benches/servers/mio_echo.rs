//! Sends every byte back, with mio; natively, or as a guest on the first socket of the host.

use std::io;

use connection::{BUFFER_LENGTH, Connection, Next};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};

mod connection;
#[cfg(not(target_family = "wasm"))]
mod listen;

const LISTENER: Token = Token(usize::MAX);
const EVENTS_MAX: usize = 1024;

/// Connections by token, and the tokens that are free.
#[derive(Default)]
struct Connections {
    slots: Vec<Option<Connection<TcpStream>>>,
    free: Vec<usize>,
}

#[cfg(not(target_family = "wasm"))]
fn listener() -> io::Result<TcpListener> {
    listen::listen("mio_echo").map(TcpListener::from_std)
}

/// The host's first socket has the first number after standard input, output and error.
#[cfg(target_family = "wasm")]
fn listener() -> io::Result<TcpListener> {
    use std::os::fd::FromRawFd;
    // SAFETY: the host has opened this descriptor for the program, and nothing else in it takes it.
    let listener = unsafe { std::net::TcpListener::from_raw_fd(3) };
    listener.set_nonblocking(true)?;
    Ok(TcpListener::from_std(listener))
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
                LISTENER => connections.accept(&listener, poll.registry())?,
                Token(index) => connections.serve(index, poll.registry(), &mut buffer)?,
            }
        }
    }
}

impl Connections {
    fn accept(&mut self, listener: &TcpListener, registry: &Registry) -> io::Result<()> {
        while let Ok((mut stream, _)) = listener.accept() {
            // Guests have no options; there the host has set it.
            #[cfg(not(target_family = "wasm"))]
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
        // Readiness is edge-triggered: what is left now is not told again.
        let mut has_waited = false;
        let next = loop {
            match connection.echo(buffer) {
                Next::Again => has_waited = true,
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
