//! Requests: what of their heads and bodies is understood, and what is refused.

use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;

use httparse::{Error, Request, Status};
use sha2::{Digest, Sha256};

const HEAD_LENGTH_MAX: usize = 16 * 1024;
const FIELDS_MAX: usize = 100;
const CHUNK_LINE_LENGTH_MAX: usize = 1024;
const BODY_LENGTH_MAX: u64 = 10_000_000_000;

const BAD_REQUEST: &str = "400 Bad Request";
const TOO_LARGE: &str = "413 Content Too Large";

/// What the head of a request says.
pub struct Head<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub body: Body,
    /// The client sends its body when it hears that it is welcome.
    pub expects_continue: bool,
    /// The client may send another request after this one.
    pub keeps_alive: bool,
}

pub struct Body {
    /// So many bytes are content, and then comes something else.
    pub left: u64,
    pub next: Next,
    pub length: u64,
    /// For an upload. Any other body is sent back, as it came.
    pub checksum: Option<Sha256>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Next {
    ChunkSize,
    ChunkEnd,
    Trailers,
    End,
}

/// An error that ends the connection, with this status as the last answer.
fn refusal(status: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, status)
}

fn number(digits: &[u8], radix: u32) -> io::Result<u64> {
    let text = str::from_utf8(digits).ok().filter(|text| text.chars().all(|digit| digit.is_digit(radix)));
    text.and_then(|text| u64::from_str_radix(text, radix).ok()).ok_or_else(|| refusal(BAD_REQUEST))
}

/// The items of the lists in all fields of this name.
fn items<'a>(request: &'a Request<'_, '_>, name: &'a str) -> impl Iterator<Item = &'a [u8]> + Clone {
    let fields = request.headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
    fields.flat_map(|field| field.value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

fn has(request: &Request<'_, '_>, name: &str, item: &str) -> bool {
    items(request, name).any(|found| found.eq_ignore_ascii_case(item.as_bytes()))
}

impl Head<'_> {
    /// Takes a head and says how many bytes that is, or `None` when it is incomplete.
    pub fn parse(bytes: &[u8]) -> io::Result<Option<(Head<'_>, usize)>> {
        let bytes = &bytes[..bytes.len().min(HEAD_LENGTH_MAX)];
        let (mut request, mut fields) = (Request::new(&mut []), [const { MaybeUninit::uninit() }; FIELDS_MAX]);
        let length = match request.parse_with_uninit_headers(bytes, &mut fields) {
            Ok(Status::Complete(length)) => Ok(length),
            Ok(Status::Partial) if bytes.len() < HEAD_LENGTH_MAX => return Ok(None),
            Ok(Status::Partial) if !bytes.contains(&b'\n') => Err(refusal("414 URI Too Long")),
            Ok(_) | Err(Error::TooManyHeaders) => Err(refusal("431 Request Header Fields Too Large")),
            Err(Error::Version) if bytes.windows(6).any(|word| word == b" HTTP/") => {
                Err(refusal("505 HTTP Version Not Supported"))
            }
            Err(_) => Err(refusal(BAD_REQUEST)),
        }?;
        let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
        let path = target.strip_prefix("http://").map_or(target, |rest| rest.find('/').map_or("/", |at| &rest[at..]));
        let path = path.split('?').next().unwrap_or_default();
        let (is_old, hosts) = (request.version == Some(0), items(&request, "Host"));
        let is_strange = hosts.clone().any(|host| host.iter().any(|byte| b" \t/@\\".contains(byte)));
        let is_complete = hosts.clone().count() == 1 || (is_old && hosts.count() == 0);
        if is_strange || !is_complete || !(path.starts_with('/') || path == "*") {
            return Err(refusal(BAD_REQUEST));
        }
        let body = Body::of(&request)?;
        let expects_continue = !is_old && items(&request, "Expect").next().is_some();
        if expects_continue && !has(&request, "Expect", "100-continue") {
            return Err(refusal("417 Expectation Failed"));
        }
        let keeps_alive =
            !has(&request, "Connection", "close") && (!is_old || has(&request, "Connection", "keep-alive"));
        Ok(Some((Head { method, path, body, expects_continue, keeps_alive }, length)))
    }
}

impl Body {
    /// Whatever another server on the way could understand otherwise is refused, or requests are smuggled past it.
    fn of(request: &Request<'_, '_>) -> io::Result<Body> {
        let mut lengths = items(request, "Content-Length").map(|length| number(length, 10));
        let length = lengths.next().transpose()?;
        let codings = items(request, "Transfer-Encoding");
        let is_chunked = codings.clone().last().is_some_and(|last| last.eq_ignore_ascii_case(b"chunked"));
        let next = match codings.count() {
            _ if lengths.any(|other| other.ok() != length) => Err(refusal(BAD_REQUEST)),
            0 if length.is_some_and(|length| length > BODY_LENGTH_MAX) => Err(refusal(TOO_LARGE)),
            0 => Ok(Next::End),
            _ if !is_chunked || length.is_some() || request.version == Some(0) => Err(refusal(BAD_REQUEST)),
            1 => Ok(Next::ChunkSize),
            _ => Err(refusal("501 Not Implemented")),
        };
        Ok(Body { left: length.unwrap_or(0), next: next?, length: 0, checksum: None })
    }

    pub fn is_complete(&self) -> bool {
        self.left == 0 && self.next == Next::End
    }

    /// Takes the next part, and says how many bytes that is: 0 when it is incomplete.
    pub fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left > 0 {
            let taken = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= taken as u64;
            self.length += taken as u64;
            self.checksum.iter_mut().for_each(|checksum| checksum.update(&bytes[..taken]));
            return Ok(taken);
        }
        let line = match bytes.iter().take(CHUNK_LINE_LENGTH_MAX).position(|byte| *byte == b'\n') {
            None if bytes.len() < CHUNK_LINE_LENGTH_MAX => return Ok(0),
            end => bytes[..end.unwrap_or(0)].strip_suffix(b"\r").filter(|line| !line.contains(&b'\r')),
        };
        let line = line.ok_or_else(|| refusal(BAD_REQUEST))?;
        (self.left, self.next) = match (self.next, line) {
            (Next::ChunkSize, _) => match number(line.split(|byte| *byte == b';').next().unwrap_or(b""), 16)? {
                0 => (0, Next::Trailers),
                length if length > BODY_LENGTH_MAX - self.length => return Err(refusal(TOO_LARGE)),
                length => (length, Next::ChunkEnd),
            },
            (Next::ChunkEnd, []) => (0, Next::ChunkSize),
            (Next::Trailers, []) => (0, Next::End),
            (Next::Trailers, _) => (0, Next::Trailers),
            _ => return Err(refusal(BAD_REQUEST)),
        };
        Ok(line.len() + 2)
    }
}
