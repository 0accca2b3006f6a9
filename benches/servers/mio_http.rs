//! Answers each request with a short text, with mio and httparse, as one writes it who wants nothing in between.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use httparse::Status;
use httpdate::HttpDate;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};

mod listen;

const LISTENER: Token = Token(usize::MAX);
const EVENTS_MAX: usize = 1024;
const FIELDS_MAX: usize = 64;
const HEAD_LENGTH_MAX: usize = 16 * 1024;
/// How much is received at a time, into one buffer for all.
const PIECE_LENGTH: usize = 64 * 1024;

const BODY: &str = "Hello, world!\n";

/// The answer to all that is right. Its date changes once in a second, as hyper's does.
#[derive(Default)]
struct Answer {
    second: Duration,
    text: String,
}

struct Connection {
    stream: TcpStream,
    /// The beginning of a request.
    pending: Vec<u8>,
    /// What the client did not take yet. It waits for room then, and for nothing else.
    unsent: Vec<u8>,
}

/// Connections by token, and the tokens that are free.
#[derive(Default)]
struct Server {
    slots: Vec<Option<Connection>>,
    free: Vec<usize>,
    answer: Answer,
}

fn main() -> io::Result<()> {
    let mut listener = TcpListener::from_std(listen::listen("mio_http")?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(EVENTS_MAX);
    let mut server = Server::default();
    let mut buffer = vec![0; PIECE_LENGTH];
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        server.answer.refresh();
        for event in &events {
            match event.token() {
                LISTENER => server.accept(&listener, poll.registry())?,
                Token(index) => server.serve(index, poll.registry(), &mut buffer)?,
            }
        }
    }
}

impl Answer {
    fn refresh(&mut self) {
        let now = SystemTime::now();
        let second = Duration::from_secs(now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
        if self.second != second {
            self.second = second;
            self.text.clear();
            let (date, kind, length) = (HttpDate::from(now), "text/plain; charset=utf-8", BODY.len());
            // A string takes everything.
            let _ = write!(
                self.text,
                "HTTP/1.1 200 OK\r\ndate: {date}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{BODY}"
            );
        }
    }
}

impl Server {
    fn accept(&mut self, listener: &TcpListener, registry: &Registry) -> io::Result<()> {
        while let Ok((mut stream, _)) = listener.accept() {
            stream.set_nodelay(true)?;
            let index = self.free.pop().unwrap_or(self.slots.len());
            if index == self.slots.len() {
                self.slots.push(None);
            }
            registry.register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
            self.slots[index] = Some(Connection { stream, pending: Vec::new(), unsent: Vec::new() });
        }
        Ok(())
    }

    fn serve(&mut self, index: usize, registry: &Registry, buffer: &mut [u8]) -> io::Result<()> {
        let Some(slot) = self.slots.get_mut(index) else { return Ok(()) };
        let Some(connection) = slot else { return Ok(()) };
        // What goes wrong with one client ends its connection only.
        if !connection.serve(buffer, self.answer.text.as_bytes()).unwrap_or(false) {
            registry.deregister(&mut connection.stream)?;
            *slot = None;
            self.free.push(index);
        }
        Ok(())
    }
}

impl Connection {
    /// Does what can be done without waiting; answers whether the connection goes on.
    fn serve(&mut self, buffer: &mut [u8], answer: &[u8]) -> io::Result<bool> {
        while self.flush()? {
            let Some(length) = length_of(self.stream.read(buffer))? else { return Ok(true) };
            if length == 0 || !self.take(&buffer[..length], answer)? {
                return Ok(false);
            }
            // A stream that did not fill the buffer is empty (epoll(7)): its readiness will be told.
            if length < buffer.len() {
                return self.flush().map(|_| true);
            }
        }
        Ok(true)
    }

    /// Answers all requests that are complete; whether there was nothing else than such.
    fn take(&mut self, received: &[u8], answer: &[u8]) -> io::Result<bool> {
        let is_pending = !self.pending.is_empty();
        if is_pending {
            self.pending.extend_from_slice(received);
        }
        let bytes = if is_pending { &self.pending[..] } else { received };
        let mut used = 0;
        while used < bytes.len() {
            let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
            let mut request = httparse::Request::new(&mut fields);
            match request.parse(&bytes[used..]) {
                Ok(Status::Complete(length)) if request.method == Some("GET") => used += length,
                Ok(Status::Partial) if bytes.len() - used < HEAD_LENGTH_MAX => break,
                _ => return Ok(false),
            }
            self.unsent.extend_from_slice(answer);
        }
        if is_pending {
            self.pending.drain(..used);
        } else {
            self.pending.extend_from_slice(&received[used..]);
        }
        Ok(true)
    }

    /// Sends what there is; whether the client took all of it.
    fn flush(&mut self) -> io::Result<bool> {
        while !self.unsent.is_empty() {
            let Some(length) = length_of(self.stream.write(&self.unsent))? else { return Ok(false) };
            self.unsent.drain(..length);
        }
        Ok(true)
    }
}

/// The length, or `None` when the call would block.
fn length_of(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(length) => Ok(Some(length)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
