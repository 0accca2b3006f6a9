//! Programs that connect out, many times and in bad times.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use selectio::{AsyncSocket, Dispatcher};

use crate::support::{Log, State, World, echo_lines, pattern_byte, pattern_checksum, platform, test, wait_until};

/// A server on the same dispatcher that echoes lines, and its address. `None` where a program can't connect.
fn echo_server(world: &World) -> Option<String> {
    if !platform().caps().connect {
        return None;
    }
    world.server.set_handle_accept(|server, dispatcher| {
        while let Some(client) = server.accept()? {
            echo_lines(&client);
            dispatcher.register(&client)?;
        }
        Ok(())
    });
    world.dispatcher.register(&world.server).expect("it is open");
    Some(world.server.local_addr().expect("it is bound").to_string())
}

/// Connects, has one line echoed, closes, and then calls `done`.
fn echo_once(
    dispatcher: &Dispatcher,
    address: &str,
    done: impl Fn(&Dispatcher) -> io::Result<()> + 'static,
) -> io::Result<()> {
    let client = AsyncSocket::connection(address)?;
    client.set_handle_connect(|client, _| client.send("hello\n").map(drop));
    client.set_handle_read(move |client, dispatcher| {
        if client.read_line()?.full().is_some() {
            client.close()?;
            done(dispatcher)?;
        }
        Ok(())
    });
    dispatcher.register(&client).map(drop)
}

fn one_after_another(dispatcher: &Dispatcher, address: Rc<str>, left: Rc<Cell<usize>>) -> io::Result<()> {
    if left.get() == 0 {
        return Ok(());
    }
    left.set(left.get() - 1);
    echo_once(dispatcher, &address.clone(), move |dispatcher| {
        one_after_another(dispatcher, address.clone(), left.clone())
    })
}

#[test]
fn a_thousand_connections_one_after_another_leave_nothing_behind() {
    let world = World::new();
    let Some(address) = echo_server(&world) else { return };
    let left = Rc::new(Cell::new(1000));
    one_after_another(&world.dispatcher, address.into(), left.clone()).expect("connecting starts");
    world.poll_until("all have been served", || left.get() == 0 && world.dispatcher.len() == 1);
}

#[test]
fn two_hundred_connections_at_once_are_all_served() {
    let world = World::new();
    let Some(address) = echo_server(&world) else { return };
    let served = Rc::new(Cell::new(0));
    for _ in 0..200 {
        let counted = served.clone();
        let done = move |_: &Dispatcher| {
            counted.set(counted.get() + 1);
            Ok(())
        };
        echo_once(&world.dispatcher, &address, done).expect("connecting starts");
    }
    world.poll_until("all have been served", || served.get() == 200 && world.dispatcher.len() == 1);
}

#[test]
fn a_connection_that_is_reset_as_it_is_made_ends_once_and_with_a_word() {
    if !platform().caps().connect {
        return;
    }
    let (world, log) = (World::new(), Log::new());
    let address = world.peer.listen();
    for _ in 0..20 {
        let client = AsyncSocket::connection(&address).expect("connecting starts");
        client.set_handle_read(|client, _| client.read_line().map(drop));
        let noted = log.clone();
        client.set_handle_error(move |_, _, _| noted.note("over"));
        let noted = log.clone();
        client.set_handle_close(move |client, _| {
            noted.note("over");
            client.close()
        });
        wait_until("the peer accepts", || world.peer.accepted()).reset();
        world.dispatcher.register(&client).expect("it is open");
        world.poll_until("it is told", || client.is_closed());
    }
    world.poll_a_while();
    assert_eq!(log.len(), 20, "each was told once");
    assert_eq!(world.dispatcher.len(), 0);
}

#[test]
fn closing_waits_for_no_peer_and_what_the_kernel_has_taken_arrives() {
    const SEED: u8 = 5;
    let world = World::new();
    let (socket, client) = world.connect_paused();
    world.dispatcher.register(&socket).expect("it is open");
    let mut position = 0;
    while !socket.is_send_data_buffered() {
        let piece: Vec<u8> = (position..position + 50_000).map(|index| pattern_byte(index, SEED)).collect();
        socket.send(piece).expect("the buffer takes it");
        position += 50_000;
    }
    socket.close().expect("it was open");
    let (other, other_client) = world.connect();
    other.send("and the program goes on\n").expect("it is open");
    wait_until("it arrives", || (other_client.text() == "and the program goes on\n").then_some(()));
    client.resume();
    client.wait_for_state(State::Eof);
    let received = client.received();
    assert!((50_000..=position).contains(&received.length), "{} of {position}", received.length);
    assert_eq!(received.checksum, pattern_checksum(received.length, SEED));
}
