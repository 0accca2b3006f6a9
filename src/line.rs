//! What reading a line gives.

use std::cell::Cell;
use std::fmt;
use std::ops::Deref;

thread_local! {
    /// The buffer of the last line that was dropped, for the next one: reading lines allocates nothing.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A spare buffer larger than this is given back to the allocator.
const SPARE_CAPACITY_MAX: usize = 64 * 1024;

/// What [`AsyncSocket::read_line`](crate::AsyncSocket::read_line) found.
///
/// An empty line and the end of the stream are different things.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
#[doc(alias = "ReadLineResult")]
pub enum ReadLine {
    /// A whole line; at the end of the stream also what came after the last line end.
    #[doc(alias = "ReadFullLine")]
    Full(Line),
    /// No whole line has arrived yet. The handler is called again when more comes.
    #[doc(alias = "ReadPartialLine")]
    Pending,
    /// The peer sends nothing more, and every line was read.
    #[doc(alias = "ReadDisconnected")]
    Eof,
}

impl ReadLine {
    /// The line, when there is one: for `while let Some(line) = socket.read_line()?.full()`.
    #[must_use]
    pub fn full(self) -> Option<Line> {
        match self {
            ReadLine::Full(line) => Some(line),
            ReadLine::Pending | ReadLine::Eof => None,
        }
    }
}

/// One line, without its line end. Dereferences to its bytes.
///
/// ```
/// # use selectio::Line;
/// let line = Line::from("hello");
/// assert_eq!(line, "hello");
/// assert_eq!(&line[..], b"hello");
/// assert_eq!(line.with_newline(), b"hello\n");
/// assert_eq!(line.to_string(), "hello");
/// assert_eq!(Vec::from(line), b"hello");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    /// Ends in a newline, whatever ended it on the wire.
    bytes: Vec<u8>,
}

impl Line {
    pub(crate) fn new(content: &[u8]) -> Line {
        let mut bytes = SPARE.try_with(Cell::take).unwrap_or_default();
        bytes.clear();
        bytes.reserve(content.len() + 1);
        bytes.extend_from_slice(content);
        bytes.push(b'\n');
        Line { bytes }
    }

    /// The line and one `\n`: what to send to pass it on, in one piece.
    #[must_use]
    pub fn with_newline(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Line {
        Line::new(text.as_bytes())
    }
}

impl Deref for Line {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.bytes.len() - 1]
    }
}

impl PartialEq<str> for Line {
    fn eq(&self, text: &str) -> bool {
        **self == *text.as_bytes()
    }
}

impl PartialEq<&str> for Line {
    fn eq(&self, text: &&str) -> bool {
        *self == **text
    }
}

impl AsRef<[u8]> for Line {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// The bytes without the line end, not copied.
impl From<Line> for Vec<u8> {
    fn from(mut line: Line) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut line.bytes);
        bytes.pop();
        bytes
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if (1..=SPARE_CAPACITY_MAX).contains(&self.bytes.capacity()) {
            // The place is gone when the thread ends; then the buffer is just dropped.
            let _ = SPARE.try_with(|spare| spare.set(std::mem::take(&mut self.bytes)));
        }
    }
}

/// As text; what is not UTF-8 shows as replacement characters.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self))
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self))
    }
}
