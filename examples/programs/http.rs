//! An HTTP/1.1 server for strangers: files of a folder, uploads and an echo, with the rules and limits that this takes.
//!
//! ```sh
//! cargo run --example http -- 127.0.0.1:8080 --root www
//! curl http://127.0.0.1:8080/                                             # the file www/index.html
//! curl --data-binary @big.iso http://127.0.0.1:8080/upload                # how long it is, and its SHA-256
//! selectio run --tcplisten 127.0.0.1:8080 --dir www http.wasm --root www  # as a guest of wasm32-wasip1
//! selectio run --inherit-network --dir www http.wasm --root www           # as a guest of wasm32-wasip2
//! ```

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::env;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::mem::{self, MaybeUninit};
use std::num::NonZeroU32;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use httparse::{Error, Request, Status};
use httpdate::HttpDate;
use lexopt::prelude::*;
use percent_encoding::percent_decode_str;
use selectio::{AsyncSocket, Delegate, Dispatcher, Id, MainError, Timer, tls};
use sha2::{Digest, Sha256};

const USAGE: &str = "usage: http [HOST:PORT] [--root DIR] [--timeout SECONDS] [--tls-cert FILE --tls-key FILE]\n
Serves HTTP/1.1 on HOST:PORT or the path of a Unix socket, 127.0.0.1:8080 unless given; a preview1 guest listens on the
socket that its host passes. GET and HEAD get the files below DIR, or a short text at / without it. POST and PUT to
/upload are answered with the length of the body and its SHA-256, to /echo with the body. A client has SECONDS, 30
unless given, for the head of a request, for each piece of a body, and between requests; four times that to take a
piece of its answer. With a certificate and its key, both PEM, the server speaks TLS. Ctrl-C ends it when all requests
that are under way are answered, a second one at once.";

const HEAD_LENGTH_MAX: usize = 16 * 1024;
const FIELDS_MAX: usize = 100;
const CHUNK_LINE_LENGTH_MAX: usize = 1024;
const BODY_LENGTH_MAX: u64 = 10_000_000_000;
/// How much is received, or read of a file, at a time.
const PIECE_LENGTH: usize = 64 * 1024;
/// How long a client may take its last bytes when the server ends: less than the ten seconds that `selectio run` gives.
const ENDING_TIME: Duration = Duration::from_secs(8);

const BAD_REQUEST: &str = "400 Bad Request";
const NOT_FOUND: &str = "404 Not Found";
const TOO_LARGE: &str = "413 Content Too Large";

#[derive(Default)]
struct Server {
    root: Option<PathBuf>,
    timeout: Duration,
    is_ending: Cell<bool>,
    connections: RefCell<HashMap<Id, Rc<RefCell<Connection>>>>,
    /// What a connection has received in its turn: one buffer is enough for all.
    received: RefCell<Vec<u8>>,
}

struct Connection {
    server: Rc<Server>,
    client: AsyncSocket,
    /// What has arrived and was not taken: the beginning of something, or requests that have to wait.
    pending: Vec<u8>,
    /// Of the request under way: the body that comes, the file that goes, whether the answer is a head alone, and
    /// whether another request may follow.
    body: Option<Body>,
    file: Option<io::Take<File>>,
    is_head: bool,
    keeps_alive: bool,
    /// Nothing is served any more; or not until the client has taken what it got.
    is_over: bool,
    is_held: bool,
}

struct Body {
    /// So many bytes are content, and then comes something else.
    left: u64,
    next: Next,
    length: u64,
    /// For an upload. Any other body is sent back, as it came.
    checksum: Option<Sha256>,
}

#[derive(Clone, Copy, PartialEq)]
enum Next {
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

    fn is_complete(&self) -> bool {
        self.left == 0 && self.next == Next::End
    }

    /// Takes the next part, and says how many bytes that is: 0 when it is incomplete.
    fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
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
        let bytes = &bytes[..bytes.len().min(HEAD_LENGTH_MAX)];
        let (mut request, mut fields) = (Request::new(&mut []), [const { MaybeUninit::uninit() }; FIELDS_MAX]);
        let taken = match request.parse_with_uninit_headers(bytes, &mut fields) {
            Ok(Status::Complete(length)) => Ok(length),
            Ok(Status::Partial) if bytes.len() < HEAD_LENGTH_MAX => return Ok(0),
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
        let mut body = Body::of(&request)?;
        let expects = !is_old && items(&request, "Expect").next().is_some();
        if expects && !has(&request, "Expect", "100-continue") {
            return Err(refusal("417 Expectation Failed"));
        }
        let stays = !has(&request, "Connection", "close") && (!is_old || has(&request, "Connection", "keep-alive"));
        let allowed = if matches!(path, "/upload" | "/echo") { "POST, PUT" } else { "GET, HEAD" };
        let takes_body = matches!(method, "POST" | "PUT") && allowed == "POST, PUT";
        // After a body that nobody takes the connection ends.
        self.keeps_alive = stays && (takes_body || body.is_complete());
        self.is_head = method == "HEAD";
        match method {
            _ if takes_body => {
                if expects && !body.is_complete() {
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
            Some(root) if path.ends_with('/') => find(root, &format!("{path}index.html")),
            Some(root) => find(root, path),
            None if path == "/" => return self.answer("200 OK", "", "Hello, world!"),
            None => return self.answer(NOT_FOUND, "", ""),
        };
        let Some(found) = found else { return self.answer(NOT_FOUND, "", "") };
        if found.is_dir() {
            let location = format!("Location: /{}/\r\n", path.trim_matches('/'));
            return self.answer("301 Moved Permanently", location, "");
        }
        // To open anything else, such as a pipe, may take for ever.
        let Some(file) = found.is_file().then(|| File::open(&found).ok()).flatten() else {
            return self.answer(NOT_FOUND, "", "");
        };
        let (length, kind) = (file.metadata()?.len(), mime_guess::from_path(found).first_or_octet_stream());
        self.file = Some(file.take(if self.is_head { 0 } else { length }));
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
        let mut piece = Vec::with_capacity(PIECE_LENGTH);
        file.by_ref().take(PIECE_LENGTH as u64).read_to_end(&mut piece)?;
        self.client.send(&piece)?;
        if file.limit() > 0 {
            // A file that has become shorter can't be what its head says.
            return if piece.is_empty() { self.client.close() } else { Ok(()) };
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

    fn is_idle(&self) -> bool {
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

/// Makes the root the current folder: a guest sees nothing above it, and can follow paths only from there.
fn enter(root: PathBuf) -> io::Result<PathBuf> {
    let entered = env::set_current_dir(&root).and_then(|()| env::current_dir());
    entered.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", root.display())))
}

/// The file or folder of this path, with all links followed, unless that is outside of the root.
fn find(root: &Path, path: &str) -> Option<PathBuf> {
    let path = percent_decode_str(path.trim_start_matches('/')).decode_utf8().ok()?;
    let is_below = Path::new(&*path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let found = if is_below { Path::new(&*path).canonicalize().ok()? } else { return None };
    found.starts_with(root).then_some(found)
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

fn serve(server: &Rc<Server>, client: AsyncSocket, dispatcher: &Dispatcher) -> io::Result<()> {
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

fn main() -> Result<(), MainError> {
    let (address, root, timeout, tls_files) = command_line(lexopt::Parser::from_env()).unwrap_or_else(|error| {
        eprintln!("http: {error}; see --help");
        std::process::exit(2)
    });
    let dispatcher = Dispatcher::new()?;
    let listener = AsyncSocket::listener(&address)?;
    if let Some((certificates, key)) = tls_files {
        listener.set_tls(tls::server_config(certificates, key)?)?;
    }
    let (root, received) = (root.map(enter).transpose()?, RefCell::new(vec![0; PIECE_LENGTH]));
    let server = Rc::new(Server { root, timeout, received, ..Server::default() });
    println!("http: listening on {listener}");
    let it = server.clone();
    listener.set_handle_accept(move |listener, dispatcher| {
        while let Some(client) = listener.accept()? {
            serve(&it, client, dispatcher)?;
        }
        Ok(())
    });
    dispatcher.register(&listener)?;
    // Where no signals are passed on, the host just ends the program.
    if let Ok(signals) = Delegate::signals() {
        signals.set_handle_read(move |signals, _| {
            signals.close()?;
            listener.close()?;
            server.is_ending.set(true);
            let connections = server.connections.take();
            println!("http: ending, {} connections are open; once more ends it now", connections.len());
            for connection in connections.values().map(|it| it.borrow()) {
                connection.client.set_close_timeout(ENDING_TIME);
                if connection.is_idle() {
                    connection.client.close_after_flush()?;
                }
            }
            Ok(())
        });
        dispatcher.register(&signals)?;
    }
    Ok(dispatcher.run()?)
}

type CommandLine = (String, Option<PathBuf>, Duration, Option<(PathBuf, PathBuf)>);

fn command_line(mut arguments: lexopt::Parser) -> Result<CommandLine, lexopt::Error> {
    let (mut address, mut root, mut seconds, mut certificate, mut key) = (None, None, 30, None, None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('h') | Long("help") => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            Long("root") => root = Some(arguments.value()?.into()),
            Long("timeout") => seconds = arguments.value()?.parse::<NonZeroU32>()?.get(),
            Long("tls-cert") => certificate = Some(arguments.value()?.into()),
            Long("tls-key") => key = Some(arguments.value()?.into()),
            Value(text) if address.is_none() && text.to_string_lossy().contains([':', '/']) => {
                address = Some(text.string()?);
            }
            _ => return Err(argument.unexpected()),
        }
    }
    if certificate.is_some() != key.is_some() {
        return Err("--tls-cert and --tls-key belong together".into());
    }
    let address = address.unwrap_or("127.0.0.1:8080".to_owned());
    Ok((address, root, Duration::from_secs(seconds.into()), certificate.zip(key)))
}
