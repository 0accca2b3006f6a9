//! Faults that the original had, each of which these tests would show.

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use selectio::{AsyncSocket, Dispatcher, ReadLine};

use crate::support::{A_WHILE, Client, Log, PATIENCE, State, World, test, wait_until};

type Act = Rc<dyn Fn(usize, &AsyncSocket, &Dispatcher) -> std::io::Result<()>>;

/// Registered sockets on which a line has arrived; each notes its index and then does what `act` says.
fn readable_sockets(world: &World, log: &Log, count: usize, act: Act) -> Vec<(AsyncSocket, Client)> {
    let pairs: Vec<_> = (0..count).map(|_| world.connect()).collect();
    for (index, (socket, client)) in pairs.iter().enumerate() {
        let (noted, act) = (log.clone(), act.clone());
        socket.set_handle_read(move |socket, dispatcher| {
            let _ = socket.read_line()?;
            noted.note(format!("read {index}"));
            act(index, socket, dispatcher)
        });
        client.send("line\n");
    }
    world.wait_for_arrival();
    for (socket, _) in &pairs {
        world.dispatcher.register(socket).expect("it is open");
    }
    pairs
}

fn note_writes(socket: &AsyncSocket, log: &Log, what: &'static str) {
    let noted = log.clone();
    socket.set_handle_write(move |_, _| {
        noted.note(what);
        Ok(())
    });
}

/// Sends until the kernel takes no more.
fn fill(socket: &AsyncSocket) {
    while !socket.is_send_data_buffered() {
        socket.send([b'x'; 64 * 1024]).expect("it fits the buffer");
    }
}

fn poll_once(world: &World) -> bool {
    world.dispatcher.poll(Duration::ZERO).expect("polling works")
}

#[test]
fn q4_a_socket_that_its_read_handler_closes_is_not_flushed_into_a_stranger() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect_paused();
    fill(&socket);
    note_writes(&socket, &log, "write");
    let (server, newcomer) = (world.server.clone(), Rc::new(RefCell::new(None)));
    let place = newcomer.clone();
    socket.set_handle_read(move |socket, dispatcher| {
        socket.close()?;
        // Where numbers are used again, this one gets the number that was just closed.
        let accepted = server.accept()?.expect("it waits");
        dispatcher.register(&accepted)?;
        *place.borrow_mut() = Some(accepted);
        Ok(())
    });
    let newcomer_client = world.peer.connect();
    client.send("line\n");
    client.resume();
    world.wait_for_arrival();
    world.dispatcher.register(&socket).expect("it is open");
    poll_once(&world);
    world.poll_a_while();
    assert_eq!(log.len(), 0, "it was closed before it was its turn to write");
    let newcomer = newcomer.borrow_mut().take().expect("it was accepted");
    newcomer.send("alive").expect("nobody has closed it");
    wait_until("it arrives", || (newcomer_client.text() == "alive").then_some(()));
}

#[test]
fn q6_what_was_not_asked_for_before_the_wait_is_not_delivered_after_it() {
    let (world, log) = (World::new(), Log::new());
    let (passing, passing_client) = world.connect();
    let noted = log.clone();
    passing.set_handle_read(move |_, _| {
        noted.note("read of the passing one");
        Ok(())
    });
    passing_client.send("line\n");
    let noted = log.clone();
    let act: Act = Rc::new(move |_, socket, dispatcher| {
        note_writes(socket, &noted, "write");
        dispatcher.register(&passing)?;
        dispatcher.unregister(&passing)
    });
    let _pairs = readable_sockets(&world, &log, 1, act);
    poll_once(&world);
    assert_eq!(log.take(), ["read 0"]);
    poll_once(&world);
    assert_eq!(log.take(), ["write"]);
}

#[test]
fn q7_a_socket_that_unregisters_itself_moves_nobody_out_of_the_round() {
    let (world, log) = (World::new(), Log::new());
    let act: Act = Rc::new(|index, socket, dispatcher| if index == 0 { dispatcher.unregister(socket) } else { Ok(()) });
    let pairs = readable_sockets(&world, &log, 4, act);
    note_writes(&pairs[0].0, &log, "write of the one that left");
    poll_once(&world);
    assert_eq!(log.events(), ["read 0", "read 1", "read 2", "read 3"]);
    assert_eq!(world.dispatcher.len(), 3);
}

#[test]
fn q11_a_handler_that_ignores_the_end_does_not_make_the_loop_spin() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    let noted = log.clone();
    socket.set_handle_read(move |socket, _| {
        noted.note("read");
        socket.read_line().map(drop)
    });
    socket.set_handle_close(|_, _| Ok(()));
    world.dispatcher.register(&socket).expect("it is open");
    client.shutdown();
    world.wait_for_arrival();
    world.dispatcher.poll(PATIENCE).expect("polling works");
    let start = world.dispatcher.now();
    world.dispatcher.poll(A_WHILE).expect("polling works");
    assert!(world.dispatcher.now() - start >= A_WHILE, "nothing ended this wait");
    assert_eq!(log.events(), ["read"]);
    socket.send("it was only half a close").expect("the peer still reads");
    wait_until("it arrives", || (client.received().length == 24).then_some(()));
}

#[test]
fn q12_lines_do_not_depend_on_where_the_segments_end() {
    /// What is sent, segment by segment; how it ends; what is read.
    type Case = (&'static [&'static str], fn(&Client), &'static [&'static str]);
    let cases: [Case; 8] = [
        (&["abc\rdef\n"], Client::shutdown, &["abc", "def", "Eof"]),
        (&["abc\r", "\ndef\n"], Client::shutdown, &["abc", "def", "Eof"]),
        (&["abc\r", "def\n"], Client::shutdown, &["abc", "def", "Eof"]),
        (&["\r", "\n"], Client::shutdown, &["", "Eof"]),
        (&["\r", "x\n"], Client::shutdown, &["", "x", "Eof"]),
        (&["abc"], Client::shutdown, &["abc", "Eof"]),
        (&["\r"], Client::shutdown, &["", "Eof"]),
        (&["abc"], Client::reset, &["ConnectionReset"]),
    ];
    let world = World::new();
    for (segments, end, expected) in cases {
        let log = Log::new();
        let (socket, client) = world.connect();
        let noted = log.clone();
        socket.set_handle_read(move |socket, _| {
            loop {
                match socket.read_line() {
                    Ok(ReadLine::Full(line)) => noted.note(line.to_string()),
                    Ok(ReadLine::Pending) => return Ok(()),
                    Ok(ReadLine::Eof) => {
                        noted.note("Eof");
                        return Ok(());
                    }
                    Err(error) => {
                        noted.note(format!("{:?}", error.kind()));
                        return Err(error);
                    }
                }
            }
        });
        world.dispatcher.register(&socket).expect("it is open");
        for segment in segments {
            client.send(segment);
            world.poll_a_while();
        }
        end(&client);
        world.poll_until("the end is read", || socket.is_closed());
        assert_eq!(log.events(), expected, "{segments:?}");
    }
}

#[test]
fn q15_an_error_of_a_flush_is_told_once() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect_paused();
    fill(&socket);
    let noted = log.clone();
    socket.set_handle_error(move |_, _, error| {
        assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
        noted.note(error.to_string());
    });
    world.dispatcher.register(&socket).expect("it is open");
    client.reset();
    world.poll_until("it is closed", || socket.is_closed());
    world.poll_a_while();
    let told = log.events();
    assert!(told.len() == 1 && told[0].starts_with("send: "), "{told:?}");
}

#[test]
fn q16_close_drops_what_waits_and_close_after_flush_delivers_it() {
    const LENGTH: usize = 8_000_000;
    let world = World::new();
    let (cut, cut_client) = world.connect_paused();
    let (whole, whole_client) = world.connect_paused();
    for socket in [&cut, &whole] {
        world.dispatcher.register(socket).expect("it is open");
        socket.send(vec![b'x'; LENGTH]).expect("it fits the buffer");
        assert!(socket.is_send_data_buffered());
    }
    cut.close().expect("it was open");
    assert!(!cut.is_send_data_buffered(), "it keeps nothing");
    whole.close_after_flush().expect("it is open");
    cut_client.resume();
    whole_client.resume();
    world.poll_until("both have ended", || cut_client.state() != State::Open && whole_client.state() == State::Eof);
    assert!(cut_client.received().length < LENGTH as u64);
    assert_eq!(whole_client.received().length, LENGTH as u64);
}

#[test]
fn q20_a_socket_that_is_not_registered_yet_can_be_used_all_the_same() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect_paused();
    note_writes(&socket, &log, "never");
    socket.del_handle_write();
    let mut sent = 0;
    while !socket.is_send_data_buffered() {
        socket.send([b'x'; 64 * 1024]).expect("it fits the buffer");
        sent += 64 * 1024;
    }
    let noted = log.clone();
    socket.set_handle_write(move |socket, _| {
        noted.note("write");
        socket.close_after_flush()
    });
    client.resume();
    world.dispatcher.register(&socket).expect("it is open");
    world.poll_until("it is flushed", || socket.is_closed());
    client.wait_for_state(State::Eof);
    assert_eq!(client.received().length, sent);
    assert_eq!(log.events(), ["write"], "when all had left");
}

#[test]
fn q21_tasks_and_buffered_reads_may_register_and_unregister() {
    let (world, log) = (World::new(), Log::new());
    let (coming, _coming_client) = world.connect();
    let (going, _going_client) = world.connect();
    world.dispatcher.register(&going).expect("it is open");
    let (arrival, departure) = (coming.clone(), going.clone());
    let act: Act = Rc::new(move |_, socket, dispatcher| {
        let (arrival, departure) = (arrival.clone(), departure.clone());
        // The second line is in the buffer: no wait finds it.
        socket.set_handle_read(move |socket, dispatcher| {
            let _ = socket.read_line()?;
            dispatcher.register(&arrival)?;
            dispatcher.unregister(&departure)
        });
        socket.set_handle_task(|socket, dispatcher| {
            dispatcher.unregister(socket)?;
            dispatcher.register(socket)
        });
        assert_eq!(dispatcher.len(), 3);
        Ok(())
    });
    let pairs = readable_sockets(&world, &log, 2, act);
    for (_, client) in &pairs {
        client.send("second\n");
    }
    world.poll_until("the second line is read by one", || world.dispatcher.len() == 3 && log.len() == 2);
    pairs[1].0.close().expect("it was open");
    world.poll_a_while();
    assert!(world.dispatcher.unregister(&coming).is_ok(), "it was registered by a read");
    assert_eq!(world.dispatcher.unregister(&going).expect_err("it is gone").kind(), ErrorKind::NotFound);
}

#[test]
fn q22_a_reader_that_leaves_lines_buffered_starves_nobody() {
    const LINE_COUNT: usize = 50;
    let (world, log) = (World::new(), Log::new());
    let (slow, slow_client) = world.connect();
    slow.set_handle_read(|slow, _| slow.read_line().map(drop));
    slow_client.send("x\n".repeat(LINE_COUNT));
    world.wait_for_arrival();
    world.dispatcher.register(&slow).expect("it is open");
    poll_once(&world);
    let tasks = Rc::new(Cell::new(0));
    let counted = tasks.clone();
    world.server.set_handle_task(move |_, _| {
        counted.set(counted.get() + 1);
        Ok(())
    });
    world.dispatcher.register(&world.server).expect("it is open");
    let _pairs = readable_sockets(&world, &log, 1, Rc::new(|_, _, _| Ok(())));
    for polls in 1..LINE_COUNT {
        poll_once(&world);
        assert_eq!(tasks.get(), polls, "tasks run in every poll");
        assert_eq!(log.events(), ["read 0"], "the other one is served in the first poll");
    }
}

#[test]
fn q32_a_timer_ends_a_wait_for_ever_and_the_tasks_run_then() {
    let (world, log) = (World::new(), Log::new());
    let noted = log.clone();
    world.server.set_handle_accept(|_, _| Ok(()));
    world.server.set_handle_task(move |_, _| {
        noted.note("task");
        Ok(())
    });
    world.dispatcher.register(&world.server).expect("it is open");
    let noted = log.clone();
    world.dispatcher.call_after(Duration::from_millis(1), move |_| {
        noted.note("timer");
        Ok(())
    });
    world.dispatcher.poll(None).expect("polling works");
    assert_eq!(log.events(), ["timer", "task"]);
}

#[test]
fn p9_len_counts_what_is_open_and_nothing_else() {
    let (world, log) = (World::new(), Log::new());
    let act: Act = Rc::new(|index, socket, dispatcher| {
        if index == 0 {
            socket.close()?;
            assert_eq!(dispatcher.len(), 2, "at once");
        }
        Ok(())
    });
    let pairs = readable_sockets(&world, &log, 3, act);
    assert_eq!(world.dispatcher.len(), 3);
    poll_once(&world);
    assert_eq!(world.dispatcher.len(), 2);
    pairs[1].0.close().expect("it was open");
    assert_eq!(world.dispatcher.len(), 1);
    pairs[2].1.reset();
    world.poll_until("the reset one is closed", || world.dispatcher.is_empty());
}

#[test]
fn p12_would_block_is_never_seen_by_a_handler() {
    let (world, log) = (World::new(), Log::new());
    let noted = log.clone();
    world.server.set_handle_accept(move |server, dispatcher| {
        while let Some(client) = server.accept()? {
            client.set_handle_read(|client, _| {
                while client.recv(&mut [0; 8])?.is_some() {}
                assert_eq!(client.read_line()?, ReadLine::Pending);
                while !client.is_send_data_buffered() {
                    client.send([b'x'; 64 * 1024])?;
                }
                Ok(())
            });
            dispatcher.register(&client)?;
            noted.note("accepted");
        }
        assert!(server.accept()?.is_none());
        Ok(())
    });
    let noted = log.clone();
    world.server.set_handle_error(move |_, _, error| noted.note(error.to_string()));
    world.dispatcher.register(&world.server).expect("it is open");
    let client = world.peer.connect_paused();
    client.send("go");
    world.poll_until("it is accepted", || log.len() > 0);
    world.poll_a_while();
    assert_eq!(log.events(), ["accepted"]);
    assert_eq!(world.dispatcher.len(), 2, "neither was closed");
    client.resume();
    world.poll_a_while();
    assert!(client.received().length > 0);
}
