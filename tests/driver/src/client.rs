//! One client that sends and receives lines, with a limit on every wait.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::SockRef;

/// How long a client waits: for its connection, for room to send, and for what it expects.
pub const LIMIT: Duration = Duration::from_secs(10);

/// A client's connection.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    /// Received, but not yet returned as a line.
    buffer: Vec<u8>,
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A line, without its end.
    Line(String),
    /// The end of the stream; bytes that were no whole line stay behind and count as text.
    End {
        /// What came after the last line's end; empty when all is well.
        unterminated: String,
    },
    /// The connection was reset.
    CutOff,
    /// Nothing, for as long as a client waits.
    Nothing,
}

impl Client {
    /// Connects to `address`.
    pub fn connect(address: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect_timeout(&address, LIMIT)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(LIMIT))?;
        Ok(Client { stream, buffer: Vec::new() })
    }

    /// Sends `bytes` at once, as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends `text` and a line's end, in one segment.
    pub fn send_line(&mut self, text: &str) -> io::Result<()> {
        self.send(format!("{text}\n").as_bytes())
    }

    /// A second handle for sending, so that one thread can send while another receives.
    pub fn sender(&self) -> io::Result<TcpStream> {
        self.stream.try_clone()
    }

    /// Waits for the next line, or for the end.
    pub fn receive(&mut self) -> io::Result<Received> {
        self.receive_within(LIMIT)
    }

    /// Waits for the next line, or for the end, for no longer than `limit`.
    pub fn receive_within(&mut self, limit: Duration) -> io::Result<Received> {
        let deadline = Instant::now() + limit;
        let mut searched = 0;
        loop {
            if let Some(index) = self.buffer[searched..].iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=searched + index).collect();
                let text = String::from_utf8_lossy(&line[..line.len() - 1]).into_owned();
                return Ok(Received::Line(text));
            }
            searched = self.buffer.len();
            let remaining = deadline.saturating_duration_since(Instant::now());
            if remaining.is_zero() {
                return Ok(Received::Nothing);
            }
            self.stream.set_read_timeout(Some(remaining))?;
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => return Ok(Received::End { unterminated: self.take_buffer() }),
                Ok(length) => self.buffer.extend_from_slice(&bytes[..length]),
                Err(error) => match error.kind() {
                    ErrorKind::ConnectionReset => return Ok(Received::CutOff),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
    }

    fn take_buffer(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.buffer)).into_owned()
    }

    /// Says that nothing more will be sent; receiving goes on.
    pub fn half_close(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Ends the connection with a reset in place of an orderly end.
    pub fn reset(self) -> io::Result<()> {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))
    }
}
