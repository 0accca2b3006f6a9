//! Timers: in time, in order, and cancelled by their name.

use std::cell::Cell;
use std::io::{Error, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use crate::support::{A_WHILE, Log, World, test};

/// A world in which there is something to poll for.
fn world() -> World {
    let world = World::new();
    world.dispatcher.register(&world.server).expect("it is open");
    world
}

#[test]
fn timers_are_called_once_in_the_order_of_their_time() {
    let (world, log) = (world(), Log::new());
    let start = world.dispatcher.now();
    for delay_ms in [30, 10, 20] {
        let noted = log.clone();
        world.dispatcher.call_after(Duration::from_millis(delay_ms), move |dispatcher| {
            assert!(dispatcher.now() - start >= Duration::from_millis(delay_ms), "never early");
            noted.note(delay_ms.to_string());
            Ok(())
        });
    }
    while log.len() < 3 {
        // For ever: the timers end the wait.
        world.dispatcher.poll(None).expect("polling works");
    }
    world.poll_a_while();
    assert_eq!(log.events(), ["10", "20", "30"]);
}

#[test]
fn a_periodic_timer_comes_again_until_it_is_cancelled() {
    let world = world();
    let calls = Rc::new(Cell::new(0));
    let counted = calls.clone();
    let period = Duration::from_millis(2);
    let timer = world.dispatcher.call_every(period, move |_| {
        counted.set(counted.get() + 1);
        Ok(())
    });
    let timer = timer.expect("a period above zero");
    world.poll_until("three calls", || calls.get() >= 3);
    assert!(world.dispatcher.cancel(timer));
    let called = calls.get();
    world.poll_a_while();
    assert_eq!(calls.get(), called);
    assert!(!world.dispatcher.cancel(timer), "it is gone");
}

#[test]
fn a_timer_may_cancel_itself_and_start_others() {
    let (world, log) = (world(), Log::new());
    let name = Rc::new(Cell::new(None));
    let (noted, own) = (log.clone(), name.clone());
    let timer = world.dispatcher.call_every(Duration::from_millis(1), move |dispatcher| {
        noted.note("periodic");
        dispatcher.cancel(own.get().expect("it was set"));
        let noted = noted.clone();
        dispatcher.call_after(Duration::ZERO, move |_| {
            noted.note("once");
            Ok(())
        });
        Ok(())
    });
    name.set(timer.ok());
    world.poll_until("both are called", || log.len() == 2);
    world.poll_a_while();
    assert_eq!(log.events(), ["periodic", "once"]);
}

#[test]
fn a_cancelled_timer_is_not_called_even_when_it_is_due() {
    let (world, log) = (world(), Log::new());
    let noted = log.clone();
    let late = Rc::new(Cell::new(None));
    let victim = late.clone();
    world.dispatcher.call_after(Duration::ZERO, move |dispatcher| {
        assert!(dispatcher.cancel(victim.get().expect("it was set")));
        Ok(())
    });
    late.set(Some(world.dispatcher.call_after(Duration::ZERO, move |_| {
        noted.note("called");
        Ok(())
    })));
    world.poll_a_while();
    assert_eq!(log.len(), 0);
}

#[test]
fn a_timer_s_error_is_told_and_costs_nothing_else() {
    let (world, log) = (world(), Log::new());
    world.dispatcher.call_after(Duration::ZERO, |_| Err(Error::other("it failed")));
    let noted = log.clone();
    world.dispatcher.call_after(Duration::ZERO, move |_| {
        noted.note("served");
        Ok(())
    });
    let noted = log.clone();
    world.server.set_handle_task(move |_, _| {
        noted.note("task");
        Ok(())
    });
    let noted = log.clone();
    world.dispatcher.set_handle_error(move |_, error| noted.note(error.to_string()));
    assert!(world.dispatcher.poll(A_WHILE).expect("polling works"));
    assert_eq!(log.take(), ["a timer: it failed", "served", "task"]);
    world.dispatcher.poll(Duration::ZERO).expect("polling works");
    assert_eq!(log.events(), ["task"], "it is not called again");
}

#[test]
fn a_period_of_zero_is_refused() {
    let error = world().dispatcher.call_every(Duration::ZERO, |_| Ok(())).expect_err("no time for others");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
