//! Passing streams on: everything, in order, no faster than the other side takes it, and its end.

use selectio::{AsyncSocket, Shutdown, pipe};

use crate::support::{Client, Log, State, World, pattern_checksum, test, wait_until};

/// Two connections that are passed on to each other.
fn passed_on(world: &World) -> [(AsyncSocket, Client); 2] {
    let (left, right) = (world.connect(), world.connect_paused());
    pipe(&left.0, &right.0);
    pipe(&right.0, &left.0);
    for (socket, _) in [&left, &right] {
        world.dispatcher.register(socket).expect("it is open");
    }
    [left, right]
}

#[test]
fn what_a_fast_sender_sends_waits_for_a_slow_reader_within_bounds() {
    const LENGTH: u64 = 20_000_000;
    let world = World::new();
    let [(left, fast), (right, slow)] = passed_on(&world);
    fast.burst(LENGTH, 7);
    fast.shutdown();
    world.poll_until("the sender is not listened to any more", || left.is_reading_paused());
    slow.resume();
    let mut most = 0;
    world.poll_until("all has arrived", || {
        most = most.max(right.send("").unwrap_or(0));
        slow.state() == State::Eof
    });
    let received = slow.received();
    assert_eq!((received.length, received.checksum), (LENGTH, pattern_checksum(LENGTH, 7)));
    // The high water mark, and what one turn reads.
    assert!(most <= 128 * 1024, "{most} bytes were waiting");
}

#[test]
fn a_half_close_is_passed_on_and_the_other_direction_goes_on() {
    let world = World::new();
    let [(left, first), (right, second)] = passed_on(&world);
    second.resume();
    first.send("question");
    first.shutdown();
    world.poll_until("the question and its end arrive", || second.state() == State::Eof);
    assert_eq!(second.text(), "question");
    assert!(!left.is_closed() && !right.is_closed());
    second.send("answer");
    world.poll_until("the answer arrives", || first.text() == "answer");
    second.shutdown();
    world.poll_until("both are closed", || left.is_closed() && right.is_closed());
    first.wait_for_state(State::Eof);
    assert!(world.dispatcher.is_empty());
}

#[test]
fn when_one_side_is_reset_the_other_is_closed() {
    let (world, log) = (World::new(), Log::new());
    let [(left, first), (right, second)] = passed_on(&world);
    second.resume();
    let noted = log.clone();
    left.set_handle_error(move |_, _, _| noted.note("reset"));
    first.send("last words");
    world.poll_until("they arrive", || second.text() == "last words");
    first.reset();
    world.poll_until("both are closed", || left.is_closed() && right.is_closed());
    second.wait_for_state(State::Eof);
    assert_eq!(log.events(), ["reset"]);
}

#[test]
fn bytes_that_came_before_the_pipe_are_passed_on_first() {
    let world = World::new();
    let ((left, first), (right, second)) = (world.connect(), world.connect());
    first.send("for us\nfor the other");
    let line = wait_until("the line arrives", || left.read_line().expect("it is connected").full());
    assert_eq!(&line[..], b"for us");
    pipe(&left, &right);
    pipe(&right, &left);
    world.dispatcher.register(&left).expect("it is open");
    world.dispatcher.register(&right).expect("it is open");
    first.send(" side");
    world.poll_until("all arrives in order", || second.text() == "for the other side");
}

#[test]
fn a_sending_side_that_was_shut_down_before_counts_as_a_direction_that_has_ended() {
    let world = World::new();
    let ((left, first), (right, second)) = (world.connect(), world.connect());
    left.shutdown(Shutdown::Write).expect("it is connected");
    pipe(&left, &right);
    world.dispatcher.register(&left).expect("it is open");
    world.dispatcher.register(&right).expect("it is open");
    first.send("one way");
    first.shutdown();
    world.poll_until("both are closed", || left.is_closed() && right.is_closed());
    second.wait_for_state(State::Eof);
    assert_eq!(second.text(), "one way");
}
