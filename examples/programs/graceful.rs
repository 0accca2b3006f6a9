//! A small web server that starts itself anew without a client noticing: on SIGHUP its executable, which may be another one
//! by then, is started with the same listener. Once that says that it is ready, this process accepts nobody any more, lets
//! its clients finish, and ends.
//!
//! ```sh
//! cargo run --example graceful -- 127.0.0.1:7000
//! while curl http://127.0.0.1:7000/; do :; done &
//! kill -HUP $(pgrep graceful)
//! ```
//!
//! The new process gets the listener as a supervisor would pass it (`LISTEN_FDS`, sd_listen_fds(3)), so that
//! `AsyncSocket::listener` finds it, and beside it a stream of the name `ready`, on which it answers. Guests can't start
//! processes: there the program says so.

use std::time::Duration;

use lexopt::{Arg, ValueExt};
use selectio::MainError;

const USAGE: &str = "usage: graceful [HOST:PORT] [OPTION]\n
Answers web requests on HOST:PORT, 127.0.0.1:7000 unless given, with the number of the process that answers;
one for /3 after three seconds. SIGHUP starts the program anew, which takes the listener over; the clients of
the old process finish there. Ctrl-C ends it when its clients have finished, a second one at once.

  --grace SECONDS  how long clients may take to finish; 30 unless given
  -h, --help       this text";

fn main() -> Result<(), MainError> {
    let (address, grace) = command_line().unwrap_or_else(|error| {
        eprintln!("graceful: {error}; see --help");
        std::process::exit(2);
    });
    Ok(process::run(&address, grace)?)
}

#[cfg(not(unix))]
mod process {
    use std::io;
    use std::time::Duration;

    pub fn run(_: &str, _: Duration) -> io::Result<()> {
        let text = "graceful: a new process takes the listener over, and only native programs of Unix can start one";
        Err(io::Error::new(io::ErrorKind::Unsupported, text))
    }
}

#[cfg(unix)]
mod process {
    use std::cell::{Cell, RefCell};
    use std::env;
    use std::io;
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::net::UnixStream;
    use std::path::PathBuf;
    use std::process::{Child, Command};
    use std::rc::Rc;
    use std::time::Duration;

    use command_fds::{CommandFdExt, FdMapping};
    use selectio::{AsyncSocket, Delegate, Dispatcher, Mode, SocketStatus};
    use signal_hook::consts::SIGHUP;

    /// How long a new process may take until it is ready.
    const START_TIME: Duration = Duration::from_secs(20);
    /// How long a client may take for its next request.
    const IDLE_TIME: Duration = Duration::from_secs(60);
    const HEAD_LINES_MAX: usize = 100;
    const LINE_LENGTH_MAX: usize = 8 * 1024;
    const ANSWER_DELAY_MAX: u64 = 30;

    /// What the handlers share.
    struct Server {
        listener: AsyncSocket,
        hangups: Delegate,
        signals: Delegate,
        /// As it was called: what is there now may be a newer one.
        executable: PathBuf,
        grace: Duration,
        /// The new process, until it is ready.
        successor: RefCell<Option<Child>>,
        clients: Cell<usize>,
        is_ending: Cell<bool>,
    }

    pub fn run(address: &str, grace: Duration) -> io::Result<()> {
        let (listener, hangups, signals) = (AsyncSocket::listener(address)?, hangups()?, Delegate::signals()?);
        println!("graceful: listening on {listener}, process {}", std::process::id());
        let (executable, dispatcher) = (env::current_exe()?, Dispatcher::new()?);
        let (successor, clients, is_ending) = Default::default();
        let server = Server { listener, hangups, signals, executable, grace, successor, clients, is_ending };
        let server = Rc::new(server);
        let accepting = server.clone();
        server.listener.set_handle_accept(move |listener, dispatcher| {
            while let Some(client) = listener.accept()? {
                accepting.serve(&client, dispatcher)?;
            }
            Ok(())
        });
        let ending = server.clone();
        server.signals.set_handle_read(move |_, dispatcher| {
            println!("graceful: ending, {} clients are left; once more ends it now", ending.clients.get());
            if let Some(mut child) = ending.successor.take() {
                child.kill()?;
            }
            ending.end(dispatcher)
        });
        let handing_over = server.clone();
        server.hangups.set_handle_read(move |hangups, dispatcher| {
            while hangups.read(&mut [0; 64])?.is_some() {}
            handing_over.start_successor(dispatcher)
        });
        dispatcher.register(&server.listener)?;
        dispatcher.register(&server.signals)?;
        dispatcher.register(&server.hangups)?;
        tell_predecessor(&dispatcher)?;
        dispatcher.run()
    }

    /// Becomes readable with each SIGHUP.
    fn hangups() -> io::Result<Delegate> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        signal_hook::low_level::pipe::register(SIGHUP, writer)?;
        Ok(Delegate::new(OwnedFd::from(reader), Mode::Read))
    }

    /// Whoever has started this process to take over waits for the word; mostly nobody has.
    fn tell_predecessor(dispatcher: &Dispatcher) -> io::Result<()> {
        let Ok(predecessor) = AsyncSocket::connection("ready") else { return Ok(()) };
        predecessor.set_handle_connect(|predecessor, _| {
            predecessor.send("ready\n")?;
            predecessor.close_after_flush()
        });
        dispatcher.register(&predecessor)
    }

    impl Server {
        fn start_successor(self: &Rc<Server>, dispatcher: &Dispatcher) -> io::Result<()> {
            if self.successor.borrow().is_some() || self.is_ending.get() {
                return Ok(());
            }
            match self.spawn() {
                Ok((child, answers)) => {
                    self.successor.replace(Some(child));
                    self.await_successor(&answers, dispatcher)
                }
                Err(error) => {
                    eprintln!("graceful: there is no new process: {error}; going on");
                    Ok(())
                }
            }
        }

        /// The new process, and the stream on which it answers.
        fn spawn(&self) -> io::Result<(Child, AsyncSocket)> {
            let listener = self.listener.with_descriptor(|listener| listener.fd()?.as_fd().try_clone_to_owned())?;
            let (own, other) = UnixStream::pair()?;
            // Only the new process knows its number, by which it is told that the descriptors are meant for it.
            let mut command = Command::new("/bin/sh");
            command.args(["-c", "export LISTEN_PID=$$; exec \"$0\" \"$@\""]);
            command.arg(&self.executable).args(env::args_os().skip(1));
            command.env("LISTEN_FDS", "2").env("LISTEN_FDNAMES", "unknown:ready");
            let passed = [listener, other.into()].into_iter().zip(3..);
            let mappings = passed.map(|(parent_fd, child_fd)| FdMapping { parent_fd, child_fd }).collect();
            let child = command.fd_mappings(mappings).map_err(io::Error::other)?.spawn()?;
            Ok((child, AsyncSocket::from_descriptor(OwnedFd::from(own), SocketStatus::Connected)?))
        }

        /// The stream ends without a word when the new process does.
        fn await_successor(self: &Rc<Server>, answers: &AsyncSocket, dispatcher: &Dispatcher) -> io::Result<()> {
            let server = self.clone();
            answers.set_handle_read(move |answers, dispatcher| {
                let is_ready = answers.read_line()?.full().is_some_and(|line| line == "ready");
                let child = server.successor.borrow_mut().take_if(|_| is_ready);
                let Some(child) = child else { return Ok(()) };
                answers.close()?;
                println!("graceful: process {} has taken over, {} clients are left", child.id(), server.clients.get());
                server.end(dispatcher)
            });
            let server = self.clone();
            answers.set_handle_gone(move |_, _| {
                if let Some(mut child) = server.successor.take() {
                    child.kill()?;
                    eprintln!("graceful: the new process did not start ({}); going on", child.wait()?);
                }
                Ok(())
            });
            answers.call_after(dispatcher, START_TIME, |answers, _| answers.close());
            dispatcher.register(answers)
        }

        /// Accepts nobody any more. The program ends with its last client, or when their time is over.
        fn end(self: &Rc<Server>, dispatcher: &Dispatcher) -> io::Result<()> {
            self.is_ending.set(true);
            self.listener.close()?;
            self.hangups.close()?;
            self.signals.close()?;
            self.stop_after_last(dispatcher);
            let server = self.clone();
            dispatcher.call_after(self.grace, move |dispatcher| {
                eprintln!("graceful: clients that did not finish in time: {}", server.clients.get());
                dispatcher.stop();
                Ok(())
            });
            Ok(())
        }

        fn stop_after_last(&self, dispatcher: &Dispatcher) {
            if self.is_ending.get() && self.clients.get() == 0 {
                dispatcher.stop();
            }
        }

        fn serve(self: &Rc<Server>, client: &AsyncSocket, dispatcher: &Dispatcher) -> io::Result<()> {
            client.set_line_length_max(LINE_LENGTH_MAX);
            let idle = client.call_after(dispatcher, IDLE_TIME, |client, _| client.close());
            let (server, mut head) = (self.clone(), Vec::new());
            client.set_handle_read(move |client, dispatcher| {
                while let Some(line) = client.read_line()?.full() {
                    if head.len() > HEAD_LINES_MAX {
                        return client.close();
                    }
                    if !line.is_empty() {
                        head.push(String::from_utf8_lossy(&line).to_ascii_lowercase());
                    } else if !head.is_empty() {
                        dispatcher.restart(idle, IDLE_TIME);
                        server.answer(client, &std::mem::take(&mut head), dispatcher)?;
                        if client.is_reading_paused() {
                            break;
                        }
                    }
                }
                Ok(())
            });
            client.set_handle_drain(|client, _| {
                client.resume_reading();
                Ok(())
            });
            // A client that resets its connection is no news.
            client.set_handle_error(|_, _, _| {});
            let server = self.clone();
            client.set_handle_gone(move |_, dispatcher| {
                server.clients.update(|count| count - 1);
                server.stop_after_last(dispatcher);
                Ok(())
            });
            dispatcher.register(client)?;
            self.clients.update(|count| count + 1);
            Ok(())
        }

        /// Answers the request that has these lines.
        fn answer(self: &Rc<Server>, client: &AsyncSocket, head: &[String], dispatcher: &Dispatcher) -> io::Result<()> {
            let words: Vec<&str> = head[0].split(' ').collect();
            let has = |name: &str, value: &str| head.iter().any(|line| line.starts_with(name) && line.contains(value));
            let delay = match words[..] {
                // A request with a body, or what is no request: nobody knows where the next one begins.
                [_, _, "http/1.0" | "http/1.1"] if !has("content-length:", "") && !has("transfer-encoding:", "") => {
                    words[1].strip_prefix('/').map(|path| if path.is_empty() { "0" } else { path })
                }
                _ => return self.respond(client, "400 Bad Request", false, false),
            };
            let is_kept =
                if words[2] == "http/1.1" { !has("connection:", "close") } else { has("connection:", "keep-alive") };
            let is_head = words[0] == "head";
            if words[0] != "get" && !is_head {
                return self.respond(client, "405 Method Not Allowed", false, is_kept);
            }
            match delay.and_then(|delay| delay.parse().ok()).filter(|delay| *delay <= ANSWER_DELAY_MAX) {
                Some(0) => self.respond(client, "200 OK", is_head, is_kept),
                Some(delay) => {
                    client.pause_reading();
                    let server = self.clone();
                    client.call_after(dispatcher, Duration::from_secs(delay), move |client, _| {
                        client.resume_reading();
                        server.respond(client, "200 OK", is_head, is_kept)
                    });
                    Ok(())
                }
                None => self.respond(client, "404 Not Found", is_head, is_kept),
            }
        }

        /// A connection that is kept for more requests is closed by the first one after the listener was handed over.
        fn respond(&self, client: &AsyncSocket, status: &str, is_head: bool, is_kept: bool) -> io::Result<()> {
            let is_kept = is_kept && !self.is_ending.get();
            let body = format!("process {}: {status}\n", std::process::id());
            let connection = if is_kept { "keep-alive" } else { "close" };
            let (length, body) = (body.len(), if is_head { "" } else { &body });
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: {connection}\r\n\r\n");
            client.send(head + body)?;
            if !is_kept {
                return client.close_after_flush();
            }
            if client.is_send_buffer_full() {
                client.pause_reading();
            }
            Ok(())
        }
    }
}

fn command_line() -> Result<(String, Duration), lexopt::Error> {
    let (mut address, mut grace) = (None, Duration::from_secs(30));
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            Arg::Long("grace") => {
                let seconds = Duration::try_from_secs_f64(arguments.value()?.parse()?);
                grace = seconds.map_err(|_| "--grace takes a number of seconds")?;
            }
            Arg::Value(value) if address.is_none() => {
                let text = value.string()?;
                let port = text.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
                port.ok_or_else(|| format!("{text:?} is no HOST:PORT: write 127.0.0.1:7000"))?;
                address = Some(text);
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok((address.unwrap_or("127.0.0.1:7000".to_owned()), grace))
}
