//! A client's connection: one request after the other, their answers, and how long each may take.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::mem;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use httpdate::HttpDate;
use selectio::{AsyncSocket, Dispatcher, Id, Timer};
use sha2::{Digest, Sha256};

use crate::files::{self, Found, Sending};
use crate::request::{Body, Head, Next};

/// What all connections share.
#[derive(Default)]
pub struct Server {
    pub root: Option<PathBuf>,
    pub timeout: Duration,
    pub is_ending: Cell<bool>,
    pub connections: RefCell<HashMap<Id, Rc<RefCell<Connection>>>>,
    /// What a connection has received in its turn: one buffer is enough for all.
    pub received: RefCell<Vec<u8>>,
}

pub struct Connection {
    server: Rc<Server>,
    pub client: AsyncSocket,
    /// What has arrived and was not taken: the beginning of something, or requests that have to wait.
    pending: Vec<u8>,
    /// Of the request under way: the body that comes, the file that goes, whether the answer is a head alone, and
    /// whether another request may follow.
    body: Option<Body>,
    file: Option<Sending>,
    is_head: bool,
    keeps_alive: bool,
    /// Nothing is served any more; or not until the client has taken what it got.
    is_over: bool,
    is_held: bool,
}

impl Connection {
    /// Takes what it can of the bytes, one request after the other, and says how many of them.
    fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut used = 0;
        while used < bytes.len() && !self.is_over && self.file.is_none() && !self.client.is_send_buffer_full() {
            let rest = &bytes[used..];
            let taken = if self.body.is_some() { self.take_of_body(rest)? } else { self.take_head(rest)? };
            if taken == 0 {
                break;
            }
            used += taken;
        }
        Ok(used)
    }

    fn take_head(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some((Head { method, path, mut body, expects_continue, keeps_alive }, taken)) = Head::parse(bytes)? else {
            return Ok(0);
        };
        let allowed = if matches!(path, "/upload" | "/echo") { "POST, PUT" } else { "GET, HEAD" };
        let takes_body = matches!(method, "POST" | "PUT") && allowed == "POST, PUT";
        // After a body that nobody takes the connection ends.
        self.keeps_alive = keeps_alive && (takes_body || body.is_complete());
        self.is_head = method == "HEAD";
        match method {
            _ if takes_body => {
                if expects_continue && !body.is_complete() {
                    self.client.send("HTTP/1.1 100 Continue\r\n\r\n")?;
                }
                match body.next {
                    _ if path == "/upload" => body.checksum = Some(Sha256::new()),
                    Next::End => self.send_head("200 OK", format_args!("Content-Length: {}\r\n", body.left))?,
                    _ => self.send_head("200 OK", "Transfer-Encoding: chunked\r\n")?,
                }
                self.body = Some(body);
                self.take_of_body(&[])?;
            }
            "GET" | "HEAD" if allowed == "GET, HEAD" => self.get(path)?,
            "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "PATCH" | "OPTIONS" | "TRACE" | "CONNECT" => {
                self.answer("405 Method Not Allowed", format_args!("Allow: {allowed}\r\n"), "")?;
            }
            _ => self.answer("501 Not Implemented", "", "")?,
        }
        Ok(taken)
    }

    fn take_of_body(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(body) = &mut self.body else { return Ok(0) };
        let taken = body.take(bytes)?;
        if body.checksum.is_none() {
            self.client.send(&bytes[..taken])?;
        }
        if let Some(body) = self.body.take_if(|body| body.is_complete()) {
            match body.checksum.map(Sha256::finalize) {
                None => self.end_answer()?,
                Some(checksum) => self.answer("200 OK", "", &format!("{} bytes, SHA-256 {checksum:x}", body.length))?,
            }
        }
        Ok(taken)
    }

    fn get(&mut self, path: &str) -> io::Result<()> {
        let found = match &self.server.root {
            Some(root) => files::open(root, path)?,
            None if path == "/" => return self.answer("200 OK", "", "Hello, world!"),
            None => Found::Nothing,
        };
        let (file, length, kind) = match found {
            Found::Nothing => return self.answer("404 Not Found", "", ""),
            Found::Folder => {
                let location = format!("Location: /{}/\r\n", path.trim_matches('/'));
                return self.answer("301 Moved Permanently", location, "");
            }
            Found::File { file, length, kind } => (file, length, kind),
        };
        self.file = Some(Sending::new(file, if self.is_head { 0 } else { length }));
        self.send_head("200 OK", format_args!("Content-Type: {kind}\r\nContent-Length: {length}\r\n"))
    }

    fn send_head(&mut self, status: &str, fields: impl Display) -> io::Result<()> {
        let date = HttpDate::from(SystemTime::now());
        self.keeps_alive &= !self.server.is_ending.get();
        let connection = if self.keeps_alive { "keep-alive" } else { "close" };
        write!(&self.client, "HTTP/1.1 {status}\r\nDate: {date}\r\nConnection: {connection}\r\n{fields}\r\n")
    }

    /// Answers with a text, which is the status unless there is another one.
    fn answer(&mut self, status: &str, fields: impl Display, text: &str) -> io::Result<()> {
        let text = if text.is_empty() { status } else { text };
        let (kind, length) = ("text/plain; charset=utf-8", text.len() + 1);
        self.send_head(status, format_args!("{fields}Content-Type: {kind}\r\nContent-Length: {length}\r\n"))?;
        if !self.is_head {
            writeln!(&self.client, "{text}")?;
        }
        self.end_answer()
    }

    fn end_answer(&mut self) -> io::Result<()> {
        self.is_over = !self.keeps_alive || self.server.is_ending.get();
        if self.is_over { self.client.close_after_flush() } else { Ok(()) }
    }

    fn send_piece_of_file(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        if !file.send_piece(&self.client)? {
            return Ok(());
        }
        self.file = None;
        self.end_answer()
    }

    /// Answers that what has come can't be served, unless another answer has begun.
    fn refuse(&mut self, status: &str) -> io::Result<()> {
        let has_begun = self.body.take().is_some_and(|body| body.checksum.is_none());
        (self.is_head, self.keeps_alive) = (false, false);
        if has_begun { self.client.close() } else { self.answer(status, "", "") }
    }

    pub fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.body.is_none() && self.file.is_none()
    }

    fn time_is_over(&mut self) -> io::Result<()> {
        match (self.is_idle(), self.is_held) {
            (true, _) => self.client.close_after_flush(),
            (false, true) => self.client.close(),
            (false, false) => self.refuse("408 Request Timeout"),
        }
    }
}

/// Serves what has come, as far as the client takes its answers, and the rest when it has taken them.
fn go_on(connection: &Rc<RefCell<Connection>>, timer: Timer, dispatcher: &Dispatcher) -> io::Result<()> {
    let it = &mut *connection.borrow_mut();
    let (server, client) = (it.server.clone(), it.client.clone());
    let mut received = server.received.borrow_mut();
    let length = if it.is_held { 0 } else { client.recv(&mut received)?.unwrap_or(0) };
    let mut bytes = &received[..length];
    let mut pending = mem::take(&mut it.pending);
    let is_new = pending.is_empty();
    if !is_new {
        pending.extend(bytes);
        bytes = &pending;
    }
    let taken = it.take(bytes).or_else(|error| match error.kind() {
        ErrorKind::InvalidData => it.refuse(&error.to_string()).map(|()| 0),
        _ => Err(error),
    })?;
    it.pending = bytes[taken..].to_vec();
    let has_file = it.file.is_some();
    it.send_piece_of_file()?;
    let is_held = it.file.is_some() || client.is_send_buffer_full() || (has_file && !it.pending.is_empty());
    if taken > 0 || is_new || it.is_held {
        dispatcher.restart(timer, server.timeout * if is_held { 4 } else { 1 });
    }
    if is_held && !it.is_held {
        client.pause_reading();
        let connection = connection.clone();
        client.set_handle_write(move |_, dispatcher| go_on(&connection, timer, dispatcher));
    } else if it.is_held && !is_held {
        client.resume_reading();
        client.del_handle_write();
    }
    it.is_held = is_held;
    Ok(())
}

pub fn serve(server: &Rc<Server>, client: AsyncSocket, dispatcher: &Dispatcher) -> io::Result<()> {
    let (server, socket, id, pending) = (server.clone(), client.clone(), client.id(), Vec::new());
    let (body, file, is_head, keeps_alive, is_over, is_held) = (None, None, false, true, false, false);
    let it = Connection { server, client, pending, body, file, is_head, keeps_alive, is_over, is_held };
    let (server, connection) = (it.server.clone(), Rc::new(RefCell::new(it)));
    server.connections.borrow_mut().insert(id, connection.clone());
    let it = connection.clone();
    let timer = socket.call_after(dispatcher, server.timeout, move |_, _| it.borrow_mut().time_is_over());
    socket.set_handle_read(move |_, dispatcher| go_on(&connection, timer, dispatcher));
    // What a client does to its connection is no news.
    socket.set_handle_error(|_, _, _| {});
    socket.set_handle_gone(move |_, _| {
        server.connections.borrow_mut().remove(&id);
        Ok(())
    });
    dispatcher.register(&socket)
}
