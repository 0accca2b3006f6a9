//! The blocking view of a socket, and sockets as others know them.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use selectio::{AsyncSocket, ReadLine, SocketStatus};

use crate::support::{A_WHILE, State, World, pattern_checksum, test, wait_until};

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_client_can_be_accepted_and_served_without_a_dispatcher() {
    let world = World::new();
    let client = world.peer.connect();
    let (socket, _peer) = world.server.blocking(PATIENCE).accept().expect("it connected");
    let blocking = socket.blocking(PATIENCE);
    client.send("hel");
    client.send("lo\nand more");
    let line = blocking.read_line().expect("it arrives").full().expect("a line");
    assert_eq!(&line[..], b"hello");
    let mut buffer = [0; 64];
    let length = blocking.recv(&mut buffer).expect("it arrives");
    assert!(b"and more".starts_with(&buffer[..length]) && length > 0);
    blocking.send("answer\n").expect("there is room");
    wait_until("it arrives", || (client.text() == "answer\n").then_some(()));
    client.close();
    while blocking.read_line().expect("the end arrives") != ReadLine::Eof {}
}

#[test]
fn a_blocking_call_ends_when_its_time_is_over() {
    let world = World::new();
    let (socket, _client) = world.connect();
    let start = world.dispatcher.now();
    let error = socket.blocking(A_WHILE).recv(&mut [0; 8]).expect_err("nothing comes");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.to_string().starts_with("recv: "), "{error}");
    assert!(world.dispatcher.now() - start >= A_WHILE);
    let error = world.server.blocking(A_WHILE).accept().expect_err("nobody comes");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[test]
fn a_blocking_send_returns_when_the_kernel_has_everything() {
    const LENGTH: u64 = 8_000_000;
    let world = World::new();
    let (socket, client) = world.connect_paused();
    let bytes: Vec<u8> = (0..LENGTH).map(|index| crate::support::pattern_byte(index, 1)).collect();
    let error = socket.blocking(A_WHILE).send(&bytes).expect_err("the peer doesn't read");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    client.resume();
    socket.blocking(PATIENCE).send("").expect("the peer reads");
    assert!(!socket.is_send_data_buffered());
    socket.close().expect("it was open");
    client.wait_for_state(State::Eof);
    let received = client.received();
    assert_eq!((received.length, received.checksum), (LENGTH, pattern_checksum(LENGTH, 1)));
}

#[test]
fn q9_is_writeable_tells_whether_there_is_room() {
    let world = World::new();
    let (socket, client) = world.connect_paused();
    assert!(socket.is_writeable().expect("it is open"));
    assert!(!world.server.is_writeable().expect("it is open"), "a listener sends nothing");
    while !socket.is_send_data_buffered() {
        socket.send([b'x'; 64 * 1024]).expect("it fits the buffer");
    }
    assert!(!socket.is_writeable().expect("it is open"));
    client.resume();
    wait_until("there is room", || socket.is_writeable().expect("it is open").then_some(()));
    socket.close().expect("it was open");
    assert_eq!(socket.is_writeable().expect_err("it is closed").kind(), ErrorKind::NotConnected);
}

#[test]
fn an_unbuffered_socket_takes_no_byte_beyond_its_line() {
    let world = World::new();
    let (socket, client) = world.connect();
    socket.set_buffered(false);
    client.send("head\nbody");
    world.wait_for_arrival();
    let line = socket.read_line().expect("it is open").full().expect("a line");
    assert_eq!(&line[..], b"head");
    let descriptor = socket.into_descriptor().expect("it is open");
    let socket = AsyncSocket::from_descriptor(descriptor, SocketStatus::Connected).expect("it is a socket");
    let mut body = [0; 16];
    assert_eq!(socket.recv(&mut body).expect("it is open"), Some(4));
    assert_eq!(&body[..4], b"body");
}

#[test]
fn a_socket_can_be_given_away_and_adopted_again() {
    let world = World::new();
    let (socket, client) = world.connect();
    world.dispatcher.register(&socket).expect("it is open");
    let clone = socket.clone();
    let descriptor = socket.into_descriptor().expect("it is open");
    assert!(clone.is_closed() && world.dispatcher.is_empty());
    assert_eq!(clone.into_descriptor().expect_err("it was given away").kind(), ErrorKind::NotConnected);
    let adopted = AsyncSocket::from_descriptor(descriptor, SocketStatus::Connected).expect("it is a socket");
    adopted.set_handle_read(|socket, _| {
        while let Some(line) = socket.read_line()?.full() {
            socket.send(line.with_newline())?;
        }
        Ok(())
    });
    world.dispatcher.register(&adopted).expect("it is open");
    client.send("still there?\n");
    let mut answered = || {
        world.dispatcher.poll(A_WHILE).expect("polling works");
        (client.text() == "still there?\n").then_some(())
    };
    wait_until("it answers", &mut answered);
}

#[test]
fn what_is_no_socket_and_no_state_is_not_adopted() {
    let world = World::new();
    let (socket, _client) = world.connect();
    let descriptor = socket.into_descriptor().expect("it is open");
    let error = AsyncSocket::from_descriptor(descriptor, SocketStatus::Closed).expect_err("it is open");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_socket_reads_and_writes_like_any_other_stream() {
    let world = World::new();
    let (socket, client) = world.connect();
    let mut stream = &socket;
    let mut buffer = [0; 16];
    assert_eq!(stream.read(&mut buffer).expect_err("nothing came").kind(), ErrorKind::WouldBlock);
    writeln!(stream, "hello {}", 7 + world.dispatcher.len()).expect("there is room");
    stream.flush().expect("the kernel has it");
    wait_until("it arrives", || (client.text() == "hello 7\n").then_some(()));
    client.send("x");
    client.shutdown();
    world.wait_for_arrival();
    assert_eq!(stream.read(&mut buffer).expect("a byte came"), 1);
    assert_eq!(stream.read(&mut buffer).expect("the end came"), 0);
}
