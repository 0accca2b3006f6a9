//! The peer's protocol over a real control connection, against a listener of this test.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use selectio_driver::checksum::Checksum;
use selectio_driver::peer;

const LIMIT: Duration = Duration::from_secs(10);

/// A session with the listener that it connects to.
struct Fixture {
    requests: TcpStream,
    replies: BufReader<TcpStream>,
    listener: TcpListener,
}

impl Fixture {
    fn new() -> Fixture {
        let control = TcpListener::bind("127.0.0.1:0").expect("bind");
        let requests = TcpStream::connect(control.local_addr().expect("address")).expect("connect");
        let (peer_side, _) = control.accept().expect("accept");
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let target = listener.local_addr().ok();
        thread::spawn(move || peer::serve(peer_side, target));
        let replies = BufReader::new(requests.try_clone().expect("clone"));
        requests.set_read_timeout(Some(LIMIT)).expect("timeout");
        Fixture { requests, replies, listener }
    }

    #[track_caller]
    fn check(&mut self, request: &str, reply: &str) {
        assert_eq!(self.ask(request), reply, "{request}");
    }

    fn ask(&mut self, request: &str) -> String {
        self.requests.write_all(format!("{request}\n").as_bytes()).expect("request");
        let mut reply = String::new();
        self.replies.read_line(&mut reply).expect("reply");
        reply.trim_end_matches('\n').to_owned()
    }

    /// Asks again until the reply is the one waited for.
    #[track_caller]
    fn check_soon(&mut self, request: &str, expected: &str) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let reply = self.ask(request);
            if reply == expected {
                return;
            }
            assert!(Instant::now() < deadline, "`{request}` still answers `{reply}`");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn accept(&self) -> TcpStream {
        let (stream, _) = self.listener.accept().expect("accept");
        stream.set_read_timeout(Some(LIMIT)).expect("timeout");
        stream
    }
}

fn fields(bytes: &[u8], state: &str) -> String {
    let mut checksum = Checksum::EMPTY;
    checksum.update(bytes);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("ok {} {checksum} {state} {hex}", bytes.len())
}

#[test]
fn sends_receives_and_half_closes() {
    let mut fixture = Fixture::new();
    fixture.check("connect", "ok 0");
    let mut stream = fixture.accept();
    fixture.check("send 0 68690a", "ok");
    fixture.check("shutdown 0", "ok");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("read");
    assert_eq!(text, "hi\n");
    fixture.check("received 0", &fields(b"", "open"));
    stream.write_all(b"ho").expect("write");
    fixture.check_soon("received 0", &fields(b"ho", "open"));
    drop(stream);
    fixture.check_soon("received 0", &fields(b"ho", "eof"));
    fixture.check("close 0", "ok");
    fixture.check("received 0", "error connection 0 was closed by an earlier request");
}

#[test]
fn a_reset_is_a_reset_and_a_close_is_a_close() {
    let mut fixture = Fixture::new();
    fixture.check("connect", "ok 0");
    fixture.check("connect", "ok 1");
    let (mut first, mut second) = (fixture.accept(), fixture.accept());
    fixture.check("reset 0", "ok");
    let error = first.read(&mut [0; 8]).expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    fixture.check("close 1", "ok");
    assert_eq!(second.read(&mut [0; 8]).expect("an end"), 0);
}

#[test]
fn sees_a_reset() {
    let mut fixture = Fixture::new();
    fixture.check("connect", "ok 0");
    let stream = fixture.accept();
    fixture.check("send 0 00", "ok");
    stream.peek(&mut [0]).expect("a byte");
    // Unread bytes make the system reset.
    drop(stream);
    fixture.check_soon("received 0", &fields(b"", "reset"));
}

#[test]
fn paused_connections_take_nothing() {
    let mut fixture = Fixture::new();
    fixture.check("connect_paused", "ok 0");
    fixture.check("connect", "ok 1");
    let (mut first, mut second) = (fixture.accept(), fixture.accept());
    fixture.check("pause 1", "ok");
    second.write_all(b"later").expect("write");
    first.set_write_timeout(Some(Duration::from_millis(200))).expect("timeout");
    let piece = vec![b'x'; 1 << 20];
    let sent = loop {
        match first.write(&piece) {
            Ok(length) if length == piece.len() => {}
            Ok(length) => break length,
            Err(_) => break 0,
        }
    };
    assert!(sent < piece.len(), "the paused connection took everything");
    fixture.check("received 0", &fields(b"", "open"));
    fixture.check("received 1", &fields(b"", "open"));
    fixture.check("resume 1", "ok");
    fixture.check_soon("received 1", &fields(b"later", "open"));
    fixture.check("resume 0", "ok");
    first.set_write_timeout(None).expect("no timeout");
    first.write_all(b"the rest").expect("there is room again");
}

#[test]
fn a_burst_runs_in_the_background_and_is_not_cut_off_by_a_shutdown() {
    const COUNT: u64 = 3_000_000;
    let mut fixture = Fixture::new();
    fixture.check("connect", "ok 0");
    let mut stream = fixture.accept();
    fixture.check(&format!("burst 0 {COUNT} 5"), "ok");
    fixture.check("send 0 00", "error a burst is running on this connection");
    fixture.check("shutdown 0", "ok");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("read");
    let expected: Vec<u8> = (0..COUNT).map(|index| peer::pattern_byte(index, 5)).collect();
    assert!(bytes == expected, "{} bytes came", bytes.len());
}

#[test]
fn a_burst_that_nobody_reads_does_not_hold_up_a_reset() {
    let mut fixture = Fixture::new();
    fixture.check("connect", "ok 0");
    let mut stream = fixture.accept();
    fixture.check("burst 0 100000000 0", "ok");
    fixture.check("reset 0", "ok");
    let error = stream.read_to_end(&mut Vec::new()).expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn long_answers_show_no_bytes() {
    let mut fixture = Fixture::new();
    fixture.check("connect", "ok 0");
    let bytes = vec![7; peer::SHOWN_BYTES_MAX + 1];
    let mut checksum = Checksum::EMPTY;
    checksum.update(&bytes);
    fixture.accept().write_all(&bytes).expect("write");
    fixture.check_soon("received 0", &format!("ok {} {checksum} eof -", bytes.len()));
}

#[test]
fn accepts_and_refuses() {
    let mut fixture = Fixture::new();
    let open = fixture.ask("listen");
    fixture.check("accepted", "ok none");
    let mut stream = TcpStream::connect(&open[3..]).expect("connect");
    fixture.check_soon("accepted", "ok 0");
    fixture.check("send 0 21", "ok");
    stream.read_exact(&mut [0]).expect("a byte");
    let closed = fixture.ask("listen_closed");
    let error = TcpStream::connect(&closed[3..]).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn many_connections() {
    let mut fixture = Fixture::new();
    // More than the backlog holds: the reply comes before they are connected.
    fixture.check("connect_many 500", "ok 0");
    let mut streams: Vec<TcpStream> = (0..500).map(|_| fixture.accept()).collect();
    fixture.check("connect", "ok 500");
    streams.push(fixture.accept());
    drop(streams);
    for id in 0..501 {
        fixture.check_soon(&format!("received {id}"), &fields(b"", "eof"));
    }
}

#[test]
fn a_session_that_ends_closes_everything() {
    let mut fixture = Fixture::new();
    let listening = fixture.ask("listen");
    fixture.check("connect", "ok 0");
    fixture.check("connect_paused", "ok 1");
    let (mut first, mut second) = (fixture.accept(), fixture.accept());
    fixture.requests.shutdown(std::net::Shutdown::Both).expect("shutdown");
    assert_eq!(first.read(&mut [0; 8]).expect("an end"), 0);
    assert_eq!(second.read(&mut [0; 8]).expect("an end"), 0);
    let deadline = Instant::now() + LIMIT;
    while TcpStream::connect(&listening[3..]).is_ok() {
        assert!(Instant::now() < deadline, "the listener is still there");
    }
}

#[test]
fn mistakes_are_answered_and_the_session_goes_on() {
    let mut fixture = Fixture::new();
    fixture.check("dance", "error `dance` is no request");
    fixture.check("send 0 00", "error there is no connection 0");
    let closed = fixture.ask("listen_closed");
    fixture.check(&format!("target {}", &closed[3..]), "ok");
    assert!(fixture.ask("connect").starts_with("error connecting to 127.0.0.1:"));
}
