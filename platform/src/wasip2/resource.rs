//! What a descriptor of this world is: something that the host has and this program names by handles.

use std::cell::Cell;
use std::fmt;
use std::io;

use wasip2::io::poll::Pollable;
use wasip2::io::streams::InputStream;

use super::shutdown::ShutdownRequest;
use super::tcp::Tcp;
use super::udp::Udp;

/// What one waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Read = 0,
    Write = 1,
}

impl Direction {
    pub const BOTH: [Direction; 2] = [Direction::Read, Direction::Write];
}

thread_local! {
    /// Counts the times that a pollable went, or another one took its place.
    static CHANGES: Cell<u64> = const { Cell::new(0) };
}

/// Notes that what may be waited for has changed: whoever has a list of it has to make that anew before it waits.
pub fn note_change() {
    CHANGES.set(CHANGES.get() + 1);
}

/// How many changes there were.
pub fn change_count() -> u64 {
    CHANGES.get()
}

pub struct Resource {
    pub kind: Kind,
    /// The program has closed it, although somebody still waits for it.
    is_closed: Cell<bool>,
}

pub enum Kind {
    Tcp(Tcp),
    Udp(Udp),
    StandardInput(Input),
    ShutdownRequest(ShutdownRequest),
}

/// A stream of bytes that is no socket. The pollable goes before the stream that it was made of.
pub struct Input {
    readable: Pollable,
    pub stream: InputStream,
}

impl Input {
    pub fn new(stream: InputStream) -> Input {
        Input { readable: stream.subscribe(), stream }
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, handle) = match &self.kind {
            Kind::Tcp(tcp) => ("Tcp", tcp.socket.handle()),
            Kind::Udp(udp) => ("Udp", udp.socket.handle()),
            Kind::StandardInput(input) => ("StandardInput", input.stream.handle()),
            Kind::ShutdownRequest(request) => ("ShutdownRequest", request.pollable()),
        };
        f.debug_tuple(name).field(&handle).finish()
    }
}

impl Resource {
    pub fn new(kind: Kind) -> Resource {
        Resource { kind, is_closed: Cell::new(false) }
    }

    /// Notes that the program has no descriptor of it any more.
    pub fn close(&self) {
        self.is_closed.set(true);
        note_change();
    }

    pub fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// The handle of what to wait for. It is good until the next change.
    pub fn pollable(&self, direction: Direction) -> Option<u32> {
        match (&self.kind, direction) {
            (Kind::Tcp(tcp), _) => tcp.pollable(direction),
            (Kind::Udp(udp), _) => udp.pollable(direction),
            (Kind::StandardInput(input), Direction::Read) => Some(input.readable.handle()),
            (Kind::ShutdownRequest(request), Direction::Read) => Some(request.pollable()),
            (Kind::StandardInput(_) | Kind::ShutdownRequest(_), Direction::Write) => None,
        }
    }

    /// Whether it is readable, of which the host has said so.
    pub fn confirm_readable(&self) -> bool {
        match &self.kind {
            Kind::Tcp(tcp) => tcp.confirm_readable(),
            _ => true,
        }
    }

    /// Notes that the host has said that it is writable.
    pub fn note_writable(&self) {
        if let Kind::Tcp(tcp) = &self.kind {
            tcp.note_writable();
        }
    }

    /// Whether it is readable by what was read to confirm it, of which the host knows nothing.
    pub fn has_kept(&self) -> bool {
        matches!(&self.kind, Kind::Tcp(tcp) if tcp.has_kept())
    }

    pub fn tcp(&self) -> io::Result<&Tcp> {
        match &self.kind {
            Kind::Tcp(tcp) => Ok(tcp),
            Kind::Udp(_) => Err(io::Error::new(io::ErrorKind::InvalidInput, "the socket is one for datagrams")),
            _ => Err(crate::error::not_a_socket("standard input or the signals")),
        }
    }
}
