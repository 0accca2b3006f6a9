//! Errors: none is silent, each names its operation and keeps what the system said.

use std::io::{self, ErrorKind, Read, Write};

use selectio::{AsyncSocket, Delegate, Mode, raw_os_error};

use crate::support::{Log, World, test, wait_until};

fn note_unhandled(world: &World, log: &Log) {
    let noted = log.clone();
    world.dispatcher.set_handle_error(move |_, error| noted.note(format!("{:?}: {error}", error.kind())));
}

#[test]
fn an_error_that_a_socket_does_not_handle_goes_to_the_dispatcher_with_the_socket_s_name() {
    let (world, log) = (World::new(), Log::new());
    note_unhandled(&world, &log);
    let (socket, _client) = world.connect();
    socket.set_handle_write(|_, _| Err(io::Error::new(ErrorKind::PermissionDenied, "not today")));
    world.dispatcher.register(&socket).expect("it is open");
    let id = socket.id().to_string();
    world.poll_until("it is told", || log.len() > 0);
    let events = log.events();
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(
        events[0].starts_with("PermissionDenied: ") && events[0].ends_with("handle_write: not today"),
        "{events:?}"
    );
    assert!(events[0].contains(&id), "{events:?}");
    assert!(socket.is_closed());
}

#[test]
fn an_error_that_a_delegate_does_not_handle_goes_to_the_dispatcher_too() {
    let (world, log) = (World::new(), Log::new());
    note_unhandled(&world, &log);
    let (socket, _client) = world.connect();
    let delegate = Delegate::new(socket.into_descriptor().expect("it is open"), Mode::Write);
    delegate.set_handle_write(|_, _| Err(ErrorKind::PermissionDenied.into()));
    world.dispatcher.register(&delegate).expect("it is open");
    world.poll_until("it is told", || log.len() > 0);
    let events = log.events();
    assert!(events[0].starts_with(&format!("PermissionDenied: delegate ({})", delegate.id())), "{events:?}");
}

#[test]
fn an_error_of_the_handler_of_the_gone_goes_to_the_dispatcher() {
    let (world, log) = (World::new(), Log::new());
    note_unhandled(&world, &log);
    let (socket, _client) = world.connect();
    socket.set_handle_gone(|_, _| Err(ErrorKind::PermissionDenied.into()));
    world.dispatcher.register(&socket).expect("it is open");
    world.dispatcher.register(&world.server).expect("it is open");
    socket.close().expect("it was open");
    world.poll_until("it is told", || log.len() > 0);
    assert!(log.events()[0].contains("handle_gone"), "{:?}", log.events());
}

#[test]
fn would_block_that_leaves_a_handler_costs_nothing() {
    let (world, log) = (World::new(), Log::new());
    note_unhandled(&world, &log);
    let (socket, client) = world.connect();
    let noted = log.clone();
    socket.set_handle_read(move |mut socket, _| {
        let mut buffer = [0; 4];
        loop {
            // At the end of what is there it says so, and the handler leaves with that.
            let length = socket.read(&mut buffer)?;
            noted.note(String::from_utf8_lossy(&buffer[..length]));
        }
    });
    socket.set_handle_task(|_, _| Err(ErrorKind::WouldBlock.into()));
    let would_block =
        socket.call_after(&world.dispatcher, std::time::Duration::ZERO, |_, _| Err(ErrorKind::WouldBlock.into()));
    world.dispatcher.call_after(std::time::Duration::ZERO, |_| Err(ErrorKind::WouldBlock.into()));
    world.dispatcher.register(&socket).expect("it is open");
    for word in ["one", "two"] {
        client.send(word);
        world.poll_until("it is read", || log.contains(word));
    }
    assert!(socket.is_connected());
    assert!(!world.dispatcher.cancel(would_block), "it has rung");
    assert_eq!(log.events(), ["one", "two"]);
}

#[test]
fn would_block_that_leaves_the_handler_of_the_gone_is_told_to_nobody() {
    let (world, log) = (World::new(), Log::new());
    note_unhandled(&world, &log);
    let (socket, _client) = world.connect();
    let noted = log.clone();
    socket.set_handle_gone(move |_, _| {
        noted.note("gone");
        Err(ErrorKind::WouldBlock.into())
    });
    world.dispatcher.register(&socket).expect("it is open");
    world.dispatcher.register(&world.server).expect("it is open");
    socket.close().expect("it was open");
    world.poll_until("it is called", || log.len() > 0);
    world.poll_a_while();
    assert_eq!(log.events(), ["gone"]);
}

#[test]
fn flushing_a_socket_with_bytes_queued_is_fine() {
    let world = World::new();
    let (socket, client) = world.connect_paused();
    world.dispatcher.register(&socket).expect("it is open");
    socket.send(vec![b'x'; 8_000_000]).expect("it fits the buffer");
    assert!(socket.is_send_data_buffered());
    let mut stream = &socket;
    stream.flush().expect("the dispatcher sends it");
    let mut owned = socket.clone();
    owned.flush().expect("the dispatcher sends it");
    client.resume();
    world.poll_until("it leaves", || !socket.is_send_data_buffered());
}

#[test]
fn a_stream_of_the_standard_library_s_traits_is_any_kind_of_handle() {
    let world = World::new();
    let (mut socket, client) = world.connect();
    let pieces = [io::IoSlice::new(b"one "), io::IoSlice::new(b""), io::IoSlice::new(b"piece\n")];
    assert_eq!((&socket).write_vectored(&pieces).expect("it is connected"), 10);
    assert_eq!(socket.write_vectored(&pieces).expect("it is connected"), 10);
    let mut blocking = socket.blocking(crate::support::PATIENCE);
    assert_eq!(blocking.write_vectored(&pieces).expect("it is connected"), 10);
    blocking.flush().expect("it is connected");
    wait_until("all arrive", || (client.text() == "one piece\n".repeat(3)).then_some(()));
    client.send("answer");
    client.shutdown();
    let mut answer = String::new();
    blocking.read_to_string(&mut answer).expect("text");
    assert_eq!(answer, "answer");
    assert_eq!(socket.read(&mut [0; 8]).expect("the end"), 0);
    assert_eq!(socket.read(&mut []).expect("nothing is nothing"), 0);
}

#[test]
fn an_error_keeps_the_number_and_the_cause_behind_the_name_of_its_operation() {
    let world = World::new();
    let (socket, client) = world.connect();
    client.reset();
    world.wait_for_arrival();
    let error = wait_until("the reset arrives", || socket.recv(&mut [0; 8]).err());
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(error.to_string().starts_with("recv"), "{error}");
    // A simulated network has no numbers, but it has causes.
    let source = error.get_ref().and_then(|named| named.source()).expect("what the platform said");
    let source = source.downcast_ref::<io::Error>().expect("an error of the system's");
    assert_eq!((source.kind(), source.raw_os_error()), (ErrorKind::ConnectionReset, raw_os_error(&error)));
    assert_eq!(raw_os_error(&error).is_some(), cfg!(any(unix, windows, target_os = "wasi")) && !is_simulated());
}

fn is_simulated() -> bool {
    crate::support::platform().name() == "simulation"
}

#[test]
#[expect(clippy::mutable_key_type, reason = "equality and hash ask for nothing but the id, which never changes")]
fn handles_are_equal_and_hashed_by_what_they_name() {
    use std::collections::HashSet;

    let world = World::new();
    let ((one, _first), (other, _second)) = (world.connect(), world.connect());
    assert!(one == one.clone() && one != other && one.id() != other.id());
    let set: HashSet<AsyncSocket> = [one.clone(), other.clone(), one.clone()].into();
    assert_eq!(set.len(), 2);
    let id = one.id();
    one.close().expect("it was open");
    assert!(set.contains(&one) && one.id() == id, "a closed one keeps its name");
    let delegate = |socket: AsyncSocket| Delegate::new(socket.into_descriptor().expect("it is open"), Mode::Read);
    let (first, second) = (delegate(other), delegate(world.connect().0));
    assert!(first == first.clone() && first != second && first.id() != second.id());
    let set: HashSet<Delegate> = [first.clone(), second, first].into();
    assert_eq!(set.len(), 2);
}
