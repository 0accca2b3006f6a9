//! A flood of connections that are reset: the server serves on, and nothing of them is left.

use crate::observed::{descriptors, expect_rest};
use crate::served::{Served, echo, send};
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use std::net::TcpStream;
use std::time::Duration;

/// Of each kind; together they are more than a listener's backlog takes.
const COUNT: usize = 2000;

/// Ends a connection by a reset.
fn reset(stream: &TcpStream) {
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// Gone before the server can have accepted it.
fn reset_while_connecting(server: &Served) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    // It is on its way, or there already.
    let _ = socket.connect(&SockAddr::from(server.address));
}

fn reset_after_connecting(server: &Served) {
    reset(&server.connect());
}

/// With a line on its way, and maybe an answer.
fn reset_after_a_line(server: &Served) {
    let stream = server.connect();
    send(&stream);
    reset(&stream);
}

/// While its answer waits to be read.
fn reset_with_an_answer(server: &Served) {
    let stream = server.connect();
    send(&stream);
    stream.peek(&mut [0]).unwrap();
    reset(&stream);
}

#[test]
fn thousands_of_resets_leave_nothing_behind() {
    for workers in [1, 2] {
        let mut server = Served::start_with_workers(workers, &[]);
        let held: Vec<_> = (0..10).map(|_| server.connect()).collect();
        held.iter().for_each(echo);
        let before = descriptors(server.pid);
        for kind in [reset_while_connecting, reset_after_connecting, reset_after_a_line, reset_with_an_answer] {
            (0..COUNT).for_each(|_| kind(&server));
            held.iter().for_each(echo);
            echo(&server.connect());
        }
        server.wait_for_open(10);
        // Each worker has a second array to wait for once it has more than a few clients.
        assert!(descriptors(server.pid) <= before + workers);
        expect_rest(server.pid);
        held.iter().for_each(echo);
    }
}
