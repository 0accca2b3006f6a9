//! An HTTP/1.1 server that can be exposed to anybody: the files of a folder, uploads and an echo, with the limits that this
//! takes.
//!
//! ```sh
//! cargo run --example http -- 127.0.0.1:8080 --root www
//! curl http://127.0.0.1:8080/                                             # the file www/index.html
//! curl --data-binary @big.iso http://127.0.0.1:8080/upload                # how long it is, and its SHA-256
//! selectio run --tcplisten 127.0.0.1:8080 --dir www http.wasm --root www  # as a guest of wasm32-wasip1
//! selectio run --inherit-network --dir www http.wasm --root www           # as a guest of wasm32-wasip2
//! ```

mod connection;
mod files;
mod request;

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use lexopt::prelude::*;
use selectio::{AsyncSocket, Delegate, Dispatcher, MainError, tls};

use connection::{Server, serve};
use files::{PIECE_LENGTH, enter};

const USAGE: &str = "usage: http [HOST:PORT] [--root DIR] [--timeout SECONDS] [--tls-cert FILE --tls-key FILE]\n
Serves HTTP/1.1 on HOST:PORT or the path of a Unix socket, 127.0.0.1:8080 unless given; a preview1 guest listens on the
socket that its host passes. GET and HEAD get the files below DIR, or a short text at / without it. POST and PUT to
/upload are answered with the length of the body and its SHA-256, to /echo with the body. A client has SECONDS, 30
unless given, for the head of a request, for each piece of a body, and between requests; four times that to take a
piece of its answer. With a certificate and its key, both PEM, the server speaks TLS. Ctrl-C ends it when all requests
that are under way are answered, a second one at once.";

/// How long a client may take its last bytes when the server ends: less than the ten seconds that `selectio run` gives.
const ENDING_TIME: Duration = Duration::from_secs(8);

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
