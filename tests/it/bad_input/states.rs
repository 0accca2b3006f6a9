//! Calls in the wrong state, on what is closed, on a foreign dispatcher, inside a handler.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use selectio::sim::Network;
use selectio::{AsyncSocket, Delegate, Dispatcher, Domain, Mode, Shutdown, SocketOption, SocketStatus, Type};

use super::{Bystander, Refusal, check, nothing};
use crate::support::{A_WHILE, Log, PATIENCE, World, platform, test};

const NOBODY: ([u8; 4], u16) = ([127, 0, 0, 1], 1);

fn every_call(socket: &AsyncSocket, remedy: &'static str) -> Vec<Refusal> {
    let nobody = SocketAddr::from(NOBODY);
    let blocking = socket.blocking(A_WHILE);
    let mut buffer = [0; 8];
    vec![
        ("accept", remedy, nothing(socket.accept())),
        ("accept_addr", remedy, nothing(socket.accept_addr())),
        ("connect", remedy, socket.connect("127.0.0.1", 1)),
        ("connect", remedy, socket.connect_addr(nobody)),
        ("connect", remedy, socket.connect_family("127.0.0.1", 1, Domain::Ipv4)),
        ("bind_addr", remedy, socket.bind_addr(nobody)),
        ("listen", remedy, socket.listen()),
        ("read_line", remedy, nothing(socket.read_line())),
        ("recv", remedy, nothing(socket.recv(&mut buffer))),
        ("recv_from", remedy, nothing(socket.recv_from(&mut buffer))),
        ("send", remedy, nothing(socket.send("x"))),
        ("send_to", remedy, nothing(socket.send_to("x", nobody))),
        ("shutdown", remedy, socket.shutdown(Shutdown::Both)),
        ("accept", remedy, nothing(blocking.accept())),
        ("read_line", remedy, nothing(blocking.read_line())),
        ("recv", remedy, nothing(blocking.recv(&mut buffer))),
        ("send", remedy, blocking.send("x")),
    ]
}

/// All but these.
fn without(refusals: Vec<Refusal>, allowed: &[&str]) -> Vec<Refusal> {
    refusals.into_iter().filter(|(operation, _, _)| !allowed.contains(operation)).collect()
}

#[test]
fn every_call_on_a_closed_socket_is_refused() {
    let world = World::new();
    let bystander = Bystander::new(&world);
    let (socket, _client) = world.connect();
    world.dispatcher.register(&socket).expect("it is open");
    socket.close().expect("it was open");
    check(ErrorKind::NotConnected, every_call(&socket, "make a new one"));
    let more: [Refusal; 7] = [
        ("register", "make a new one", world.dispatcher.register(&socket)),
        ("local_addr", "make a new one", nothing(socket.local_addr())),
        ("peer_addr", "make a new one", nothing(socket.peer_addr())),
        ("option", "make a new one", nothing(socket.option(SocketOption::NoDelay))),
        ("set_option", "make a new one", socket.set_option(SocketOption::NoDelay, true)),
        ("is_writeable", "make a new one", nothing(socket.is_writeable())),
        ("with_descriptor", "make a new one", socket.with_descriptor(|_| Ok(()))),
    ];
    check(ErrorKind::NotConnected, more);
    socket.set_handle_read(|_, _| Ok(()));
    socket.set_handle_task(|_, _| Ok(()));
    socket.del_handle_write();
    socket.close().expect("nothing is done");
    socket.close_after_flush().expect("nothing is done");
    let given = socket.into_descriptor();
    check(ErrorKind::NotConnected, [("into_descriptor", "make a new one", nothing(given))]);
    bystander.check(&world);
}

#[test]
fn every_call_that_a_listening_socket_is_not_for_is_refused() {
    let world = World::new();
    let bystander = Bystander::new(&world);
    let calls = every_call(&world.server, "the socket is Listening");
    let calls = without(calls, &["accept", "accept_addr", "listen", "send_to"]);
    check(ErrorKind::InvalidInput, calls);
    let nobody = SocketAddr::from(NOBODY);
    check(ErrorKind::InvalidInput, [("send_to", "use send", nothing(world.server.send_to("x", nobody)))]);
    assert!(!world.server.is_writeable().expect("it is open"));
    assert!(world.server.is_listening());
    bystander.check(&world);
}

#[test]
fn every_call_that_a_connected_socket_is_not_for_is_refused() {
    let world = World::new();
    let bystander = Bystander::new(&world);
    let (socket, client) = world.connect();
    let nobody = SocketAddr::from(NOBODY);
    let refusals: [Refusal; 8] = [
        ("accept_addr", "only a listening socket", nothing(socket.accept())),
        ("connect", "use a new one", socket.connect("127.0.0.1", 1)),
        ("connect", "use a new one", socket.connect_addr(nobody)),
        ("bind_addr", "before anything else", socket.bind_addr(nobody)),
        ("listen", "use a new one", socket.listen()),
        ("send_to", "use send", nothing(socket.send_to("x", nobody))),
        ("recv", "room", nothing(socket.recv(&mut []))),
        ("recv", "room", nothing(socket.blocking(A_WHILE).recv(&mut []))),
    ];
    check(ErrorKind::InvalidInput, refusals);
    socket.shutdown(Shutdown::Write).expect("it is connected");
    let refused: [Refusal; 2] = [
        ("send", "before you close it", nothing(socket.send("x"))),
        ("send", "before you close it", socket.blocking(A_WHILE).send("x")),
    ];
    check(ErrorKind::InvalidInput, refused);
    client.send("still heard\n");
    let line = socket.blocking(PATIENCE).read_line().expect("it is open").full();
    assert_eq!(line.as_deref(), Some(&b"still heard"[..]));
    bystander.check(&world);
}

#[test]
fn every_call_that_an_idle_socket_is_not_ready_for_is_refused() {
    let world = World::new();
    let bystander = Bystander::new(&world);
    if !platform().caps().listen {
        return;
    }
    let socket = AsyncSocket::new().expect("a socket");
    let calls = every_call_that_needs_a_connection(&socket);
    check(ErrorKind::InvalidInput, calls);
    let datagrams = AsyncSocket::with_type(Domain::Ipv4, Type::Datagram, None).expect("a socket");
    check(ErrorKind::InvalidInput, every_call_that_needs_a_connection(&datagrams));
    assert_eq!((socket.status(), datagrams.status()), (SocketStatus::Idle, SocketStatus::Idle));
    bystander.check(&world);
}

fn every_call_that_needs_a_connection(socket: &AsyncSocket) -> [Refusal; 6] {
    let mut buffer = [0; 8];
    [
        ("accept_addr", "only a listening socket", nothing(socket.accept())),
        ("read_line", "a connected one", nothing(socket.read_line())),
        ("recv", "a connected one", nothing(socket.recv(&mut buffer))),
        ("recv_from", "bind or connect it first", nothing(socket.recv_from(&mut buffer))),
        ("send", "connect it first", nothing(socket.send("x"))),
        ("shutdown", "a connected one", socket.shutdown(Shutdown::Write)),
    ]
}

#[test]
fn every_call_on_a_closed_delegate_is_refused() {
    let world = World::new();
    let bystander = Bystander::new(&world);
    let (socket, _client) = world.connect();
    let delegate = Delegate::new(socket.into_descriptor().expect("it is open"), Mode::ReadWrite);
    delegate.close().expect("it was open");
    let refusals: [Refusal; 4] = [
        ("read", "make a new one", nothing(delegate.read(&mut [0; 8]))),
        ("write", "make a new one", nothing(delegate.write(b"x"))),
        ("with_descriptor", "make a new one", delegate.with_descriptor(|_| Ok(()))),
        ("register", "make a new one", world.dispatcher.register(&delegate)),
    ];
    check(ErrorKind::NotConnected, refusals);
    delegate.set_mode(Mode::Read);
    delegate.set_handle_task(|_, _| Ok(()));
    delegate.set_has_data_buffered(|_| true);
    delegate.close().expect("nothing is done");
    bystander.check(&world);
}

#[test]
fn a_foreign_dispatcher_and_another_world_are_refused() {
    let world = World::new();
    let bystander = Bystander::new(&world);
    let (socket, client) = world.connect();
    let noted = Log::new();
    let lines = noted.clone();
    socket.set_handle_read(move |socket, _| {
        if let Some(line) = socket.read_line()?.full() {
            lines.note(line.to_string());
        }
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    let foreign = Dispatcher::new().expect("a dispatcher");
    check(ErrorKind::InvalidInput, [("register", "unregister it there first", foreign.register(&socket))]);
    check(ErrorKind::NotFound, [("unregister", "register it first", foreign.unregister(&socket))]);
    world.dispatcher.unregister(&socket).expect("it is registered");
    let again = world.dispatcher.unregister(&socket);
    check(ErrorKind::NotFound, [("unregister", "register it first", again)]);
    let elsewhere = {
        let network = Network::new(1);
        let _inside = network.enter();
        Dispatcher::new().expect("a dispatcher")
    };
    check(ErrorKind::InvalidInput, [("register", "in the same world", elsewhere.register(&socket))]);
    assert!(elsewhere.is_empty());
    world.dispatcher.register(&socket).expect("nothing is left of the refusals");
    client.send("served\n");
    world.poll_until("it is served", || noted.contains("served"));
    bystander.check(&world);
}

#[test]
fn a_poll_and_a_run_inside_any_handler_are_refused_and_the_running_poll_goes_on() {
    let (world, log) = (World::new(), Log::new());
    let bystander = Bystander::new(&world);
    let nest = {
        let noted = log.clone();
        move |handler: &'static str| {
            let noted = noted.clone();
            move |dispatcher: &Dispatcher| {
                let refusals: [Refusal; 2] = [
                    ("poll", "return from the handler", nothing(dispatcher.poll(Duration::ZERO))),
                    ("poll", "return from the handler", dispatcher.run()),
                ];
                check(ErrorKind::InvalidInput, refusals);
                noted.note(handler);
            }
        }
    };
    let (socket, client) = world.connect();
    let (in_read, in_task, in_error) = (nest("read"), nest("task"), nest("error"));
    socket.set_handle_read(move |_, dispatcher| {
        in_read(dispatcher);
        Err(ErrorKind::Other.into())
    });
    socket.set_handle_error(move |_, dispatcher, _| in_error(dispatcher));
    world.server.set_handle_task(move |server, dispatcher| {
        in_task(dispatcher);
        server.close()
    });
    let in_timer = nest("timer");
    world.dispatcher.call_after(Duration::ZERO, move |dispatcher| {
        in_timer(dispatcher);
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    world.dispatcher.register(&world.server).expect("it is open");
    client.send("x");
    world.poll_until("all have tried", || log.len() == 4);
    let mut tried = log.events();
    tried.sort();
    assert_eq!(tried, ["error", "read", "task", "timer"]);
    bystander.check(&world);
}
