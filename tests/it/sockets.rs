//! The life of sockets: listening, accepting, closing, and what they say of themselves.

use std::cell::Cell;
use std::io::ErrorKind;
use std::rc::Rc;

use selectio::{AsyncSocket, SocketStatus};

use crate::support::{Log, State, World, test};

#[test]
fn a15_every_waiting_connection_is_accepted_and_usable() {
    let (world, log) = (World::new(), Log::new());
    let noted = log.clone();
    world.server.set_handle_accept(move |server, dispatcher| {
        while let Some((client, _peer)) = server.accept_addr()? {
            noted.note("accept");
            client.send("welcome\n")?;
            dispatcher.register(&client)?;
        }
        Ok(())
    });
    world.dispatcher.register(&world.server).expect("it is open");
    let clients = world.peer.connect_many(20);
    world.poll_until("all are accepted", || log.len() == 20);
    for client in clients {
        crate::support::wait_until("it is welcomed", || (client.text() == "welcome\n").then_some(()));
    }
}

#[test]
fn a16_a_socket_that_is_closed_at_once_does_no_harm() {
    let (world, log) = (World::new(), Log::new());
    let noted = log.clone();
    world.server.set_handle_accept(move |server, dispatcher| {
        while let Some(client) = server.accept()? {
            dispatcher.register(&client)?;
            client.close()?;
            noted.note("closed");
        }
        Ok(())
    });
    world.dispatcher.register(&world.server).expect("it is open");
    for count in 1..=3 {
        let client = world.peer.connect();
        world.poll_until("it is accepted", || log.len() == count);
        client.wait_for_state(State::Eof);
    }
    assert_eq!(world.dispatcher.len(), 1);
}

#[test]
fn a27_clients_that_reset_at_once_leave_the_server_alone() {
    let (world, served) = (World::new(), Rc::new(Cell::new(0)));
    let counted = served.clone();
    world.server.set_handle_accept(move |server, dispatcher| {
        while let Some(client) = server.accept()? {
            let counted = counted.clone();
            client.set_handle_read(move |client, _| {
                while let Some(line) = client.read_line()?.full() {
                    counted.set(counted.get() + 1);
                    client.send(line.with_newline())?;
                }
                Ok(())
            });
            dispatcher.register(&client)?;
        }
        Ok(())
    });
    world.dispatcher.register(&world.server).expect("it is open");
    for round in 1..=5 {
        world.peer.connect().reset();
        let client = world.peer.connect();
        client.send("still there?\n");
        world.poll_until("it is served", || served.get() == round);
        client.close();
    }
    world.poll_until("all are gone", || world.dispatcher.len() == 1);
}

#[test]
fn accept_says_none_when_nobody_waits() {
    let world = World::new();
    assert!(world.server.accept().expect("it listens").is_none());
    let (socket, _client) = world.connect();
    assert_eq!(socket.status(), SocketStatus::Connected);
    assert!(world.server.accept_addr().expect("it listens").is_none());
}

#[test]
fn p14_close_is_immediate_and_the_second_time_nothing() {
    let world = World::new();
    let (socket, client) = world.connect();
    world.dispatcher.register(&socket).expect("it is open");
    socket.close().expect("it was open");
    assert_eq!((socket.status(), world.dispatcher.len()), (SocketStatus::Closed, 0));
    client.wait_for_state(State::Eof);
    // Whatever has the number now stays open.
    let (other, other_client) = world.connect();
    socket.close().expect("nothing is done");
    other.send("alive").expect("it is open");
    crate::support::wait_until("it arrives", || (other_client.text() == "alive").then_some(()));
}

#[test]
fn a12_dropping_the_last_handle_closes() {
    let world = World::new();
    let (socket, client) = world.connect();
    let second = socket.clone();
    drop(socket);
    second.send("x").expect("a handle is left");
    drop(second);
    client.wait_for_state(State::Eof);
    assert_eq!(client.text(), "x");
}

#[test]
fn a_registered_socket_needs_no_other_handle_and_its_close_drops_its_handlers() {
    let world = World::new();
    let (socket, client) = world.connect();
    let witness = Rc::new(());
    let owned = (witness.clone(), socket.clone());
    socket.set_handle_read(move |socket, _| {
        let _cycle = &owned;
        socket.close()
    });
    world.dispatcher.register(&socket).expect("it is open");
    drop(socket);
    client.send("x");
    world.poll_until("it is closed", || world.dispatcher.is_empty());
    assert_eq!(Rc::strong_count(&witness), 1, "the cycle is broken");
}

#[test]
fn a23_the_predicates_follow_the_state() {
    let world = World::new();
    let predicates = |socket: &AsyncSocket| {
        (socket.is_listening(), socket.is_connecting(), socket.is_connected(), socket.is_closed())
    };
    assert_eq!(predicates(&world.server), (true, false, false, false));
    let (socket, _client) = world.connect();
    assert_eq!(predicates(&socket), (false, false, true, false));
    for socket in [&world.server, &socket] {
        socket.close().expect("it was open");
        assert_eq!(predicates(socket), (false, false, false, true));
    }
}

#[test]
fn a6_debug_and_display_never_fail() {
    let world = World::new();
    let (socket, client) = world.connect();
    client.reset();
    world.wait_for_arrival();
    assert!(format!("{:?}", world.server).contains("Listening"));
    assert!(format!("{socket:?}").contains("Connected"));
    assert!(!format!("{}", world.server).is_empty());
    socket.close().expect("it was open");
    assert!(format!("{socket:?}").contains("Closed"));
    assert_eq!(format!("{socket}"), "a closed socket");
    assert!(format!("{:?}", world.dispatcher).contains("len: 0"));
}

#[test]
fn calls_in_the_wrong_state_are_refused_with_the_operation_and_a_remedy() {
    let world = World::new();
    let (socket, _client) = world.connect();
    let error = socket.accept().expect_err("it is connected");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("accept") && error.to_string().contains("listening"), "{error}");
    let error = socket.listen().expect_err("it is connected");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    world.server.listen().expect("it listens already");
    world.server.close().expect("it was open");
    assert_eq!(world.server.accept().expect_err("it is closed").kind(), ErrorKind::NotConnected);
}

#[test]
fn an_address_that_is_none_is_refused_by_name() {
    let world = World::new();
    // The host may have passed another listener: then that is what it gives.
    if let Err(error) = AsyncSocket::listener("no address") {
        assert!(matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported), "{error}");
        assert!(error.to_string().contains("no address"), "{error}");
    }
    assert!(world.server.is_listening());
}
