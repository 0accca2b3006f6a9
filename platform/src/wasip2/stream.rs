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
    /// How much is asked for first: a little more than came the last time.
    asked_first: Cell<usize>,
    /// How reading ended, found out together with bytes: the host tells it once.
    end: RefCell<Option<StreamError>>,
    /// Nothing was sent yet.
    is_fresh: Cell<bool>,
}

impl Stream {
    pub fn new(input: InputStream, output: OutputStream) -> Stream {
        Stream {
            readable: OnceCell::new(),
            writable: OnceCell::new(),
            input,
            output,
            asked_first: Cell::new(ASKED_MIN),
            end: RefCell::new(None),
            is_fresh: Cell::new(true),
        }
    }

    pub fn pollable(&self, direction: Direction) -> &Pollable {
        match direction {
            Direction::Read => self.readable.get_or_init(|| self.input.subscribe()),
            Direction::Write => {
                let writable = self.writable.get_or_init(|| self.output.subscribe());
                if self.is_fresh.replace(false) {
                    // The host hears only in a turn of its own that there is room, and a kernel has some for every new
                    // connection: this is no wait for the peer.
                    writable.block();
                }
                writable
            }
        }
    }

    /// Reads until there is nothing more or the buffer is full. A host finds a stream ready until a read has found
    /// nothing: without that read each wait that follows one with bytes would be for nothing.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut length = 0;
        let mut asked = self.asked_first.get();
        while length < buffer.len() {
            let ended = self.end.borrow_mut().take();
            asked = asked.min(buffer.len() - length);
            match ended.map_or_else(|| self.input.read(asked as u64), Err) {
                Ok(bytes) if bytes.is_empty() => break,
                Ok(bytes) => {
                    buffer[length..length + bytes.len()].copy_from_slice(&bytes);
                    length += bytes.len();
                    // The next one finds nothing, most probably.
                    asked = if bytes.len() < asked { ASKED_MIN } else { length };
                }
                Err(end) if length > 0 => {
                    *self.end.borrow_mut() = Some(end);
                    break;
                }
                Err(StreamError::Closed) => return Ok(0),
                Err(StreamError::LastOperationFailed(error)) => return Err(errors::of_stream(&error)),
            }
        }
        if length > 0 {
            self.asked_first.set(length + ASKED_MIN);
        }
        match length {
            0 if !buffer.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            length => Ok(length),
        }
    }

    /// Sends what the host takes now. It goes on sending by itself what its kernel has no room for, and takes nothing
    /// more until that is done.
    pub fn send(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut room = self.output.check_write().map_err(sending)?;
        if room == 0 && self.is_fresh.get() {
            self.pollable(Direction::Write);
            room = self.output.check_write().map_err(sending)?;
        }
        self.is_fresh.set(false);
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

    /// Whether the host still has something to send.
    pub fn has_unsent(&self) -> bool {
        self.output.check_write().is_ok_and(|room| room == 0)
    }
}

fn sending(error: StreamError) -> io::Error {
    match error {
        StreamError::Closed => errors::broken_pipe(),
        StreamError::LastOperationFailed(error) => errors::of_stream(&error),
    }
}
