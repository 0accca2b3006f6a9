//! The addresses that a program binds, connects to and is told of, in the worlds where it has sockets of its own.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

use selectio::{Address, AsyncSocket, Dispatcher, Domain, IntegerOption, SocketOption, Type};

use crate::support::{Log, PATIENCE, World, echo_lines, platform, test};

fn poll_until(dispatcher: &Dispatcher, what: &str, condition: impl Fn() -> bool) {
    let deadline = dispatcher.now() + PATIENCE;
    while !condition() {
        assert!(dispatcher.now() < deadline, "in vain: {what}");
        dispatcher.poll(PATIENCE).expect("polling works");
    }
}

/// A listener at this loopback address, where the world and the machine have the family.
fn listener(ip: impl Into<std::net::IpAddr>) -> Option<(AsyncSocket, SocketAddr)> {
    let address = SocketAddr::from((ip.into(), 0));
    let can_listen = platform().caps().listen;
    match AsyncSocket::listener(&address.to_string()) {
        // A guest of preview1 has the listener of its host.
        Ok(_) if !can_listen => None,
        Ok(server) => {
            let bound = server.local_addr().expect("it is bound").inet().expect("an internet address");
            assert_eq!(bound.ip(), address.ip());
            Some((server, bound))
        }
        Err(_) if address.is_ipv6() || !can_listen => None,
        Err(error) => panic!("{address}: {error}"),
    }
}

/// One message there and back, and each side knows the other's address.
fn check_echo(server: &AsyncSocket, address: SocketAddr) {
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    let seen = Rc::new(RefCell::new(None));
    let noted = seen.clone();
    server.set_handle_accept(move |server, dispatcher| {
        while let Some((client, peer)) = server.accept_addr()? {
            *noted.borrow_mut() = peer;
            echo_lines(&client);
            dispatcher.register(&client)?;
        }
        Ok(())
    });
    dispatcher.register(server).expect("it is open");
    let domain = if address.is_ipv4() { Domain::Ipv4 } else { Domain::Ipv6 };
    let client = AsyncSocket::with_type(domain, Type::Stream, None).expect("a socket");
    client.set_handle_connect(|client, _| client.send("hello\n").map(drop));
    let log = Log::new();
    let noted = log.clone();
    client.set_handle_read(move |client, _| {
        while let Some(line) = client.read_line()?.full() {
            noted.note(line.to_string());
        }
        Ok(())
    });
    client.connect_addr(address).expect("it listens");
    dispatcher.register(&client).expect("it is open");
    poll_until(&dispatcher, "the answer", || log.len() == 1);
    assert_eq!(log.events(), ["hello"]);
    assert_eq!(client.peer_addr().expect("it has a peer"), Address::Inet(address));
    let own = client.local_addr().expect("it is bound").inet();
    assert_eq!(*seen.borrow(), own, "the other side sees where it came from");
    client.close().expect("it was open");
    poll_until(&dispatcher, "the other end closes", || dispatcher.len() == 1);
}

#[test]
fn streams_work_over_ipv4() {
    if let Some((server, address)) = listener(Ipv4Addr::LOCALHOST) {
        check_echo(&server, address);
    }
}

#[test]
fn streams_work_over_ipv6_where_there_is_such_a_thing() {
    if let Some((server, address)) = listener(Ipv6Addr::LOCALHOST) {
        check_echo(&server, address);
    }
}

#[test]
fn a25_an_address_in_use_is_an_error_that_names_it() {
    let Some((_first, address)) = listener(Ipv4Addr::LOCALHOST) else { return };
    let error = AsyncSocket::listener(&address.to_string()).expect_err("it is in use");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert!(error.to_string().contains("another port"), "{error}");
}

#[test]
fn an_address_of_another_machine_can_not_be_bound() {
    if !platform().caps().listen || platform().name() == "simulation" {
        return;
    }
    // Kept for documentation (RFC 5737): nobody has it.
    let error = AsyncSocket::listener("192.0.2.1:0").expect_err("it is not this machine's");
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable, "{error}");
    assert!(error.to_string().contains("192.0.2.1"), "{error}");
}

#[test]
fn q33_every_address_of_a_name_is_tried() {
    // On IPv4 only; where the name has an IPv6 address too, that one refuses.
    let Some((server, address)) = listener(Ipv4Addr::LOCALHOST) else { return };
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    let client = AsyncSocket::with_type(Domain::Ipv6, Type::Stream, None).or_else(|_| AsyncSocket::new());
    let client = client.expect("a socket");
    client.set_handle_connect(|client, _| client.send("made it\n").map(drop));
    dispatcher.register(&client).expect("it is open");
    client.connect("localhost", address.port()).expect("it resolves");
    poll_until(&dispatcher, "it connects", || client.is_connected());
    let is_there = || server.accept().expect("it listens").is_some();
    crate::support::wait_until("it was connected to", || is_there().then_some(()));
    let error = AsyncSocket::new().expect("a socket").connect_family("127.0.0.1", address.port(), Domain::Ipv6);
    assert!(error.expect_err("no such address").to_string().contains("family"));
}

#[test]
fn an_address_that_can_not_be_reached_is_an_error_of_its_socket() {
    let world = World::new();
    if !platform().caps().connect || platform().name() == "simulation" {
        return;
    }
    let log = Log::new();
    let client = AsyncSocket::new().expect("a socket");
    let noted = log.clone();
    client.set_handle_error(move |_, _, error| noted.note(error.to_string()));
    client.set_handle_connect(|_, _| panic!("nobody is there"));
    world.dispatcher.register(&client).expect("it is open");
    // Everybody on this network, whom no stream reaches.
    match client.connect("255.255.255.255", 7) {
        Err(error) => log.note(error.to_string()),
        Ok(()) => world.poll_until("it fails", || log.len() == 1),
    }
    assert!(log.events()[0].contains("255.255.255.255"), "{:?}", log.events());
    assert_eq!(world.connect().0.peer_addr().is_ok(), platform().caps().addresses, "the others go on");
}

#[test]
fn options_that_every_world_with_options_has_can_be_set_and_asked_for() {
    if !platform().caps().options || platform().name() == "simulation" {
        return;
    }
    let Some((server, address)) = listener(Ipv4Addr::LOCALHOST) else { return };
    assert!(server.option(SocketOption::AcceptConnections).expect("it is open"));
    assert!(server.set_option(SocketOption::AcceptConnections, true).is_err(), "it can only be asked for");
    let client = AsyncSocket::new().expect("a socket");
    assert!(!client.option(SocketOption::AcceptConnections).expect("it is open"));
    assert!(!client.option(SocketOption::KeepAlive).expect("it is open"));
    client.set_option(SocketOption::KeepAlive, true).expect("it is open");
    assert!(client.option(SocketOption::KeepAlive).expect("it is open"));
    for (option, value) in [
        (IntegerOption::KeepAliveTime, 30),
        (IntegerOption::KeepAliveInterval, 5),
        (IntegerOption::KeepAliveRetries, 3),
        (IntegerOption::TimeToLive, 12),
    ] {
        client.set_integer_option(option, value).expect("an ordinary value");
        assert_eq!(client.integer_option(option).expect("it was set"), value, "{option:?}");
    }
    for option in [IntegerOption::SendBufferSize, IntegerOption::ReceiveBufferSize] {
        client.set_integer_option(option, 20_000).expect("an ordinary value");
        let size = client.integer_option(option).expect("it was set");
        assert!((20_000..=40_000).contains(&size), "{option:?} {size}");
    }
    client.connect_addr(address).expect("it listens");
    client.blocking(PATIENCE).send("still usable\n").expect("it connects");
}
