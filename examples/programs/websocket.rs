//! A chat for browsers: serves its page, and speaks WebSocket with it. What one says, all others hear.
//!
//! ```sh
//! cargo run --example websocket -- 127.0.0.1:7000               # native
//! selectio run --tcplisten 127.0.0.1:7000 websocket.wasm        # as a guest of wasm32-wasip1
//! selectio run --inherit-network websocket.wasm 127.0.0.1:7000  # as a guest of wasm32-wasip2
//! chromium http://127.0.0.1:7000/                               # several times
//! ```
//!
//! Pages of other sites may connect too: the header `Origin` is not checked, for there is nothing here to protect.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::exit;
use std::rc::Rc;
use std::time::Duration;

use lexopt::{Arg, ValueExt};
use selectio::{AsyncSocket, Delegate, Dispatcher, Id, MainError, tls};
use tungstenite::handshake::server;
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket, http};

const USAGE: &str = "usage: websocket [HOST:PORT] [--timeout SECONDS] [--tls-cert FILE --tls-key FILE]\n
A chat for browsers, over WebSocket. Listens on HOST:PORT or the path of a Unix socket, 127.0.0.1:7000 unless given;
a preview1 guest listens on the socket that its host passes. Ctrl-C says goodbye to all, a second one ends it at once.
  --timeout SECONDS  how long a request may take, and how often who is silent is asked whether they are there: 30
  --tls-cert FILE    speak TLS, with the certificates in FILE
  --tls-key FILE     and their private key in FILE, both as PEM";

const HEAD_MAX: usize = 8 << 10;
/// The longest message, in one frame or in many.
const MESSAGE_MAX: usize = 1 << 20;
/// Who has so much still to take is cut off.
const SEND_BUFFER_MAX: usize = 4 << 20;
const CLIENTS_MAX: usize = 10_000;
/// How long a client has to say goodbye too, and then to be gone: together less than a host gives its guest.
const GOODBYE_TIME: Duration = Duration::from_secs(3);

const PAGE: &str = r#"<!doctype html>
<meta charset="utf-8">
<title>Chat</title>
<style>body { font-family: sans-serif; max-width: 40em; margin: 2em auto } #said { white-space: pre-wrap }</style>
<h1>Chat</h1>
<div id="said"></div>
<form><input id="text" autofocus autocomplete="off" placeholder="Say something"></form>
<script>
const show = text => { document.getElementById("said").append(text + "\n"); };
const socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/ws");
socket.onopen = () => show("connected");
socket.onmessage = event => show("> " + event.data);
socket.onclose = event => show("disconnected (" + event.code + ")");
document.querySelector("form").onsubmit = event => {
  event.preventDefault();
  const input = document.getElementById("text");
  socket.send(input.value);
  show(input.value);
  input.value = "";
};
</script>
"#;

/// All clients; those that have sent no request yet have no stream.
type Room = Rc<RefCell<BTreeMap<Id, (AsyncSocket, Option<Stream>)>>>;

/// Writing to it never blocks, for a socket takes everything. Reading answers `WouldBlock` when the rest has not arrived:
/// then it goes on where it was when the socket's handler is called again.
type Stream = Rc<RefCell<WebSocket<AsyncSocket>>>;

fn main() -> Result<(), MainError> {
    let Options { address, timeout, tls: files } = command_line().unwrap_or_else(|problem| {
        eprintln!("websocket: {problem}; see --help");
        exit(2);
    });
    let dispatcher = Dispatcher::builder().registered_max(CLIENTS_MAX).build()?;
    let listener = AsyncSocket::listener(&address)?;
    if let Some((certificates, key)) = files {
        listener.set_tls(tls::server_config(certificates, key)?)?;
    }
    println!("websocket: listening on {listener}");
    let room = Room::default();
    if let Ok(signals) = Delegate::signals() {
        let (listener, room) = (listener.clone(), room.clone());
        signals.set_handle_read(move |signals, dispatcher| {
            listener.close()?;
            signals.close()?;
            say_goodbye(&room, dispatcher);
            Ok(())
        });
        dispatcher.register(&signals)?;
    }
    listener.set_handle_accept(move |listener, dispatcher| {
        while let Some(socket) = listener.accept()? {
            welcome(&socket, &room, timeout, dispatcher)?;
        }
        Ok(())
    });
    dispatcher.register(&listener)?;
    Ok(dispatcher.run()?)
}

/// Waits for a request, for no longer than `timeout`.
fn welcome(socket: &AsyncSocket, room: &Room, timeout: Duration, dispatcher: &Dispatcher) -> io::Result<()> {
    if dispatcher.register(socket).is_err() {
        return answer(socket, "GET", "503 Service Unavailable", "", "There is no room for more.\n");
    }
    socket.set_send_buffer_max(SEND_BUFFER_MAX);
    // That a client is gone is no news.
    socket.set_handle_error(|_, _, _| {});
    room.borrow_mut().insert(socket.id(), (socket.clone(), None));
    socket.set_handle_gone({
        let room = room.clone();
        move |socket, _| {
            room.borrow_mut().remove(&socket.id());
            Ok(())
        }
    });
    let too_late = socket.call_after(dispatcher, timeout, |socket, _| {
        answer(socket, "GET", "408 Request Timeout", "", "The request took too long.\n")
    });
    let (room, mut head) = (room.clone(), Vec::new());
    socket.set_handle_read(move |socket, dispatcher| {
        let (mut buffer, mut fields) = ([0; HEAD_MAX], [httparse::EMPTY_HEADER; 64]);
        let Some(length @ 1..) = socket.recv(&mut buffer[head.len()..])? else { return Ok(()) };
        head.extend_from_slice(&buffer[head.len()..][..length]);
        let mut request = httparse::Request::new(&mut fields);
        match request.parse(&head) {
            Ok(httparse::Status::Complete(length)) => {
                dispatcher.cancel(too_late);
                if let Some(response) = serve_request(socket, &request)? {
                    server::write_response(socket, &response).map_err(io::Error::other)?;
                    join(socket, &head[length..], &room, timeout, dispatcher)?;
                }
                Ok(())
            }
            Ok(httparse::Status::Partial) if head.len() < HEAD_MAX => Ok(()),
            Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                answer(socket, "GET", "431 Request Header Fields Too Large", "", "The request is too long.\n")
            }
            Err(problem) => answer(socket, "GET", "400 Bad Request", "", &format!("No request: {problem}.\n")),
        }
    });
    Ok(())
}

/// Answers the request; only what makes a WebSocket of the connection is left to the caller.
fn serve_request(socket: &AsyncSocket, request: &httparse::Request) -> io::Result<Option<server::Response>> {
    let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    let is_upgrade = request
        .headers
        .iter()
        .any(|field| field.name.eq_ignore_ascii_case("upgrade") && field.value.eq_ignore_ascii_case(b"websocket"));
    let (status, fields, body) = match (method, target.split('?').next().unwrap_or_default()) {
        ("GET", "/" | "/ws") if is_upgrade => match handshake(request) {
            Ok(response) => return Ok(Some(response)),
            Err(_) => ("400 Bad Request", "Sec-WebSocket-Version: 13\r\n", "That is no handshake of WebSocket's.\n"),
        },
        ("GET" | "HEAD", "/") => ("200 OK", "Content-Type: text/html; charset=utf-8\r\n", PAGE),
        ("GET" | "HEAD", "/ws") => ("426 Upgrade Required", "Upgrade: websocket\r\n", "This is for WebSocket.\n"),
        ("GET" | "HEAD", _) => ("404 Not Found", "", "There is no such page.\n"),
        _ => ("405 Method Not Allowed", "Allow: GET, HEAD\r\n", "Only GET and HEAD are allowed.\n"),
    };
    answer(socket, method, status, fields, body).map(|()| None)
}

fn handshake(request: &httparse::Request) -> Result<server::Response, Error> {
    let version = if request.version == Some(1) { http::Version::HTTP_11 } else { http::Version::HTTP_10 };
    let mut parts = http::Request::builder().method("GET").version(version);
    for field in request.headers.iter() {
        parts = parts.header(field.name, field.value);
    }
    server::create_response(&parts.body(())?)
}

fn answer(socket: &AsyncSocket, method: &str, status: &str, fields: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    socket.send(format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\nConnection: close\r\n\r\n"))?;
    if method != "HEAD" {
        socket.send(body)?;
    }
    socket.close_after_flush()
}

/// From now on the connection is a WebSocket, of which `rest` has arrived.
fn join(socket: &AsyncSocket, rest: &[u8], room: &Room, timeout: Duration, dispatcher: &Dispatcher) -> io::Result<()> {
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0)
        .max_message_size(Some(MESSAGE_MAX))
        .max_frame_size(Some(MESSAGE_MAX));
    let stream = WebSocket::from_partially_read(socket.clone(), rest.to_vec(), Role::Server, Some(config));
    let stream = Rc::new(RefCell::new(stream));
    room.borrow_mut().insert(socket.id(), (socket.clone(), Some(stream.clone())));
    let was_silent = Rc::new(Cell::new(false));
    socket.call_every(dispatcher, timeout, {
        let (room, stream, was_silent) = (room.clone(), stream.clone(), was_silent.clone());
        move |socket, _| {
            if was_silent.replace(true) {
                return leave(socket, &room);
            }
            // One that is to close refuses it.
            let _ = stream.borrow_mut().send(Message::Ping("are you there?".into()));
            Ok(())
        }
    })?;
    let room = room.clone();
    let hear = move |socket: &AsyncSocket, _: &Dispatcher| {
        was_silent.set(false);
        hear(socket, &mut stream.borrow_mut(), &room)
    };
    hear(socket, dispatcher)?;
    socket.set_handle_read(hear);
    Ok(())
}

/// Tells the others what has arrived.
fn hear(socket: &AsyncSocket, stream: &mut WebSocket<AsyncSocket>, room: &Room) -> io::Result<()> {
    let code = loop {
        match stream.read() {
            Ok(Message::Text(text)) => tell_others(socket, room, Frame::message(text, OpCode::Data(Data::Text), true))?,
            Ok(Message::Binary(bytes)) => {
                tell_others(socket, room, Frame::message(bytes, OpCode::Data(Data::Binary), true))?
            }
            // Nothing may be sent behind the answer to this, which the next read sends.
            Ok(Message::Close(_)) => drop(room.borrow_mut().remove(&socket.id())),
            // Pings are answered by the next read.
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(Error::Io(error)) => return Err(error),
            Err(Error::Utf8(_)) => break CloseCode::Invalid,
            Err(Error::Capacity(_)) => break CloseCode::Size,
            Err(Error::Protocol(_)) => break CloseCode::Protocol,
            Err(_) => return leave(socket, room),
        }
    };
    // Refused when the peer has closed it, or was told before.
    let _ = stream.close(Some(CloseFrame { code, reason: "".into() }));
    leave(socket, room)
}

fn leave(socket: &AsyncSocket, room: &Room) -> io::Result<()> {
    room.borrow_mut().remove(&socket.id());
    socket.close_after_flush()
}

fn tell_others(speaker: &AsyncSocket, room: &Room, frame: Frame) -> io::Result<()> {
    // To all of them it is the same bytes.
    let mut bytes = Vec::with_capacity(frame.len());
    frame.format(&mut bytes).map_err(io::Error::other)?;
    for (socket, stream) in room.borrow().values() {
        if stream.is_some() && socket != speaker && socket.send(&bytes).is_err() {
            socket.close()?;
        }
    }
    Ok(())
}

fn say_goodbye(room: &Room, dispatcher: &Dispatcher) {
    let clients = std::mem::take(&mut *room.borrow_mut());
    println!("websocket: ending, {} clients are connected; once more ends it now", clients.len());
    for (socket, stream) in clients.into_values() {
        socket.set_close_timeout(GOODBYE_TIME);
        let code = CloseCode::Away;
        match stream.map(|stream| stream.borrow_mut().close(Some(CloseFrame { code, reason: "".into() }))) {
            Some(Ok(())) => drop(socket.call_after(dispatcher, GOODBYE_TIME, |socket, _| socket.close_after_flush())),
            _ => drop(socket.close_after_flush()),
        }
    }
}

struct Options {
    address: String,
    timeout: Duration,
    tls: Option<(PathBuf, PathBuf)>,
}

fn command_line() -> Result<Options, lexopt::Error> {
    let (mut address, mut seconds, mut certificates, mut key) = (None, 30, None, None);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => {
                println!("{USAGE}");
                exit(0);
            }
            Arg::Long("timeout") => seconds = arguments.value()?.parse::<NonZeroU32>()?.get(),
            Arg::Long("tls-cert") => certificates = Some(PathBuf::from(arguments.value()?)),
            Arg::Long("tls-key") => key = Some(PathBuf::from(arguments.value()?)),
            Arg::Value(value) if address.is_none() => address = Some(value.string()?),
            _ => return Err(argument.unexpected()),
        }
    }
    let address = address.unwrap_or("127.0.0.1:7000".to_owned());
    if !address.contains([':', '/']) {
        return Err(format!("expected HOST:PORT, got {address}").into());
    }
    let tls = match (certificates, key) {
        (None, None) => None,
        (Some(certificates), Some(key)) => Some((certificates, key)),
        _ => return Err("--tls-cert and --tls-key belong together".into()),
    };
    Ok(Options { address, timeout: Duration::from_secs(seconds.into()), tls })
}
