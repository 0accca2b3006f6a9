//! Sending: never blocking, in order, with limits, and to peers that are gone.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use selectio::{AsyncSocket, Shutdown};

use crate::support::{Log, State, World, pattern_byte, pattern_checksum, test};

fn pattern(length: u64) -> Vec<u8> {
    (0..length).map(|index| pattern_byte(index, 3)).collect()
}

#[test]
fn p11_twenty_megabytes_reach_a_slow_reader_in_order() {
    const LENGTH: u64 = 20_000_000;
    let world = World::new();
    let (socket, client) = world.connect_paused();
    world.dispatcher.register(&socket).expect("it is open");
    for piece in pattern(LENGTH).chunks(1_000_003) {
        socket.send(piece).expect("it fits the buffer");
    }
    assert!(socket.is_send_data_buffered());
    world.poll_a_while();
    assert!(socket.is_send_data_buffered(), "the peer doesn't read");
    client.resume();
    world.poll_until("all is sent", || !socket.is_send_data_buffered());
    socket.close().expect("it was open");
    client.wait_for_state(State::Eof);
    let received = client.received();
    assert_eq!((received.length, received.checksum), (LENGTH, pattern_checksum(LENGTH, 3)));
}

#[test]
fn twenty_megabytes_of_lines_come_back_in_order() {
    const LENGTH: u64 = 2_000_000;
    let world = World::new();
    let (socket, client) = world.connect();
    socket.set_handle_read(|socket, _| {
        let mut buffer = [0; 16 * 1024];
        while let Some(length @ 1..) = socket.recv(&mut buffer)? {
            socket.send(&buffer[..length])?;
        }
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    client.burst(LENGTH, 9);
    client.shutdown();
    world.poll_until("it is closed", || socket.is_closed());
    client.wait_for_state(State::Eof);
    let received = client.received();
    assert_eq!((received.length, received.checksum), (LENGTH, pattern_checksum(LENGTH, 9)));
}

#[test]
fn close_after_flush_delivers_everything_then_the_end() {
    const LENGTH: u64 = 8_000_000;
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect_paused();
    let noted = log.clone();
    socket.set_handle_read(move |_, _| {
        noted.note("read");
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    socket.send(pattern(LENGTH)).expect("it fits the buffer");
    socket.close_after_flush().expect("it is open");
    let refused = socket.send("more").expect_err("it is closing");
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    client.send("nobody reads this\n");
    world.poll_a_while();
    assert!(!socket.is_closed(), "the peer doesn't read");
    client.resume();
    world.poll_until("everything arrives", || client.state() == State::Eof);
    let received = client.received();
    assert_eq!((received.length, received.checksum), (LENGTH, pattern_checksum(LENGTH, 3)));
    client.close();
    world.poll_until("it is closed", || socket.is_closed());
    assert_eq!(log.len(), 0, "nothing is delivered to a closing socket");
}

#[test]
fn shutdown_of_the_sending_side_comes_after_what_was_sent() {
    const LENGTH: u64 = 8_000_000;
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect_paused();
    let noted = log.clone();
    socket.set_handle_read(move |socket, _| {
        while let Some(line) = socket.read_line()?.full() {
            noted.note(line.to_string());
        }
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    socket.send(pattern(LENGTH)).expect("it fits the buffer");
    socket.shutdown(Shutdown::Write).expect("it is connected");
    socket.send("more").expect_err("the sending side is closed");
    client.resume();
    world.poll_until("all is sent", || !socket.is_send_data_buffered());
    client.wait_for_state(State::Eof);
    assert_eq!(client.received().length, LENGTH);
    client.send("answer\n");
    world.poll_until("it still reads", || log.contains("answer"));
}

#[test]
fn what_does_not_fit_the_send_buffer_is_refused_whole_and_nothing_is_lost() {
    let world = World::new();
    let (socket, client) = world.connect_paused();
    world.dispatcher.register(&socket).expect("it is open");
    socket.set_send_buffer_max(10_000);
    let mut sent = 0;
    let refused = loop {
        match socket.send([b'x'; 5_000]) {
            Ok(_) => sent += 5_000,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), ErrorKind::QuotaExceeded);
    assert!(refused.to_string().contains("set_send_buffer_max"), "{refused}");
    client.resume();
    world.poll_until("the rest is sent", || !socket.is_send_data_buffered());
    socket.send("!").expect("there is room again");
    socket.close().expect("it was open");
    client.wait_for_state(State::Eof);
    assert_eq!(client.received().length, sent + 1);
}

#[test]
fn sending_to_a_peer_that_is_gone_fails_for_that_socket_and_not_for_the_sender() {
    let (world, log) = (World::new(), Log::new());
    let (gone, gone_client) = world.connect();
    let noted = log.clone();
    gone.set_handle_error(move |_, _, error| noted.note(format!("gone: {:?}", error.kind())));
    world.dispatcher.register(&gone).expect("it is open");
    let (sender, client) = world.connect();
    let (noted, target) = (log.clone(), gone.clone());
    sender.set_handle_read(move |sender, _| {
        while let Some(line) = sender.read_line()?.full() {
            target.send(line.with_newline())?;
            noted.note("sent");
        }
        Ok(())
    });
    world.dispatcher.register(&sender).expect("it is open");
    gone_client.reset();
    world.wait_for_arrival();
    client.send("hello\n");
    world.poll_until("the error is told", || gone.is_closed());
    assert!(sender.is_connected());
    let events = log.events();
    assert_eq!(events[0], "sent");
    assert!(events[1] == "gone: ConnectionReset" || events[1] == "gone: BrokenPipe", "{events:?}");
    assert_eq!(events.len(), 2);
}

#[test]
fn a_write_handler_is_called_until_it_is_taken_back() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    let noted = log.clone();
    socket.set_handle_write(move |socket, _| {
        noted.note("write");
        socket.send("tick\n")?;
        if noted.len() == 3 {
            socket.del_handle_write();
        }
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    world.poll_until("three calls", || log.len() == 3);
    world.poll_a_while();
    assert_eq!(log.len(), 3);
    crate::support::wait_until("all arrives", || (client.text() == "tick\n".repeat(3)).then_some(()));
}

#[test]
fn a20_a_peer_that_closes_with_data_unread_ends_the_sender_calmly() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect_paused();
    socket.set_handle_write(|socket, _| socket.send([b'x'; 128]).map(drop));
    let noted = log.clone();
    socket.set_handle_error(move |_, _, error| noted.note(format!("{:?}", error.kind())));
    world.dispatcher.register(&socket).expect("it is open");
    world.poll_a_while();
    client.close();
    world.poll_until("it is closed", || socket.is_closed());
    let events = log.events();
    assert!(events == ["ConnectionReset"] || events == ["BrokenPipe"], "{events:?}");
}

#[test]
fn sending_in_the_wrong_state_is_refused_with_a_remedy() {
    let world = World::new();
    let error = world.server.send("x").expect_err("it listens");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().starts_with("send: ") && error.to_string().contains("connect"), "{error}");
    world.server.close().expect("it was open");
    assert_eq!(world.server.send("x").expect_err("it is closed").kind(), ErrorKind::NotConnected);
    assert_eq!(world.server.shutdown(Shutdown::Write).expect_err("it is closed").kind(), ErrorKind::NotConnected);
}

#[test]
fn sending_nothing_is_nothing() {
    let world = World::new();
    let (socket, client) = world.connect();
    assert_eq!(socket.send("").expect("it is connected"), 0);
    socket.send("x").expect("it is connected");
    socket.close().expect("it was open");
    client.wait_for_state(State::Eof);
    assert_eq!(client.text(), "x");
}

/// A host on tokio answers about a hundred questions for room between two waits, and then says that there is none.
#[test]
fn what_is_sent_to_three_hundred_at_once_reaches_all_of_them() {
    const COUNT: usize = 300;
    let world = World::new();
    let sockets = Rc::new(RefCell::new(Vec::new()));
    let accepted = sockets.clone();
    world.server.set_handle_accept(move |server, dispatcher| {
        while let Some(client) = server.accept()? {
            client.send("one\n")?;
            dispatcher.register(&client)?;
            accepted.borrow_mut().push(client);
        }
        Ok(())
    });
    world.dispatcher.register(&world.server).expect("it is open");
    let clients = world.peer.connect_many(COUNT);
    world.poll_until("all are accepted", || sockets.borrow().len() == COUNT);
    let everybody = sockets.clone();
    world.dispatcher.call_after(Duration::ZERO, move |_| {
        everybody.borrow().iter().try_for_each(|socket: &AsyncSocket| socket.send("two\n").map(drop))
    });
    for client in clients {
        world.poll_until("it has both", || client.text() == "one\ntwo\n");
    }
}
