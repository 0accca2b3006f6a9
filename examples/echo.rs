//! Sends every line back.
//!
//! ```sh
//! cargo run --example echo -- 127.0.0.1:7000                          # native
//! cargo run --target wasm32-wasip1 --example echo -- 127.0.0.1:7000   # WebAssembly, on a socket of the host
//! cargo run --target wasm32-wasip2 --example echo -- 127.0.0.1:7000   # WebAssembly, on one of its own
//! nc 127.0.0.1 7000
//! ```

use selectio::{AsyncSocket, Dispatcher, MainError};

const USAGE: &str = "usage: echo [HOST:PORT]\n
Sends every line that a client sends back to it. Listens on HOST:PORT or the path of a Unix socket,
127.0.0.1:7000 unless given; a preview1 guest listens on the socket that its host passes.";

fn main() -> Result<(), MainError> {
    let dispatcher = Dispatcher::new()?;
    let server = AsyncSocket::listener(&address_from_command_line())?;
    println!("echo: listening on {server}");
    server.set_handle_accept(|server, dispatcher| {
        while let Some((client, _peer)) = server.accept_addr()? {
            client.set_handle_read(|client, _| {
                while let Some(line) = client.read_line()?.full() {
                    client.send(line.with_newline())?;
                }
                Ok(())
            });
            dispatcher.register(&client)?;
        }
        Ok(())
    });
    dispatcher.register(&server)?;
    dispatcher.run()?;
    Ok(())
}

fn address_from_command_line() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => "127.0.0.1:7000".to_owned(),
        [help] if help == "--help" || help == "-h" => {
            println!("{USAGE}");
            std::process::exit(0);
        }
        [address] if address.contains([':', '/']) => address.clone(),
        _ => {
            eprintln!("echo: expected one HOST:PORT at most, got {arguments:?}; see --help");
            std::process::exit(2);
        }
    }
}
