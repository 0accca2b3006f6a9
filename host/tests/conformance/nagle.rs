//! TCP_NODELAY, which a guest has no call to set: the sockets of the command's process are looked at from outside.

use crate::command::{Running, program};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use socket2::Socket;
use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

/// Accepts as many connections as connect to its listener, number 3, and greets each.
const GREETS: &str = "
    (func $main
      (drop (call $fd_fdstat_set_flags (i32.const 3) (i32.const 0)))
      (loop $again
        (drop (call $accept (i32.const 0)))
        (drop (call $send (call $accepted) (i32.const 1)))
        (br $again)))";

/// Greets its only stream, and waits for the peer's end.
const STREAM: &str = "
    (func $main
      (drop (call $send (i32.const 3) (i32.const 1)))
      (drop (call $receive (i32.const 3) (i32.const 1) (i32.const 0))))";

/// Whether the socket of the command that is connected to `peer` has TCP_NODELAY.
fn sends_at_once(running: &Running, peer: SocketAddr) -> bool {
    let pid = running.pid();
    let process = pidfd_open(Pid::from_raw(pid as i32).unwrap(), PidfdFlags::empty()).unwrap();
    let sockets = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().filter_map(|entry| {
        let number = entry.unwrap().file_name().to_str()?.parse().ok()?;
        let fd: OwnedFd = pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).ok()?;
        Some(Socket::from(fd))
    });
    let is_the_one = |socket: &Socket| socket.peer_addr().is_ok_and(|address| address.as_socket() == Some(peer));
    let mut connected = sockets.filter(is_the_one);
    connected.next().expect("a socket that is connected to the peer").tcp_nodelay().unwrap()
}

/// Whether a stream that the guest accepts has TCP_NODELAY. The stream is greeted, so it is accepted.
fn accepted_sends_at_once(running: &Running, mut stream: TcpStream) -> bool {
    stream.read_exact(&mut [0]).unwrap();
    sends_at_once(running, stream.local_addr().unwrap())
}

#[test]
fn accepted_streams_send_at_once_unless_asked_otherwise() {
    let guest = program("nagle_listener", GREETS);
    for (options, expected) in [(&[][..], true), (&["--nagle"][..], false)] {
        let always = ["--timeout", "60", "--tcplisten", "127.0.0.1:0", guest.to_str().unwrap()];
        let mut running = Running::start(&[options, &always].concat());
        running.line();
        assert_eq!(accepted_sends_at_once(&running, running.connect()), expected, "{options:?}");
        running.signal("TERM");
        running.finish();
    }
}

#[test]
fn a_stream_that_is_given_sends_at_once_unless_asked_otherwise() {
    let guest = program("nagle_stream", STREAM);
    for (options, expected) in [(&[][..], true), (&["--nagle"][..], false)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let always = ["--timeout", "60", "--tcpconnect", &address.to_string(), guest.to_str().unwrap()];
        let running = Running::start(&[options, &always].concat());
        let (mut peer, _) = listener.accept().unwrap();
        peer.read_exact(&mut [0]).unwrap();
        assert_eq!(sends_at_once(&running, address), expected, "{options:?}");
        drop(peer);
        running.finish();
    }
}

/// With socket activation the first connection comes before the program does.
#[test]
fn streams_of_an_inherited_listener_send_at_once_unless_asked_otherwise() {
    let guest = program("nagle_inherited", GREETS);
    for (options, expected) in [(&[][..], true), (&["--nagle"][..], false)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let older = TcpStream::connect(address).unwrap();
        let running = Running::activate(listener, &[options, &["--timeout", "60", guest.to_str().unwrap()]].concat());
        assert_eq!(accepted_sends_at_once(&running, older), expected, "{options:?}");
        let newer = TcpStream::connect(address).unwrap();
        assert_eq!(accepted_sends_at_once(&running, newer), expected, "{options:?}");
        running.signal("TERM");
        running.finish();
    }
}
