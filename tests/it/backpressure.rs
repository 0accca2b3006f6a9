//! Back-pressure in both directions: who is slow is waited for, who is not listened to waits.

use std::io::ErrorKind;
use std::time::Duration;

use selectio::{AsyncSocket, Delegate, Dispatcher, Mode};

use crate::support::{A_WHILE, Log, World, test, wait_until};

fn note_lines(socket: &AsyncSocket, log: &Log) {
    let noted = log.clone();
    socket.set_handle_read(move |socket, _| {
        while let Some(line) = socket.read_line()?.full() {
            noted.note(line.to_string());
        }
        Ok(())
    });
}

fn note_drain(socket: &AsyncSocket, log: &Log) {
    let noted = log.clone();
    socket.set_handle_drain(move |socket, _| {
        noted.note(format!("drain {}", socket.is_send_buffer_full()));
        Ok(())
    });
}

#[test]
fn the_end_of_back_pressure_is_told_once_for_each_time_that_it_began() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect_paused();
    note_drain(&socket, &log);
    socket.set_send_water_marks(1_000, 100_000).expect("the low mark is lower");
    world.dispatcher.register(&socket).expect("it is open");
    while !socket.is_send_buffer_full() {
        socket.send([b'x'; 50_000]).expect("it fits the buffer");
    }
    world.poll_a_while();
    assert_eq!(log.len(), 0, "the peer doesn't read");
    client.resume();
    world.poll_until("it is told", || log.len() > 0);
    world.poll_until("the rest leaves", || !socket.is_send_data_buffered());
    world.poll_a_while();
    assert_eq!(log.events(), ["drain false"]);
    socket.set_send_water_marks(2, 1).expect_err("the wrong way round");
}

#[test]
fn a_socket_that_is_paused_reads_nothing_until_it_is_resumed_and_loses_nothing() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    note_lines(&socket, &log);
    socket.pause_reading();
    world.dispatcher.register(&socket).expect("it is open");
    client.send("one\n");
    client.shutdown();
    world.poll_a_while();
    assert!(log.len() == 0 && socket.is_reading_paused() && !socket.is_closed());
    socket.send("sending goes on\n").expect("it is connected");
    wait_until("it arrives", || (client.text() == "sending goes on\n").then_some(()));
    socket.resume_reading();
    world.poll_until("the line and the end are told", || socket.is_closed());
    assert_eq!(log.events(), ["one"]);
}

#[test]
fn a_socket_that_pauses_in_its_handler_is_left_alone_with_what_it_has_buffered() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    let noted = log.clone();
    socket.set_handle_read(move |socket, _| {
        if let Some(line) = socket.read_line()?.full() {
            noted.note(line.to_string());
            socket.pause_reading();
        }
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    client.send("one\ntwo\n");
    world.poll_until("the first line is read", || log.len() == 1);
    world.poll_a_while();
    assert_eq!(log.len(), 1);
    socket.resume_reading();
    world.poll_until("the second line is read", || log.len() == 2);
    assert_eq!(log.events(), ["one", "two"]);
}

#[test]
fn a_socket_that_is_paused_learns_of_a_reset_when_it_sends() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    let noted = log.clone();
    socket.set_handle_error(move |_, _, _| noted.note("error"));
    socket.set_handle_read(|_, _| panic!("it is paused"));
    socket.pause_reading();
    world.dispatcher.register(&socket).expect("it is open");
    client.reset();
    world.poll_a_while();
    assert!(socket.is_connected(), "nobody looks");
    while !socket.is_closed() {
        socket.send("anybody there?\n").expect("what the peer did is no error of the sender");
        world.dispatcher.poll(Duration::from_millis(5)).expect("polling works");
    }
    assert_eq!(log.events(), ["error"]);
}

#[test]
fn the_end_is_not_told_while_reading_is_paused_even_when_back_pressure_ends() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect_paused();
    note_drain(&socket, &log);
    let noted = log.clone();
    socket.set_handle_close(move |_, _| {
        noted.note("end");
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    socket.send([b'x'; 8_000_000].as_slice()).expect("it fits the buffer");
    assert!(socket.is_send_buffer_full());
    client.shutdown();
    socket.pause_reading();
    world.wait_for_arrival();
    // A call outside of any handler sees the end.
    let mut buffer = [0; 8];
    wait_until("the end arrives", || (socket.recv(&mut buffer).expect("it is connected") == Some(0)).then_some(()));
    client.resume();
    world.poll_until("back-pressure ends", || log.contains("drain false"));
    world.poll_a_while();
    assert_eq!(log.events(), ["drain false"], "reading is paused");
    socket.resume_reading();
    world.poll_until("the end is told", || log.contains("end"));
}

#[test]
fn a_listener_that_is_paused_accepts_nobody_until_it_is_resumed() {
    let (world, log) = (World::new(), Log::new());
    let noted = log.clone();
    world.server.set_handle_accept(move |server, _| {
        while server.accept()?.is_some() {
            noted.note("accepted");
        }
        Ok(())
    });
    world.server.pause_reading();
    world.dispatcher.register(&world.server).expect("it is open");
    let _client = world.peer.connect();
    world.poll_a_while();
    assert_eq!(log.len(), 0);
    world.server.resume_reading();
    world.poll_until("it is accepted", || log.len() == 1);
}

#[test]
fn a_delegate_that_is_paused_is_not_read_until_it_is_resumed() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    let delegate = Delegate::new(socket.into_descriptor().expect("it is open"), Mode::Read);
    let noted = log.clone();
    delegate.set_handle_read(move |delegate, _| {
        let mut buffer = [0; 64];
        if let Some(length) = delegate.read(&mut buffer)? {
            noted.note(String::from_utf8_lossy(&buffer[..length]));
        }
        delegate.pause_reading();
        Ok(())
    });
    world.dispatcher.register(&delegate).expect("it is open");
    client.send("one");
    world.poll_until("the first bytes are read", || log.len() == 1);
    client.send("two");
    world.poll_a_while();
    assert!(log.len() == 1 && delegate.is_reading_paused());
    delegate.resume_reading();
    world.poll_until("the next ones are read", || log.len() == 2);
    assert_eq!(log.events(), ["one", "two"]);
}

#[test]
fn a_paused_peer_is_resumed_by_a_timer() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    note_lines(&socket, &log);
    world.dispatcher.register(&socket).expect("it is open");
    socket.pause_reading();
    socket.call_after(&world.dispatcher, A_WHILE, |socket, _| {
        socket.resume_reading();
        Ok(())
    });
    client.send("one\n");
    client.shutdown();
    world.poll_until("it is read", || socket.is_closed());
    assert_eq!(log.events(), ["one"]);
}

/// Sends pieces of this length until one is refused, and answers how many bytes wait then.
fn fill(socket: &AsyncSocket, length: usize) -> usize {
    for _ in 0..10_000 {
        if let Err(error) = socket.send(vec![b'x'; length]) {
            assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
            assert!(error.to_string().contains("send_buffers_max"), "{error}");
            return socket.send("").expect("nothing fits everywhere");
        }
    }
    panic!("it takes everything");
}

#[test]
fn slow_peers_share_one_limit_beyond_which_each_still_has_its_share() {
    const MAX: usize = 1_000_000;
    const SHARE: usize = 64 * 1024;
    let world = World::new();
    let dispatcher = Dispatcher::builder().send_buffers_max(MAX).build().expect("a dispatcher");
    let ((greedy, _first), (modest, _second)) = (world.connect_paused(), world.connect_paused());
    for socket in [&greedy, &modest] {
        dispatcher.register(socket).expect("it is open");
    }
    let held = fill(&greedy, 100_000);
    assert!(held <= MAX && held > MAX - 100_000, "{held}");
    let share = fill(&modest, 10_000);
    assert!(share > SHARE - 10_000 && held + share <= MAX + SHARE, "{share} beside {held}");
    // What leaves the dispatcher makes room, and so does what closes.
    dispatcher.unregister(&greedy).expect("it was registered");
    modest.send(vec![b'x'; 100_000]).expect("there is room");
    dispatcher.register(&greedy).expect("it is open");
    fill(&modest, 100_000);
    greedy.close().expect("it was open");
    modest.send(vec![b'x'; 100_000]).expect("there is room");
}
