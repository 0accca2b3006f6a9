//! Datagrams; where the world has none, it says so with a remedy.

use std::io::ErrorKind;
use std::net::SocketAddr;

use selectio::{Address, AsyncSocket, Dispatcher, Domain, Shutdown, SocketStatus, Type};

use crate::support::{A_WHILE, Log, platform, test};

/// A bound socket. Where there are none, the refusal was checked, and the test is over.
fn bound() -> Option<AsyncSocket> {
    let has_datagrams = platform().caps().datagrams;
    let socket = AsyncSocket::with_type(Domain::Ipv4, Type::Datagram, None);
    if !has_datagrams {
        expect_remedy(socket);
        return None;
    }
    let socket = socket.expect("a socket");
    socket.bind_addr(Address::Inet(([127, 0, 0, 1], 0).into())).expect("it is free");
    assert_eq!(socket.status(), SocketStatus::UdpBound);
    Some(socket)
}

/// Where there are no datagrams, no listener that the host might pass is of any use.
fn expect_remedy(refused: std::io::Result<AsyncSocket>) {
    let error = refused.expect_err("this world has no datagrams");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let text = error.to_string();
    assert!(text.contains("wasm32-wasip2") && !text.contains("listen"), "{text}");
}

/// Registers the socket with a handler that notes every datagram.
fn note_datagrams(socket: &AsyncSocket, log: &Log) -> Dispatcher {
    let noted = log.clone();
    socket.set_handle_read(move |socket, _| {
        let mut buffer = [0; 64];
        while let Some((length, from)) = socket.recv_from(&mut buffer)? {
            assert!(from.is_some(), "it says where it came from");
            noted.note(String::from_utf8_lossy(&buffer[..length]));
        }
        Ok(())
    });
    let noted = log.clone();
    socket.set_handle_error(move |socket, _, error| noted.note(format!("{:?}, {:?}", error.kind(), socket.status())));
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    dispatcher.register(socket).expect("it is open");
    dispatcher
}

fn poll_until_noted(dispatcher: &Dispatcher, log: &Log, count: usize) {
    for _ in 0..200 {
        if log.len() >= count {
            return;
        }
        dispatcher.poll(A_WHILE).expect("polling works");
    }
    panic!("only {:?} came", log.events());
}

#[test]
fn each_datagram_comes_whole_and_an_empty_one_is_one() {
    let (Some(receiver), Some(sender)) = (bound(), bound()) else { return };
    let log = Log::new();
    let dispatcher = note_datagrams(&receiver, &log);
    let address = receiver.local_addr().expect("it is bound");
    for text in ["one", "", "three"] {
        assert_eq!(sender.send_to(text, address.clone()).expect("it leaves"), Some(text.len()));
    }
    poll_until_noted(&dispatcher, &log, 3);
    assert_eq!(log.events(), ["one", "", "three"]);
    assert_eq!(receiver.status(), SocketStatus::UdpBound, "an empty datagram is no end");
}

#[test]
fn one_call_binds_an_address_or_a_name_in_every_world() {
    for name in ["127.0.0.1", "localhost"] {
        let address = format!("{name}:0");
        let receiver = match AsyncSocket::datagrams(&address) {
            Err(error) if !platform().caps().datagrams => {
                assert!(error.to_string().contains(&address), "{error}");
                expect_remedy(Err(error));
                continue;
            }
            result => result.unwrap_or_else(|error| panic!("{address}: {error}")),
        };
        assert_eq!(receiver.status(), SocketStatus::UdpBound);
        let log = Log::new();
        let dispatcher = note_datagrams(&receiver, &log);
        // Of the same family as the name's address.
        let sender = AsyncSocket::datagrams(&address).expect("another port is free");
        sender.send_to("hello", receiver.local_addr().expect("it is bound")).expect("it leaves");
        poll_until_noted(&dispatcher, &log, 1);
        assert_eq!(log.events(), ["hello"]);
    }
}

#[test]
fn an_address_that_is_none_or_is_taken_is_named() {
    let Some(bound) = bound() else { return };
    let taken = bound.local_addr().expect("it is bound").to_string();
    for (address, kind) in [
        ("nowhere", ErrorKind::InvalidInput),
        ("/tmp/socket", ErrorKind::InvalidInput),
        ("127.0.0.1:70000", ErrorKind::InvalidInput),
        (&taken, ErrorKind::AddrInUse),
    ] {
        let error = AsyncSocket::datagrams(address).expect_err("it can't be bound");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(&format!("datagrams({address:?}): ")), "{error}");
    }
}

#[test]
fn an_answer_finds_its_way_back() {
    let (Some(server), Some(client)) = (bound(), bound()) else { return };
    server.set_handle_read(|server, _| {
        let mut buffer = [0; 64];
        while let Some((length, Some(from))) = server.recv_from(&mut buffer)? {
            server.send_to(&buffer[..length], from)?;
        }
        Ok(())
    });
    let log = Log::new();
    let dispatcher = note_datagrams(&client, &log);
    dispatcher.register(&server).expect("it is open");
    client.send_to("ping", server.local_addr().expect("it is bound")).expect("it leaves");
    poll_until_noted(&dispatcher, &log, 1);
    assert_eq!(log.events(), ["ping"]);
}

/// Connects, so that the kernel tells what becomes of what is sent.
fn connect(socket: &AsyncSocket, address: SocketAddr, dispatcher: &Dispatcher) {
    socket.connect(&address.ip().to_string(), address.port()).expect("datagrams connect at once");
    for _ in 0..20 {
        if socket.is_connected() {
            break;
        }
        dispatcher.poll(A_WHILE).expect("polling works");
    }
}

#[test]
fn q35_a_datagram_that_nobody_takes_closes_nothing() {
    let (Some(receiver), Some(sender)) = (bound(), bound()) else { return };
    let nobody = bound().expect("there are datagrams");
    let dead = nobody.local_addr().expect("it is bound").inet().expect("an internet address");
    nobody.close().expect("it was open");
    let log = Log::new();
    let dispatcher = note_datagrams(&sender, &log);
    connect(&sender, dead, &dispatcher);
    sender.send("hello?").expect("it leaves");
    poll_until_noted(&dispatcher, &log, 1);
    assert_eq!(log.events(), ["ConnectionRefused, Connected"]);
    assert!(!sender.is_closed(), "it can still be used");
    sender.send_to("elsewhere", receiver.local_addr().expect("it is bound")).ok();
    assert_eq!(dispatcher.len(), 1);
}

#[test]
fn q35_nor_does_it_close_what_reads_without_asking_where_from() {
    let (Some(receiver), Some(sender)) = (bound(), bound()) else { return };
    let address = receiver.local_addr().expect("it is bound").inet().expect("an internet address");
    receiver.close().expect("it was open");
    let log = Log::new();
    let dispatcher = note_datagrams(&sender, &log);
    let noted = log.clone();
    sender.set_handle_read(move |sender, _| {
        let mut buffer = [0; 64];
        while let Some(length) = sender.recv(&mut buffer)? {
            noted.note(String::from_utf8_lossy(&buffer[..length]));
        }
        Ok(())
    });
    connect(&sender, address, &dispatcher);
    sender.send("hello?").expect("it leaves");
    poll_until_noted(&dispatcher, &log, 1);
    assert_eq!(log.events(), ["ConnectionRefused, Connected"]);
    assert!(sender.is_connected(), "it can still be used");
    assert_eq!(dispatcher.len(), 1);
}

#[test]
fn n3_pairs_of_clients_send_two_thousand_datagrams_to_two_servers() {
    let (Some(first), Some(second)) = (bound(), bound()) else { return };
    let log = Log::new();
    let dispatcher = note_datagrams(&first, &log);
    let noted = log.clone();
    second.set_handle_read(move |socket, _| {
        let mut buffer = [0; 9];
        while let Some((length, _)) = socket.recv_from(&mut buffer)? {
            noted.note(String::from_utf8_lossy(&buffer[..length]));
        }
        Ok(())
    });
    dispatcher.register(&second).expect("it is open");
    for round in 1..=5 {
        for server in [&first, &second] {
            let client = AsyncSocket::with_type(Domain::Ipv4, Type::Datagram, None).expect("a socket");
            client.set_handle_connect(|client, _| {
                for _ in 0..200 {
                    client.send("Message\r\n")?;
                }
                client.close()
            });
            dispatcher.register(&client).expect("it is open");
            client.connect_addr(server.local_addr().expect("it is bound")).expect("datagrams connect at once");
        }
        poll_until_noted(&dispatcher, &log, round * 400);
    }
    assert_eq!(log.len(), 2000);
    assert!(log.events().iter().all(|datagram| datagram == "Message\r\n"));
    assert_eq!(dispatcher.len(), 2);
}

#[test]
fn streams_and_datagrams_are_not_mixed_up() {
    let Some(socket) = bound() else { return };
    let error = socket.read_line().expect_err("it has no lines");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let connected = connecting_to(&socket);
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    dispatcher.register(&connected).expect("it is open");
    while !connected.is_connected() {
        dispatcher.poll(A_WHILE).expect("polling works");
    }
    assert!(connected.read_line().expect_err("nor has one with a peer").to_string().contains("recv_from"));
    let error = socket.send("whom to?").expect_err("it has no peer");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let stream = AsyncSocket::new().expect("a socket");
    let address = socket.local_addr().expect("it is bound");
    let error = stream.send_to("x", address).expect_err("it is a stream");
    assert!(error.to_string().contains("use send"), "{error}");
    let error = stream.recv_from(&mut [0; 8]).expect_err("it is idle");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

/// A socket with a peer, not registered: the connect stands, and nobody was told.
fn connecting_to(receiver: &AsyncSocket) -> AsyncSocket {
    let sender = AsyncSocket::with_type(Domain::Ipv4, Type::Datagram, None).expect("a socket");
    sender.connect_addr(receiver.local_addr().expect("it is bound")).expect("datagrams connect at once");
    sender
}

#[test]
fn what_is_sent_before_handle_connect_is_a_datagram_each() {
    let Some(receiver) = bound() else { return };
    let log = Log::new();
    let dispatcher = note_datagrams(&receiver, &log);
    let sender = connecting_to(&receiver);
    dispatcher.register(&sender).expect("it is open");
    for text in ["one", "two", "three"] {
        sender.send(text).expect("there is room");
    }
    poll_until_noted(&dispatcher, &log, 3);
    assert_eq!(log.events(), ["one", "two", "three"]);
}

#[test]
fn a_sender_of_datagrams_that_shuts_down_and_closes_is_gone() {
    let Some(receiver) = bound() else { return };
    let log = Log::new();
    let dispatcher = note_datagrams(&receiver, &log);
    let sender = connecting_to(&receiver);
    let noted = log.clone();
    sender.set_handle_gone(move |_, _| {
        noted.note("gone");
        Ok(())
    });
    sender.set_handle_connect(|sender, _| {
        sender.send("last words")?;
        sender.shutdown(Shutdown::Write)?;
        sender.send("more").expect_err("the sending side is closed");
        sender.close_after_flush()
    });
    dispatcher.register(&sender).expect("it is open");
    poll_until_noted(&dispatcher, &log, 2);
    let mut events = log.events();
    events.sort();
    assert_eq!(events, ["gone", "last words"]);
}

#[test]
fn an_error_that_waits_keeps_no_socket_from_closing() {
    let (Some(nobody), Some(receiver)) = (bound(), bound()) else { return };
    let log = Log::new();
    let dispatcher = note_datagrams(&receiver, &log);
    let sender = connecting_to(&nobody);
    nobody.close().expect("it was open");
    sender.set_handle_error(|_, _, _| {});
    let noted = log.clone();
    sender.set_handle_gone(move |_, _| {
        noted.note("gone");
        Ok(())
    });
    dispatcher.register(&sender).expect("it is open");
    sender.send("hello?").expect("it leaves");
    crate::support::sleep(A_WHILE);
    // Where the network has told by now that nobody is there, this is kept for the socket's turn.
    sender.send("hello?").expect("it is no error of the sender's");
    sender.close_after_flush().expect("it was open");
    poll_until_noted(&dispatcher, &log, 1);
    assert_eq!(log.events(), ["gone"]);
}

#[test]
fn a_datagram_that_is_too_long_says_so() {
    let (Some(sender), Some(receiver)) = (bound(), bound()) else { return };
    let address = receiver.local_addr().expect("it is bound");
    match sender.send_to(vec![b'x'; 70_000], address) {
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert!(error.to_string().contains("65507"), "{error}");
        }
        Ok(_) => assert_eq!(platform().name(), "simulation", "it can't leave"),
    }
}
