//! The hot path allocates nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use selectio::{AsyncSocket, Dispatcher};

use crate::{connect, echo_server, poll_until};

#[test]
fn an_echoed_line_allocates_nothing_after_warm_up() {
    let (dispatcher, address) = echo_server();
    let mut clients: Vec<_> = (0..10).map(|_| connect(address)).collect();
    poll_until(&dispatcher, "all are accepted", || dispatcher.len() == 11);
    let mut round = || {
        for client in &mut clients {
            client.write_all(b"a line of some length, to be sent back\n").expect("it is connected");
        }
        let mut answer = [0; 39];
        for client in &mut clients {
            client.set_nonblocking(true).expect("a stream");
            while client.read(&mut answer).is_err() {
                dispatcher.poll(Duration::from_secs(1)).expect("polling works");
            }
            client.set_nonblocking(false).expect("a stream");
        }
    };
    round();
    let counted = allocation_counter::measure(|| (0..10).for_each(|_| round()));
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn a_connection_that_is_idle_costs_less_than_a_kilobyte() {
    const COUNT: usize = 1_000;
    crate::allow_descriptors(2_100);
    let (dispatcher, address) = echo_server();
    let talk = |clients: &mut [TcpStream]| {
        for client in clients.iter_mut() {
            client.write_all(b"a line\n").expect("it is connected");
        }
        let mut answer = [0; 7];
        for client in clients {
            client.set_nonblocking(true).expect("a stream");
            while client.read(&mut answer).is_err() {
                dispatcher.poll(Duration::from_secs(1)).expect("polling works");
            }
        }
    };
    // The buffers that all share are there after this.
    let mut first = [connect(address)];
    talk(&mut first);
    let mut clients: Vec<_> = (0..COUNT).map(|_| connect(address)).collect();
    let counted = allocation_counter::measure(|| talk(&mut clients));
    let each = counted.bytes_current / COUNT as i64;
    assert!(each < 1024, "{each} bytes for each connection: {counted:?}");
}

#[test]
fn a_send_buffer_that_is_never_empty_does_not_grow() {
    const LENGTH: usize = 64_000_000;
    let server = AsyncSocket::listener("127.0.0.1:0").expect("a listener");
    let mut client = connect(server.local_addr().expect("it is bound").inet().expect("an internet address"));
    let socket = server.accept().expect("it listens").expect("it waits");
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    dispatcher.register(&socket).expect("it is open");
    let fill = || while socket.send([b'x'; 50_000]).expect("it fits the buffer") < 1_000_000 {};
    fill();
    let mut buffer = vec![0; 64 * 1024];
    let counted = allocation_counter::measure(|| {
        let mut passed = 0;
        while passed < LENGTH {
            passed += client.read(&mut buffer).expect("there is more");
            dispatcher.poll(Duration::ZERO).expect("polling works");
            fill();
        }
    });
    assert!(counted.bytes_max < LENGTH as u64 / 4, "{counted:?}");
}
