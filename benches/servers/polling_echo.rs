//! Sends every byte back, with polling in its level-triggered mode, which needs no call to go on watching.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroUsize;

use connection::{BUFFER_LENGTH, Connection, Next};
use polling::{Event, Events, PollMode, Poller};

mod connection;
mod listen;

const LISTENER: usize = usize::MAX - 1;
const EVENTS_MAX: NonZeroUsize = NonZeroUsize::new(1024).expect("it is not 0");

/// Connections by key, and the keys that are free.
#[derive(Default)]
struct Connections {
    slots: Vec<Option<Connection<TcpStream>>>,
    free: Vec<usize>,
}

fn main() -> io::Result<()> {
    let listener = listen::listen("polling_echo")?;
    let poller = Poller::new()?;
    // SAFETY: the listener is never closed while it is watched: both live as long as the process.
    unsafe { poller.add_with_mode(&listener, Event::readable(LISTENER), PollMode::Level)? };
    let mut events = Events::with_capacity(EVENTS_MAX);
    let mut connections = Connections::default();
    let mut buffer = vec![0; BUFFER_LENGTH];
    loop {
        events.clear();
        poller.wait(&mut events, None)?;
        for event in events.iter() {
            if event.key == LISTENER {
                connections.accept(&listener, &poller)?;
            } else {
                connections.serve(event, &poller, &mut buffer)?;
            }
        }
    }
}

impl Connections {
    fn accept(&mut self, listener: &TcpListener, poller: &Poller) -> io::Result<()> {
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let index = self.free.pop().unwrap_or(self.slots.len());
            if index == self.slots.len() {
                self.slots.push(None);
            }
            // SAFETY: `serve` deletes the stream from the poller before it closes it.
            unsafe { poller.add_with_mode(&stream, Event::readable(index), PollMode::Level)? };
            self.slots[index] = Some(Connection::new(stream));
        }
        Ok(())
    }

    fn serve(&mut self, event: Event, poller: &Poller, buffer: &mut [u8]) -> io::Result<()> {
        let index = event.key;
        let Some(slot) = self.slots.get_mut(index) else { return Ok(()) };
        let Some(connection) = slot else { return Ok(()) };
        match (connection.echo(buffer), event.writable) {
            (Next::Nothing, _) => {
                poller.delete(&connection.stream)?;
                *slot = None;
                self.free.push(index);
            }
            (Next::Room, false) => {
                poller.modify_with_mode(&connection.stream, Event::writable(index), PollMode::Level)?;
            }
            (Next::Bytes | Next::Again, true) => {
                poller.modify_with_mode(&connection.stream, Event::readable(index), PollMode::Level)?;
            }
            (Next::Bytes | Next::Again, false) | (Next::Room, true) => {}
        }
        Ok(())
    }
}
