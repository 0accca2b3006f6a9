//! Which handler an event calls, and where errors of handlers go.

use std::cell::Cell;
use std::error::Error as _;
use std::fmt;
use std::io::{self, Error, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use selectio::{AsyncSocket, Dispatcher, ReadLine};

use crate::support::{A_WHILE, Client, Log, PATIENCE, World, platform, test, wait_until};

/// Has every handler of the socket note its name. The read handler takes in what there is.
fn note_handlers(socket: &AsyncSocket, log: &Log) {
    let note = |name: &'static str| {
        let noted = log.clone();
        move |_: &AsyncSocket, _: &Dispatcher| {
            noted.note(name);
            Ok(())
        }
    };
    let noted = log.clone();
    socket.set_handle_read(move |socket, _| {
        noted.note("read");
        while let Some(1..) = socket.recv(&mut [0; 64])? {}
        Ok(())
    });
    socket.set_handle_accept(note("accept"));
    socket.set_handle_connect(note("connect"));
    socket.set_handle_close(note("close"));
    let noted = log.clone();
    socket.set_handle_error(move |_, _, _| noted.note("error"));
}

#[test]
fn a1_an_error_of_any_handler_goes_to_its_error_handler_and_poll_goes_on() {
    let (world, log) = (World::new(), Log::new());
    let (reading, reader) = world.connect();
    reading.set_handle_read(|_, _| Err(Error::other("read")));
    let (writing, _writer) = world.connect();
    writing.set_handle_write(|_, _| Err(Error::other("write")));
    let (working, _worker) = world.connect();
    working.set_handle_task(|_, _| Err(Error::other("task")));
    let (ending, ender) = world.connect();
    ending.set_handle_read(|ending, _| ending.read_line().map(drop));
    ending.set_handle_close(|_, _| Err(Error::other("close")));
    world.server.set_handle_accept(|_, _| Err(Error::other("accept")));
    for socket in [&reading, &writing, &working, &ending, &world.server] {
        let noted = log.clone();
        socket.set_handle_error(move |_, _, error| noted.note(error.to_string()));
        world.dispatcher.register(socket).expect("it is open");
    }
    reader.send("x");
    ender.close();
    let _newcomer = world.peer.connect();
    world.poll_until("all are told", || log.len() == 5);
    let mut told = log.events();
    told.sort();
    let expected = ["handle_accept: accept", "handle_close: close", "handle_read: read", "handle_task: task"];
    assert_eq!((&told[..4], &told[4][..]), (&expected.map(String::from)[..], "handle_write: write"));
    assert!(world.dispatcher.is_empty(), "each has cost its own socket");
    assert!(!world.dispatcher.poll(Duration::ZERO).expect("polling works"));
}

#[test]
fn a1_stop_hands_control_back_after_the_poll_that_is_running() {
    let (world, log) = (World::new(), Log::new());
    let pairs = [world.connect(), world.connect()];
    for (index, (socket, client)) in pairs.iter().enumerate() {
        let noted = log.clone();
        socket.set_handle_read(move |socket, dispatcher| {
            let _ = socket.read_line()?;
            noted.note(format!("read {index}"));
            dispatcher.stop();
            Ok(())
        });
        client.send("line\n");
    }
    world.wait_for_arrival();
    for (socket, _) in &pairs {
        world.dispatcher.register(socket).expect("it is open");
    }
    world.dispatcher.run().expect("polling works");
    assert_eq!(log.events(), ["read 0", "read 1"], "the others of that poll are served");
    assert_eq!(world.dispatcher.len(), 2);
}

#[test]
fn a2_an_event_calls_its_own_handlers_and_no_others() {
    type Case = (&'static str, fn(&Client), &'static [&'static str]);
    let cases: [Case; 4] = [
        ("bytes", |client| client.send("x"), &["read"]),
        ("the end, which a read finds", |client| client.shutdown(), &["read", "close"]),
        ("a reset, which a read finds", |client| client.reset(), &["read", "error"]),
        ("nothing", |_| {}, &[]),
    ];
    let world = World::new();
    for (event, act, expected) in cases {
        let log = Log::new();
        let (socket, client) = world.connect();
        note_handlers(&socket, &log);
        world.dispatcher.register(&socket).expect("it is open");
        act(&client);
        world.poll_a_while();
        assert_eq!(log.events(), expected, "{event}");
    }
    let log = Log::new();
    note_handlers(&world.server, &log);
    world.dispatcher.register(&world.server).expect("it is open");
    let _newcomer = world.peer.connect();
    world.poll_until("it waits", || log.len() > 0);
    assert!(log.events().iter().all(|event| event == "accept"), "{:?}", log.events());
}

#[test]
fn a4_an_error_that_a_call_makes_names_that_call() {
    type Call = fn(&AsyncSocket) -> io::Result<()>;
    let calls: [(&str, Call); 3] = [
        ("handle_read: read_line: ", |socket| socket.read_line().map(drop)),
        ("handle_read: recv: ", |socket| socket.recv(&mut [0; 8]).map(drop)),
        ("send: ", |socket| socket.send("x").map(drop)),
    ];
    let world = World::new();
    for (name, call) in calls {
        let log = Log::new();
        let (socket, client) = world.connect();
        socket.set_handle_read(move |socket, _| call(socket));
        let noted = log.clone();
        socket.set_handle_error(move |_, _, error| noted.note(error.to_string()));
        world.dispatcher.register(&socket).expect("it is open");
        client.reset();
        world.poll_until("it is told", || socket.is_closed());
        let told = log.events();
        assert!(told.len() == 1 && told[0].starts_with(name) && told[0].len() > name.len(), "{name}{told:?}");
    }
}

#[test]
fn a5_a_socket_is_watched_only_for_what_there_is_a_reason_for() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect_paused();
    world.dispatcher.register(&socket).expect("it is open");
    client.send("x");
    world.wait_for_arrival();
    let error = world.dispatcher.poll(None).expect_err("without handlers it is watched for nothing");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    note_handlers(&socket, &log);
    world.dispatcher.poll(None).expect("what has arrived ends this wait");
    assert_eq!(log.take(), ["read"], "room to send is no event: nothing waits to be sent");
    while !socket.is_send_data_buffered() {
        socket.send([b'x'; 64 * 1024]).expect("it fits the buffer");
    }
    client.resume();
    while socket.is_send_data_buffered() {
        world.dispatcher.poll(PATIENCE).expect("polling works");
    }
    assert_eq!(log.len(), 0);
}

#[test]
fn a7_without_handlers_events_do_nothing() {
    let world = World::new();
    let (readable, reader) = world.connect();
    let (ended, ender) = world.connect();
    let (broken, breaker) = world.connect();
    let sockets = [&readable, &ended, &broken, &world.server];
    for socket in sockets {
        world.dispatcher.register(socket).expect("it is open");
    }
    reader.send("nobody reads this");
    ender.close();
    breaker.reset();
    let _newcomer = world.peer.connect();
    world.poll_a_while();
    assert!(sockets.iter().all(|socket| !socket.is_closed()), "nobody has looked");
    assert_eq!(world.dispatcher.len(), 4);
    // An error that nobody wants to hear of closes all the same.
    readable.set_handle_read(|_, _| Err(ErrorKind::Other.into()));
    world.poll_until("it is closed", || readable.is_closed());
}

#[test]
fn a8_a_number_that_no_system_knows_still_has_a_text() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    socket.set_handle_read(|_, _| Err(Error::from_raw_os_error(54_321)));
    let noted = log.clone();
    socket.set_handle_error(move |_, _, error| noted.note(error.to_string()));
    world.dispatcher.register(&socket).expect("it is open");
    client.send("x");
    world.poll_until("it is told", || socket.is_closed());
    assert!(log.events().len() == 1 && !log.events()[0].trim().is_empty(), "{:?}", log.events());
}

#[test]
fn a14_handle_connect_of_a_client_is_called_once() {
    let (world, log) = (World::new(), Log::new());
    if !platform().caps().connect {
        return;
    }
    world.server.set_handle_accept(|server, dispatcher| {
        while let Some(client) = server.accept()? {
            dispatcher.register(&client)?;
        }
        Ok(())
    });
    world.dispatcher.register(&world.server).expect("it is open");
    let client = AsyncSocket::new().expect("a socket");
    note_handlers(&client, &log);
    client.connect_addr(world.server.local_addr().expect("it is bound")).expect("connecting starts");
    world.dispatcher.register(&client).expect("it is open");
    world.poll_until("both ends are there", || client.is_connected() && world.dispatcher.len() == 3);
    world.poll_a_while();
    assert_eq!(log.events(), ["connect"]);
}

#[test]
fn a17_a_kilobyte_calls_the_read_handler_and_all_of_it_is_read() {
    let world = World::new();
    let (socket, client) = world.connect();
    let (calls, length) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (counted, summed) = (calls.clone(), length.clone());
    socket.set_handle_read(move |socket, _| {
        counted.set(counted.get() + 1);
        while let Some(received @ 1..) = socket.recv(&mut [0; 100])? {
            summed.set(summed.get() + received);
        }
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    client.send([b'x'; 1024]);
    world.poll_until("all is read", || length.get() == 1024);
    assert!(calls.get() >= 1);
}

#[test]
fn a18_the_write_handler_is_called_when_the_connection_has_room() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    let noted = log.clone();
    socket.set_handle_write(move |socket, _| {
        noted.note("write");
        socket.del_handle_write();
        socket.send("written").map(drop)
    });
    world.dispatcher.register(&socket).expect("it is open");
    world.dispatcher.poll(PATIENCE).expect("polling works");
    assert_eq!(log.events(), ["write"]);
    wait_until("it arrives", || (client.text() == "written").then_some(()));
}

#[test]
fn a19_after_one_read_that_finds_the_end_the_close_handler_is_called() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = world.connect();
    let noted = log.clone();
    socket.set_handle_read(move |socket, _| {
        if socket.read_line()? == ReadLine::Eof {
            noted.note("the end");
        }
        Ok(())
    });
    let noted = log.clone();
    socket.set_handle_close(move |socket, _| {
        noted.note("close");
        socket.close()
    });
    world.dispatcher.register(&socket).expect("it is open");
    client.close();
    world.poll_until("it is closed", || socket.is_closed());
    world.dispatcher.poll(A_WHILE).expect("polling works");
    assert_eq!(log.events(), ["the end", "close"]);
}

/// An error of the program's own.
#[derive(Debug)]
struct OutOfPaper {
    tray: u32,
}

impl fmt::Display for OutOfPaper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tray {} is empty", self.tray)
    }
}

impl std::error::Error for OutOfPaper {}

#[test]
fn a22_the_error_handler_gets_the_very_error_of_the_handler_and_its_name() {
    let (world, log) = (World::new(), Log::new());
    let (socket, _client) = world.connect();
    socket.set_handle_write(|_, _| Err(Error::other(OutOfPaper { tray: 7 })));
    let noted = log.clone();
    socket.set_handle_error(move |_, _, error| {
        assert_eq!(error.to_string(), "handle_write: tray 7 is empty");
        let source = error.source().and_then(|source| source.downcast_ref::<Error>());
        let own = source.and_then(Error::get_ref).and_then(|own| own.downcast_ref::<OutOfPaper>());
        noted.note(format!("tray {:?}", own.map(|own| own.tray)));
    });
    world.dispatcher.register(&socket).expect("it is open");
    world.poll_until("it is told", || socket.is_closed());
    assert_eq!(log.events(), ["tray Some(7)"]);
}
