//! Handlers are called for what happened, and for nothing else: also on hosts that report every socket as ready as
//! soon as one is.

use std::cell::Cell;
use std::rc::Rc;

use selectio::AsyncSocket;

use crate::support::{Client, Log, PATIENCE, State, World, test};

/// Counts the calls of a handler.
type Calls = Rc<Cell<usize>>;

fn count(calls: &Calls) {
    calls.set(calls.get() + 1);
}

/// Counts the calls of the socket's handlers for reading, the end and errors; sends the lines that it reads back.
fn echo(socket: &AsyncSocket) -> Calls {
    let calls = Calls::default();
    let counted = calls.clone();
    socket.set_handle_read(move |socket, _| {
        count(&counted);
        while let Some(line) = socket.read_line()?.full() {
            socket.send(line.with_newline())?;
        }
        Ok(())
    });
    let counted = calls.clone();
    socket.set_handle_close(move |_, _| {
        count(&counted);
        Ok(())
    });
    let counted = calls.clone();
    socket.set_handle_error(move |_, _, _| count(&counted));
    calls
}

/// A world whose listener counts the calls of its accept handler, and so many connections that echo.
fn crowd(size: usize) -> (World, Calls, Vec<(AsyncSocket, Client, Calls)>) {
    let world = World::new();
    let accepts = Calls::default();
    let counted = accepts.clone();
    world.server.set_handle_accept(move |server, _| {
        count(&counted);
        server.accept().map(drop)
    });
    let connections = (0..size).map(|_| {
        let (socket, client) = world.connect();
        world.dispatcher.register(&socket).expect("it is open");
        let calls = echo(&socket);
        (socket, client, calls)
    });
    let connections = connections.collect();
    world.dispatcher.register(&world.server).expect("it is open");
    (world, accepts, connections)
}

#[test]
fn no_handler_of_an_idle_socket_is_called_while_another_is_busy() {
    const LINES: usize = 50;
    let (world, accepts, connections) = crowd(6);
    let (_busy, client, calls) = &connections[3];
    for number in 1..=LINES {
        client.send("line\n");
        world.poll_until("the line is echoed", || calls.get() == number);
    }
    crate::support::wait_until("all come back", || (client.received().length == 5 * LINES as u64).then_some(()));
    world.poll_a_while();
    assert_eq!(calls.get(), LINES, "one call for each line");
    assert_eq!(accepts.get(), 0, "nobody connects");
    for (index, (_, _, calls)) in connections.iter().enumerate().filter(|(index, _)| *index != 3) {
        assert_eq!(calls.get(), 0, "connection {index} is idle");
    }
}

#[test]
fn no_handler_of_an_idle_socket_is_called_when_others_come_end_and_break() {
    let (world, accepts, mut connections) = crowd(4);
    let (_ended, client, calls) = connections.remove(0);
    client.shutdown();
    world.poll_until("the end is seen", || calls.get() > 0);
    let (_broken, client, calls) = connections.remove(0);
    client.reset();
    world.poll_until("the reset is seen", || calls.get() > 0);
    let newcomer = world.peer.connect();
    world.poll_until("the newcomer is seen", || accepts.get() > 0);
    newcomer.wait_for_state(State::Eof);
    world.poll_a_while();
    assert_eq!(accepts.get(), 1);
    for (_, _, calls) in &connections {
        assert_eq!(calls.get(), 0);
    }
    // They were not forgotten either.
    for (_, client, calls) in &connections {
        client.send("here\n");
        world.poll_until("it is served", || calls.get() == 1);
    }
}

#[test]
fn no_write_handler_is_called_while_the_stream_is_full() {
    let (world, _accepts, connections) = crowd(1);
    let (full, slow) = world.connect_paused();
    full.send(vec![7; 16 << 20]).expect("it is buffered");
    let writes = Calls::default();
    let counted = writes.clone();
    full.set_handle_write(move |_, _| {
        count(&counted);
        Ok(())
    });
    world.dispatcher.register(&full).expect("it is open");
    // What the kernels still take has been taken after this.
    world.poll_a_while();
    let before = writes.get();
    let (_busy, client, calls) = &connections[0];
    for number in 1..=20 {
        client.send("line\n");
        world.poll_until("the line is echoed", || calls.get() == number);
    }
    assert!(full.is_send_data_buffered());
    assert_eq!(writes.get(), before, "it is still full");
    slow.resume();
    world.poll_until("it drains", || writes.get() > before);
}

#[test]
fn buffered_lines_and_room_to_send_are_told_in_the_same_poll() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    let noted = log.clone();
    socket.set_handle_read(move |socket, _| {
        if let Some(line) = socket.read_line()?.full() {
            noted.note(line.to_string());
        }
        Ok(())
    });
    let noted = log.clone();
    socket.set_handle_write(move |_, _| {
        noted.note("write");
        Ok(())
    });
    client.send("one\ntwo\nthree\n");
    world.wait_for_arrival();
    world.dispatcher.register(&socket).expect("it is open");
    for line in ["one", "two", "three"] {
        world.dispatcher.poll(PATIENCE).expect("polling works");
        assert_eq!(log.take(), [line, "write"]);
    }
}
