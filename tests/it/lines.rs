//! Reading: lines whatever their segments, the end, and resets.

use std::cell::Cell;
use std::io::ErrorKind;
use std::rc::Rc;

use selectio::{AsyncSocket, Line, ReadLine};

use crate::support::{Log, PATIENCE, State, World, test};

/// Notes every line and the end, and registers the socket.
fn note_lines(world: &World, socket: &AsyncSocket, log: &Log) {
    let noted = log.clone();
    socket.set_handle_read(move |socket, _| {
        loop {
            match socket.read_line()? {
                ReadLine::Full(line) => noted.note(format!("{line:?}")),
                ReadLine::Pending => return Ok(()),
                ReadLine::Eof => {
                    noted.note("eof");
                    return Ok(());
                }
            }
        }
    });
    let noted = log.clone();
    socket.set_handle_close(move |_, _| {
        noted.note("close");
        Ok(())
    });
    let noted = log.clone();
    socket.set_handle_error(move |_, _, error| noted.note(format!("{:?}", error.kind())));
    world.dispatcher.register(socket).expect("it is open");
}

#[test]
fn p16_a_line_that_comes_in_pieces_is_one_line() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    note_lines(&world, &socket, &log);
    for piece in ["he", "llo\r", "\n\r\n", "a\n\nb", "\n"] {
        client.send(piece);
        world.poll_a_while();
    }
    assert_eq!(log.events(), [r#""hello""#, r#""""#, r#""a""#, r#""""#, r#""b""#]);
}

#[test]
fn p15_the_end_delivers_the_tail_then_eof_then_handle_close_once() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    note_lines(&world, &socket, &log);
    client.send("whole\ntail");
    client.shutdown();
    world.poll_until("the end is told", || log.contains("close"));
    world.poll_a_while();
    assert_eq!(log.events(), [r#""whole""#, r#""tail""#, "eof", "close"]);
    assert_eq!(socket.read_line().expect("it is open"), ReadLine::Eof, "every time");
    assert!(socket.is_connected(), "its handler may still send");
}

#[test]
fn p15_after_the_end_polls_are_calm() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    let calls = Rc::new(Cell::new(0));
    let counted = calls.clone();
    socket.set_handle_read(move |socket, _| {
        counted.set(counted.get() + 1);
        let _ = socket.read_line()?;
        Ok(())
    });
    socket.set_handle_close(|_, _| Ok(()));
    world.dispatcher.register(&socket).expect("it is open");
    client.close();
    world.poll_a_while();
    assert_eq!(calls.get(), 1, "the end is readable for ever, and told once");
    assert_eq!(log.len(), 0);
}

#[test]
fn half_close_leaves_the_sending_side_usable() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    note_lines(&world, &socket, &log);
    client.send("question\n");
    client.shutdown();
    world.poll_until("the end is told", || log.contains("close"));
    socket.send("answer\n").expect("the peer still reads");
    socket.close_after_flush().expect("it is open");
    client.wait_for_state(State::Eof);
    assert_eq!(client.text(), "answer\n");
}

#[test]
fn without_a_close_handler_the_end_closes_the_socket_when_all_is_sent() {
    let world = World::new();
    let (socket, client) = world.connect();
    socket.set_handle_read(|socket, _| {
        while let Some(line) = socket.read_line()?.full() {
            socket.send(line.with_newline())?;
        }
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    client.send("one\ntwo");
    client.shutdown();
    world.poll_until("it is closed", || socket.is_closed());
    client.wait_for_state(State::Eof);
    assert_eq!(client.text(), "one\ntwo\n");
}

#[test]
fn a_reset_is_told_once_to_its_own_socket() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    note_lines(&world, &socket, &log);
    let (other, other_client) = world.connect();
    let other_log = Log::new();
    note_lines(&world, &other, &other_log);
    client.reset();
    other_client.send("still here\n");
    world.poll_until("the reset is told", || socket.is_closed() && other_log.len() == 1);
    world.poll_a_while();
    assert_eq!(log.events(), ["ConnectionReset"]);
    assert_eq!(other_log.events(), [r#""still here""#]);
}

#[test]
fn q40_a_reset_before_accept_is_told_by_the_first_read() {
    let (world, log) = (World::new(), Log::new());
    let client = world.peer.connect();
    client.reset();
    world.wait_for_arrival();
    let socket = world.accept();
    note_lines(&world, &socket, &log);
    world.poll_until("it is closed", || socket.is_closed());
    assert_eq!(log.events(), ["ConnectionReset"]);
}

#[test]
fn data_before_a_reset_of_the_sending_side_is_delivered() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    client.send("said before\n");
    world.wait_for_arrival();
    note_lines(&world, &socket, &log);
    world.poll_until("the line is read", || log.len() == 1);
    client.reset();
    world.poll_until("it is closed", || socket.is_closed());
    assert_eq!(log.events(), [r#""said before""#, "ConnectionReset"]);
}

#[test]
fn an_error_that_a_handler_swallows_is_not_told_again() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    let noted = log.clone();
    socket.set_handle_read(move |socket, _| {
        match socket.read_line() {
            Ok(line) => noted.note(format!("{line:?}")),
            Err(error) => noted.note(format!("{:?}", error.kind())),
        }
        Ok(())
    });
    let noted = log.clone();
    socket.set_handle_close(move |_, _| {
        noted.note("close");
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    client.reset();
    world.poll_until("the end is told", || log.contains("close"));
    world.poll_a_while();
    assert_eq!(log.events(), ["ConnectionReset", "close"]);
    assert_eq!(socket.read_line().expect("it is open"), ReadLine::Eof);
}

#[test]
fn q13_a_line_above_the_limit_is_an_error_and_the_next_line_is_whole() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    socket.set_line_length_max(1000);
    let noted = log.clone();
    socket.set_handle_read(move |socket, _| {
        loop {
            match socket.read_line() {
                Ok(ReadLine::Full(line)) => noted.note(format!("{} bytes", line.len())),
                Ok(_) => return Ok(()),
                Err(error) => noted.note(format!("{:?}: {error}", error.kind())),
            }
        }
    });
    world.dispatcher.register(&socket).expect("it is open");
    client.send("x".repeat(1001) + "\n");
    client.send("y".repeat(1000) + "\n");
    world.poll_until("both are told", || log.len() == 2);
    let events = log.events();
    assert!(events[0].starts_with("InvalidData: ") && events[0].contains("set_line_length_max"), "{events:?}");
    assert_eq!(events[1], "1000 bytes");
}

#[test]
fn raw_bytes_and_lines_can_be_read_in_turn() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    let noted = log.clone();
    socket.set_handle_read(move |socket, _| {
        if noted.len() == 0 {
            if let Some(line) = socket.read_line()?.full() {
                noted.note(line.to_string());
            }
            return Ok(());
        }
        let mut body = [0; 64];
        if let Some(length) = socket.recv(&mut body)? {
            noted.note(String::from_utf8_lossy(&body[..length]));
        }
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    client.send("length 4\nbody");
    world.poll_until("both are read", || log.len() == 2);
    assert_eq!(log.take(), ["length 4", "body"]);
    client.close();
    world.poll_until("it is closed", || socket.is_closed());
}

#[test]
fn reading_without_a_dispatcher_asks_each_time() {
    let world = World::new();
    let (socket, client) = world.connect();
    assert_eq!(socket.read_line().expect("it is open"), ReadLine::Pending);
    for text in ["one\n", "two\n"] {
        client.send(text);
        world.wait_for_arrival();
        let line = socket.read_line().expect("it is open").full().expect("a line");
        assert_eq!(line.with_newline(), text.as_bytes());
    }
}

#[test]
fn what_a_call_from_elsewhere_leaves_unread_is_delivered() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    note_lines(&world, &socket, &log);
    client.send("one\ntwo\nthree\n");
    world.wait_for_arrival();
    let first = socket.read_line().expect("it is open").full().expect("it has arrived");
    assert_eq!(first, "one");
    world.poll_until("the others are delivered", || log.len() == 2);
}

#[test]
fn reading_in_the_wrong_state_is_refused_with_a_remedy() {
    let world = World::new();
    let error = world.server.read_line().expect_err("it listens");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("read_line") && error.to_string().contains("connected"), "{error}");
    world.server.close().expect("it was open");
    assert_eq!(world.server.read_line().expect_err("it is closed").kind(), ErrorKind::NotConnected);
}

#[test]
fn a_line_is_its_bytes_and_a_copy_stays_as_it_is() {
    let length_of = |bytes: &dyn AsRef<[u8]>| bytes.as_ref().len();
    let line = Line::from("hello");
    let copy = line.clone();
    assert!(line == copy && line == *"hello" && line != "hell" && line != "hello\n");
    assert_eq!((line.len(), length_of(&line)), (5, 5));
    // A line that is dropped leaves its buffer to the next one, and one that was taken apart none.
    assert_eq!(Vec::from(line), b"hello");
    drop(Line::from("longer than the others"));
    let (other, empty) = (Line::from("other"), Line::from(""));
    assert_eq!((&copy[..], &other[..], &empty[..]), (&b"hello"[..], &b"other"[..], &b""[..]));
    assert_eq!((copy.with_newline(), empty.with_newline()), (&b"hello\n"[..], &b"\n"[..]));
}

#[test]
fn a_line_that_is_no_text_shows_so_and_keeps_its_bytes() {
    let world = World::new();
    let (socket, client) = world.connect();
    client.send(b"caf\xe9\n");
    let line = socket.blocking(PATIENCE).read_line().expect("it arrives").full().expect("a line");
    assert_eq!(line.to_string(), "caf\u{fffd}");
    assert_eq!(format!("{line:?}"), "\"caf\u{fffd}\"");
    assert_eq!(line.as_ref(), b"caf\xe9");
    client.send("text\n");
    assert_eq!(Vec::from(line), b"caf\xe9", "what comes later changes nothing");
    let next = socket.blocking(PATIENCE).read_line().expect("it arrives").full().expect("a line");
    assert_eq!(next, "text");
}
