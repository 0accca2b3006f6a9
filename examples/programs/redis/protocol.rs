//! RESP, the protocol of Redis: parsing requests, writing answers.

use std::borrow::Cow;
use std::ops::Range;
use std::{io, mem};

use selectio::AsyncSocket;

/// The longest value, and all of a request or of an answer together.
pub const VALUE_MAX: usize = 64 << 20;
const WORDS_MAX: i64 = 1 << 19;
/// The longest line; what is received at a time; what is answered at a time.
pub const PIECE: usize = 64 << 10;

pub type Refusal = Cow<'static, str>;
pub type Outcome<'a> = Result<Answer<'a>, Refusal>;

pub const NO_INTEGER: Refusal = Cow::Borrowed("ERR value is not an integer or out of range");

/// Finds the words of a request. It keeps its place, so that no byte is looked at twice, however they arrive.
#[derive(Default)]
pub struct Parser {
    at: usize,
    missing: i64,
    pub words: Vec<Range<usize>>,
}

impl Parser {
    /// Whether the request is whole with which `bytes` begin.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        match bytes.first() {
            None => return Ok(false),
            Some(b'*') => {}
            Some(_) => return self.advance_line(bytes),
        }
        if self.at == 0 {
            let Some((count, length)) = header(bytes, WORDS_MAX, "invalid multibulk length")? else { return Ok(false) };
            (self.missing, self.at) = (count, length);
        }
        while self.missing > 0 {
            let word = &bytes[self.at..];
            if let Some(other) = word.first().filter(|first| **first != b'$') {
                return Err(format!("expected '$', got '{}'", other.escape_ascii()).into());
            }
            let room = VALUE_MAX.saturating_sub(self.at.saturating_sub(PIECE));
            let Some((length, start)) = header(word, room as i64, "invalid bulk length")? else { return Ok(false) };
            let end = start + usize::try_from(length).map_err(|_| "invalid bulk length")?;
            if word.len() < end + 2 {
                return Ok(false);
            }
            self.words.push(self.at + start..self.at + end);
            self.at += end + 2;
            self.missing -= 1;
        }
        Ok(true)
    }

    /// A request as a person types it: words in a line, of which some may be in quotes.
    fn advance_line(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        let Some(length) = bytes[self.at..].iter().position(|byte| *byte == b'\n') else {
            self.at = bytes.len();
            return if self.at > PIECE { Err("too big inline request".into()) } else { Ok(false) };
        };
        let (line, mut start) = (&bytes[..self.at + length], 0);
        self.at = line.len() + 1;
        while let Some(skipped) = line[start..].iter().position(|byte| !byte.is_ascii_whitespace()) {
            let quote = Some(line[start + skipped]).filter(|byte| matches!(byte, b'"' | b'\''));
            start += skipped + usize::from(quote.is_some());
            let is_end = |byte: &u8| quote.map_or(byte.is_ascii_whitespace(), |quote| *byte == quote);
            let end = line[start..].iter().position(is_end).map(|length| start + length);
            if quote.is_some() && end.is_none() {
                return Err("unbalanced quotes in request".into());
            }
            self.words.push(start..end.unwrap_or(line.len()));
            start = end.map_or(line.len(), |end| end + 1);
        }
        Ok(true)
    }

    /// Answers how long the request was, and forgets it.
    pub fn next_request(&mut self) -> usize {
        self.words.clear();
        mem::take(&mut self.at)
    }
}

/// The number in a line such as `$5\r\n`, and how long that line is; `None` when it is not there yet.
fn header(bytes: &[u8], max: i64, problem: &'static str) -> Result<Option<(i64, usize)>, Refusal> {
    // No number within the limits has more digits.
    let Some(end) = bytes.iter().take(16).position(|byte| *byte == b'\r') else {
        return if bytes.len() < 16 { Ok(None) } else { Err(problem.into()) };
    };
    let number = integer(&bytes[1..end]).ok().filter(|number| *number <= max).ok_or(problem)?;
    Ok((end + 1 < bytes.len()).then_some((number, end + 2)))
}

/// A number without spaces, `+` or leading zeros.
pub fn integer(text: &[u8]) -> Result<i64, Refusal> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let sign = if digits.len() < text.len() { -1 } else { 1 };
    let number = digits.iter().try_fold(0i64, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        number.checked_mul(10)?.checked_add(sign * i64::from(digit))
    });
    let is_plain = digits.first().is_some_and(|first| *first != b'0') || text == b"0";
    number.filter(|_| is_plain).ok_or(NO_INTEGER)
}

pub enum Answer<'a> {
    /// As it goes over the wire.
    Raw(&'static str),
    Number(i64),
    Bulk(&'a [u8]),
    /// It is among the answers already.
    Given,
    /// As it goes over the wire; then the connection ends.
    Last(Cow<'static, str>),
}

pub const OK: Answer<'static> = Answer::Raw("+OK\r\n");
pub const NOTHING: Answer<'static> = Answer::Raw("$-1\r\n");

/// The answers that leave next.
#[derive(Default)]
pub struct Answers(pub Vec<u8>);

impl Answers {
    /// Answers whether the connection is to end then.
    pub fn put(&mut self, answer: Outcome<'_>) -> bool {
        match answer {
            Ok(Answer::Raw(bytes)) => self.0.extend_from_slice(bytes.as_bytes()),
            Ok(Answer::Number(number)) => self.line(b':', number),
            Ok(Answer::Bulk(bytes)) => self.bulk(bytes),
            Ok(Answer::Given) => {}
            Ok(Answer::Last(ref bytes)) => self.0.extend_from_slice(bytes.as_bytes()),
            Err(ref refusal) => self.0.extend_from_slice(format!("-{refusal}\r\n").as_bytes()),
        }
        matches!(answer, Ok(Answer::Last(_)))
    }

    pub fn line(&mut self, kind: u8, number: i64) {
        self.0.push(kind);
        self.0.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self.0.extend_from_slice(b"\r\n");
    }

    pub fn bulk(&mut self, bytes: &[u8]) {
        self.line(b'$', bytes.len() as i64);
        self.0.extend_from_slice(bytes);
        self.0.extend_from_slice(b"\r\n");
    }

    pub fn send(&mut self, socket: &AsyncSocket) -> io::Result<()> {
        let result = if self.0.is_empty() { Ok(0) } else { socket.send(&self.0) };
        self.0.clear();
        self.0.shrink_to(4 * PIECE);
        result.map(drop)
    }
}
