//! Connecting out; where the world can't, it says so with a remedy.

use std::io::ErrorKind;
use std::time::Duration;

use selectio::AsyncSocket;

use crate::support::{Client, Log, World, platform, test, wait_until};

/// A socket to connect with. Where there is none, the refusal was checked, and the test is over.
fn connector() -> Option<AsyncSocket> {
    let can_connect = platform().caps().connect;
    let socket = AsyncSocket::new();
    if can_connect {
        return Some(socket.expect("a socket"));
    }
    let error = socket.expect_err("this world has no sockets of the program's own");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let text = error.to_string();
    assert!(text.contains("making a socket") && text.contains("--tcplisten"), "{text}");
    None
}

fn host_and_port(address: &str) -> (&str, u16) {
    let (host, port) = address.rsplit_once(':').expect("an address");
    (host, port.parse().expect("a port"))
}

fn accepted(world: &World) -> Client {
    wait_until("the peer accepts", || world.peer.accepted())
}

fn note_outcome(socket: &AsyncSocket, log: &Log) {
    let noted = log.clone();
    socket.set_handle_connect(move |socket, _| {
        noted.note(format!("connected {}", socket.is_connected()));
        Ok(())
    });
    let noted = log.clone();
    socket.set_handle_error(move |_, _, error| noted.note(format!("{:?}", error.kind())));
}

#[test]
fn p10_handle_connect_is_called_once_with_the_state_set() {
    let Some(socket) = connector() else { return };
    let (world, log) = (World::new(), Log::new());
    note_outcome(&socket, &log);
    let address = world.peer.listen();
    let (host, port) = host_and_port(&address);
    socket.connect(host, port).expect("connecting starts");
    assert!(socket.is_connecting());
    world.dispatcher.register(&socket).expect("it is open");
    world.poll_until("it is connected", || socket.is_connected());
    world.poll_a_while();
    assert_eq!(log.events(), ["connected true"]);
    assert_eq!(socket.peer_addr().expect("it has a peer").to_string(), address);
}

#[test]
fn q1_a_refused_connect_is_an_error_and_never_a_connection() {
    let Some(socket) = connector() else { return };
    let (world, log) = (World::new(), Log::new());
    note_outcome(&socket, &log);
    let address = world.peer.listen_closed();
    let (host, port) = host_and_port(&address);
    if let Err(error) = socket.connect(host, port) {
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        return;
    }
    world.dispatcher.register(&socket).expect("it is open");
    world.poll_until("it is refused", || socket.is_closed());
    assert_eq!(log.events(), ["ConnectionRefused"]);
    assert!(world.dispatcher.is_empty());
}

#[test]
fn the_error_of_a_connect_names_the_address_that_was_tried() {
    let Some(socket) = connector() else { return };
    let (world, log) = (World::new(), Log::new());
    let address = world.peer.listen_closed();
    let (host, port) = host_and_port(&address);
    let noted = log.clone();
    socket.set_handle_error(move |_, _, error| noted.note(error.to_string()));
    match socket.connect(host, port) {
        Err(error) => log.note(error.to_string()),
        Ok(()) => {
            world.dispatcher.register(&socket).expect("it is open");
            world.poll_until("it is refused", || log.len() == 1);
        }
    }
    assert!(log.events()[0].starts_with(&format!("connect to {address}: ")), "{:?}", log.events());
}

#[test]
fn q8_a_socket_may_be_registered_before_it_connects() {
    let Some(socket) = connector() else { return };
    let (world, log) = (World::new(), Log::new());
    note_outcome(&socket, &log);
    world.dispatcher.register(&socket).expect("it is open");
    assert!(world.dispatcher.poll(Duration::ZERO).expect("polling works"), "an idle socket is open");
    let address = world.peer.listen();
    let (host, port) = host_and_port(&address);
    socket.connect(host, port).expect("connecting starts");
    world.poll_until("it is connected", || log.contains("connected true"));
}

#[test]
fn a9_what_is_sent_while_connecting_and_in_handle_connect_arrives_in_order() {
    let Some(socket) = connector() else { return };
    let world = World::new();
    let address = world.peer.listen();
    let (host, port) = host_and_port(&address);
    let before = socket.send("too early").expect_err("it is not connecting");
    assert!(before.to_string().contains("connect it first"), "{before}");
    socket.connect(host, port).expect("connecting starts");
    socket.set_handle_connect(|socket, _| {
        socket.send("third\n")?;
        socket.close_after_flush()
    });
    for text in ["first ", "second ", "\n"] {
        socket.send(text).expect("it is buffered");
    }
    assert!(socket.is_send_data_buffered());
    world.dispatcher.register(&socket).expect("it is open");
    let client = accepted(&world);
    world.poll_until("it is closed", || socket.is_closed());
    wait_until("all arrives", || (client.text() == "first second \nthird\n").then_some(()));
}

#[test]
fn q3_more_than_fits_the_kernel_is_flushed_by_itself_after_connecting() {
    let Some(socket) = connector() else { return };
    let world = World::new();
    let address = world.peer.listen();
    let (host, port) = host_and_port(&address);
    socket.connect(host, port).expect("connecting starts");
    socket.send(vec![b'x'; 5_000_000]).expect("it is buffered");
    socket.set_handle_connect(|socket, _| socket.send(vec![b'y'; 5_000_000]).map(drop));
    world.dispatcher.register(&socket).expect("it is open");
    let client = accepted(&world);
    world.poll_until("all is sent", || socket.is_connected() && !socket.is_send_data_buffered());
    wait_until("all arrives", || (client.received().length == 10_000_000).then_some(()));
}

#[test]
fn q2_a_close_inside_handle_connect_stays_closed() {
    let Some(socket) = connector() else { return };
    let world = World::new();
    let address = world.peer.listen();
    let (host, port) = host_and_port(&address);
    socket.connect(host, port).expect("connecting starts");
    socket.set_handle_connect(|socket, _| socket.close());
    world.dispatcher.register(&socket).expect("it is open");
    world.poll_until("it is closed", || world.dispatcher.is_empty());
    assert!(socket.is_closed() && !socket.is_connected());
}

#[test]
fn connecting_in_the_wrong_state_and_to_no_name_is_refused() {
    let Some(socket) = connector() else { return };
    let world = World::new();
    let error = world.server.connect("127.0.0.1", 1).expect_err("it listens");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error = socket.connect("no such name.invalid", 1).expect_err("it doesn't resolve");
    assert!(error.to_string().contains("no such name.invalid"), "{error}");
    assert!(!socket.is_closed(), "another name may do");
}
