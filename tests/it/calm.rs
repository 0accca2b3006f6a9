//! Nothing spins: waits are counted, whatever a program has left unread.

use std::io::ErrorKind;
use std::time::Duration;

use selectio::{AsyncSocket, Delegate, Mode};

use crate::support::{A_WHILE, Client, PATIENCE, Waits, World, platform, test, wait_until};

/// A few for what is on its way; a spin makes thousands.
const FEW: usize = 5;

#[track_caller]
fn expect_calm(world: &World, waits: &Waits) {
    waits.take();
    assert!(world.dispatcher.poll(A_WHILE).expect("polling works"));
    let count = waits.take();
    assert!((1..=FEW).contains(&count), "{count} waits while nothing happens");
}

/// A socket on which a line was read with a call that waits, and more lines have arrived behind it.
fn with_lines_unread(world: &World) -> (AsyncSocket, Client) {
    let (socket, client) = world.connect();
    client.send("one\ntwo\nthree\n");
    world.wait_for_arrival();
    let line = socket.blocking(PATIENCE).read_line().expect("it arrives").full().expect("a line");
    assert_eq!(&line[..], b"one");
    (socket, client)
}

#[test]
fn lines_that_nobody_reads_make_nothing_spin() {
    let world = World::new();
    let waits = world.count_waits();
    let (socket, client) = with_lines_unread(&world);
    world.dispatcher.register(&socket).expect("it is open");
    expect_calm(&world, &waits);
    socket.send("still here\n").expect("it is connected");
    expect_calm(&world, &waits);
    wait_until("it arrives", || (client.text() == "still here\n").then_some(()));
    // They were kept for who wants them.
    assert_eq!(&socket.read_line().expect("it is open").full().expect("a line")[..], b"two");
    expect_calm(&world, &waits);
}

#[test]
fn lines_that_were_left_are_delivered_when_somebody_reads() {
    let world = World::new();
    let (socket, _client) = with_lines_unread(&world);
    world.dispatcher.register(&socket).expect("it is open");
    let log = crate::support::Log::new();
    let noted = log.clone();
    socket.set_handle_read(move |socket, _| {
        while let Some(line) = socket.read_line()?.full() {
            noted.note(line.to_string());
        }
        Ok(())
    });
    world.dispatcher.poll(PATIENCE).expect("polling works");
    assert_eq!(log.events(), ["two", "three"]);
}

#[test]
fn a_read_handler_that_is_taken_away_leaves_no_spin() {
    let world = World::new();
    let waits = world.count_waits();
    let (socket, _client) = with_lines_unread(&world);
    socket.set_handle_read(|_, _| Ok(()));
    socket.pause_reading();
    world.dispatcher.register(&socket).expect("it is open");
    expect_calm(&world, &waits);
}

#[test]
fn a_delegate_that_has_read_ahead_and_has_no_read_handler_makes_nothing_spin() {
    let world = World::new();
    let waits = world.count_waits();
    let (socket, _client) = world.connect();
    let delegate = Delegate::new(socket.into_descriptor().expect("it is open"), Mode::Read);
    delegate.set_has_data_buffered(|_| true);
    world.dispatcher.register(&delegate).expect("it is open");
    expect_calm(&world, &waits);
    delegate.set_handle_read(|delegate, _| {
        delegate.pause_reading();
        Ok(())
    });
    world.dispatcher.poll(PATIENCE).expect("polling works");
    assert!(delegate.is_reading_paused(), "now it is called");
    expect_calm(&world, &waits);
}

#[test]
fn the_end_and_a_reset_make_nothing_spin_while_nobody_closes() {
    let world = World::new();
    let waits = world.count_waits();
    for is_reset in [false, true] {
        let (socket, client) = world.connect();
        socket.set_handle_close(|_, _| Ok(()));
        socket.pause_reading();
        world.dispatcher.register(&socket).expect("it is open");
        if is_reset {
            client.reset()
        } else {
            client.shutdown()
        }
        world.wait_for_arrival();
        expect_calm(&world, &waits);
        assert!(socket.is_connected());
    }
}

#[test]
fn a_connection_that_is_sent_on_with_calls_that_wait_connects_first() {
    if !platform().caps().connect {
        return;
    }
    let world = World::new();
    let client = AsyncSocket::connection(&world.peer.listen()).expect("connecting starts");
    assert!(client.is_connecting());
    client.blocking(PATIENCE).send("hello\n").expect("it connects");
    assert!(client.is_connected() && !client.is_send_data_buffered());
    let accepted = wait_until("the peer accepts", || world.peer.accepted());
    wait_until("it arrives", || (accepted.text() == "hello\n").then_some(()));
    accepted.send("answer\n");
    let line = client.blocking(PATIENCE).read_line().expect("it arrives").full().expect("a line");
    assert_eq!(&line[..], b"answer");
}

#[test]
fn a_connection_that_is_refused_is_refused_in_a_call_that_waits() {
    if !platform().caps().connect {
        return;
    }
    let world = World::new();
    let client = AsyncSocket::connection(&world.peer.listen_closed()).expect("connecting starts");
    let error = client.blocking(Duration::from_secs(2)).send("hello\n").expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
    assert!(client.is_closed());
}

#[test]
fn handle_connect_is_told_of_a_connection_that_was_waited_for() {
    if !platform().caps().connect {
        return;
    }
    let (world, log) = (World::new(), crate::support::Log::new());
    let client = AsyncSocket::connection(&world.peer.listen()).expect("connecting starts");
    let noted = log.clone();
    client.set_handle_connect(move |_, _| {
        noted.note("connected");
        Ok(())
    });
    world.dispatcher.register(&client).expect("it is open");
    client.blocking(PATIENCE).send("hello\n").expect("it connects");
    world.poll_until("it is told", || log.len() == 1);
    world.poll_a_while();
    assert_eq!(log.events(), ["connected"]);
}
