//! `websocket`: a chat in the browser, and what keeps to the protocol or doesn't.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use selectio_driver::client::Client;
use selectio_driver::host::Network;
use selectio_driver::{Ended, Program, World, in_every_world};
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::{Error, Message, WebSocket};

use crate::LIMIT;
use crate::browser::Browser;
use crate::raw::{connect, expect, receive_all};

in_every_world!(
    two_tabs_of_a_browser_chat,
    all_hear_what_each_says_in_order,
    a_message_may_come_in_pieces,
    each_misdeed_has_its_code,
    a_close_is_answered,
    pings_are_answered,
    who_takes_nothing_is_cut_off_alone,
    who_is_silent_for_long_is_gone,
    requests_are_answered_as_http_wants_it,
    requests_that_take_too_long_are_answered,
    nothing_is_lost_behind_the_handshake,
    resets_hurt_nobody,
    asked_to_end_it_says_goodbye,
    wrong_calls_are_answered_in_one_line,
);

fn start(world: World) -> Program {
    Program::start("websocket", world, &[]).expect("it starts")
}

fn join(program: &Program) -> WebSocket<TcpStream> {
    let (socket, _) =
        tungstenite::client(format!("ws://{}/ws", program.address), connect(program.address)).expect("a handshake");
    socket
}

const HANDSHAKE: &str = "GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const HANDSHAKE_ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A frame as a client sends it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let mut frame = vec![first];
    match payload.len() {
        length @ ..126 => frame.push(0x80 | length as u8),
        length @ ..0x1_0000 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Joins by hand.
fn join_raw(program: &Program) -> TcpStream {
    let mut stream = connect(program.address);
    stream.write_all(HANDSHAKE.as_bytes()).expect("it is connected");
    expect(&mut stream, HANDSHAKE_ANSWER.as_bytes());
    stream
}

fn two_tabs_of_a_browser_chat(world: World) {
    let program = start(world);
    let browser = Browser::start();
    let url = format!("http://{}/", program.address);
    let tabs = [(); 2].map(|()| {
        let tab = browser.open(&url);
        browser.wait_for("connected");
        tab
    });
    browser.say("one says gr\u{fc}ezi");
    browser.select(&tabs[0]);
    browser.wait_for("> one says gr\u{fc}ezi");
    browser.say("the other says ciao");
    browser.select(&tabs[1]);
    browser.wait_for("> the other says ciao");
}

fn all_hear_what_each_says_in_order(world: World) {
    const CLIENTS: usize = 100;
    const MESSAGES: usize = 3;
    let program = start(world);
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| join(&program)).collect();
    for message in 0..MESSAGES {
        for (speaker, client) in clients.iter_mut().enumerate() {
            client.send(Message::text(format!("{speaker} {message}"))).expect("it is connected");
        }
    }
    for (listener, client) in clients.iter_mut().enumerate() {
        let mut heard = [0; CLIENTS];
        for _ in 0..(CLIENTS - 1) * MESSAGES {
            let text = client.read().expect("a message").into_text().expect("a text");
            let (speaker, message) = text.split_once(' ').expect("two numbers");
            let speaker: usize = speaker.parse().expect("a number");
            assert_eq!(message.parse(), Ok(heard[speaker]), "{speaker} is heard in another order");
            heard[speaker] += 1;
        }
        assert_eq!(heard[listener], 0, "who speaks hears others only");
    }
}

fn a_message_may_come_in_pieces(world: World) {
    let program = start(world);
    let (mut speaker, mut listener) = (join(&program), join(&program));
    let bytes: Vec<u8> = (0..1 << 20).map(|index: u32| (index % 251) as u8).collect();
    let pieces: Vec<&[u8]> = bytes.chunks(65_537).collect();
    for (index, piece) in pieces.iter().enumerate() {
        let kind = if index == 0 { Data::Binary } else { Data::Continue };
        let frame = Frame::message(piece.to_vec(), OpCode::Data(kind), index + 1 == pieces.len());
        speaker.send(Message::Frame(frame)).expect("it is connected");
        speaker.send(Message::Ping("between".into())).expect("it is connected");
    }
    assert_eq!(listener.read().expect("a message"), Message::binary(bytes));
    // In segments that have nothing to do with the frames, and with a character that is cut in two.
    let mut raw = join_raw(&program);
    let sent = [frame(0x01, "gr\u{fc}".as_bytes().split_at(3).0), frame(0x80, &[0xbc]), frame(0x81, b"")].concat();
    for segment in sent.chunks(1) {
        raw.write_all(segment).expect("it is connected");
    }
    assert_eq!(listener.read().expect("a message"), Message::text("gr\u{fc}"));
    assert_eq!(listener.read().expect("a message"), Message::text(""));
}

fn each_misdeed_has_its_code(world: World) {
    let program = start(world);
    let (mut other, mut listener) = (join(&program), join(&program));
    let too_long = [0xff, 0, 0, 0, 0, 0, 0x10, 0, 1, 1, 2, 3, 4];
    let unmasked: &[u8] = &[0x81, 2, b'h', b'i'];
    let many = [frame(0x01, &[b'x'; 600_000]), frame(0x80, &[b'x'; 600_000])].concat();
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("a text that is none", frame(0x81, b"\xff"), 1007),
        ("a text that is cut off", frame(0x81, "gr\u{fc}".as_bytes().split_at(3).0), 1007),
        ("a frame that is too long", [&[0x82], &too_long[..]].concat(), 1009),
        ("a frame that is longer than any memory", [&[0x82, 0xff], &[0xff; 12][..]].concat(), 1009),
        ("pieces that are too long together", many, 1009),
        ("no mask", unmasked.to_vec(), 1002),
        ("a reserved bit", frame(0xc1, b"hi"), 1002),
        ("a reserved kind of data", frame(0x83, b"hi"), 1002),
        ("a reserved kind of control", frame(0x8b, b"hi"), 1002),
        ("a continuation of nothing", frame(0x80, b"hi"), 1002),
        ("two beginnings", [frame(0x01, b"hi"), frame(0x01, b"hi")].concat(), 1002),
        ("a ping in pieces", frame(0x09, b"hi"), 1002),
        ("a ping that is too long", frame(0x89, &[b'x'; 126]), 1002),
        ("half a code", frame(0x88, &[3]), 1002),
        ("a code that nobody sends", frame(0x88, &[3, 0xed]), 1002),
    ];
    for (misdeed, bytes, code) in cases {
        let mut stream = join_raw(&program);
        stream.write_all(&bytes).expect("it is connected");
        let answer = receive_all(&mut stream);
        assert_eq!(answer.first(), Some(&0x88), "{misdeed}: {}", answer.escape_ascii());
        assert_eq!(answer[2..4], code.to_be_bytes(), "{misdeed}: {}", answer.escape_ascii());
        assert_eq!(answer.len(), 2 + usize::from(answer[1]), "{misdeed}: {}", answer.escape_ascii());
    }
    other.send(Message::text("still here")).expect("it is connected");
    assert_eq!(listener.read().expect("a message"), Message::text("still here"));
}

fn a_close_is_answered(world: World) {
    let program = start(world);
    let mut other = join(&program);
    for code in [None, Some(CloseFrame { code: CloseCode::Normal, reason: "bye".into() })] {
        let mut client = join(&program);
        client.send(Message::text("last words")).expect("it is connected");
        client.close(code.clone()).expect("it is connected");
        assert_eq!(client.read().expect("an answer"), Message::Close(code));
        assert!(matches!(client.read(), Err(Error::ConnectionClosed)), "the connection ends");
        assert_eq!(other.read().expect("a message"), Message::text("last words"));
    }
    // The end without a word.
    let client = join(&program);
    client.get_ref().shutdown(std::net::Shutdown::Write).expect("it is connected");
    assert_eq!(receive_all(&mut client.get_ref().try_clone().expect("a stream")), b"");
}

fn pings_are_answered(world: World) {
    let program = start(world);
    let mut stream = join_raw(&program);
    let mut sent = Vec::new();
    let mut expected = Vec::new();
    for index in 0..200u8 {
        sent.extend(frame(0x89, &[index]));
        expected.extend([0x8a, 1, index]);
    }
    stream.write_all(&sent).expect("it is connected");
    // Of pings that came together only the last one has to be answered; a close comes last.
    stream.write_all(&frame(0x88, &[3, 0xe8])).expect("it is connected");
    let answers = receive_all(&mut stream);
    assert!(answers.ends_with(&[0x8a, 1, 199, 0x88, 2, 3, 0xe8]), "{}", answers.escape_ascii());
}

fn who_takes_nothing_is_cut_off_alone(world: World) {
    const LENGTH: usize = 100_000;
    let program = start(world);
    let mut slow = join_raw(&program);
    let (mut speaker, mut listener) = (join(&program), join(&program));
    let before = program.process.resident_bytes();
    for index in 0..400u32 {
        let mut bytes = vec![0; LENGTH];
        bytes[..4].copy_from_slice(&index.to_be_bytes());
        speaker.send(Message::binary(bytes.clone())).expect("it is connected");
        assert_eq!(listener.read().expect("a message"), Message::binary(bytes));
    }
    if let (Some(before), Some(after)) = (before, program.process.resident_bytes()) {
        assert!(after.saturating_sub(before) < 20 << 20, "{before} bytes, then {after}");
    }
    let received = receive_all(&mut slow).len();
    assert!(received < 400 * LENGTH, "{received} bytes were kept for who takes none");
}

fn who_is_silent_for_long_is_gone(world: World) {
    let program = Program::start("websocket", world, &["--timeout", "1"]).expect("it starts");
    let (mut awake, mut silent) = (join(&program), join_raw(&program));
    let ended = thread::spawn(move || receive_all(&mut silent));
    for _ in 0..4 {
        // The client answers when it reads on.
        assert!(matches!(awake.read(), Ok(Message::Ping(_))), "a ping comes");
    }
    let received = ended.join().expect("it is gone");
    assert_eq!(received.first(), Some(&0x89), "it was asked: {}", received.escape_ascii());
    join(&program).send(Message::text("good morning")).expect("it is connected");
    loop {
        match awake.read().expect("a message") {
            Message::Ping(_) => {}
            message => break assert_eq!(message, Message::text("good morning")),
        }
    }
}

fn requests_are_answered_as_http_wants_it(world: World) {
    let program = start(world);
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(9000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(100));
    let (version, key, connection) = (
        HANDSHAKE.replace("Version: 13", "Version: 12"),
        HANDSHAKE.replace("Key: dGhl", "Key: x"),
        HANDSHAKE.replace("keep-alive, Upgrade", "close"),
    );
    let old = HANDSHAKE.replace("HTTP/1.1", "HTTP/1.0");
    let elsewhere = HANDSHAKE.replace("GET /", "GET /elsewhere");
    let cases = [
        ("GET / HTTP/1.1\r\nHost: here\r\n\r\n", "200", "</script>"),
        ("GET /?a=b HTTP/1.0\r\n\r\n", "200", "</script>"),
        ("GET / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", "200", "</script>"),
        ("HEAD / HTTP/1.1\r\nHost: here\r\n\r\n", "200", "Connection: close"),
        ("GET /ws HTTP/1.1\r\nHost: here\r\n\r\n", "426", "Upgrade: websocket"),
        ("GET /nowhere HTTP/1.1\r\nHost: here\r\n\r\n", "404", "no such page"),
        ("HEAD /nowhere HTTP/1.1\r\nHost: here\r\n\r\n", "404", "Connection: close"),
        ("POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\nhi", "405", "Allow: GET, HEAD"),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03\r\n\r\n", "400", ""),
        ("GET / FTP/1.1\r\n\r\n", "400", ""),
        (&long, "431", ""),
        (&many, "431", ""),
        (&version, "400", "Sec-WebSocket-Version: 13"),
        (&key, "400", ""),
        (&connection, "400", ""),
        (&old, "400", ""),
        (&elsewhere, "404", ""),
    ];
    for (request, status, part) in cases {
        let mut stream = connect(program.address);
        stream.write_all(request.as_bytes()).expect("it is connected");
        let answer = String::from_utf8(receive_all(&mut stream)).expect("a text");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("a length");
        let is_whole = length == body.len().to_string();
        assert!(is_whole != request.starts_with("HEAD"), "{request}: {answer}");
        assert!(answer.contains(part), "{request}: {answer}");
    }
}

fn requests_that_take_too_long_are_answered(world: World) {
    let program = Program::start("websocket", world, &["--timeout", "1"]).expect("it starts");
    let mut stream = connect(program.address);
    let mut sender = stream.try_clone().expect("a stream");
    // However much comes until then.
    let drip = thread::spawn(move || {
        for byte in HANDSHAKE.bytes().take(100) {
            if sender.write_all(&[byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
    });
    let answer = String::from_utf8(receive_all(&mut stream)).expect("a text");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    drip.join().expect("no panic");
}

fn nothing_is_lost_behind_the_handshake(world: World) {
    let program = start(world);
    let mut listener = join(&program);
    let sent = [HANDSHAKE.as_bytes(), &frame(0x81, b"first"), &frame(0x81, b"second")].concat();
    for length in [1, 7, sent.len()] {
        let mut stream = connect(program.address);
        for segment in sent.chunks(length) {
            stream.write_all(segment).expect("it is connected");
        }
        expect(&mut stream, HANDSHAKE_ANSWER.as_bytes());
        for text in ["first", "second"] {
            assert_eq!(listener.read().expect("a message"), Message::text(text));
        }
    }
}

fn resets_hurt_nobody(world: World) {
    let program = start(world);
    let (mut speaker, mut listener) = (join(&program), join(&program));
    let begun = [HANDSHAKE.as_bytes(), &frame(0x81, &[b'x'; 50_000])[..1_000]].concat();
    for sent in [&b""[..], b"GET / HT", HANDSHAKE.as_bytes(), &begun] {
        for _ in 0..10 {
            let mut client = Client::connect(program.address).expect("it listens");
            client.send(sent).expect("it is connected");
            client.reset().expect("it is connected");
            speaker.send(Message::text("hello")).expect("it is connected");
            assert_eq!(listener.read().expect("a message"), Message::text("hello"));
        }
    }
}

fn asked_to_end_it_says_goodbye(world: World) {
    let mut program = start(world);
    let mut silent = connect(program.address);
    let mut clients = [join(&program), join(&program)];
    program.process.signal("TERM").expect("the signal is sent");
    for client in &mut clients {
        let Ok(Message::Close(Some(frame))) = client.read() else { panic!("a goodbye comes") };
        assert_eq!(frame.code, CloseCode::Away);
        assert!(matches!(client.read(), Err(Error::ConnectionClosed)), "the connection ends");
    }
    assert_eq!(receive_all(&mut silent), b"");
    let status = program.process.wait(LIMIT).expect("it ends");
    assert_eq!(status.code(), Some(0), "{}", program.process.all_output());
}

fn wrong_calls_are_answered_in_one_line(world: World) {
    for arguments in [&["nonsense"][..], &["--timeout", "0"], &["--timeout", "x"], &["--tls-key", "x"], &["--nonsense"]]
    {
        let ended = Ended::of_example("websocket", world, Network::None, arguments).expect("it ends");
        // A component ends well or not, without a number.
        ended.expect_refusal(if world == World::Wasip2 { 1 } else { 2 }, "websocket: ");
    }
    let ended = Ended::of_example("websocket", world, Network::None, &["--help"]).expect("it ends");
    assert_eq!((ended.exit_code, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.contains("--timeout"), "{}", ended.stdout);
}
