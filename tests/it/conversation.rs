//! Conversations by lines and by records: what arrives does not depend on the pieces it comes in.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use selectio::{AsyncSocket, Line, ReadLine};

use crate::support::{Client, Log, State, World, test, wait_until};

/// Notes every line and the end, and registers the socket.
fn note_lines(world: &World, socket: &AsyncSocket, log: &Log) {
    let noted = log.clone();
    socket.set_handle_read(move |socket, _| {
        loop {
            match socket.read_line()? {
                ReadLine::Full(line) => noted.note(line.to_string()),
                ReadLine::Pending => return Ok(()),
                ReadLine::Eof => {
                    noted.note("(the end)");
                    return Ok(());
                }
            }
        }
    });
    let noted = log.clone();
    socket.set_handle_error(move |_, _, error| noted.note(format!("(error: {error})")));
    world.dispatcher.register(socket).expect("it is open");
}

/// Sends in pieces of this length, each read before the next one is sent.
fn send_in_pieces(world: &World, client: &Client, bytes: &[u8], length: usize) {
    for piece in bytes.chunks(length) {
        client.send(piece);
        world.dispatcher.poll(Duration::from_millis(2)).expect("polling works");
    }
}

#[test]
fn chat_c1_two_messages_are_two_lines_whatever_their_end_and_pieces() {
    let world = World::new();
    for end in ["\n", "\r", "\r\n"] {
        for length in 1..=3 {
            let log = Log::new();
            let (socket, client) = world.connect();
            note_lines(&world, &socket, &log);
            let text = format!("hello world{end}I'm not dead yet!{end}");
            send_in_pieces(&world, &client, text.as_bytes(), length);
            world.poll_until("both are read", || log.len() >= 2);
            assert_eq!(log.events(), ["hello world", "I'm not dead yet!"], "{end:?} in pieces of {length}");
            socket.close().expect("it was open");
        }
    }
}

/// Reads one record of `length` bytes, then leaves everything else to a handler that notes it.
fn note_record_then_rest(socket: &AsyncSocket, length: usize, log: &Log) {
    let (mut record, noted) = (vec![0; length], log.clone());
    let mut filled = 0;
    socket.set_handle_read(move |socket, _| {
        while filled < length {
            match socket.recv(&mut record[filled..])? {
                Some(received @ 1..) => filled += received,
                _ => return Ok(()),
            }
        }
        noted.note(format!("record {:?}", String::from_utf8_lossy(&record)));
        let noted = noted.clone();
        socket.set_handle_read(move |socket, _| {
            let mut rest = [0; 64];
            while let Some(received @ 1..) = socket.recv(&mut rest)? {
                noted.note(format!("rest {:?}", String::from_utf8_lossy(&rest[..received])));
            }
            Ok(())
        });
        Ok(())
    });
}

#[test]
fn chat_c2_a_record_of_fixed_length_comes_once_and_the_rest_is_not_lost() {
    let world = World::new();
    for (length, expected) in
        [(1, ["record \"h\"", "rest \"ello world\""]), (6, ["record \"hello \"", "rest \"world\""])]
    {
        let log = Log::new();
        let (socket, client) = world.connect();
        note_record_then_rest(&socket, length, &log);
        client.send("hello world");
        world.wait_for_arrival();
        world.dispatcher.register(&socket).expect("it is open");
        world.poll_until("all is read", || log.len() >= 2);
        assert_eq!(log.events(), expected);
    }
}

#[test]
fn chat_c3_what_has_no_end_is_collected_until_the_stream_ends() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    note_lines(&world, &socket, &log);
    send_in_pieces(&world, &client, b"hello world, I'm not dead yet!", 7);
    world.poll_a_while();
    assert_eq!(log.len(), 0, "no line has ended");
    client.shutdown();
    world.poll_until("the end is read", || log.contains("(the end)"));
    assert_eq!(log.events(), ["hello world, I'm not dead yet!", "(the end)"]);
}

#[test]
fn chat_c4_a_producer_of_small_pieces_is_drained_in_order() {
    const TEXT: &str = "hello world\nI'm not dead yet!\n";
    let world = World::new();
    let (socket, client) = world.connect();
    let mut rest = TEXT.as_bytes();
    socket.set_handle_write(move |socket, _| {
        let (piece, later) = rest.split_at(rest.len().min(8));
        rest = later;
        if rest.is_empty() {
            socket.del_handle_write();
        }
        socket.send(piece).map(drop)
    });
    world.dispatcher.register(&socket).expect("it is open");
    world.poll_until("all arrives", || client.received().length >= TEXT.len() as u64);
    assert_eq!(client.text(), TEXT);
}

#[test]
fn chat_c5_a_text_that_is_sent_at_once_arrives_in_order() {
    const TEXT: &str = "hello world\nI'm not dead yet!\n";
    let world = World::new();
    let (socket, client) = world.connect();
    assert_eq!(socket.send(TEXT).expect("there is room"), 0, "nothing has to wait");
    wait_until("all arrives", || (client.text() == TEXT).then_some(()));
}

#[test]
fn chat_c6_an_empty_line_is_a_line() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    note_lines(&world, &socket, &log);
    client.send("hello world\n\nI'm not dead yet!\n");
    world.poll_until("all are read", || log.len() == 3);
    assert_eq!(log.events(), ["hello world", "", "I'm not dead yet!"]);
}

#[test]
fn chat_c7_close_after_flush_delivers_what_was_queued_and_nothing_that_comes_later() {
    const LENGTH: usize = 8_000_000;
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect_paused();
    note_lines(&world, &socket, &log);
    client.send("hello world\n");
    world.poll_until("the first line is read", || log.len() == 1);
    socket.send(vec![b'x'; LENGTH]).expect("it fits the buffer");
    assert!(socket.is_send_data_buffered());
    socket.close_after_flush().expect("it is open");
    client.send("I'm not dead yet!\n");
    client.resume();
    world.poll_until("everything arrives", || client.state() == State::Eof);
    assert_eq!(client.received().length, LENGTH as u64);
    assert_eq!(log.events(), ["hello world"]);
}

#[test]
fn chat_c8_whatever_has_bytes_can_be_sent() {
    let world = World::new();
    let (socket, client) = world.connect();
    let sent = [
        socket.send("a text "),
        socket.send(String::from("an owned one ")),
        socket.send(b"an array "),
        socket.send(&b"a slice "[..]),
        socket.send(vec![b'a', b' ', b'v', b'e', b'c', b' ']),
        socket.send(Line::from("a line")),
    ];
    assert!(sent.into_iter().all(|sent| sent.is_ok()));
    let expected = "a text an owned one an array a slice a vec a line";
    wait_until("all arrives", || (client.text() == expected).then_some(()));
}

#[test]
fn chat_c9_a_read_with_nothing_there_is_no_error_and_changes_nothing() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    let noted = log.clone();
    socket.set_handle_read(move |socket, _| {
        while socket.recv(&mut [0; 8])?.is_some() {}
        noted.note(format!("{:?} {:?}", socket.recv(&mut [0; 8])?, socket.read_line()?));
        Ok(())
    });
    let noted = log.clone();
    socket.set_handle_error(move |_, _, error| noted.note(error.to_string()));
    world.dispatcher.register(&socket).expect("it is open");
    client.send("x");
    world.poll_until("it is read", || log.len() > 0);
    world.poll_a_while();
    assert_eq!(log.events(), ["None Pending"]);
    assert!(socket.is_connected() && world.dispatcher.len() == 1);
}

#[test]
fn chat_c10_a_return_at_the_end_of_a_segment_ends_its_line_once() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    note_lines(&world, &socket, &log);
    client.send("hello world\r");
    // Held back until more comes, it might never be read.
    world.poll_until("it is read", || log.len() == 1);
    client.send("\nI'm not dead yet!\r\n");
    world.poll_until("the next one is read", || log.len() >= 2);
    world.poll_a_while();
    assert_eq!(log.events(), ["hello world", "I'm not dead yet!"], "the newline belonged to the return");
}

#[test]
fn chat_c11_a_record_of_no_bytes_is_refused() {
    let world = World::new();
    let (socket, client) = world.connect();
    client.send("x");
    world.wait_for_arrival();
    let error = socket.recv(&mut []).expect_err("it would look like the end");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().starts_with("recv: ") && error.to_string().contains("room"), "{error}");
    assert_eq!(socket.recv(&mut [0; 8]).expect("it is open"), Some(1), "and nothing is lost");
}

#[test]
fn chat_c11_with_a_line_limit_of_nothing_only_empty_lines_are_whole() {
    let world = World::new();
    let (socket, client) = world.connect();
    socket.set_line_length_max(0);
    let results = Rc::new(RefCell::new(Vec::new()));
    let noted = results.clone();
    socket.set_handle_read(move |socket, _| {
        loop {
            match socket.read_line() {
                Ok(ReadLine::Full(line)) => noted.borrow_mut().push(Ok(line.len())),
                Ok(_) => return Ok(()),
                Err(error) => noted.borrow_mut().push(Err(error.kind())),
            }
        }
    });
    world.dispatcher.register(&socket).expect("it is open");
    client.send("\nlong\n\n");
    world.poll_until("all are read", || results.borrow().len() >= 3);
    assert_eq!(*results.borrow(), [Ok(0), Err(ErrorKind::InvalidData), Ok(0)]);
}
