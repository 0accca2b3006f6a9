//! Sends every byte back, with selectio; natively, or as a guest on the socket of the host.

use std::cell::RefCell;
use std::rc::Rc;

use selectio::{AsyncSocket, Dispatcher, MainError};

/// Room for one receive: more than the largest message that is sent to these servers at once.
const BUFFER_LENGTH: usize = 64 * 1024;

fn main() -> Result<(), MainError> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:0".to_owned());
    let dispatcher = Dispatcher::new()?;
    let server = AsyncSocket::listener(&address)?;
    println!("selectio_echo: listening on {server}");
    let buffer = Rc::new(RefCell::new(vec![0; BUFFER_LENGTH]));
    server.set_handle_accept(move |server, dispatcher| {
        while let Some(client) = server.accept()? {
            let buffer = buffer.clone();
            client.set_handle_read(move |client, _| {
                let mut buffer = buffer.borrow_mut();
                while let Some(length @ 1..) = client.recv(&mut buffer)? {
                    client.send(&buffer[..length])?;
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
