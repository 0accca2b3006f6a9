//! HTTP/1.1 and HTTP/2 on one port by hyper, without a runtime of futures: the dispatcher is one. `runtime.rs` and
//! `stream.rs` are all that this takes; this file is the server.
//!
//! ```sh
//! cargo run --example hyper -- 127.0.0.1:8080
//! curl http://127.0.0.1:8080/
//! curl --http2-prior-knowledge http://127.0.0.1:8080/bytes/50000000 | wc -c
//! h2load -n 10000 -c 10 -m 10 http://127.0.0.1:8080/
//! selectio run --tcplisten 127.0.0.1:8080 hyper.wasm        # as a guest of wasm32-wasip1
//! selectio run --inherit-network hyper.wasm                 # as a guest of wasm32-wasip2
//! ```

mod runtime;
mod stream;

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::CONTENT_LENGTH;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use lexopt::prelude::*;
use selectio::{AsyncSocket, Delegate, Dispatcher, MainError};

use runtime::Runtime;
use stream::Stream;

const USAGE: &str = "usage: hyper [HOST:PORT] [--timeout SECONDS]\n
Serves HTTP/1.1 and, to who begins with its preface, HTTP/2 on HOST:PORT or the path of a Unix socket, 127.0.0.1:8080
unless given; a preview1 guest listens on the socket that its host passes. GET / gets a short text, GET /bytes/N so many
zeros, POST /echo the body. A connection on which nothing moves for SECONDS, 60 unless given, is closed; the head of a
request of HTTP/1.1 has to come within that time. Ctrl-C ends it when all requests that are under way are answered, a
second one at once.";

struct Server {
    timeout: Duration,
    is_ending: Cell<bool>,
}

async fn serve(mut stream: Stream, server: Rc<Server>) {
    let service = service_fn(answer);
    let is_http2 = {
        let mut beginning = pin!(stream.begins_with(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        poll_fn(|context| match beginning.as_mut().poll(context) {
            Poll::Pending if server.is_ending.get() => Poll::Ready(Err(ErrorKind::ConnectionAborted.into())),
            poll => poll,
        })
        .await
    };
    // A connection that fails is its client's business, and ends by that.
    let _ = match is_http2 {
        Ok(true) => {
            let mut http = http2::Builder::new(Runtime);
            http.timer(Runtime).max_concurrent_streams(100).max_send_buf_size(64 * 1024);
            drive(http.serve_connection(stream, service), http2::Connection::graceful_shutdown, &server).await
        }
        Ok(false) => {
            let mut http = http1::Builder::new();
            http.timer(Runtime).header_read_timeout(server.timeout).half_close(true).max_buf_size(64 * 1024);
            drive(http.serve_connection(stream, service), http1::Connection::graceful_shutdown, &server).await
        }
        Err(_) => Ok(()),
    };
}

/// Runs a connection, and tells it when the server is to end.
async fn drive<C: Future>(connection: C, shut_down: impl Fn(Pin<&mut C>), server: &Server) -> C::Output {
    let (mut connection, mut is_told) = (pin!(connection), false);
    poll_fn(|context| {
        if server.is_ending.get() && !is_told {
            is_told = true;
            shut_down(connection.as_mut());
        }
        connection.as_mut().poll(context)
    })
    .await
}

type AnyBody = UnsyncBoxBody<Bytes, hyper::Error>;

async fn answer(request: Request<Incoming>) -> Result<Response<AnyBody>, Infallible> {
    let text = |text: String| Full::from(text).map_err(|never| match never {}).boxed_unsync();
    let (method, path, version) = (request.method().clone(), request.uri().path().to_owned(), request.version());
    let count = path.strip_prefix("/bytes/").and_then(|count| count.parse().ok());
    let (status, body) = match (method.as_str(), path.as_str(), count) {
        ("GET" | "HEAD", "/", _) => (StatusCode::OK, text(format!("hello by {version:?}\n"))),
        ("GET" | "HEAD", _, Some(left)) => (StatusCode::OK, Zeros { left }.boxed_unsync()),
        ("POST" | "PUT", "/echo", _) => (StatusCode::OK, request.into_body().boxed_unsync()),
        _ => (StatusCode::NOT_FOUND, text("there is nothing here\n".to_owned())),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if method == Method::HEAD {
        // hyper leaves the body away by itself, but not with HTTP/2.
        let length = response.body().size_hint().lower();
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
        *response.body_mut() = Empty::new().map_err(|never| match never {}).boxed_unsync();
    }
    Ok(response)
}

/// So many zeros.
struct Zeros {
    left: u64,
}

impl Body for Zeros {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Zeros>, _: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let piece = Bytes::from_static(&[0; 16 * 1024]);
        let length = self.left.min(piece.len() as u64);
        self.left -= length;
        Poll::Ready((length > 0).then(|| Ok(Frame::data(piece.slice(..length as usize)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

fn main() -> Result<(), MainError> {
    let (address, timeout) = command_line(lexopt::Parser::from_env()).unwrap_or_else(|error| {
        eprintln!("hyper: {error}; see --help");
        std::process::exit(2)
    });
    let dispatcher = Dispatcher::new()?;
    runtime::start(&dispatcher);
    let listener = AsyncSocket::listener(&address)?;
    println!("hyper: listening on {listener}");
    let server = Rc::new(Server { timeout, is_ending: Cell::new(false) });
    let it = server.clone();
    listener.set_handle_accept(move |listener, dispatcher| {
        while let Some(client) = listener.accept()? {
            runtime::spawn(serve(Stream::new(client, it.timeout, dispatcher)?, it.clone()));
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
            println!("hyper: ending, {} tasks are left; once more ends it now", runtime::wake_all());
            Ok(())
        });
        dispatcher.register(&signals)?;
    }
    Ok(dispatcher.run()?)
}

fn command_line(mut arguments: lexopt::Parser) -> Result<(String, Duration), lexopt::Error> {
    let (mut address, mut seconds) = (None, 60);
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('h') | Long("help") => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            Long("timeout") => seconds = arguments.value()?.parse::<NonZeroU32>()?.get(),
            Value(value) if address.is_none() && value.to_string_lossy().contains([':', '/']) => {
                address = Some(value.string()?)
            }
            _ => return Err(argument.unexpected()),
        }
    }
    Ok((address.unwrap_or("127.0.0.1:8080".to_owned()), Duration::from_secs(seconds.into())))
}
