//! What a world can't do it says, with the operation, its own name and what to do instead; and it said so before.

use std::fmt::Debug;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use selectio::{AsyncSocket, Backend, Delegate, Dispatcher, Domain, SocketOption, SocketStatus, Type};

use crate::support::{World, platform, test, wait_until};

/// A call, whether this world can do it, words of its refusal, and what it answered.
type Call = (&'static str, bool, &'static str, io::Result<()>);

fn nothing<T: Debug>(result: io::Result<T>) -> io::Result<()> {
    result.map(drop)
}

#[test]
fn p17_what_a_world_can_not_do_it_refuses_with_a_remedy_and_what_it_can_it_does() {
    let world = World::new();
    let (socket, client) = world.connect();
    let (caps, name) = (platform().caps(), platform().name());
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let datagrams = || AsyncSocket::with_type(Domain::Ipv4, Type::Datagram, None);
    let on_select = Dispatcher::builder().backend(Backend::Select).build();
    let calls: [Call; 11] = [
        ("new", caps.listen, "making a socket", nothing(AsyncSocket::new())),
        ("bind_addr", caps.listen, "a socket", AsyncSocket::new().and_then(|it| it.bind_addr(loopback))),
        ("datagrams", caps.datagrams, "a socket", datagrams().and_then(|it| it.bind_addr(loopback))),
        ("datagrams", caps.datagrams, "a socket for datagrams", nothing(AsyncSocket::datagrams("127.0.0.1:0"))),
        ("connection", caps.connect, "looking up a name", nothing(AsyncSocket::connection(&nobody(&world)))),
        ("local_addr", caps.addresses, "local address", nothing(socket.local_addr())),
        ("peer_addr", caps.addresses, "peer's address", nothing(socket.peer_addr())),
        ("option", caps.options, "socket option", nothing(socket.option(SocketOption::KeepAlive))),
        ("set_option", caps.options, "socket option", socket.set_option(SocketOption::KeepAlive, true)),
        ("backend", name == "native", "waiting with Select", nothing(on_select)),
        ("waker", caps.waker, "waking", Delegate::waker().map(drop)),
    ];
    for (call, can, operation, result) in calls {
        let error = match (can, result) {
            (true, result) => {
                result.unwrap_or_else(|error| panic!("{call} on {name}: {error}"));
                continue;
            }
            (false, Ok(())) => panic!("{call} on {name} works: its capabilities say that it does not"),
            (false, Err(error)) => error,
        };
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{call}: {text}");
        let (what, remedy) = text.split_once(&format!("is not possible on {name}: ")).expect(&text);
        assert!(what.contains(operation) && remedy.len() > 10, "{call}: {text}");
    }
    socket.send("unharmed").expect("it is open");
    wait_until("it arrives", || (client.text() == "unharmed").then_some(()));
}

/// An address to connect to, which may refuse later.
fn nobody(world: &World) -> String {
    world.peer.listen()
}

#[test]
fn p17_a_socket_that_the_host_calls_idle_can_not_be_bound_or_connected_where_there_is_no_such_thing() {
    let world = World::new();
    if platform().caps().listen {
        return;
    }
    let (socket, _client) = world.connect();
    let descriptor = socket.into_descriptor().expect("it is open");
    let socket = AsyncSocket::from_descriptor(descriptor, SocketStatus::Idle).expect("it is a socket");
    let loopback = SocketAddr::from(([127, 0, 0, 1], 1));
    for error in [socket.bind_addr(loopback), socket.listen(), socket.connect_addr(loopback)] {
        let error = error.expect_err("the host has done all that");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("selectio run"), "{error}");
    }
    assert_eq!(socket.status(), SocketStatus::Idle, "nothing is half done");
}
