//! Whole programs, as users of the original wrote them.

use std::cell::Cell;
use std::io::{self, Error};
use std::rc::Rc;
use std::time::Duration;

use selectio::{AsyncSocket, Dispatcher, ReadLine};

use crate::support::{Log, PATIENCE, State, World, pattern_byte, pattern_checksum, platform, test, wait_until};

/// Ends a program that would go on for ever.
fn give_up_in_time(dispatcher: &Dispatcher) {
    dispatcher.call_after(3 * PATIENCE, |dispatcher| {
        dispatcher.stop();
        dispatcher.close_all()?;
        Err(Error::other("it takes too long"))
    });
}

fn port_of(server: &AsyncSocket) -> u16 {
    server.local_addr().expect("it is bound").inet().expect("an internet address").port()
}

/// A server that counts lines, one for each call of the read handler.
fn serve_and_count(dispatcher: &Dispatcher, count: &Rc<Cell<usize>>) -> io::Result<AsyncSocket> {
    let server = AsyncSocket::listener("127.0.0.1:0")?;
    let count = count.clone();
    server.set_handle_accept(move |server, dispatcher| {
        while let Some(client) = server.accept()? {
            let count = count.clone();
            client.set_handle_read(move |client, _| match client.read_line()? {
                ReadLine::Full(line) => {
                    assert!(line.starts_with(b"Message "), "{line}");
                    count.set(count.get() + 1);
                    Ok(())
                }
                ReadLine::Pending => Ok(()),
                ReadLine::Eof => client.close(),
            });
            dispatcher.register(&client)?;
        }
        Ok(())
    });
    dispatcher.register(&server)?;
    Ok(server)
}

#[test]
fn n1_a_hundred_clients_send_ten_thousand_lines_to_two_servers() {
    if !platform().caps().connect {
        return;
    }
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    let counts: [Rc<Cell<usize>>; 2] = Default::default();
    let servers = [0, 1].map(|index| serve_and_count(&dispatcher, &counts[index]).expect("a server"));
    for server in &servers {
        for _ in 0..50 {
            let client = AsyncSocket::new().expect("a socket");
            client.set_handle_connect(|client, _| {
                for index in 0..100 {
                    client.send(format!("Message {index}\r\n"))?;
                }
                client.close_after_flush()
            });
            dispatcher.register(&client).expect("it is open");
            client.connect("localhost", port_of(server)).expect("connecting starts");
        }
    }
    give_up_in_time(&dispatcher);
    while dispatcher.len() > servers.len() || counts.iter().any(|count| count.get() < 5000) {
        dispatcher.poll(PATIENCE).expect("polling works");
    }
    assert_eq!(counts.map(|count| count.get()), [5000, 5000]);
}

/// Connects, and once more after each answer, from inside the handler that got it.
fn connect_again_and_again(dispatcher: &Dispatcher, port: u16, times_left: usize, log: &Log) -> io::Result<()> {
    let socket = AsyncSocket::new()?;
    socket.connect("127.0.0.1", port)?;
    let noted = log.clone();
    socket.set_handle_connect(move |socket, _| {
        noted.note(format!("connected, {times_left} left"));
        socket.send("hello\n").map(drop)
    });
    let noted = log.clone();
    socket.set_handle_read(move |socket, dispatcher| {
        let Some(answer) = socket.read_line()?.full() else { return Ok(()) };
        noted.note(answer.to_string());
        socket.close()?;
        if times_left > 0 { connect_again_and_again(dispatcher, port, times_left - 1, &noted) } else { Ok(()) }
    });
    dispatcher.register(&socket)
}

#[test]
fn n4_a_client_reconnects_from_inside_its_handler() {
    let (world, log) = (World::new(), Log::new());
    if !platform().caps().connect {
        return;
    }
    world.server.set_handle_accept(|server, dispatcher| {
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
    world.dispatcher.register(&world.server).expect("it is open");
    connect_again_and_again(&world.dispatcher, port_of(&world.server), 2, &log).expect("connecting starts");
    world.poll_until("all is answered", || log.len() == 6 && world.dispatcher.len() == 1);
    let expected = ["connected, 2 left", "hello", "connected, 1 left", "hello", "connected, 0 left", "hello"];
    assert_eq!(log.events(), expected);
}

#[test]
fn n5_one_dispatcher_serves_both_ends_until_an_empty_line_closes_all() {
    let (world, log) = (World::new(), Log::new());
    if !platform().caps().connect {
        return;
    }
    let noted = log.clone();
    world.server.set_handle_accept(move |server, dispatcher| {
        while let Some(client) = server.accept()? {
            let (noted, server) = (noted.clone(), server.clone());
            client.set_handle_read(move |client, _| {
                while let Some(line) = client.read_line()?.full() {
                    noted.note(line.to_string());
                    if line.is_empty() {
                        server.close()?;
                        return client.close();
                    }
                }
                Ok(())
            });
            dispatcher.register(&client)?;
        }
        Ok(())
    });
    world.dispatcher.register(&world.server).expect("it is open");
    let client = AsyncSocket::new().expect("a socket");
    client.set_handle_connect(|client, _| client.send("one\r\ntwo\r\n\r\n").map(drop));
    client.set_handle_read(|client, _| client.read_line().map(drop));
    client.connect("127.0.0.1", port_of(&world.server)).expect("connecting starts");
    world.dispatcher.register(&client).expect("it is open");
    give_up_in_time(&world.dispatcher);
    while !world.dispatcher.is_empty() {
        world.dispatcher.poll(None).expect("polling works");
    }
    assert_eq!(log.events(), ["one", "two", ""]);
    assert!(client.is_closed() && world.server.is_closed());
}

#[test]
fn n6_a_reply_larger_than_the_kernel_s_buffer_is_closed_by_the_write_handler_when_it_has_left() {
    const LENGTH: u64 = 8_000_000;
    let world = World::new();
    let (socket, client) = world.connect_paused();
    socket.set_handle_read(|socket, _| {
        if socket.read_line()?.full().is_some() {
            socket.send((0..LENGTH).map(|index| pattern_byte(index, 5)).collect::<Vec<u8>>())?;
            socket.set_handle_write(|socket, _| if socket.is_send_data_buffered() { Ok(()) } else { socket.close() });
        }
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    client.send("request\n");
    world.poll_until("the reply is on its way", || socket.is_send_data_buffered());
    world.poll_a_while();
    assert!(!socket.is_closed(), "the peer doesn't read");
    client.resume();
    world.poll_until("it is closed", || socket.is_closed());
    client.wait_for_state(State::Eof);
    let received = client.received();
    assert_eq!((received.length, received.checksum), (LENGTH, pattern_checksum(LENGTH, 5)));
}

/// The program of the next test: nothing in it says in which world it runs.
fn echo_until_quit(address: &str, started: impl FnOnce(&AsyncSocket)) -> io::Result<()> {
    let dispatcher = Dispatcher::new()?;
    let server = AsyncSocket::listener(address)?;
    server.set_handle_accept(|server, dispatcher| {
        while let Some((client, _peer)) = server.accept_addr()? {
            client.set_handle_read(|client, dispatcher| {
                while let Some(line) = client.read_line()?.full() {
                    if &line[..] == b"quit" {
                        dispatcher.stop();
                        return client.close_after_flush();
                    }
                    client.send(line.with_newline())?;
                }
                Ok(())
            });
            dispatcher.register(&client)?;
        }
        Ok(())
    });
    dispatcher.register(&server)?;
    give_up_in_time(&dispatcher);
    started(&server);
    dispatcher.run()
}

#[test]
fn p18_one_program_text_serves_in_every_world() {
    let peer = crate::support::Peer::start();
    let mut client = None;
    let result = echo_until_quit("127.0.0.1:0", |server| {
        if let Ok(address) = server.local_addr() {
            peer.set_target(&address.to_string());
        }
        let connected = peer.connect();
        connected.send("hello\r\nworld\nquit\n");
        client = Some(connected);
    });
    result.expect("it serves until it is told to quit");
    let client = client.expect("it has started");
    wait_until("all is answered", || (client.text() == "hello\nworld\n").then_some(()));
    client.wait_for_state(State::Eof);
}

#[test]
fn a_program_ends_when_its_last_socket_has_closed() {
    let world = World::new();
    world.server.set_handle_task(|server, _| server.close());
    world.dispatcher.register(&world.server).expect("it is open");
    world.dispatcher.run().expect("polling works");
    assert!(!world.dispatcher.poll(Duration::ZERO).expect("nothing is open"));
}
