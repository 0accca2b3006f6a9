//! Splits a stream into lines, the same ones whatever the segments it arrives in (P16).
//!
//! `\n`, `\r\n` and a lone `\r` end a line. A `\r` ends it at once: waiting to see whether a `\n` follows
//! could wait for ever, so a `\n` that comes next is swallowed instead.

use std::io;

use memchr::memchr2;

use crate::buffer_pool::{RECEIVE_BUFFER_SIZE, give_receive_buffer, take_receive_buffer};
use crate::line::Line;

/// How long a line may be when nobody says otherwise.
pub(crate) const LINE_LENGTH_MAX: usize = 64 * 1024;

/// Bytes that take up less than this part of a receive buffer are moved into a buffer of their own size.
const SPARSE_PART: usize = 4;

pub(crate) struct LineReader {
    /// A receive buffer of the pool while bytes are being read, then one that just holds what is left.
    buffer: Vec<u8>,
    /// The bytes `start..end` have arrived and were not taken yet.
    start: usize,
    end: usize,
    /// No line ends in `start..scanned`.
    scanned: usize,
    /// The last line ended in `\r` at the very end: a `\n` that comes next belongs to it.
    swallow_newline: bool,
    /// Inside a line that was too long: everything up to its end is dropped.
    is_discarding: bool,
    length_max: usize,
}

impl LineReader {
    pub(crate) fn new() -> LineReader {
        LineReader {
            buffer: Vec::new(),
            start: 0,
            end: 0,
            scanned: 0,
            swallow_newline: false,
            is_discarding: false,
            length_max: LINE_LENGTH_MAX,
        }
    }

    pub(crate) fn set_length_max(&mut self, length_max: usize) {
        self.length_max = length_max;
    }

    /// Whether bytes have arrived that nobody has looked at. What is known to be only a part of a line
    /// does not count: more must come first.
    pub(crate) fn has_unread(&self) -> bool {
        self.scanned < self.end
    }

    /// Whether nothing has arrived that was not taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// How many bytes have arrived that were not taken.
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    /// Takes everything out: the bytes that have arrived, and whether a `\n` that comes next belongs to the last line.
    pub(crate) fn take_all(&mut self) -> (Vec<u8>, bool) {
        let bytes = self.buffer[self.start..self.end].to_vec();
        self.clear();
        (bytes, std::mem::take(&mut self.swallow_newline))
    }

    /// Room to receive into, never empty.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.buffer.len() < RECEIVE_BUFFER_SIZE {
            let mut buffer = take_receive_buffer();
            buffer[..self.end - self.start].copy_from_slice(&self.buffer[self.start..self.end]);
            self.buffer = buffer;
        } else if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
        }
        self.scanned -= self.start;
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            // A line that is longer than a receive buffer; its limit bounds this.
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        &mut self.buffer[self.end..]
    }

    /// The first `length` bytes of the room were filled.
    pub(crate) fn filled(&mut self, length: usize) {
        self.end += length;
        assert!(self.end <= self.buffer.len(), "no more than the room");
        if self.swallow_newline && self.start < self.end {
            self.swallow_newline = false;
            self.take_newline();
        }
    }

    /// Bytes were received past this buffer into `bytes`, `length` of them: takes the `\n` out that belongs to the
    /// last line, and says how many are left.
    pub(crate) fn received_raw(&mut self, bytes: &mut [u8], length: usize) -> usize {
        if length == 0 || !std::mem::take(&mut self.swallow_newline) || bytes[0] != b'\n' {
            return length;
        }
        bytes.copy_within(1..length, 0);
        length - 1
    }

    /// Drops what has arrived.
    pub(crate) fn clear(&mut self) {
        (self.start, self.end, self.scanned) = (0, 0, 0);
        self.settle();
    }

    /// Gives memory back that is not needed until more bytes come.
    pub(crate) fn settle(&mut self) {
        let length = self.end - self.start;
        if self.buffer.is_empty() || (length > 0 && length >= self.buffer.len() / SPARSE_PART) {
            return;
        }
        let own = self.buffer[self.start..self.end].to_vec();
        let big = std::mem::replace(&mut self.buffer, own);
        self.scanned -= self.start;
        (self.start, self.end) = (0, length);
        give_receive_buffer(big);
    }

    /// Takes the next whole line. `None` when more bytes must come first.
    ///
    /// # Errors
    /// `InvalidData` once for each line that is too long; it is dropped and the next one is whole again.
    pub(crate) fn next_line(&mut self) -> Option<io::Result<Line>> {
        loop {
            let Some(offset) = memchr2(b'\n', b'\r', &self.buffer[self.scanned..self.end]) else {
                self.scanned = self.end;
                return self.discard_if_too_long();
            };
            let line_end = self.scanned + offset;
            let line = self.start..line_end;
            let result =
                if line.len() <= self.length_max { Ok(Line::new(&self.buffer[line])) } else { Err(self.too_long()) };
            let ended_in_return = self.buffer[line_end] == b'\r';
            self.start = line_end + 1;
            self.scanned = self.start;
            if ended_in_return && self.start == self.end {
                self.swallow_newline = true;
            } else if ended_in_return {
                self.take_newline();
            }
            if !std::mem::take(&mut self.is_discarding) {
                return Some(result);
            }
        }
    }

    /// At the end of the stream: what came after the last line end, once.
    pub(crate) fn take_tail(&mut self) -> Option<Line> {
        let tail = self.start..self.end;
        self.start = self.end;
        self.scanned = self.end;
        (!tail.is_empty() && !self.is_discarding).then(|| Line::new(&self.buffer[tail]))
    }

    /// Takes raw bytes, as many as there are and `into` holds.
    pub(crate) fn take(&mut self, into: &mut [u8]) -> usize {
        let length = into.len().min(self.end - self.start);
        into[..length].copy_from_slice(&self.buffer[self.start..self.start + length]);
        self.start += length;
        // For who reads raw bytes, what is left is no part of a line that waits for its end.
        self.scanned = self.start;
        length
    }

    fn take_newline(&mut self) {
        if self.buffer[self.start] == b'\n' {
            self.start += 1;
            self.scanned = self.scanned.max(self.start);
        }
    }

    fn discard_if_too_long(&mut self) -> Option<io::Result<Line>> {
        if self.end - self.start <= self.length_max {
            return None;
        }
        self.start = self.end;
        if std::mem::replace(&mut self.is_discarding, true) { None } else { Some(Err(self.too_long())) }
    }

    fn too_long(&self) -> io::Error {
        let text = format!(
            "read_line: a line longer than {} bytes was dropped: raise the limit with set_line_length_max",
            self.length_max
        );
        io::Error::new(io::ErrorKind::InvalidData, text)
    }
}

#[cfg(test)]
mod tests {
    use selectio_portable::test;

    use super::*;

    #[derive(Debug, PartialEq)]
    enum Got {
        Line(Vec<u8>),
        TooLong,
    }

    fn read_all(reader: &mut LineReader, segments: &[&[u8]]) -> Vec<Got> {
        let mut got = Vec::new();
        for segment in segments {
            let mut rest = *segment;
            while !rest.is_empty() {
                let room = reader.room();
                let length = rest.len().min(room.len());
                room[..length].copy_from_slice(&rest[..length]);
                reader.filled(length);
                rest = &rest[length..];
                while let Some(line) = reader.next_line() {
                    got.push(line.map_or(Got::TooLong, |line| Got::Line(line.to_vec())));
                }
                assert!(!reader.has_unread(), "everything was looked at");
            }
        }
        got.extend(reader.take_tail().map(|tail| Got::Line(tail.to_vec())));
        got
    }

    fn lines(segments: &[&[u8]]) -> Vec<Vec<u8>> {
        let got = read_all(&mut LineReader::new(), segments);
        got.into_iter()
            .map(|got| if let Got::Line(line) = got { line } else { panic!("no limit is reached") })
            .collect()
    }

    #[test]
    fn newline_return_and_both_end_a_line_and_empty_lines_are_lines() {
        assert_eq!(lines(&[b"a\nb\r\nc\rd"]), [b"a", b"b", b"c", b"d"]);
        assert_eq!(lines(&[b"a\n\nb\n"]), [&b"a"[..], b"", b"b"]);
        assert_eq!(lines(&[b"\r\r\n\n"]), [b"", b"", b""]);
        assert_eq!(lines(&[b""]), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn lines_do_not_depend_on_the_segments_they_arrive_in() {
        let stream = b"ab\r\n\r\ncd\r\refg\n\nh\r";
        let whole = lines(&[stream]);
        // Every way to cut the stream: bit i says whether there is a cut after byte i.
        for cuts in 0..1u32 << (stream.len() - 1) {
            let mut segments = Vec::new();
            let mut start = 0;
            for position in 0..stream.len() {
                if position + 1 == stream.len() || cuts >> position & 1 == 1 {
                    segments.push(&stream[start..=position]);
                    start = position + 1;
                }
            }
            assert_eq!(lines(&segments), whole, "cut as {segments:?}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_one_error_and_the_next_line_is_whole() {
        let mut reader = LineReader::new();
        reader.set_length_max(5);
        let got = read_all(&mut reader, &[b"12345\n", b"123456\nok\n", b"1234", b"5678", b"9abc\rfine\n1234567"]);
        let line = |text: &[u8]| Got::Line(text.to_vec());
        assert_eq!(got, [line(b"12345"), Got::TooLong, line(b"ok"), Got::TooLong, line(b"fine"), Got::TooLong]);
    }

    #[test]
    fn the_buffer_stays_bounded_by_the_line_limit() {
        let mut reader = LineReader::new();
        reader.set_length_max(10_000);
        let segment = [b'x'; 5000];
        for _ in 0..100 {
            read_all(&mut reader, &[&segment]);
        }
        assert!(reader.buffer.len() <= RECEIVE_BUFFER_SIZE, "{}", reader.buffer.len());
    }

    #[test]
    fn raw_bytes_can_be_taken_between_lines() {
        let mut reader = LineReader::new();
        reader.room()[..9].copy_from_slice(b"head\nbody");
        reader.filled(9);
        assert_eq!(&reader.next_line().expect("a line").expect("short enough")[..], b"head");
        let mut body = [0; 16];
        assert_eq!(reader.take(&mut body), 4);
        assert_eq!(&body[..4], b"body");
        assert!(!reader.has_unread() && reader.take_tail().is_none());
    }

    #[test]
    fn a_newline_that_belongs_to_a_return_is_no_raw_byte_and_one_that_comes_later_is() {
        let mut reader = LineReader::new();
        reader.room()[..5].copy_from_slice(b"head\r");
        reader.filled(5);
        assert_eq!(&reader.next_line().expect("a line").expect("short enough")[..], b"head");
        let mut body = *b"\n\nbody";
        let length = reader.received_raw(&mut body, 6);
        assert_eq!(&body[..length], b"\nbody");
        let mut more = *b"\nmore";
        assert_eq!(reader.received_raw(&mut more, 5), 5);
    }

    #[test]
    fn what_waits_for_more_keeps_no_more_memory_than_it_has_bytes() {
        let mut reader = LineReader::new();
        reader.room()[..9].copy_from_slice(b"line\npart");
        reader.filled(9);
        assert_eq!(&reader.next_line().expect("a line").expect("short enough")[..], b"line");
        assert!(reader.next_line().is_none());
        reader.settle();
        assert_eq!(reader.buffer.capacity(), 4);
        reader.room()[..1].copy_from_slice(b"\n");
        reader.filled(1);
        assert_eq!(&reader.next_line().expect("a line").expect("short enough")[..], b"part");
        reader.settle();
        assert_eq!(reader.buffer.capacity(), 0);
    }
}
