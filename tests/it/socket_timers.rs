//! Timers that belong to a socket, timers that start anew, and a run that goes on while one is to come.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use selectio::Dispatcher;

use crate::support::{A_WHILE, Log, State, World, platform, test};

const SHORT: Duration = Duration::from_millis(5);

#[test]
fn a_timer_of_a_socket_ends_with_the_socket_and_keeps_no_run_going() {
    let (world, log) = (World::new(), Log::new());
    let (socket, _client) = world.connect();
    world.dispatcher.register(&socket).expect("it is open");
    let once = socket.call_after(&world.dispatcher, SHORT, |_, _| panic!("its socket is closed"));
    let often = socket.call_every(&world.dispatcher, SHORT, |_, _| panic!("its socket is closed"));
    let often = often.expect("a period above zero");
    let (noted, closing) = (log.clone(), socket.clone());
    world.dispatcher.call_after(Duration::ZERO, move |_| {
        noted.note("closes");
        closing.close()
    });
    world.dispatcher.run().expect("polling works");
    assert_eq!(log.events(), ["closes"]);
    assert!(!world.dispatcher.cancel(once) && !world.dispatcher.cancel(often));
}

#[test]
fn a_timer_of_a_socket_ends_with_its_last_handle() {
    let world = World::new();
    let (socket, client) = world.connect();
    let timer = socket.call_after(&world.dispatcher, SHORT, |_, _| panic!("its socket is gone"));
    drop(socket);
    client.wait_for_state(State::Eof);
    assert!(!world.dispatcher.cancel(timer));
    assert!(!world.dispatcher.poll(A_WHILE).expect("polling works"), "nothing is to come");
}

#[test]
fn a_socket_has_as_many_timers_as_it_was_given() {
    const COUNT: usize = 20;
    let (world, log) = (World::new(), Log::new());
    let (socket, _client) = world.connect();
    let give = || {
        let noted = log.clone();
        socket.call_after(&world.dispatcher, SHORT, move |_, _| {
            noted.note("called");
            Ok(())
        })
    };
    for _ in 0..COUNT {
        give();
    }
    world.dispatcher.run().expect("polling works");
    assert_eq!(log.take().len(), COUNT);
    let timers: Vec<_> = (0..COUNT).map(|_| give()).collect();
    socket.close().expect("it was open");
    assert!(timers.into_iter().all(|timer| !world.dispatcher.cancel(timer)), "all of them end with it");
    world.dispatcher.run().expect("nothing is to come");
    assert_eq!(log.len(), 0);
}

#[test]
fn a_socket_has_timers_of_one_dispatcher_only() {
    let (world, other) = (World::new(), Dispatcher::new().expect("a dispatcher"));
    let (socket, _client) = world.connect();
    let give = |dispatcher: &Dispatcher| socket.call_after(dispatcher, SHORT, |_, _| panic!("it was taken back"));
    let (first, bystander) = (give(&world.dispatcher), other.call_after(SHORT, |_| Ok(())));
    let second = give(&other);
    assert!(!world.dispatcher.cancel(first), "those of the one before end");
    socket.close().expect("it was open");
    assert!(!other.cancel(second), "and the others with the socket");
    assert!(other.cancel(bystander), "but for that which is not the socket's");
    assert!(!world.dispatcher.poll(A_WHILE).expect("nothing is to come"));
    assert!(!other.poll(A_WHILE).expect("nothing is to come"));
}

#[test]
fn an_error_of_a_timer_of_a_socket_goes_to_the_socket_s_error_handler_and_closes_it() {
    let (world, log) = (World::new(), Log::new());
    let (socket, _client) = world.connect();
    let noted = log.clone();
    socket.set_handle_error(move |_, _, error| noted.note(error.to_string()));
    world.dispatcher.set_handle_error(|_, error| panic!("the socket handles it: {error}"));
    world.dispatcher.register(&socket).expect("it is open");
    let timer = socket.call_every(&world.dispatcher, SHORT, |_, _| Err(io::Error::other("it failed")));
    timer.expect("a period above zero");
    world.dispatcher.run().expect("polling works");
    assert_eq!(log.events(), ["call_every: it failed"]);
    assert!(socket.is_closed());
}

#[test]
fn an_error_of_a_bare_timer_goes_to_the_dispatcher_and_run_goes_on() {
    let (world, log) = (World::new(), Log::new());
    let noted = log.clone();
    world.dispatcher.set_handle_error(move |_, error| noted.note(error.to_string()));
    let failing = world.dispatcher.call_every(SHORT, |_| Err(io::Error::other("it failed")));
    let noted = log.clone();
    world.dispatcher.call_after(4 * SHORT, move |_| {
        noted.note("later");
        Ok(())
    });
    world.dispatcher.run().expect("polling works");
    assert_eq!(log.events(), ["a timer: it failed", "later"]);
    assert!(!world.dispatcher.cancel(failing.expect("a period above zero")), "one that failed is over");
}

#[test]
fn run_goes_on_while_a_timer_is_to_come_and_stop_ends_it() {
    let (world, log) = (World::new(), Log::new());
    let noted = log.clone();
    world.dispatcher.call_after(SHORT, move |_| {
        noted.note("rings");
        Ok(())
    });
    world.dispatcher.run().expect("polling works");
    assert_eq!(log.take(), ["rings"]);
    world.dispatcher.call_after(SHORT, |dispatcher| {
        dispatcher.stop();
        Ok(())
    });
    let never = world.dispatcher.call_after(Duration::from_secs(3600), |_| Ok(()));
    world.dispatcher.run().expect("polling works");
    assert!(world.dispatcher.cancel(never), "it was still to come");
}

#[test]
fn a_stop_that_came_before_run_ends_it_at_once_and_counts_for_one_run() {
    let world = World::new();
    world.dispatcher.register(&world.server).expect("it is open");
    let timer = world.dispatcher.call_after(Duration::from_secs(3600), |_| Ok(()));
    world.dispatcher.stop();
    world.dispatcher.run().expect("polling works");
    assert!(world.dispatcher.cancel(timer), "nothing was waited for");
    let rings = Rc::new(Cell::new(false));
    let noted = rings.clone();
    world.dispatcher.call_after(Duration::ZERO, move |dispatcher| {
        noted.set(true);
        dispatcher.stop();
        Ok(())
    });
    world.dispatcher.run().expect("polling works");
    assert!(rings.get(), "the second run is one");
}

#[test]
fn a_timer_that_starts_anew_rings_when_its_new_time_is_over() {
    let (world, log) = (World::new(), Log::new());
    let start = world.dispatcher.now();
    let (noted, dispatcher) = (log.clone(), world.dispatcher.clone());
    let timer = world.dispatcher.call_after(A_WHILE, move |_| {
        noted.note(format!("{}", dispatcher.now() - start >= 3 * A_WHILE));
        Ok(())
    });
    for _ in 0..10_000 {
        assert!(world.dispatcher.restart(timer, 3 * A_WHILE));
    }
    world.dispatcher.run().expect("polling works");
    assert_eq!(log.events(), ["true"], "once, and not early");
    assert!(!world.dispatcher.restart(timer, Duration::ZERO), "it is over");
}

#[test]
fn a_timer_may_start_itself_anew() {
    let world = World::new();
    let (count, name) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(None)));
    let (counted, own) = (count.clone(), name.clone());
    let timer = world.dispatcher.call_after(Duration::ZERO, move |dispatcher| {
        counted.set(counted.get() + 1);
        if counted.get() < 3 {
            assert!(dispatcher.restart(own.get().expect("it was noted"), Duration::ZERO));
        }
        Ok(())
    });
    name.set(Some(timer));
    world.dispatcher.run().expect("polling works");
    assert_eq!(count.get(), 3);
}

#[test]
fn a_client_that_is_silent_too_long_is_dropped_and_one_that_speaks_is_not() {
    let world = World::new();
    let ((silent, silent_client), (busy, busy_client)) = (world.connect(), world.connect());
    for socket in [&silent, &busy] {
        let idle = socket.call_after(&world.dispatcher, 4 * A_WHILE, |socket, _| socket.close_after_flush());
        socket.set_handle_read(move |socket, dispatcher| {
            assert!(dispatcher.restart(idle, 4 * A_WHILE));
            while socket.read_line()?.full().is_some() {}
            Ok(())
        });
        world.dispatcher.register(socket).expect("it is open");
    }
    while !silent.is_closed() {
        busy_client.send("here\n");
        world.poll_a_while();
    }
    assert!(busy.is_connected());
    silent_client.wait_for_state(State::Eof);
}

#[test]
fn a_connect_that_nobody_answers_ends_when_its_time_is_over() {
    if platform().name() != "simulation" {
        // Which address stays silent is known in the simulated network only: one whose backlog is full.
        return;
    }
    let (world, log) = (World::new(), Log::new());
    world.server.pause_reading();
    let address = world.server.local_addr().expect("it is bound").inet().expect("an address");
    let crowd = world.peer.connect_many(5_000);
    world.wait_for_arrival();
    let socket = selectio::AsyncSocket::new().expect("a socket");
    socket.set_connect_timeout(A_WHILE);
    socket.connect_addr(address).expect("connecting starts");
    let noted = log.clone();
    socket.set_handle_error(move |_, _, error| noted.note(format!("{:?} {error}", error.kind())));
    world.dispatcher.register(&socket).expect("it is open");
    world.poll_until("it is told", || log.len() > 0);
    assert!(
        log.events()[0].starts_with(&format!("{:?} connect to {address}: no answer", ErrorKind::TimedOut)),
        "{:?}",
        log.events()
    );
    drop(crowd);
}
