//! Nobody keeps the others waiting: turns are counted here, not time.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use selectio::{AsyncSocket, Dispatcher};

use crate::support::{A_WHILE, Log, World, test};

/// What one turn of one socket may bring: 64 KiB, where a short line counts as eight bytes.
const LINES_IN_TURN_MAX: usize = 64 * 1024 / 8;
const BYTES_IN_TURN_MAX: usize = 64 * 1024;

/// So many polls are enough to come to everybody.
const FEW: usize = 3;

/// Reads all lines that it gets, and notes how many that were in each call.
fn count_lines(socket: &AsyncSocket) -> Rc<Cell<usize>> {
    let most = Rc::new(Cell::new(0));
    let noted = most.clone();
    socket.set_handle_read(move |socket, _| {
        let mut count = 0;
        while socket.read_line()?.full().is_some() {
            count += 1;
        }
        noted.set(noted.get().max(count));
        Ok(())
    });
    most
}

fn note_lines(socket: &AsyncSocket, log: &Log) {
    let noted = log.clone();
    socket.set_handle_read(move |socket, _| {
        while let Some(line) = socket.read_line()?.full() {
            noted.note(line.to_string());
        }
        Ok(())
    });
}

fn poll_few(dispatcher: &Dispatcher) {
    for _ in 0..FEW {
        dispatcher.poll(A_WHILE).expect("polling works");
    }
}

#[test]
fn a_client_that_sends_short_lines_without_end_keeps_nobody_waiting() {
    let (world, log) = (World::new(), Log::new());
    let (greedy, greedy_client) = world.connect();
    let (other, other_client) = world.connect();
    let most = count_lines(&greedy);
    note_lines(&other, &log);
    world.dispatcher.register(&greedy).expect("it is open");
    world.dispatcher.register(&other).expect("it is open");
    greedy_client.send("x\n".repeat(5 * LINES_IN_TURN_MAX / 2));
    other_client.send("hello\n");
    world.wait_for_arrival();
    let noted = log.clone();
    world.dispatcher.call_after(Duration::ZERO, move |_| {
        noted.note("timer");
        Ok(())
    });
    poll_few(&world.dispatcher);
    assert!(log.contains("hello") && log.contains("timer"), "{:?}", log.events());
    assert!((1..=LINES_IN_TURN_MAX).contains(&most.get()), "{} lines in one turn", most.get());
}

#[test]
fn what_a_turn_has_no_room_for_comes_in_the_next_ones_without_another_byte() {
    const COUNT: usize = 3 * LINES_IN_TURN_MAX;
    let world = World::new();
    let (socket, client) = world.connect();
    let total = Rc::new(Cell::new(0));
    let counted = total.clone();
    socket.set_handle_read(move |socket, _| {
        while socket.read_line()?.full().is_some() {
            counted.set(counted.get() + 1);
        }
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    client.send("x\n".repeat(COUNT));
    world.poll_until("every line is read", || total.get() == COUNT);
}

#[test]
fn raw_bytes_have_the_same_budget() {
    const LENGTH: u64 = 1_000_000;
    let world = World::new();
    let (socket, client) = world.connect();
    let (most, total) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (noted, counted) = (most.clone(), total.clone());
    socket.set_handle_read(move |socket, _| {
        let (mut buffer, mut sum) = ([0; 5_000], 0);
        while let Some(length @ 1..) = socket.recv(&mut buffer)? {
            sum += length;
        }
        noted.set(noted.get().max(sum));
        counted.set(counted.get() + sum);
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    client.burst(LENGTH, 4);
    world.wait_for_arrival();
    world.poll_until("all is read", || total.get() as u64 == LENGTH);
    assert!(most.get() <= BYTES_IN_TURN_MAX, "{} bytes in one turn", most.get());
}

#[test]
fn a_crowd_at_the_door_is_let_in_by_turns() {
    const CROWD: usize = 100;
    const CLIENTS_IN_TURN_MAX: usize = 64;
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    note_lines(&socket, &log);
    let (most, total) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (noted, counted) = (most.clone(), total.clone());
    world.server.set_handle_accept(move |server, dispatcher| {
        let mut count = 0;
        while let Some(socket) = server.accept()? {
            dispatcher.register(&socket)?;
            count += 1;
        }
        noted.set(noted.get().max(count));
        counted.set(counted.get() + count);
        Ok(())
    });
    world.dispatcher.register(&world.server).expect("it is open");
    world.dispatcher.register(&socket).expect("it is open");
    let _crowd = world.peer.connect_many(CROWD);
    client.send("hello\n");
    world.wait_for_arrival();
    poll_few(&world.dispatcher);
    assert!(log.contains("hello"));
    world.poll_until("all are accepted", || total.get() == CROWD);
    assert!(most.get() <= CLIENTS_IN_TURN_MAX, "{} clients in one turn", most.get());
}

#[test]
fn a_reader_in_a_timer_or_a_task_gets_everything_without_a_read_handler() {
    const LENGTH: u64 = 300_000;
    let world = World::new();
    for is_timer in [true, false] {
        let (socket, client) = world.connect();
        let total = Rc::new(Cell::new(0));
        let counted = total.clone();
        let read = move |socket: &AsyncSocket, _: &Dispatcher| {
            let mut buffer = [0; 5_000];
            while let Some(length @ 1..) = socket.recv(&mut buffer)? {
                counted.set(counted.get() + length as u64);
            }
            Ok(())
        };
        if is_timer {
            let timer = socket.call_every(&world.dispatcher, Duration::from_millis(1), read);
            timer.expect("a period above zero");
        } else {
            socket.set_handle_task(read);
        }
        world.dispatcher.register(&socket).expect("it is open");
        client.burst(LENGTH, 5);
        client.shutdown();
        world.poll_until("all is read", || total.get() == LENGTH);
        world.poll_until("the end is told, which closes it", || socket.is_closed());
    }
}

#[test]
fn lines_are_read_in_a_timer_too() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    let noted = log.clone();
    let timer = socket.call_every(&world.dispatcher, Duration::from_millis(1), move |socket, _| {
        while let Some(line) = socket.read_line()?.full() {
            noted.note(line.to_string());
        }
        Ok(())
    });
    timer.expect("a period above zero");
    world.dispatcher.register(&socket).expect("it is open");
    for word in ["one", "two", "three"] {
        client.send(format!("{word}\n"));
        world.poll_until("the line is read", || log.contains(word));
    }
    assert_eq!(log.events(), ["one", "two", "three"]);
}
