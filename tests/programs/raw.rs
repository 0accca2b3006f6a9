//! Connections written by hand, for what the clients of others don't do.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};

use selectio_driver::client::Client;

use crate::LIMIT;

/// A connection on which nothing waits for more.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_nodelay(true).expect("a stream");
    stream.set_read_timeout(Some(LIMIT)).expect("a stream");
    stream.set_write_timeout(Some(LIMIT)).expect("a stream");
    stream
}

/// Reads exactly what is expected.
#[track_caller]
pub fn expect(stream: &mut TcpStream, expected: &[u8]) {
    let mut received = vec![0; expected.len()];
    stream.read_exact(&mut received).expect("an answer");
    assert!(received == expected, "{} in place of {}", received.escape_ascii(), expected.escape_ascii());
}

/// Reads until the connection ends, which a reset is too.
pub fn receive_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    match stream.read_to_end(&mut received) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => {
            panic!("{error} after {}", String::from_utf8_lossy(&received))
        }
        _ => received,
    }
}

/// Reads until all of the text has come at the end.
pub fn receive_until(stream: &mut TcpStream, end: &str) -> Vec<u8> {
    let (mut received, mut buffer) = (Vec::new(), [0; 1]);
    while !received.ends_with(end.as_bytes()) {
        stream
            .read_exact(&mut buffer)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&received)));
        received.extend(buffer);
    }
    received
}

/// Connects, sends the request, and resets the connection.
pub fn send_and_reset(address: SocketAddr, request: &str) {
    let mut client = Client::connect(address).expect("it listens");
    client.send(request.as_bytes()).expect("it is connected");
    // When a part of the answer has come, the request is under way.
    client.receive().expect("it is connected");
    client.reset().expect("a socket");
}
