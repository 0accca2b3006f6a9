//! The two directions of a connection.

use std::cell::{Cell, OnceCell, RefCell};
use std::io::{self, IoSlice};

use wasip2::io::poll::Pollable;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use super::errors;
use super::resource::Direction;

/// So much is asked for at least. A host makes and clears as much memory for each read as it is asked for, whatever
/// comes: 64 KiB cost more than the system call.
const ASKED_MIN: usize = 2048;
/// No host gives more at a time.
const ASKED_MAX: usize = 64 * 1024;

thread_local! {
    /// Where buffers are joined: the host takes one at a time.
    static JOINED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The pollables go before the streams that they were made of.
pub struct Stream {
    readable: OnceCell<Pollable>,
    writable: OnceCell<Pollable>,
    input: InputStream,
    output: OutputStream,
    /// What was read to find out whether there is something to read.
    kept: RefCell<Kept>,
    /// How much is asked for first: a little more than came the last time.
    asked_first: Cell<usize>,
    /// The host has said that there is room, and nothing was sent since. A kernel has some for every new connection.
    has_room: Cell<bool>,
}

/// Bytes, and how reading ended after them: the host tells that once.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    /// So many of them were given away.
    given: usize,
    end: Option<StreamError>,
}

impl Kept {
    fn is_empty(&self) -> bool {
        self.given == self.bytes.len() && self.end.is_none()
    }

    /// Moves bytes to the start of `buffer`.
    fn give(&mut self, buffer: &mut [u8]) -> usize {
        let rest = &self.bytes[self.given..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.given += length;
        if self.given == self.bytes.len() {
            (self.bytes, self.given) = (Vec::new(), 0);
        }
        length
    }
}

impl Stream {
    pub fn new(input: InputStream, output: OutputStream) -> Stream {
        Stream {
            readable: OnceCell::new(),
            writable: OnceCell::new(),
            input,
            output,
            kept: RefCell::default(),
            asked_first: Cell::new(ASKED_MIN),
            has_room: Cell::new(true),
        }
    }

    pub fn pollable(&self, direction: Direction) -> &Pollable {
        match direction {
            Direction::Read => self.readable.get_or_init(|| self.input.subscribe()),
            Direction::Write => self.writable.get_or_init(|| {
                let writable = self.output.subscribe();
                if self.has_room.get() {
                    // A new connection has room, of which the host hears only in a turn of its own.
                    writable.block();
                }
                writable
            }),
        }
    }

    /// Whether there is something to read, of which the host has said so. It says that of new connections without
    /// knowing, and of one from which as much was read as was asked for, so what it says is confirmed by reading.
    pub fn confirm_readable(&self) -> bool {
        let mut kept = self.kept.borrow_mut();
        if kept.is_empty() {
            match self.input.read(self.asked_first.get() as u64) {
                Ok(bytes) => kept.bytes = bytes,
                Err(end) => kept.end = Some(end),
            }
        }
        !kept.is_empty()
    }

    /// Whether there is something to read that the host doesn't have any more.
    pub fn has_kept(&self) -> bool {
        !self.kept.borrow().is_empty()
    }

    /// Reads until there is nothing more or the buffer is full. A host finds a stream ready until a read has found
    /// nothing: without that read each wait that follows one with bytes would be for nothing.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut kept = self.kept.borrow_mut();
        let mut asked = self.asked_first.get();
        let mut length = kept.give(buffer);
        if length > 0 {
            asked = next_asked(asked, length, length);
        }
        while length < buffer.len() && kept.end.is_none() {
            asked = asked.min(buffer.len() - length);
            match self.input.read(asked as u64) {
                Ok(bytes) if bytes.is_empty() => break,
                Ok(bytes) => {
                    buffer[length..length + bytes.len()].copy_from_slice(&bytes);
                    length += bytes.len();
                    asked = next_asked(asked, bytes.len(), length);
                }
                Err(end) => kept.end = Some(end),
            }
        }
        if length > 0 {
            self.asked_first.set((length + ASKED_MIN).min(ASKED_MAX));
        }
        if length > 0 || buffer.is_empty() {
            return Ok(length);
        }
        match kept.end.take() {
            None => Err(io::ErrorKind::WouldBlock.into()),
            Some(StreamError::Closed) => Ok(0),
            Some(StreamError::LastOperationFailed(error)) => Err(errors::of_stream(&error)),
        }
    }

    /// Sends what the host takes now. It goes on sending by itself what its kernel has no room for, and takes nothing
    /// more until that is done.
    pub fn send(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut room = self.output.check_write().map_err(sending)?;
        if room == 0 && self.has_room.get() {
            // A host on tokio answers a hundred questions and then none until the program waits. Since there is room this
            // is no wait for the peer.
            self.pollable(Direction::Write).block();
            room = self.output.check_write().map_err(sending)?;
        }
        self.has_room.set(false);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let bytes = match buffers {
            [bytes] => &bytes[..bytes.len().min(room)],
            _ => return self.send_joined(buffers, room),
        };
        self.output.write(bytes).map_err(sending)?;
        Ok(bytes.len())
    }

    fn send_joined(&self, buffers: &[IoSlice<'_>], room: usize) -> io::Result<usize> {
        JOINED.with_borrow_mut(|joined| {
            joined.clear();
            for bytes in buffers {
                let left = room - joined.len();
                joined.extend_from_slice(&bytes[..bytes.len().min(left)]);
            }
            self.output.write(joined).map_err(sending)?;
            Ok(joined.len())
        })
    }

    /// Notes that the host has said that there is room.
    pub fn note_room(&self) {
        self.has_room.set(true);
    }

    /// Whether the host may have something to send still. It may say so of one that has not; a wait tells.
    pub fn may_have_unsent(&self) -> bool {
        !self.has_room.get() && self.output.check_write().is_ok_and(|room| room == 0)
    }
}

/// How much is asked for after a read that was asked for `asked` and gave `got` bytes, of `length` in all: after a short one
/// the next finds nothing, most probably, and after a full one there may be as much again.
fn next_asked(asked: usize, got: usize, length: usize) -> usize {
    if got < asked { ASKED_MIN } else { length }
}

fn sending(error: StreamError) -> io::Error {
    match error {
        StreamError::Closed => errors::broken_pipe(),
        StreamError::LastOperationFailed(error) => errors::of_stream(&error),
    }
}
