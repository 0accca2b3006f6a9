//! Passes every connection on to another address, in both directions, no faster than the slower side takes it; and
//! shows how a server ends when it is asked to: it accepts nobody any more, lets its clients finish, and exits with 0.
//!
//! ```sh
//! cargo run --example proxy -- 127.0.0.1:7000 127.0.0.1:8000
//! nc 127.0.0.1 7000
//! ```
//!
//! For a preview1 guest the host connects, so there is one client for each `--tcpconnect`:
//!
//! ```sh
//! selectio run --tcplisten 127.0.0.1:7000 --tcpconnect 127.0.0.1:8000 proxy.wasm 127.0.0.1:7000 127.0.0.1:8000
//! ```

use selectio::{AsyncSocket, Delegate, Dispatcher, MainError, pipe};

const USAGE: &str = "usage: proxy [LISTEN [TARGET]]\n
Passes every connection to LISTEN, 127.0.0.1:7000 unless given, on to TARGET, 127.0.0.1:8000 unless given.
Both are HOST:PORT or the path of a Unix socket; to a preview1 guest its host passes both. Ctrl-C
ends it when the connections are done, a second one at once.";

fn main() -> Result<(), MainError> {
    let (address, target) = command_line();
    let dispatcher = Dispatcher::new()?;
    let server = AsyncSocket::listener(&address)?;
    println!("proxy: listening on {server}, passing on to {target}");
    server.set_handle_accept(move |server, dispatcher| {
        while let Some(client) = server.accept()? {
            let upstream = AsyncSocket::connection(&target)?;
            pipe(&client, &upstream);
            pipe(&upstream, &client);
            dispatcher.register(&client)?;
            dispatcher.register(&upstream)?;
        }
        Ok(())
    });
    dispatcher.register(&server)?;
    end_when_asked(&server, &dispatcher)?;
    Ok(dispatcher.run()?)
}

/// Where no signals are passed on, the host just ends the program.
fn end_when_asked(server: &AsyncSocket, dispatcher: &Dispatcher) -> Result<(), MainError> {
    let Ok(signals) = Delegate::signals() else { return Ok(()) };
    let server = server.clone();
    signals.set_handle_read(move |signals, dispatcher| {
        server.close()?;
        signals.close()?;
        println!("proxy: ending, {} sockets are open; once more ends it now", dispatcher.len());
        Ok(())
    });
    Ok(dispatcher.register(&signals)?)
}

fn command_line() -> (String, String) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{USAGE}");
        std::process::exit(0);
    }
    let is_address = |text: &String| text.contains([':', '/']);
    if arguments.len() > 2 || !arguments.iter().all(is_address) {
        eprintln!("proxy: expected two addresses at most, got {arguments:?}; see --help");
        std::process::exit(2);
    }
    let mut arguments = arguments.into_iter();
    let mut next = |default: &str| arguments.next().unwrap_or(default.to_owned());
    (next("127.0.0.1:7000"), next("127.0.0.1:8000"))
}
