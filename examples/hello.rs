//! The program of the README.

use selectio::{AsyncSocket, Dispatcher, MainError};

fn main() -> Result<(), MainError> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:7000".to_owned());
    let dispatcher = Dispatcher::new()?;
    let server = AsyncSocket::listener(&address)?;
    println!("hello: listening on {server}");
    server.set_handle_accept(|server, dispatcher| {
        while let Some((client, _peer)) = server.accept_addr()? {
            client.set_handle_read(|client, _| {
                while let Some(name) = client.read_line()?.full() {
                    client.send(format!("hello, {name}\n"))?;
                }
                Ok(())
            });
            dispatcher.register(&client)?;
        }
        Ok(())
    });
    dispatcher.register(&server)?;
    Ok(dispatcher.run()?)
}
