//! One connection of an echo server, for the servers whose loop leaves reading and writing to the program.

use std::io::{self, Read, Write};

/// Room for one receive: more than the largest message that is sent to these servers at once.
pub const BUFFER_LENGTH: usize = 64 * 1024;

/// A stream that did not fill the room has been emptied, also for edge-triggered readiness (epoll(7)). Not so where that is
/// made of poll(2), as for guests of preview2: there only a read that would block ends it.
const SHORT_IS_LAST: bool = !cfg!(target_env = "p2");

/// What a connection waits for next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Bytes of the peer; the kernel has none now.
    Bytes,
    /// Nothing: the kernel may have more bytes. Where readiness is level-triggered this is the same as `Bytes`.
    Again,
    /// Room for what is not sent yet.
    Room,
    /// The peer has gone.
    Nothing,
}

/// A stream, and what it did not take yet.
pub struct Connection<S> {
    /// The stream, which does not block.
    pub stream: S,
    /// Nothing, unless it waits for room.
    pub unsent: Vec<u8>,
}

impl<S: Read + Write> Connection<S> {
    /// A connection that has sent nothing.
    pub fn new(stream: S) -> Connection<S> {
        Connection { stream, unsent: Vec::new() }
    }

    /// Receives once and sends what came, in one call each unless the peer is slow.
    pub fn echo(&mut self, buffer: &mut [u8]) -> Next {
        self.try_echo(buffer).unwrap_or(Next::Nothing)
    }

    fn try_echo(&mut self, buffer: &mut [u8]) -> io::Result<Next> {
        if !self.unsent.is_empty() {
            let sent = length_of(self.stream.write(&self.unsent))?.unwrap_or(0);
            self.unsent.drain(..sent);
            return Ok(if self.unsent.is_empty() { Next::Again } else { Next::Room });
        }
        let Some(received) = length_of(self.stream.read(buffer))? else { return Ok(Next::Bytes) };
        if received == 0 {
            return Ok(Next::Nothing);
        }
        let sent = length_of(self.stream.write(&buffer[..received]))?.unwrap_or(0);
        self.unsent.extend_from_slice(&buffer[sent..received]);
        if !self.unsent.is_empty() {
            return Ok(Next::Room);
        }
        Ok(if SHORT_IS_LAST && received < buffer.len() { Next::Bytes } else { Next::Again })
    }
}

/// The length, or `None` when the call would block.
fn length_of(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(length) => Ok(Some(length)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
