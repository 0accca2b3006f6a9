//! Closing, from wherever it is asked for: nothing is called afterwards, nothing is lost, nothing leaks.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use selectio::{AsyncSocket, Delegate, Mode};

use crate::support::{A_WHILE, Log, State, World, pattern_byte, pattern_checksum, test, wait_until};

const LENGTH: u64 = 8_000_000;

fn pattern() -> Vec<u8> {
    (0..LENGTH).map(|index| pattern_byte(index, 6)).collect()
}

/// Notes every handler that is called.
fn note_all(socket: &AsyncSocket, log: &Log) {
    let handler = |name: &'static str| {
        let noted = log.clone();
        move |_: &AsyncSocket, _: &selectio::Dispatcher| {
            noted.note(name);
            Ok(())
        }
    };
    socket.set_handle_read(handler("read"));
    socket.set_handle_write(handler("write"));
    socket.set_handle_drain(handler("drain"));
    socket.set_handle_close(handler("close"));
    socket.set_handle_task(handler("task"));
}

/// Sends much and closes; notes all that is called from then on.
fn send_and_close(socket: &AsyncSocket, log: &Log) -> io::Result<()> {
    socket.send(pattern())?;
    note_all(socket, log);
    socket.close_after_flush()?;
    assert_eq!(socket.send("more").expect_err("it is closing").kind(), ErrorKind::InvalidInput);
    log.note("asked");
    Ok(())
}

/// Everything arrives at a client that reads late and answers, and no handler is called meanwhile.
#[track_caller]
fn expect_quiet_close(start: impl FnOnce(&World, &AsyncSocket, &Log)) {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect_paused();
    world.dispatcher.register(&socket).expect("it is open");
    start(&world, &socket, &log);
    world.poll_until("the close is asked for", || log.contains("asked"));
    log.take();
    let timer = socket.call_after(&world.dispatcher, Duration::ZERO, |_, _| panic!("it is closing"));
    client.send("nobody reads this\n");
    world.poll_a_while();
    client.resume();
    world.poll_until("everything arrives", || client.state() == State::Eof);
    let received = client.received();
    assert_eq!((received.length, received.checksum), (LENGTH, pattern_checksum(LENGTH, 6)));
    client.close();
    world.poll_until("it is closed", || socket.is_closed());
    assert_eq!(log.events(), [""; 0], "nothing is delivered to a closing socket");
    assert!(!world.dispatcher.cancel(timer), "it is over");
    assert!(world.dispatcher.is_empty());
}

#[test]
fn close_after_flush_in_a_task_delivers_everything_and_nothing_is_called_afterwards() {
    expect_quiet_close(|_, socket, log| {
        let log = log.clone();
        socket.set_handle_task(move |socket, _| send_and_close(socket, &log));
    });
}

#[test]
fn close_after_flush_in_a_write_handler_delivers_everything_and_nothing_is_called_afterwards() {
    expect_quiet_close(|_, socket, log| {
        let log = log.clone();
        socket.set_handle_write(move |socket, _| send_and_close(socket, &log));
    });
}

#[test]
fn close_after_flush_in_a_timer_delivers_everything_and_nothing_is_called_afterwards() {
    expect_quiet_close(|world, socket, log| {
        let log = log.clone();
        socket.call_after(&world.dispatcher, Duration::ZERO, move |socket, _| send_and_close(socket, &log));
    });
}

#[test]
fn a_peer_that_never_reads_loses_the_rest_when_its_time_is_over() {
    let (world, log) = (World::new(), Log::new());
    let (socket, _client) = world.connect_paused();
    world.dispatcher.register(&socket).expect("it is open");
    let noted = log.clone();
    socket.set_handle_error(move |_, _, error| noted.note(format!("{:?} {error}", error.kind())));
    let noted = log.clone();
    socket.set_handle_gone(move |_, _| {
        noted.note("gone");
        Ok(())
    });
    socket.set_close_timeout(3 * A_WHILE);
    let start = world.dispatcher.now();
    socket.send(pattern()).expect("it fits the buffer");
    socket.close_after_flush().expect("it is open");
    world.poll_until("it is closed", || socket.is_closed());
    world.poll_a_while();
    assert!(world.dispatcher.now() - start >= 3 * A_WHILE);
    let events = log.events();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(
        events[0].starts_with("TimedOut close_after_flush") && events[0].contains("set_close_timeout"),
        "{events:?}"
    );
    assert_eq!(events[1], "gone");
}

#[test]
fn the_time_of_a_lingering_socket_ends_no_wait_and_is_no_error() {
    let world = World::new();
    let waits = world.count_waits();
    let (socket, client) = world.connect_paused();
    world.dispatcher.register(&socket).expect("it is open");
    socket.set_handle_error(|_, _, error| panic!("{error}"));
    socket.set_close_timeout(60 * A_WHILE);
    socket.send(pattern()).expect("it fits the buffer");
    socket.close_after_flush().expect("it is open");
    client.resume();
    world.poll_until("everything arrives", || client.state() == State::Eof);
    assert!(!socket.is_closed(), "the client has not closed its side");
    waits.take();
    let start = world.dispatcher.now();
    // Nothing is delivered in this time, so all of it is waited for (P8).
    world.dispatcher.poll(65 * A_WHILE).expect("polling works");
    assert!(world.dispatcher.now() - start >= 65 * A_WHILE);
    assert!(socket.is_closed(), "its time was over meanwhile");
    let count = waits.take();
    assert!(count < 10, "{count} waits for one timer");
}

#[test]
fn a_close_while_the_descriptor_is_lent_takes_effect_when_it_is_back() {
    let world = World::new();
    let (socket, client) = world.connect();
    world.dispatcher.register(&socket).expect("it is open");
    let answer = socket.with_descriptor(|_| {
        socket.close()?;
        assert!(socket.is_closed() && world.dispatcher.is_empty());
        Ok(7)
    });
    assert_eq!(answer.expect("the call works"), 7);
    client.wait_for_state(State::Eof);
    assert_eq!(socket.with_descriptor(|_| Ok(())).expect_err("it is closed").kind(), ErrorKind::NotConnected);
}

#[test]
fn a_close_while_the_descriptor_of_a_delegate_is_lent_takes_effect_when_it_is_back() {
    let world = World::new();
    let (socket, client) = world.connect();
    let delegate = Delegate::new(socket.into_descriptor().expect("it is open"), Mode::Read);
    delegate.set_handle_read(|_, _| Ok(()));
    world.dispatcher.register(&delegate).expect("it is open");
    delegate.with_descriptor(|_| delegate.close()).expect("the call works");
    assert!(!delegate.is_open() && world.dispatcher.is_empty());
    client.wait_for_state(State::Eof);
}

#[test]
fn a_descriptor_that_is_lent_is_not_given_away() {
    let world = World::new();
    let (socket, client) = world.connect();
    let clone = socket.clone();
    let inside = socket.with_descriptor(move |_| clone.into_descriptor().map(drop));
    assert_eq!(inside.expect_err("it is lent").kind(), ErrorKind::ResourceBusy);
    assert!(socket.is_closed(), "the socket was given up all the same");
    client.wait_for_state(State::Eof);
}

/// A value that goes back to its delegate when it is dropped.
struct Caller {
    delegate: Delegate,
    log: Log,
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.log.note("dropped");
        self.delegate.set_value(1_u8);
        self.delegate.set_handle_read(|_, _| Ok(()));
        self.delegate.pause_reading();
        self.delegate.close().expect("it is open or closed already");
    }
}

#[test]
fn a_value_may_call_its_delegate_when_it_is_dropped() {
    let world = World::new();
    for is_replaced in [true, false] {
        let log = Log::new();
        let (socket, client) = world.connect();
        let delegate = Delegate::new(socket.into_descriptor().expect("it is open"), Mode::Read);
        world.dispatcher.register(&delegate).expect("it is open");
        delegate.set_value(Caller { delegate: delegate.clone(), log: log.clone() });
        if is_replaced {
            delegate.set_value("another");
        } else {
            delegate.close().expect("it was open");
        }
        assert_eq!(log.events(), ["dropped"]);
        assert!(!delegate.is_open() && delegate.value::<u8>().is_none() && world.dispatcher.is_empty());
        client.wait_for_state(State::Eof);
    }
}

#[test]
fn a_socket_may_be_closed_by_what_its_own_handlers_own() {
    struct Closer(AsyncSocket);
    impl Drop for Closer {
        fn drop(&mut self) {
            self.0.close().expect("it was open");
        }
    }
    let world = World::new();
    let (socket, client) = world.connect();
    world.dispatcher.register(&socket).expect("it is open");
    let closer = Closer(socket.clone());
    socket.set_handle_read(move |_, _| {
        let _owned = &closer;
        Ok(())
    });
    // The handler before is dropped now.
    socket.set_handle_read(|_, _| Ok(()));
    assert!(socket.is_closed() && world.dispatcher.is_empty());
    client.wait_for_state(State::Eof);
}

#[test]
fn that_a_socket_is_gone_is_told_once_however_it_went() {
    type End = fn(&AsyncSocket, &crate::support::Client);
    let ends: [(&str, End); 5] = [
        ("closed", |socket, _| socket.close().expect("it was open")),
        ("flushed", |socket, _| socket.close_after_flush().expect("it was open")),
        ("ended", |_, client| client.shutdown()),
        ("reset", |_, client| client.reset()),
        ("failed", |socket, _| socket.set_handle_task(|_, _| Err(io::Error::other("on purpose")))),
    ];
    let world = World::new();
    for (name, end) in ends {
        let (socket, client) = world.connect();
        let count = Rc::new(Cell::new(0));
        let counted = count.clone();
        socket.set_handle_gone(move |socket, _| {
            assert!(socket.is_closed());
            counted.set(counted.get() + 1);
            Ok(())
        });
        socket.set_handle_error(|_, _, _| {});
        socket.set_handle_read(|socket, _| {
            while socket.read_line()?.full().is_some() {}
            Ok(())
        });
        world.dispatcher.register(&socket).expect("it is open");
        end(&socket, &client);
        world.poll_until("it is closed", || socket.is_closed());
        world.poll_until("it is told", || count.get() > 0);
        world.poll_a_while();
        socket.close().expect("nothing is done");
        world.poll_a_while();
        assert_eq!(count.get(), 1, "{name}");
    }
}

#[test]
fn sending_on_a_socket_whose_peer_is_gone_is_no_error_of_the_sender_before_and_after_its_close() {
    let world = World::new();
    let (socket, client) = world.connect();
    socket.set_handle_error(|_, _, _| {});
    socket.set_handle_read(|socket, _| {
        while socket.read_line()?.full().is_some() {}
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    client.reset();
    world.wait_for_arrival();
    while !socket.is_closed() {
        socket.send("into the void\n").expect("the peer's end is no error of the sender");
        world.dispatcher.poll(Duration::from_millis(5)).expect("polling works");
    }
    socket.send("after its close\n").expect("the library has closed it");
    socket.send_vectored(&[]).expect("the library has closed it");
}

#[test]
fn sending_after_the_program_s_own_close_is_an_error() {
    let world = World::new();
    let (socket, _client) = world.connect();
    world.dispatcher.register(&socket).expect("it is open");
    socket.close().expect("it was open");
    assert_eq!(socket.send("late").expect_err("it is closed").kind(), ErrorKind::NotConnected);
}

#[test]
fn what_a_handler_has_sent_leaves_before_its_close() {
    let world = World::new();
    let (socket, client) = world.connect();
    socket.set_handle_write(|socket, _| {
        socket.send("last ")?;
        socket.send("words\n")?;
        socket.close()
    });
    world.dispatcher.register(&socket).expect("it is open");
    world.poll_until("it is closed", || socket.is_closed());
    wait_until("it arrives", || (client.text() == "last words\n").then_some(()));
}

#[test]
fn a_peer_that_has_everything_and_sends_nothing_is_not_waited_for() {
    let world = World::new();
    let (socket, client) = world.connect();
    world.dispatcher.register(&socket).expect("it is open");
    socket.close_after_flush().expect("it was open");
    assert!(socket.is_closed());
    client.wait_for_state(State::Eof);
}

#[test]
fn a_peer_that_still_sends_is_waited_for_by_who_is_registered() {
    let world = World::new();
    for is_registered in [true, false] {
        let (socket, client) = world.connect();
        if is_registered {
            world.dispatcher.register(&socket).expect("it is open");
        }
        client.send("nobody reads this\n");
        world.wait_for_arrival();
        socket.close_after_flush().expect("it was open");
        assert_eq!(socket.is_closed(), !is_registered);
        client.wait_for_state(State::Eof);
        client.send("nor this\n");
        world.poll_a_while();
        assert_eq!(socket.is_closed(), !is_registered);
        client.close();
        world.poll_until("it is closed", || socket.is_closed());
    }
}

#[test]
fn an_error_that_came_before_the_close_is_told_and_closes_at_once_where_nobody_can_be_told() {
    let world = World::new();
    for is_registered in [true, false] {
        let log = Log::new();
        let (socket, client) = world.connect();
        let noted = log.clone();
        socket.set_handle_error(move |_, _, error| noted.note(error.to_string()));
        world.dispatcher.register(&socket).expect("it is open");
        client.reset();
        world.wait_for_arrival();
        socket.send("lost\n").expect("the error is that of the peer");
        if !is_registered {
            world.dispatcher.unregister(&socket).expect("it was registered");
        }
        socket.close_after_flush().expect("it was open");
        assert_eq!(socket.is_closed(), !is_registered);
        world.poll_until("it is closed", || socket.is_closed());
        let told = log.events();
        assert_eq!(told.len(), usize::from(is_registered), "{told:?}");
        assert!(told.iter().all(|error| error.starts_with("send: ")), "{told:?}");
    }
}

#[test]
fn a_peer_that_sends_more_than_is_dropped_and_then_reads_still_gets_everything() {
    let world = World::new();
    let (socket, client) = world.connect_paused();
    world.dispatcher.register(&socket).expect("it is open");
    let log = Log::new();
    let noted = log.clone();
    socket.set_handle_error(move |_, _, error| noted.note(error.to_string()));
    // A guest can't know when a peer that is not read from any more has everything.
    socket.set_close_timeout(A_WHILE * 20);
    socket.send(pattern()).expect("it fits the buffer");
    socket.close_after_flush().expect("it is open");
    client.burst(20_000_000, 3);
    world.poll_a_while();
    client.resume();
    world.poll_until("everything arrives", || client.received().length == LENGTH);
    assert_eq!(client.received().checksum, pattern_checksum(LENGTH, 6));
    world.poll_until("it is closed", || socket.is_closed());
    assert_eq!(log.events(), [""; 0], "nothing was lost");
    assert!(world.dispatcher.is_empty());
}

#[test]
fn a_peer_that_never_stops_sending_is_dropped() {
    let world = World::new();
    let (socket, client) = world.connect();
    world.dispatcher.register(&socket).expect("it is open");
    client.burst(40_000_000, 3);
    world.wait_for_arrival();
    socket.set_close_timeout(A_WHILE * 3);
    socket.close_after_flush().expect("it is open");
    world.poll_until("it is closed", || socket.is_closed());
    assert!(world.dispatcher.is_empty());
    client.close();
}
