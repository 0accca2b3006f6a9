//! Connects out, sends the lines of standard input, and prints what comes back.
//!
//! ```sh
//! cargo run --example echo -- 127.0.0.1:7000 &
//! cargo run --example line_client -- 127.0.0.1:7000                          # native
//! cargo run --target wasm32-wasip2 --example line_client -- 127.0.0.1:7000   # WebAssembly that connects itself
//!
//! cargo build --target wasm32-wasip1 --example line_client
//! selectio run --tcpconnect 127.0.0.1:7000 target/wasm32-wasip1/debug/examples/line_client.wasm 127.0.0.1:7000
//! ```

use std::io;

use selectio::{AsyncSocket, Delegate, Dispatcher, MainError, Shutdown};

const USAGE: &str = "usage: line_client HOST:PORT\n
Connects to HOST:PORT, sends the lines of standard input, and prints the lines that come back. Ends when
the server does. A preview1 guest takes the connection that its host made.";

fn main() -> Result<(), MainError> {
    let dispatcher = Dispatcher::new()?;
    let client = AsyncSocket::connection(&address_from_command_line())?;
    client.set_handle_connect(|client, _| {
        eprintln!("line_client: connected over {client}");
        Ok(())
    });
    client.set_handle_read(|client, _| {
        while let Some(line) = client.read_line()?.full() {
            println!("{line}");
        }
        Ok(())
    });
    client.set_handle_close(|client, dispatcher| {
        client.close()?;
        dispatcher.stop();
        Ok(())
    });
    client.set_handle_error(|_, _, error| {
        eprintln!("line_client: {error}");
        std::process::exit(1);
    });
    dispatcher.register(&client)?;
    dispatcher.register(&input_for(client)?)?;
    dispatcher.run()?;
    Ok(())
}

/// Standard input, whose bytes go to the server as they are, no faster than it takes them; its end is the end of what
/// is sent.
fn input_for(client: AsyncSocket) -> io::Result<Delegate> {
    let input = Delegate::stdin()?;
    let paused = input.clone();
    client.set_handle_drain(move |_, _| {
        paused.resume_reading();
        Ok(())
    });
    let mut buffer = [0; 4096];
    input.set_handle_read(move |input, _| match input.read(&mut buffer)? {
        Some(0) => {
            client.shutdown(Shutdown::Write)?;
            input.close()
        }
        Some(length) => {
            client.send(&buffer[..length])?;
            if client.is_send_buffer_full() {
                input.pause_reading();
            }
            Ok(())
        }
        None => Ok(()),
    });
    Ok(input)
}

fn address_from_command_line() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [help] if help == "--help" || help == "-h" => {
            println!("{USAGE}");
            std::process::exit(0);
        }
        [address] if address.contains(':') => address.clone(),
        _ => {
            eprintln!("line_client: expected one HOST:PORT, got {arguments:?}; see --help");
            std::process::exit(2);
        }
    }
}
