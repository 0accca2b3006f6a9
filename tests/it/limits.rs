//! What a server does at its limits: it turns away whom it has no room for, and goes on.

use std::io::ErrorKind;

use selectio::{AsyncSocket, Dispatcher};

use crate::support::{Log, State, World, test};

/// As in the examples: what can't be registered is an error of the handler.
fn accept_all(server: &AsyncSocket) {
    server.set_handle_accept(|server, dispatcher| {
        while let Some(client) = server.accept()? {
            client.set_handle_read(|client, _| {
                while let Some(line) = client.read_line()?.full() {
                    client.send(line.with_newline())?;
                }
                Ok(())
            });
            dispatcher.register(&client)?;
        }
        Ok(())
    });
}

#[test]
fn a_listener_survives_that_its_dispatcher_is_full() {
    let mut world = World::new();
    world.dispatcher = Dispatcher::builder().registered_max(2).build().expect("a dispatcher");
    let log = Log::new();
    let noted = log.clone();
    world.dispatcher.set_handle_error(move |_, error| noted.note(format!("{:?} {error}", error.kind())));
    accept_all(&world.server);
    world.dispatcher.register(&world.server).expect("there is room");
    let first = world.peer.connect();
    world.poll_until("the first one has the room", || world.dispatcher.len() == 2);
    for index in 0..3 {
        let turned_away = world.peer.connect();
        world.poll_until("it is told", || log.len() == index + 1);
        turned_away.wait_for_state(State::Eof);
    }
    let event = &log.events()[2];
    assert!(event.starts_with("QuotaExceeded") && event.contains("registered_max"), "{event}");
    assert!(event.contains("handle_accept"), "{event}");
    assert!(world.server.is_listening());
    first.send("still served\n");
    world.poll_until("it is", || first.text() == "still served\n");
    first.close();
    world.poll_until("there is room", || world.dispatcher.len() == 1);
    let next = world.peer.connect();
    next.send("hello\n");
    world.poll_until("the next one is served", || next.text() == "hello\n");
}

#[test]
fn an_error_of_an_accept_handler_about_a_client_goes_to_the_listener_s_handler_and_costs_the_client() {
    let (world, log) = (World::new(), Log::new());
    world.server.set_handle_accept(|server, _| match server.accept()? {
        Some(_client) => Err(ErrorKind::PermissionDenied.into()),
        None => Ok(()),
    });
    let noted = log.clone();
    world.server.set_handle_error(move |server, _, error| {
        noted.note(format!("{} {:?}", server.is_listening(), error.kind()));
    });
    world.dispatcher.register(&world.server).expect("it is open");
    let client = world.peer.connect();
    world.poll_until("it is told", || log.len() > 0);
    assert_eq!(log.events(), ["true PermissionDenied"]);
    client.wait_for_state(State::Eof);
    assert!(world.server.is_listening());
}

#[test]
fn an_error_of_an_accept_handler_that_took_nobody_costs_the_listener() {
    let (world, log) = (World::new(), Log::new());
    world.server.set_handle_accept(|_, _| Err(ErrorKind::PermissionDenied.into()));
    let noted = log.clone();
    world.server.set_handle_error(move |_, _, error| noted.note(format!("{:?}", error.kind())));
    world.dispatcher.register(&world.server).expect("it is open");
    let _client = world.peer.connect();
    world.poll_until("it is told", || log.len() > 0);
    assert!(world.server.is_closed());
    assert_eq!(log.events(), ["PermissionDenied"]);
}

#[test]
fn the_error_of_a_listener_that_nobody_handles_comes_out_of_run() {
    let world = World::new();
    world.server.set_handle_accept(|_, _| Err(ErrorKind::PermissionDenied.into()));
    world.dispatcher.register(&world.server).expect("it is open");
    let _client = world.peer.connect();
    let error = world.dispatcher.run().expect_err("the program has lost its listener");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("handle_accept"), "{error}");
    assert!(world.server.is_closed() && world.dispatcher.is_empty());
}
