//! Sends every line back, and drops the clients that stay silent: each has one timer, which its lines put off.
//!
//! ```sh
//! cargo run --example timeouts -- 127.0.0.1:7000 5
//! nc 127.0.0.1 7000
//! ```

use std::time::Duration;

use selectio::{AsyncSocket, Dispatcher, MainError};

const USAGE: &str = "usage: timeouts [HOST:PORT [SECONDS]]\n
Sends every line that a client sends back to it, and says goodbye to clients that are silent for SECONDS,
30 unless given. Listens on HOST:PORT, 127.0.0.1:7000 unless given; a preview1 guest listens on the
socket that its host passes.";

fn main() -> Result<(), MainError> {
    let (address, patience) = command_line();
    let dispatcher = Dispatcher::new()?;
    let server = AsyncSocket::listener(&address)?;
    println!("timeouts: listening on {server}, patient for {} seconds", patience.as_secs());
    server.set_handle_accept(move |server, dispatcher| {
        while let Some(client) = server.accept()? {
            serve(&client, patience, dispatcher)?;
        }
        Ok(())
    });
    dispatcher.register(&server)?;
    dispatcher.run()?;
    Ok(())
}

fn serve(client: &AsyncSocket, patience: Duration, dispatcher: &Dispatcher) -> std::io::Result<()> {
    let silence = client.call_after(dispatcher, patience, |client, _| {
        client.send("* too silent, bye\n")?;
        client.close_after_flush()
    });
    client.set_handle_read(move |client, dispatcher| {
        dispatcher.restart(silence, patience);
        while let Some(line) = client.read_line()?.full() {
            client.send(line.with_newline())?;
        }
        Ok(())
    });
    dispatcher.register(client)
}

fn command_line() -> (String, Duration) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (address, seconds) = match arguments.as_slice() {
        [] => ("127.0.0.1:7000", Ok(30)),
        [help] if help == "--help" || help == "-h" => {
            println!("{USAGE}");
            std::process::exit(0);
        }
        [address] if address.contains([':', '/']) => (address.as_str(), Ok(30)),
        [address, seconds] if address.contains([':', '/']) => (address.as_str(), seconds.parse()),
        _ => ("", Ok(0)),
    };
    match seconds {
        Ok(seconds) if seconds > 0 => (address.to_owned(), Duration::from_secs(seconds)),
        _ => {
            eprintln!("timeouts: expected HOST:PORT and a number of seconds above 0, got {arguments:?}; see --help");
            std::process::exit(2);
        }
    }
}
