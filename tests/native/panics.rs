//! A handler that panics costs its socket, not the loop.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::rc::Rc;

use selectio::AsyncSocket;

use crate::{connect, echo_server, poll_until};

#[test]
fn p13_a_panic_in_a_handler_costs_its_own_socket_only() {
    let (dispatcher, address) = echo_server();
    let told = Rc::new(RefCell::new(String::new()));
    let server = AsyncSocket::listener("127.0.0.1:0").expect("a listener");
    let noted = told.clone();
    server.set_handle_accept(move |server, dispatcher| {
        while let Some(client) = server.accept()? {
            client.set_handle_read(|_, _| panic!("on purpose"));
            let noted = noted.clone();
            client.set_handle_error(move |_, _, error| *noted.borrow_mut() = error.to_string());
            dispatcher.register(&client)?;
        }
        Ok(())
    });
    dispatcher.register(&server).expect("it is open");
    let panicking = server.local_addr().expect("it is bound").inet().expect("an internet address");

    let (mut victim, mut other) = (connect(panicking), connect(address));
    victim.write_all(b"x").expect("it is connected");
    other.write_all(b"fine\n").expect("it is connected");
    poll_until(&dispatcher, "the panic is told", || !told.borrow().is_empty());
    assert_eq!(*told.borrow(), "handle_read: panicked: on purpose");
    other.set_nonblocking(true).expect("a stream");
    let mut answer = [0; 5];
    poll_until(&dispatcher, "the other one is served", || other.read(&mut answer).is_ok());
    assert_eq!(&answer, b"fine\n");
    assert_eq!(dispatcher.len(), 3, "two listeners and the other client");
}

#[test]
fn a_panic_in_a_timer_is_told_and_ends_nothing() {
    let (dispatcher, _address) = echo_server();
    dispatcher.call_after(std::time::Duration::ZERO, |_| panic!("on purpose"));
    let told = Rc::new(RefCell::new(String::new()));
    let text = told.clone();
    dispatcher.set_handle_error(move |_, error| *text.borrow_mut() = error.to_string());
    assert!(dispatcher.poll(None).expect("polling works"));
    assert_eq!(*told.borrow(), "a timer: panicked: on purpose");
}
