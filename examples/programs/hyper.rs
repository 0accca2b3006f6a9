//! HTTP/1.1 and HTTP/2 on one port by hyper, without a runtime of futures: the dispatcher is one. The first half of this
//! file is all that this takes, and serves any protocol whose crate wants streams, timers and tasks as hyper does.
//!
//! ```sh
//! cargo run --example hyper -- 127.0.0.1:8080
//! curl http://127.0.0.1:8080/
//! curl --http2-prior-knowledge http://127.0.0.1:8080/bytes/50000000 | wc -c
//! h2load -n 10000 -c 10 -m 10 http://127.0.0.1:8080/
//! selectio run --tcplisten 127.0.0.1:8080 hyper.wasm        # as a guest of wasm32-wasip1
//! selectio run --inherit-network hyper.wasm                 # as a guest of wasm32-wasip2
//! ```

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, IoSlice};
use std::num::NonZeroU32;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::CONTENT_LENGTH;
use hyper::rt::{self, ReadBufCursor};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use lexopt::prelude::*;
use selectio::{AsyncSocket, Delegate, Dispatcher, MainError, Shutdown, Timer};

const USAGE: &str = "usage: hyper [HOST:PORT] [--timeout SECONDS]\n
Serves HTTP/1.1 and, to who begins with its preface, HTTP/2 on HOST:PORT or the path of a Unix socket, 127.0.0.1:8080
unless given; a preview1 guest listens on the socket that its host passes. GET / gets a short text, GET /bytes/N so many
zeros, POST /echo the body. A connection on which nothing moves for SECONDS, 60 unless given, is closed; the head of a
request of HTTP/1.1 has to come within that time. Ctrl-C ends it when all requests that are under way are answered, a
second one at once.";

/// The futures that a thread runs, and what with. Wakers and sleeps have to be `Send`, which a dispatcher is not, so they
/// find it here, by their thread.
struct Executor {
    dispatcher: Dispatcher,
    tasks: RefCell<HashMap<u64, (BoxedFuture, Arc<Task>)>>,
    task_count: Cell<u64>,
}

type BoxedFuture = Pin<Box<dyn Future<Output = ()>>>;

thread_local!(static EXECUTOR: OnceCell<Executor> = const { OnceCell::new() });

fn with_executor<T>(call: impl FnOnce(&Executor) -> T) -> T {
    EXECUTOR.with(|executor| call(executor.get().expect("futures are run and woken on the thread of their dispatcher")))
}

/// Calls from the dispatcher, after so much time: at once when there is none to wait for.
fn call_after(delay: Duration, mut call: impl FnMut() + 'static) -> Timer {
    with_executor(|executor| {
        executor.dispatcher.call_after(delay, move |_| {
            call();
            Ok(())
        })
    })
}

/// What wakes a future: the dispatcher polls it soon, once, however often it is woken until then.
struct Task {
    id: u64,
    is_due: AtomicBool,
}

impl Wake for Task {
    fn wake(self: Arc<Task>) {
        if !self.is_due.swap(true, Ordering::Relaxed) {
            call_after(Duration::ZERO, move || self.run());
        }
    }
}

impl Task {
    fn run(self: &Arc<Task>) {
        self.is_due.store(false, Ordering::Relaxed);
        // It is out of the list while it runs, and for good when it is done or panics.
        let found = with_executor(|executor| executor.tasks.borrow_mut().remove(&self.id));
        if let Some((mut future, task)) = found
            && future.as_mut().poll(&mut Context::from_waker(&Waker::from(task.clone()))).is_pending()
        {
            with_executor(|executor| executor.tasks.borrow_mut().insert(self.id, (future, task)));
        }
    }
}

fn spawn(future: impl Future<Output = ()> + 'static) {
    let task = with_executor(|executor| {
        let id = executor.task_count.replace(executor.task_count.get() + 1);
        let task = Arc::new(Task { id, is_due: AtomicBool::new(false) });
        executor.tasks.borrow_mut().insert(id, (Box::pin(future), task.clone()));
        task
    });
    task.wake();
}

/// What hyper takes its time and its tasks from: of HTTP/2 each stream is one.
#[derive(Clone, Copy)]
struct Runtime;

impl<F: Future<Output = ()> + 'static> rt::Executor<F> for Runtime {
    fn execute(&self, future: F) {
        spawn(future);
    }
}

impl rt::Timer for Runtime {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Sleep { deadline, alarm: None })
    }
}

struct Sleep {
    deadline: Instant,
    alarm: Option<Alarm>,
}

/// A timer that ends with its owner.
struct Alarm(Timer);

impl Drop for Alarm {
    fn drop(&mut self) {
        with_executor(|executor| executor.dispatcher.cancel(self.0));
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Sleep>, context: &mut Context<'_>) -> Poll<()> {
        let (left, waker) = (self.deadline.saturating_duration_since(Instant::now()), context.waker().clone());
        if left.is_zero() {
            return Poll::Ready(());
        }
        self.alarm = Some(Alarm(call_after(left, move || waker.wake_by_ref())));
        Poll::Pending
    }
}

impl rt::Sleep for Sleep {}

/// A socket as hyper wants it. Its handlers only wake who waits; what is read and sent goes through the socket's calls.
struct Stream {
    socket: AsyncSocket,
    waiting: Rc<Waiting>,
    /// What was read to find out what the client speaks, and is read again.
    unread: Vec<u8>,
    /// Closes it when nothing has moved for so long.
    idle: Timer,
    patience: Duration,
}

#[derive(Default)]
struct Waiting {
    reader: Cell<Option<Waker>>,
    writer: Cell<Option<Waker>>,
}

impl Waiting {
    fn wake(place: &Cell<Option<Waker>>) -> io::Result<()> {
        place.take().into_iter().for_each(Waker::wake);
        Ok(())
    }
}

impl Stream {
    fn new(socket: AsyncSocket, patience: Duration, dispatcher: &Dispatcher) -> io::Result<Stream> {
        let waiting = Rc::new(Waiting::default());
        let [read, close, drain, gone] = [(); 4].map(|()| waiting.clone());
        socket.set_handle_read(move |socket, _| {
            // Whoever reads next resumes it. Until then nobody is called for what nobody wants.
            socket.pause_reading();
            Waiting::wake(&read.reader)
        });
        // With it, a client that has said everything still gets its answer.
        socket.set_handle_close(move |_, _| Waiting::wake(&close.reader));
        socket.set_handle_drain(move |_, _| Waiting::wake(&drain.writer));
        socket.set_handle_gone(move |_, _| Waiting::wake(&gone.reader).and(Waiting::wake(&gone.writer)));
        // What a client does to its connection is no news, and who waits hears of it by the handler before.
        socket.set_handle_error(|_, _, _| {});
        dispatcher.register(&socket)?;
        let idle = socket.call_after(dispatcher, patience, |socket, _| socket.close());
        Ok(Stream { socket, waiting, unread: Vec::new(), idle, patience })
    }

    fn has_moved(&self) {
        with_executor(|executor| executor.dispatcher.restart(self.idle, self.patience));
    }

    /// Reads up to so many bytes; 0 is the end.
    fn poll_recv(&self, buffer: &mut [u8], context: &Context<'_>) -> Poll<io::Result<usize>> {
        if self.socket.is_closed() {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        self.socket.resume_reading();
        match self.socket.recv(buffer)? {
            Some(length) => {
                self.has_moved();
                Poll::Ready(Ok(length))
            }
            None => {
                self.waiting.reader.set(Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }

    /// Whether these are the first bytes that come. They are read again after that.
    async fn begins_with(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let mut buffer = [0; 64];
        while self.unread.len() < bytes.len() && bytes.starts_with(&self.unread) {
            let room = &mut buffer[..bytes.len() - self.unread.len()];
            match poll_fn(|context| self.poll_recv(room, context)).await? {
                0 => break,
                length => self.unread.extend(&buffer[..length]),
            }
        }
        Ok(self.unread == bytes)
    }
}

impl rt::Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Stream>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 16 * 1024];
        let room = buffer.remaining().min(bytes.len());
        if self.unread.is_empty() && room > 0 {
            let length = std::task::ready!(self.poll_recv(&mut bytes[..room], context))?;
            buffer.put_slice(&bytes[..length]);
        } else {
            let length = room.min(self.unread.len());
            buffer.put_slice(&self.unread[..length]);
            self.unread.drain(..length);
        }
        Poll::Ready(Ok(()))
    }
}

impl rt::Write for Stream {
    fn poll_write(self: Pin<&mut Stream>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Stream>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.socket.is_closed() {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        if self.socket.is_send_buffer_full() {
            self.waiting.writer.set(Some(context.waker().clone()));
            return Poll::Pending;
        }
        self.has_moved();
        self.socket.send_vectored(pieces)?;
        Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// What the socket has taken leaves by itself.
    fn poll_flush(self: Pin<&mut Stream>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ends this direction when all has left, and is done then.
    fn poll_shutdown(self: Pin<&mut Stream>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.socket.is_closed() {
            return Poll::Ready(Ok(()));
        }
        if !self.socket.is_send_data_buffered() {
            return Poll::Ready(self.socket.shutdown(Shutdown::Write));
        }
        self.waiting.writer.set(Some(context.waker().clone()));
        let waiting = self.waiting.clone();
        self.socket.set_handle_write(move |socket, _| {
            socket.del_handle_write();
            Waiting::wake(&waiting.writer)
        });
        Poll::Pending
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // What can't be sent any more nobody waits for.
        let _ = self.socket.close_after_flush();
    }
}

#[derive(Default)]
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
    let (tasks, task_count) = (RefCell::default(), Cell::default());
    let executor = Executor { dispatcher: dispatcher.clone(), tasks, task_count };
    EXECUTOR.with(|place| drop(place.set(executor)));
    let listener = AsyncSocket::listener(&address)?;
    println!("hyper: listening on {listener}");
    let server = Rc::new(Server { timeout, is_ending: Cell::new(false) });
    let it = server.clone();
    listener.set_handle_accept(move |listener, dispatcher| {
        while let Some(client) = listener.accept()? {
            spawn(serve(Stream::new(client, it.timeout, dispatcher)?, it.clone()));
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
            with_executor(|executor| {
                println!("hyper: ending, {} tasks are left; once more ends it now", executor.tasks.borrow().len());
                executor.tasks.borrow().values().for_each(|(_, task)| task.clone().wake());
            });
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
