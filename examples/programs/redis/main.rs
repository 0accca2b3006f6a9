//! A server for Redis clients: values, counters, lists, expiry, and messages to subscribers, all in memory.
//!
//! ```sh
//! cargo run --example redis -- 127.0.0.1:6379                                         # native
//! selectio run --tcplisten 127.0.0.1:6379 redis.wasm                                  # as a guest of wasm32-wasip1
//! selectio run --inherit-network redis.wasm 127.0.0.1:6379                            # as a guest of wasm32-wasip2
//! redis-cli set greeting hello
//! ```

mod commands;
mod protocol;
mod store;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use std::{io, mem, process};

use lexopt::{Arg, ValueExt};
use selectio::{AsyncSocket, Delegate, Dispatcher, MainError, tls};
use smallvec::SmallVec;

use commands::{FULL, Session};
use protocol::{Answer, Answers, PIECE, Parser, VALUE_MAX};
use store::{MEMORY_MAX, Name, Store};

const USAGE: &str = "usage: redis [HOST:PORT] [--tls-cert FILE --tls-key FILE]\n
Speaks RESP2 with redis-cli and client libraries, and keeps everything in memory. Listens on HOST:PORT or the path of
a Unix socket, 127.0.0.1:6379 unless given; a preview1 guest listens on the socket that its host passes. Ctrl-C ends it.
  --tls-cert FILE   speak TLS, with the certificates in FILE
  --tls-key FILE    and their private key in FILE, both as PEM";

const CLIENTS_MAX: usize = 10_000;

fn main() -> Result<(), MainError> {
    let (address, files) = command_line().unwrap_or_else(|problem| {
        eprintln!("redis: {problem}; see --help");
        process::exit(2);
    });
    let dispatcher = Dispatcher::builder().registered_max(CLIENTS_MAX).build()?;
    let listener = AsyncSocket::listener(&address)?;
    if let Some((certificates, key)) = files {
        listener.set_tls(tls::server_config(certificates, key)?)?;
    }
    println!("redis: listening on {listener}");
    let shared = Rc::new(RefCell::new(Shared { input: vec![0; PIECE], ..Shared::default() }));
    // One timer is for the first key that expires. One for each key would take more memory, and all that are due at
    // once would be called in one turn.
    let expiring = shared.clone();
    let timer = dispatcher.call_every(Duration::from_secs(86_400), move |dispatcher| {
        expiring.borrow_mut().store.expire(dispatcher);
        Ok(())
    })?;
    shared.borrow_mut().store.timer = Some(timer);
    listener.set_handle_accept(move |listener, dispatcher| {
        while let Some(socket) = listener.accept()? {
            welcome(&socket, &shared, dispatcher)?;
        }
        Ok(())
    });
    dispatcher.register(&listener)?;
    if let Ok(signals) = Delegate::signals() {
        // Clients stay for as long as the server runs, so it doesn't wait for them.
        signals.set_handle_read(|_, dispatcher| {
            dispatcher.stop();
            Ok(())
        });
        dispatcher.register(&signals)?;
    }
    Ok(dispatcher.run()?)
}

fn welcome(socket: &AsyncSocket, shared: &Rc<RefCell<Shared>>, dispatcher: &Dispatcher) -> io::Result<()> {
    if dispatcher.register(socket).is_err() {
        socket.send("-ERR max number of clients reached\r\n")?;
        return socket.close_after_flush();
    }
    // A client that takes so little of its answers or messages is cut off.
    socket.set_send_buffer_max(VALUE_MAX + 4 * PIECE);
    // That a client is gone is no news, however it went: requests say themselves where they end.
    socket.set_handle_error(|_, _, _| {});
    let client = Rc::new(RefCell::new(Client::default()));
    let serve = {
        let (client, shared) = (client.clone(), shared.clone());
        move |socket: &AsyncSocket, dispatcher: &Dispatcher| {
            client.borrow_mut().serve(socket, dispatcher, &mut shared.borrow_mut())
        }
    };
    socket.set_handle_read(serve.clone());
    socket.set_handle_drain(serve);
    let shared = shared.clone();
    socket.set_handle_gone(move |socket, _| {
        let (store, mut client) = (&mut shared.borrow_mut().store, client.borrow_mut());
        store.memory -= client.rest.len();
        mem::take(&mut client.channels).iter().for_each(|name| store.leave(socket, name));
        Ok(())
    });
    Ok(())
}

/// What all clients share: the keys, and buffers of which one is enough.
#[derive(Default)]
struct Shared {
    store: Store,
    input: Vec<u8>,
    answers: Answers,
}

#[derive(Default)]
struct Client {
    /// What has arrived and was not served: part of a request, or requests that wait until answers are taken.
    rest: Vec<u8>,
    parser: Parser,
    channels: BTreeSet<Name>,
}

impl Client {
    /// Serves what has arrived, as long as the client takes the answers.
    fn serve(&mut self, socket: &AsyncSocket, dispatcher: &Dispatcher, shared: &mut Shared) -> io::Result<()> {
        let Shared { store, input, answers } = shared;
        store.now = dispatcher.now();
        loop {
            let is_last = self.serve_rest(socket, store, answers)?;
            store.set_timer(dispatcher);
            if is_last {
                return socket.close_after_flush();
            } else if socket.is_send_buffer_full() {
                socket.pause_reading();
                return Ok(());
            }
            socket.resume_reading();
            let Some(length @ 1..) = socket.recv(input)? else { return Ok(()) };
            self.rest.extend_from_slice(&input[..length]);
            store.memory += length;
        }
    }

    /// Answers whether the connection is to end.
    fn serve_rest(&mut self, socket: &AsyncSocket, store: &mut Store, answers: &mut Answers) -> io::Result<bool> {
        let (mut used, mut is_last) = (0, false);
        while !is_last && !socket.is_send_buffer_full() {
            let request = &mut self.rest[used..];
            let answer = match self.parser.advance(request) {
                Ok(false) => break,
                Ok(true) if self.parser.words.is_empty() => Ok(Answer::Given),
                Ok(true) => {
                    request[self.parser.words[0].clone()].make_ascii_lowercase();
                    let words: SmallVec<[_; 8]> = self.parser.words.iter().map(|word| &request[word.clone()]).collect();
                    let mut session = Session { socket, channels: &mut self.channels };
                    store.execute(&mut session, &words, answers)
                }
                Err(problem) => Ok(Answer::Last(format!("-ERR Protocol error: {problem}\r\n").into())),
            };
            is_last = answers.put(answer);
            used += self.parser.next_request();
            if answers.0.len() > PIECE {
                answers.send(socket)?;
            }
        }
        self.rest.drain(..used);
        store.memory -= used;
        if self.rest.is_empty() {
            // An idle client keeps little.
            self.rest.shrink_to(4096);
        } else if self.rest.len() > PIECE && store.memory > MEMORY_MAX {
            is_last = answers.put(Ok(Answer::Last(format!("-{FULL}\r\n").into())));
        }
        answers.send(socket)?;
        Ok(is_last)
    }
}

fn command_line() -> Result<(String, Option<(PathBuf, PathBuf)>), lexopt::Error> {
    let (mut address, mut certificates, mut key) = (None, None, None);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => {
                println!("{USAGE}");
                process::exit(0);
            }
            Arg::Long("tls-cert") => certificates = Some(PathBuf::from(arguments.value()?)),
            Arg::Long("tls-key") => key = Some(PathBuf::from(arguments.value()?)),
            Arg::Value(value) if address.is_none() => address = Some(value.string()?),
            _ => return Err(argument.unexpected()),
        }
    }
    let address = address.unwrap_or("127.0.0.1:6379".to_owned());
    match (certificates, key) {
        _ if !address.contains([':', '/']) => Err(format!("expected HOST:PORT, got {address}").into()),
        (Some(certificates), Some(key)) => Ok((address, Some((certificates, key)))),
        (None, None) => Ok((address, None)),
        _ => Err("--tls-cert and --tls-key belong together".into()),
    }
}
