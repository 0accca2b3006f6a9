//! Many descriptors at once, above the C library's FD_SETSIZE too.

use std::io::{Read, Write};

use crate::{allow_descriptors, connect, echo_server, poll_until};

#[test]
fn c9_two_thousand_clients_are_served_at_once() {
    const COUNT: usize = 2000;
    // Both ends of each connection are in this process.
    allow_descriptors(2 * COUNT as u64 + 100);
    let (dispatcher, address) = echo_server();
    let mut clients = Vec::new();
    for index in 0..COUNT {
        let mut client = connect(address);
        writeln!(client, "I am {index}").expect("it is connected");
        clients.push(client);
        if index % 500 == 499 {
            poll_until(&dispatcher, "those so far are accepted", || dispatcher.len() == index + 2);
        }
    }
    for (index, client) in clients.iter_mut().enumerate() {
        let expected = format!("I am {index}\n");
        let mut answer = vec![0; expected.len()];
        client.set_nonblocking(true).expect("a stream");
        let mut filled = 0;
        poll_until(&dispatcher, "the answer arrives", || {
            filled += client.read(&mut answer[filled..]).unwrap_or(0);
            filled == expected.len()
        });
        assert_eq!(answer, expected.as_bytes());
    }
    drop(clients);
    poll_until(&dispatcher, "all are gone", || dispatcher.len() == 1);
}
