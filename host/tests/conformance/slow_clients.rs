//! Clients that hold connections and do little or nothing, with `--idle-timeout`: the silent ones go, those that talk
//! stay, and no descriptor is left of those that went.

use crate::observed::descriptors;
use crate::served::{Served, echo, receive};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

/// Short, and many times as long as a talking client's pause.
const OPTIONS: [&str; 2] = ["--idle-timeout", "2s"];

/// It has ended, orderly or by a reset; what the server has sent before doesn't matter.
fn expect_end(mut stream: &TcpStream) {
    let mut buffer = vec![0; 1 << 20];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => return assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
        }
    }
}

/// Sends lines until nobody takes any more of them for a moment, and reads none of the answers.
fn send_all_that_is_taken(mut stream: &TcpStream) -> usize {
    const SENT_MAX: usize = 12 << 20;
    let lines = "x".repeat(1023) + "\n";
    let lines = lines.repeat(64);
    let mut sent = 0;
    stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    while sent < SENT_MAX {
        match stream.write(lines.as_bytes()) {
            Ok(count) => sent += count,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
                ) =>
            {
                break;
            }
            Err(error) => panic!("{error}"),
        }
    }
    sent
}

#[test]
fn silent_clients_go_and_talking_ones_stay() {
    let mut server = Served::start(&OPTIONS);
    let talking: Vec<_> = (0..20).map(|_| server.connect()).collect();
    talking.iter().for_each(echo);
    let before = descriptors(server.pid);
    let silent: Vec<_> = (0..300).map(|_| server.connect()).collect();
    let unfinished: Vec<_> = (0..100).map(|_| server.connect()).collect();
    unfinished.iter().for_each(|mut stream| stream.write_all(b"a line").unwrap());
    let mut turns = 0;
    while server.total("selectio_connections_open") > 20 {
        talking.iter().for_each(|mut stream| stream.write_all(b"x").unwrap());
        thread::sleep(Duration::from_millis(50));
        turns += 1;
        assert!(turns < 1000, "silent clients stay");
    }
    // A second array to wait for may have come with them.
    assert!(descriptors(server.pid) <= before + 1);
    silent.iter().chain(&unfinished).for_each(expect_end);
    for mut stream in &talking {
        stream.write_all(b"\n").unwrap();
        stream.read_exact(&mut vec![0; turns + 1]).unwrap();
        echo(stream);
    }
}

#[test]
fn clients_that_read_nothing_of_what_they_are_sent_go() {
    let mut server = Served::start(&OPTIONS);
    echo(&server.connect());
    server.wait_for_open(0);
    let before = descriptors(server.pid);
    let greedy: Vec<_> = (0..8).map(|_| server.connect()).collect();
    let sent: Vec<_> = greedy.iter().map(send_all_that_is_taken).collect();
    assert!(sent.iter().all(|&sent| sent > 1 << 20), "{sent:?}");
    server.wait_for_open(0);
    // A second array to wait for may have come with them.
    assert!(descriptors(server.pid) <= before + 1);
    greedy.iter().for_each(expect_end);
    let polite = server.connect();
    echo(&polite);
    (&polite).write_all(b"a line\n").unwrap();
    receive(&polite);
}
