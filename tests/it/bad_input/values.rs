//! Timeouts, names, addresses and lengths that nobody should pass.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use selectio::{AsyncSocket, Dispatcher, Domain, SocketStatus};

use super::{Bystander, Refusal, check, nothing};
use crate::support::{Log, World, platform, test, wait_until};

#[test]
fn timeouts_of_nothing_and_of_centuries_are_taken_as_they_are() {
    let world = World::new();
    let bystander = Bystander::new(&world);
    let (socket, client) = world.connect();
    let read = Rc::new(RefCell::new(Vec::new()));
    let noted = read.clone();
    socket.set_handle_read(move |socket, _| {
        noted.borrow_mut().extend(socket.read_line()?.full().map(|line| line.to_string()));
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    let never = world.dispatcher.call_after(Duration::MAX, |_| panic!("in the far future"));
    let hardly_ever = world.dispatcher.call_every(Duration::MAX, |_| panic!("in the far future")).expect("a period");
    for (timeout, line) in [(Duration::MAX, "one"), (Duration::from_secs(u64::MAX), "two")] {
        client.send(format!("{line}\n"));
        while read.borrow().last().is_none_or(|last| last != line) {
            assert!(world.dispatcher.poll(timeout).expect("the line ends this wait"));
        }
    }
    for timeout in [Duration::ZERO, Duration::from_nanos(1)] {
        world.dispatcher.poll(timeout).expect("polling works");
    }
    assert!(world.dispatcher.cancel(never) && world.dispatcher.cancel(hardly_ever));
    world.dispatcher.unregister(&socket).expect("it is registered");
    client.send("three\n");
    let line = socket.blocking(Duration::MAX).read_line().expect("the line ends this wait").full();
    assert_eq!(line.as_deref(), Some(&b"three"[..]));
    let in_no_time = socket.blocking(Duration::ZERO).read_line();
    check(ErrorKind::TimedOut, [("read_line", "wait longer", nothing(in_no_time))]);
    let forever = Dispatcher::new().expect("a dispatcher");
    forever.register(&socket).expect("it is free");
    socket.set_handle_read(|_, _| Ok(()));
    forever.poll(Duration::ZERO).expect("polling works");
    let period = world.dispatcher.call_every(Duration::ZERO, |_| Ok(()));
    check(ErrorKind::InvalidInput, [("call_every", "use a task", nothing(period))]);
    bystander.check(&world);
}

#[test]
fn waiting_for_ever_on_nothing_names_the_poll_and_a_way_out() {
    let world = World::new();
    world.dispatcher.register(&world.server).expect("it is open");
    let forever = nothing(world.dispatcher.poll(None));
    check(ErrorKind::InvalidInput, [("poll: ", "register a socket that has a handler", forever)]);
}

#[test]
fn a_line_above_the_limit_costs_that_line() {
    let (world, log) = (World::new(), Log::new());
    let bystander = Bystander::new(&world);
    let (socket, client) = world.connect();
    socket.set_line_length_max(100);
    let noted = log.clone();
    socket.set_handle_read(move |socket, _| {
        loop {
            match socket.read_line().map(|line| line.full()) {
                Ok(Some(line)) => noted.note(line.to_string()),
                Ok(None) => return Ok(()),
                Err(error) => {
                    noted.note("too long");
                    check(ErrorKind::InvalidData, [("read_line", "set_line_length_max", Err(error))]);
                }
            }
        }
    });
    world.dispatcher.register(&socket).expect("it is open");
    client.send("x".repeat(5000));
    world.poll_until("it is told before the line ends", || log.len() == 1);
    client.send("x\nshort\n");
    world.poll_until("the next line is read", || log.len() == 2);
    assert_eq!(log.events(), ["too long", "short"]);
    bystander.check(&world);
}

#[test]
fn names_and_addresses_that_lead_nowhere_are_refused() {
    let world = World::new();
    let bystander = Bystander::new(&world);
    let check_any = |operation: &str, remedy: &str, result: io::Result<()>| {
        let text = result.expect_err("it leads nowhere").to_string();
        assert!(text.contains(operation) && text.contains(remedy), "{operation}, {remedy}: {text}");
    };
    if !platform().caps().connect {
        let error = AsyncSocket::connection("no such name.invalid:1").expect_err("there is no stream");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        return bystander.check(&world);
    }
    let socket = AsyncSocket::new().expect("a socket");
    check_any("connect(\"no such name.invalid\", 1)", "check the spelling", socket.connect("no such name.invalid", 1));
    check_any("connect", "check its spelling", socket.connect_family("127.0.0.1", 1, Domain::Ipv6));
    assert_eq!(socket.status(), SocketStatus::Idle, "another name may do");
    for address in ["", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:port", "127.0.0.1:65536", "[::1]"] {
        check_any(&format!("listener({address:?})"), "127.0.0.1:7000", nothing(AsyncSocket::listener(address)));
        check_any(&format!("connection({address:?})"), "127.0.0.1:7000", nothing(AsyncSocket::connection(address)));
    }
    check_any("listener", "check the spelling", nothing(AsyncSocket::listener("no such name.invalid:0")));
    bystander.check(&world);
}

#[test]
fn an_address_in_use_is_refused_by_name() {
    let world = World::new();
    let bystander = Bystander::new(&world);
    if !platform().caps().listen {
        return;
    }
    let taken = world.server.local_addr().expect("it is bound");
    let address = taken.to_string();
    let socket = AsyncSocket::new().expect("a socket");
    let refusals: [Refusal; 2] = [
        ("bind_addr", "take another port", socket.bind_addr(taken)),
        ("listener", "take another port", nothing(AsyncSocket::listener(&address))),
    ];
    for (_, _, result) in &refusals {
        assert!(result.as_ref().is_err_and(|error| error.to_string().contains(&address)), "{result:?}");
    }
    check(ErrorKind::AddrInUse, refusals);
    socket.bind_addr(SocketAddr::from(([127, 0, 0, 1], 0))).expect("another port is free");
    bystander.check(&world);
}

#[test]
fn more_than_the_send_buffer_holds_is_refused_whole() {
    let world = World::new();
    let (socket, client) = world.connect();
    socket.set_send_buffer_max(10);
    check(ErrorKind::QuotaExceeded, [("send", "set_send_buffer_max", nothing(socket.send([b'x'; 11])))]);
    socket.send("unharmed").expect("it fits");
    wait_until("it arrives", || (client.text() == "unharmed").then_some(()));
}
