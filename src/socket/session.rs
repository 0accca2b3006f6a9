//! What a connection needs that is encrypted, whoever does it.

use std::any::Any;
use std::io::{self, IoSlice};

use crate::line_reader::LineReader;
use crate::send_queue::SendQueue;

/// How far a connection is with its encryption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Encryption {
    /// The program's bytes travel as they are.
    #[default]
    None,
    /// The peers agree on keys: until that is done the program's bytes wait.
    ShakingHands,
    /// They travel encrypted.
    Established,
}

/// One end of an encrypted connection. It does no input and output itself: it turns bytes into bytes.
pub(super) trait Session: Any {
    /// Whether the handshake is not done yet.
    fn is_shaking_hands(&self) -> bool;

    /// Puts what the session has to say by itself behind `output`: the first flight of a client, say.
    fn speak(&mut self, output: &mut SendQueue);

    /// Takes what the peer has sent, and puts what it says into `plain` and what is to be answered behind `output`.
    /// Answers whether the peer has said that nothing more comes.
    ///
    /// # Errors
    /// What is wrong with it. What was right before is in `plain` by then, and an alert for the peer in `output`.
    fn decrypt(&mut self, received: &[u8], plain: &mut LineReader, output: &mut SendQueue) -> io::Result<bool>;

    /// Puts `bytes` behind `output`, encrypted. Only after the handshake.
    ///
    /// # Errors
    /// Those of encrypting, when the keys are worn out.
    fn encrypt(&mut self, bytes: &[u8], output: &mut SendQueue) -> io::Result<()>;

    /// Says that nothing more comes; a second time says nothing.
    fn end(&mut self, output: &mut SendQueue);
}

/// Makes the session of a connection that a listener has accepted.
pub(super) type SessionMaker = dyn Fn() -> io::Result<Box<dyn Session>>;

/// A session and what is on its way through it.
pub(super) struct Channel {
    pub(super) session: Box<dyn Session>,
    /// What the kernel had no room for yet, ready to be sent.
    pub(super) output: SendQueue,
    /// So many bytes at the front of the socket's queue are in `output` already. They leave the queue when all of
    /// `output` has left, so that an empty queue means for an encrypted connection what it means for any other.
    pub(super) owed: usize,
    /// The end of the stream or an error, which was found behind bytes that the program has to get first.
    pub(super) end: Option<io::Result<()>>,
    /// Why `output` could not be sent, when it was nothing of the program's. What the peer has sent before still counts,
    /// so this is told only when there is nothing more to read.
    pub(super) output_error: Option<io::Error>,
    /// A `\n` that comes first belongs to the last line that was read before the encryption.
    pub(super) skips_newline: bool,
}

impl Channel {
    /// Encrypts what comes after the first `skipped` bytes of `pieces`, so many bytes at most.
    pub(super) fn encrypt(&mut self, pieces: &[IoSlice<'_>], mut skipped: usize, length_max: usize) -> io::Result<()> {
        for piece in pieces {
            let rest = &piece[skipped.min(piece.len())..];
            skipped -= piece.len() - rest.len();
            let length = rest.len().min(length_max - self.owed);
            self.session.encrypt(&rest[..length], &mut self.output)?;
            self.owed += length;
        }
        Ok(())
    }

    /// Takes in bytes that have arrived. An empty slice is the end of the TCP stream: the session has to have said before
    /// that nothing more comes, or the stream was cut.
    pub(super) fn take_in(&mut self, mut received: &[u8], plain: &mut LineReader) {
        if received.is_empty() {
            let is_shaking_hands = self.session.is_shaking_hands();
            self.end = Some(Err(self.output_error.take().unwrap_or_else(|| truncated(is_shaking_hands))));
            return;
        }
        if std::mem::take(&mut self.skips_newline) {
            received = received.strip_prefix(b"\n").unwrap_or(received);
        }
        match self.session.decrypt(received, plain, &mut self.output) {
            Ok(false) => {}
            Ok(true) => self.end = Some(Ok(())),
            Err(error) => self.end = Some(Err(error)),
        }
    }
}

fn truncated(is_shaking_hands: bool) -> io::Error {
    let text = if is_shaking_hands {
        "handshake: the peer has ended the connection in the middle of it: see what the peer says, or whether it speaks \
         TLS at all"
    } else {
        "recv: the connection has ended without a close_notify, so what was received may be cut off: take it as whole \
         only when the protocol says where it ends"
    };
    io::Error::new(io::ErrorKind::UnexpectedEof, text)
}
