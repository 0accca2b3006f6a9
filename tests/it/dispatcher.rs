//! What the dispatcher promises: order, liveness, errors, and how a poll ends.

use std::cell::{Cell, RefCell};
use std::io::{Error, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use selectio::{AsyncSocket, Dispatcher, SocketStatus};

use crate::support::{A_WHILE, Client, Log, State, World, platform, test};

/// So many registered sockets, on each of which a line has arrived. Their read handlers note their index
/// and then do what `act` says.
fn readable_sockets(
    world: &World,
    log: &Log,
    count: usize,
    act: impl Fn(usize, &AsyncSocket, &Dispatcher) -> std::io::Result<()> + Clone + 'static,
) -> (Vec<AsyncSocket>, Vec<Client>) {
    let pairs: Vec<_> = (0..count).map(|_| world.connect()).collect();
    for (index, (socket, client)) in pairs.iter().enumerate() {
        let (log, act) = (log.clone(), act.clone());
        socket.set_handle_read(move |socket, dispatcher| {
            let _ = socket.read_line()?;
            log.note(format!("read {index}"));
            act(index, socket, dispatcher)
        });
        client.send("line\n");
    }
    world.wait_for_arrival();
    for (socket, _) in &pairs {
        world.dispatcher.register(socket).expect("it is open");
    }
    pairs.into_iter().unzip()
}

fn poll_once(world: &World) -> bool {
    world.dispatcher.poll(Duration::ZERO).expect("polling works")
}

#[test]
fn p1_handlers_are_called_in_the_order_of_registration() {
    let (world, log) = (World::new(), Log::new());
    let (_sockets, _clients) = readable_sockets(&world, &log, 5, |_, _, _| Ok(()));
    poll_once(&world);
    assert_eq!(log.events(), ["read 0", "read 1", "read 2", "read 3", "read 4"]);
}

#[test]
fn p1_a_socket_is_read_before_it_is_written() {
    let (world, log) = (World::new(), Log::new());
    let (sockets, _clients) = readable_sockets(&world, &log, 1, |_, _, _| Ok(()));
    let noted = log.clone();
    sockets[0].set_handle_write(move |socket, _| {
        noted.note("write");
        socket.del_handle_write();
        Ok(())
    });
    poll_once(&world);
    assert_eq!(log.events(), ["read 0", "write"]);
}

#[test]
fn p2_an_event_that_nobody_asked_for_is_not_delivered() {
    let (world, log) = (World::new(), Log::new());
    let others: Rc<RefCell<Vec<AsyncSocket>>> = Rc::default();
    let noted = log.clone();
    let (sockets, _clients) = readable_sockets(&world, &log, 2, {
        let others = others.clone();
        move |index, _, _| {
            if index == 0 {
                let noted = noted.clone();
                others.borrow()[1].set_handle_write(move |_, _| {
                    noted.note("write 1");
                    Ok(())
                });
            }
            Ok(())
        }
    });
    *others.borrow_mut() = sockets;
    poll_once(&world);
    assert_eq!(log.events(), ["read 0", "read 1"], "room to write was not asked for before this poll");
    poll_once(&world);
    assert!(log.contains("write 1"));
}

#[test]
fn p3_what_a_handler_closes_or_unregisters_gets_no_callback_in_that_poll() {
    let (world, log) = (World::new(), Log::new());
    let others: Rc<RefCell<Vec<AsyncSocket>>> = Rc::default();
    let (sockets, _clients) = readable_sockets(&world, &log, 4, {
        let others = others.clone();
        move |index, _, dispatcher| {
            if index == 0 {
                others.borrow()[1].close()?;
                dispatcher.unregister(&others.borrow()[2])?;
            }
            Ok(())
        }
    });
    for socket in &sockets[1..3] {
        let noted = log.clone();
        socket.set_handle_task(move |_, _| {
            noted.note("task");
            Ok(())
        });
    }
    *others.borrow_mut() = sockets.clone();
    poll_once(&world);
    assert_eq!(log.take(), ["read 0", "read 3"]);
    assert_eq!(sockets[2].status(), SocketStatus::Connected, "unregistered is not closed");
    world.dispatcher.register(&sockets[2]).expect("it is open");
    poll_once(&world);
    assert_eq!(log.events(), ["read 2", "task"], "its line was not lost");
    others.borrow_mut().clear();
}

#[test]
fn p3_a_socket_that_closes_itself_gets_no_write_callback_after_that() {
    let (world, log) = (World::new(), Log::new());
    let (sockets, _clients) = readable_sockets(&world, &log, 1, |_, socket, _| socket.close());
    let noted = log.clone();
    sockets[0].set_handle_write(move |_, _| {
        noted.note("write");
        Ok(())
    });
    assert!(!poll_once(&world), "nothing is open any more");
    assert_eq!(log.events(), ["read 0"]);
}

#[test]
fn p4_what_a_handler_registers_is_served_from_the_next_poll_on() {
    let (world, log) = (World::new(), Log::new());
    let (late, late_client) = world.connect();
    late_client.send("line\n");
    let noted = log.clone();
    late.set_handle_read(move |late, _| {
        let _ = late.read_line()?;
        noted.note("late");
        Ok(())
    });
    let (_sockets, _clients) =
        readable_sockets(
            &world,
            &log,
            2,
            move |index, _, dispatcher| {
                if index == 0 { dispatcher.register(&late) } else { Ok(()) }
            },
        );
    poll_once(&world);
    assert_eq!(log.take(), ["read 0", "read 1"]);
    poll_once(&world);
    assert_eq!(log.events(), ["late"]);
}

#[test]
fn a_descriptor_number_that_is_used_again_within_a_poll_gets_no_stale_event() {
    let (world, log) = (World::new(), Log::new());
    let others: Rc<RefCell<Vec<AsyncSocket>>> = Rc::default();
    let server = world.server.clone();
    let noted = log.clone();
    let (sockets, _clients) = readable_sockets(&world, &log, 3, {
        let others = others.clone();
        move |index, _, dispatcher| {
            if index != 0 {
                return Ok(());
            }
            // What is accepted now gets the number that was just closed, on hosts that use numbers again.
            others.borrow()[1].close()?;
            let newcomer = server.accept()?.expect("it waits");
            let noted = noted.clone();
            newcomer.set_handle_read(move |newcomer, _| {
                noted.note("newcomer");
                newcomer.close()
            });
            dispatcher.register(&newcomer)
        }
    });
    *others.borrow_mut() = sockets;
    let _newcomer = world.peer.connect();
    world.wait_for_arrival();
    poll_once(&world);
    world.poll_a_while();
    assert_eq!(log.events(), ["read 0", "read 2"], "the newcomer's peer sent nothing");
    assert_eq!(world.dispatcher.len(), 3);
    others.borrow_mut().clear();
}

#[test]
fn p5_buffered_lines_are_served_without_waiting_and_hide_nobody() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    let noted = log.clone();
    socket.set_handle_read(move |socket, _| {
        if let Some(line) = socket.read_line()?.full() {
            noted.note(line.to_string());
        }
        Ok(())
    });
    client.send("one\ntwo\nthree\n");
    world.wait_for_arrival();
    world.dispatcher.register(&socket).expect("it is open");
    poll_once(&world);
    assert_eq!(log.take(), ["one"]);
    let (_sockets, _clients) = readable_sockets(&world, &log, 1, |_, _, _| Ok(()));
    // For ever: only the buffered line ends this wait.
    world.dispatcher.poll(None).expect("polling works");
    assert_eq!(log.take(), ["two", "read 0"]);
    poll_once(&world);
    assert_eq!(log.events(), ["three"]);
}

#[test]
fn p6_tasks_run_once_in_every_poll_after_the_events() {
    let (world, log) = (World::new(), Log::new());
    let (sockets, _clients) = readable_sockets(&world, &log, 2, |_, _, _| Ok(()));
    for (index, socket) in sockets.iter().enumerate().rev() {
        let noted = log.clone();
        socket.set_handle_task(move |_, _| {
            noted.note(format!("task {index}"));
            Ok(())
        });
    }
    poll_once(&world);
    assert_eq!(log.take(), ["read 0", "read 1", "task 0", "task 1"]);
    poll_once(&world);
    assert_eq!(log.take(), ["task 0", "task 1"], "on a timeout too");
    sockets[0].close().expect("it was open");
    poll_once(&world);
    assert_eq!(log.events(), ["task 1"], "closed sockets have no tasks");
}

#[test]
fn p7_poll_tells_whether_anything_is_open_and_p9_len_counts_that() {
    let world = World::new();
    assert!(!world.dispatcher.poll(None).expect("nothing is registered"), "at once, although it may wait for ever");
    world.dispatcher.register(&world.server).expect("it is open");
    assert!(poll_once(&world));
    assert_eq!(world.dispatcher.len(), 1);
    let (socket, client) = world.connect();
    socket.set_handle_read(|socket, _| socket.close());
    world.dispatcher.register(&socket).expect("it is open");
    world.server.close().expect("it was open");
    assert_eq!(world.dispatcher.len(), 1);
    client.send("x");
    world.wait_for_arrival();
    assert!(!poll_once(&world), "the last one closed in this very poll");
    assert!(world.dispatcher.is_empty());
}

#[test]
fn p8_poll_takes_its_whole_time_when_nothing_happens() {
    let world = World::new();
    let (socket, _client) = world.connect();
    socket.set_handle_read(|_, _| Ok(()));
    world.dispatcher.register(&socket).expect("it is open");
    let start = world.dispatcher.now();
    world.dispatcher.poll(A_WHILE).expect("polling works");
    assert!(world.dispatcher.now() - start >= A_WHILE);
}

#[test]
fn p13_an_error_of_a_handler_costs_its_own_socket_only() {
    let (world, log) = (World::new(), Log::new());
    let (sockets, clients) =
        readable_sockets(
            &world,
            &log,
            3,
            |index, _, _| {
                if index == 1 { Err(Error::other("that was enough")) } else { Ok(()) }
            },
        );
    let noted = log.clone();
    sockets[1].set_handle_error(move |socket, _, error| {
        noted.note(format!("{error}, still {:?}", socket.status()));
    });
    assert!(poll_once(&world));
    assert_eq!(log.events(), ["read 0", "read 1", "handle_read: that was enough, still Connected", "read 2"]);
    assert!(sockets[1].is_closed() && !sockets[0].is_closed() && !sockets[2].is_closed());
    clients[1].wait_for_state(State::Eof);
    assert_eq!(world.dispatcher.len(), 2);
}

#[test]
fn p13_an_error_of_a_task_costs_its_own_socket_only() {
    let (world, log) = (World::new(), Log::new());
    let (sockets, _clients) = readable_sockets(&world, &log, 2, |_, _, _| Ok(()));
    sockets[0].set_handle_task(|_, _| Err(Error::other("no more")));
    let noted = log.clone();
    sockets[0].set_handle_error(move |_, _, error| noted.note(error.to_string()));
    let noted = log.clone();
    sockets[1].set_handle_task(move |_, _| {
        noted.note("task 1");
        Ok(())
    });
    poll_once(&world);
    assert_eq!(log.events(), ["read 0", "read 1", "handle_task: no more", "task 1"]);
    assert!(sockets[0].is_closed());
}

#[test]
fn q36_a_poll_inside_a_handler_is_refused() {
    let (world, log) = (World::new(), Log::new());
    let noted = log.clone();
    let (_sockets, _clients) = readable_sockets(&world, &log, 1, move |_, _, dispatcher| {
        let error = dispatcher.poll(Duration::ZERO).expect_err("a poll is running");
        noted.note(format!("{:?}", error.kind()));
        assert!(error.to_string().contains("return from the handler"), "{error}");
        Ok(())
    });
    assert!(poll_once(&world));
    assert_eq!(log.events(), ["read 0", "InvalidInput"]);
}

#[test]
fn q19_registering_twice_changes_nothing_and_elsewhere_is_refused() {
    let world = World::new();
    world.dispatcher.register(&world.server).expect("it is open");
    world.dispatcher.register(&world.server).expect("it is registered here");
    assert_eq!(world.dispatcher.len(), 1);
    let other = Dispatcher::new().expect("a dispatcher");
    let error = other.register(&world.server).expect_err("it is registered elsewhere");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    world.dispatcher.unregister(&world.server).expect("it is registered");
    other.register(&world.server).expect("it is free");
    assert_eq!((world.dispatcher.len(), other.len()), (0, 1));
}

#[test]
fn a_socket_outlives_its_dispatcher_and_can_join_another() {
    let world = World::new();
    let first = Dispatcher::new().expect("a dispatcher");
    first.register(&world.server).expect("it is open");
    drop(first);
    world.dispatcher.register(&world.server).expect("its dispatcher is gone");
    assert!(poll_once(&world));
}

#[test]
fn unregistering_what_is_not_registered_and_registering_what_is_closed_are_refused() {
    let world = World::new();
    let error = world.dispatcher.unregister(&world.server).expect_err("it is not registered");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    world.server.close().expect("it was open");
    let error = world.dispatcher.register(&world.server).expect_err("it is closed");
    assert_eq!(error.kind(), ErrorKind::NotConnected);
}

#[test]
fn waiting_for_ever_on_nothing_is_refused() {
    let world = World::new();
    // Without an accept handler the listener is not watched.
    world.dispatcher.register(&world.server).expect("it is open");
    let error = world.dispatcher.poll(None).expect_err("it would never end");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(poll_once(&world), "and costs nothing");
}

#[test]
fn a_handler_may_replace_and_remove_itself() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    let noted = log.clone();
    socket.set_handle_read(move |socket, _| {
        noted.note("first");
        let noted = noted.clone();
        socket.set_handle_read(move |socket, _| {
            noted.note("second");
            socket.close()
        });
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    client.send("x");
    world.poll_until("both are called", || log.len() == 2);
    assert_eq!(log.events(), ["first", "second"]);
}

#[test]
fn stop_ends_run_and_leaves_everything_registered() {
    let world = World::new();
    let (socket, _client) = world.connect();
    let calls = Rc::new(Cell::new(0));
    let counted = calls.clone();
    socket.set_handle_write(move |_, dispatcher| {
        counted.set(counted.get() + 1);
        if counted.get() == 3 {
            dispatcher.stop();
        }
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    world.dispatcher.run().expect("polling works");
    assert_eq!((calls.get(), world.dispatcher.len()), (3, 1));
}

#[test]
fn a3_close_all_closes_everything() {
    let (world, log) = (World::new(), Log::new());
    let (sockets, clients) = readable_sockets(&world, &log, 10, |_, _, _| Ok(()));
    world.dispatcher.close_all().expect("all were open");
    assert_eq!(world.dispatcher.len(), 0);
    assert!(!poll_once(&world));
    assert!(sockets.iter().all(AsyncSocket::is_closed));
    // A host of preview2 ends the stream before it closes the socket, which then resets it.
    let end = if platform().name() == "wasip2" { State::Eof } else { State::Reset };
    for client in clients {
        client.wait_for_state(end);
    }
}
