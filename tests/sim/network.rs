//! What a simulated network promises: the same run for the same seed, time that only waits move, faults that
//! cost what they should, and no way from one world into another.

use std::io::ErrorKind;
use std::time::Duration;

use selectio::sim::{Client, ClientState, Faults, Network};
use selectio::{AsyncSocket, Delegate, Dispatcher, Mode, SocketStatus};
use selectio_platform::this_target;

use crate::support::{Log, platform};

/// A dispatcher with an echo server, and clients that are about to connect.
pub fn echo(network: &Network, client_count: usize) -> (Dispatcher, AsyncSocket, Vec<Client>) {
    let (dispatcher, server) = (Dispatcher::new().expect("a dispatcher"), listener());
    server.set_handle_accept(|server, dispatcher| {
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
    dispatcher.register(&server).expect("it is open");
    let address = server.local_addr().expect("it is bound").inet().expect("an address");
    let clients = (0..client_count).map(|_| network.connect_from_outside(address)).collect();
    (dispatcher, server, clients)
}

fn listener() -> AsyncSocket {
    AsyncSocket::listener("127.0.0.1:0").expect("a listener")
}

pub fn poll(dispatcher: &Dispatcher) {
    dispatcher.poll(Duration::from_millis(10)).expect("polling works");
}

/// Lets five clients send twenty lines each, and answers how the run can be told from others.
fn run(seed: u64, faults: Faults) -> (u64, Duration) {
    let network = Network::with_faults(seed, faults);
    let _inside = network.enter();
    let (dispatcher, _server, clients) = echo(&network, 5);
    for line in 0..20 {
        for (index, client) in clients.iter().enumerate() {
            client.send(format!("line {line} of {index}\n"));
        }
        poll(&dispatcher);
    }
    (network.trace_hash(), dispatcher.now())
}

#[test]
fn the_same_seed_and_calls_are_the_same_run() {
    for (name, faults) in Faults::presets() {
        assert_eq!(run(7, faults.clone()), run(7, faults.clone()), "{name}");
    }
    assert_ne!(run(7, Faults::unsure_and_late()), run(8, Faults::unsure_and_late()));
}

#[test]
fn every_line_comes_back_on_every_host_that_loses_no_connection() {
    for (name, faults) in Faults::presets() {
        if faults == Faults::failing_host() || faults == Faults::rude_clients() {
            continue;
        }
        let network = Network::with_faults(3, faults);
        let _inside = network.enter();
        let (dispatcher, _server, clients) = echo(&network, 5);
        let text: String = (0..500).map(|line| format!("this is line {line}\n")).collect();
        for client in &clients {
            client.send(&text);
        }
        let mut received = vec![Vec::new(); clients.len()];
        for _ in 0..5_000 {
            poll(&dispatcher);
            for (client, received) in clients.iter().zip(&mut received) {
                received.extend(client.take_received());
            }
            if received.iter().all(|received| received.len() == text.len()) {
                break;
            }
        }
        assert!(received.iter().all(|received| received == text.as_bytes()), "{name}");
    }
}

#[test]
fn only_a_wait_moves_the_clock_and_a_long_one_takes_no_time() {
    let network = Network::new(1);
    let _inside = network.enter();
    let (dispatcher, _server, _clients) = echo(&network, 0);
    let start = dispatcher.now();
    assert_eq!(dispatcher.now(), start);
    dispatcher.poll(Duration::from_secs(3600)).expect("polling works");
    assert_eq!(dispatcher.now() - start, Duration::from_secs(3600));
}

#[test]
fn a_wait_that_can_not_end_is_an_error_that_says_so() {
    let network = Network::new(1);
    let _inside = network.enter();
    let (dispatcher, _server, _clients) = echo(&network, 0);
    let error = dispatcher.poll(None).expect_err("nobody will come");
    assert_eq!(error.kind(), ErrorKind::Deadlock);
    assert!(error.to_string().contains("give it a timeout"), "{error}");
}

#[test]
fn sockets_and_dispatchers_of_different_worlds_refuse_each_other() {
    let outside = (Dispatcher::new().expect("a dispatcher"), listener());
    let network = Network::new(1);
    let inside = {
        let _inside = network.enter();
        (Dispatcher::new().expect("a dispatcher"), listener())
    };
    let other = {
        let _inside = Network::new(1).enter();
        (Dispatcher::new().expect("a dispatcher"), listener())
    };
    assert_eq!(this_target().name(), "native", "the thread has left the network");
    for (dispatcher, socket) in
        [(&outside.0, &inside.1), (&inside.0, &outside.1), (&other.0, &inside.1), (&other.0, &outside.1)]
    {
        let error = dispatcher.register(socket).expect_err("it is of another world");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(text.starts_with("register: ") && text.contains("in the same world"), "{text}");
        assert!(dispatcher.is_empty() && socket.is_listening());
    }
    inside.0.register(&inside.1).expect("outside of the network too");
    let stray = Delegate::new(inside.1.into_descriptor().expect("it is open"), Mode::Read);
    assert_eq!(stray.read(&mut [0; 8]).expect_err("it is of another world").kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_descriptor_that_goes_bad_costs_its_own_socket_and_is_closed() {
    let network = Network::new(1);
    let _inside = network.enter();
    let (dispatcher, server, _clients) = echo(&network, 3);
    poll(&dispatcher);
    assert_eq!((dispatcher.len(), network.open_descriptor_count()), (4, 4));
    let log = Log::new();
    let noted = log.clone();
    server.set_handle_error(move |_, _, error| noted.note(error.to_string()));
    network.set_faults(Faults { bad_descriptor: 1.0, ..Faults::default() });
    poll(&dispatcher);
    assert_eq!(log.events(), ["bad descriptor"]);
    assert_eq!((dispatcher.len(), network.open_descriptor_count()), (0, 0));
}

#[test]
fn a_listener_that_goes_bad_while_another_error_waits_to_be_told_is_closed() {
    let network = Network::with_faults(1, Faults { exhaust_accept: 1.0, ..Faults::default() });
    let _inside = network.enter();
    let (dispatcher, server, clients) = echo(&network, 1);
    let log = Log::new();
    let noted = log.clone();
    server.set_handle_error(move |_, _, error| noted.note(format!("{:?}", error.kind())));
    // A socket that closes lets the listener try again in the poll in which its error is told.
    let closing = AsyncSocket::new().expect("a socket");
    dispatcher.register(&closing).expect("it is open");
    poll(&dispatcher);
    closing.close().expect("it was open");
    network.set_faults(Faults { bad_descriptor: 1.0, ..Faults::default() });
    poll(&dispatcher);
    assert_eq!(log.events(), ["QuotaExceeded", "Other"]);
    assert!(server.is_closed() && dispatcher.is_empty());
    assert_eq!(clients.len(), 1);
}

#[test]
fn a_listener_without_descriptors_accepts_as_soon_as_there_are_some() {
    let network = Network::with_faults(1, Faults { exhaust_accept: 1.0, ..Faults::default() });
    let _inside = network.enter();
    let (dispatcher, server, clients) = echo(&network, 2);
    let log = Log::new();
    let noted = log.clone();
    server.set_handle_error(move |_, _, error| noted.note(format!("{:?}", error.kind())));
    for _ in 0..100 {
        poll(&dispatcher);
    }
    assert_eq!(log.events(), ["QuotaExceeded"], "told once");
    network.set_faults(Faults::default());
    clients[0].send("hello\n");
    for _ in 0..20 {
        poll(&dispatcher);
    }
    assert_eq!(clients[0].take_received(), b"hello\n");
    assert_eq!(dispatcher.len(), 3);
}

#[test]
fn connections_that_are_gone_before_they_are_accepted_are_passed_over() {
    let network = Network::with_faults(1, Faults { abort_accept: 1.0, ..Faults::default() });
    let _inside = network.enter();
    let (dispatcher, _server, clients) = echo(&network, 3);
    poll(&dispatcher);
    poll(&dispatcher);
    assert_eq!(dispatcher.len(), 1);
    assert!(clients.iter().all(|client| client.state() == ClientState::Reset));
}

#[test]
fn q33_all_addresses_of_a_name_are_tried_and_a_refused_one_is_not_the_end() {
    let network = Network::new(1);
    let _inside = network.enter();
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    // The name is ::1 first, where nobody listens.
    let outside = network.listen_outside();
    let socket = AsyncSocket::new().expect("a socket");
    socket.connect("localhost", outside.address().port()).expect("connecting starts");
    dispatcher.register(&socket).expect("it is open");
    poll(&dispatcher);
    assert_eq!(socket.peer_addr().expect("it is connected").inet(), Some(outside.address()));

    network.set_faults(Faults { refuse: 1.0, ..Faults::default() });
    let refused = AsyncSocket::new().expect("a socket");
    refused.connect("localhost", outside.address().port()).expect("connecting starts");
    dispatcher.register(&refused).expect("it is open");
    poll(&dispatcher);
    assert_eq!(refused.status(), SocketStatus::Closed);
    assert_eq!(network.open_descriptor_count(), 1);
}

#[test]
fn numbers_are_used_again_at_once_and_a_watch_is_on_the_number() {
    let network = Network::new(1);
    let _inside = network.enter();
    let first = listener();
    let trace = |socket: &AsyncSocket| socket.with_descriptor(|descriptor| Ok(format!("{descriptor:?}")));
    let number = trace(&first).expect("it is open");
    first.close().expect("it was open");
    let second = listener();
    assert_eq!(trace(&second).expect("it is open"), number);
}

#[test]
fn what_the_program_did_can_be_read() {
    let network = Network::new(1);
    let _inside = network.enter();
    network.keep_trace(2);
    drop(listener());
    let lines = network.trace();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].ends_with("listen 3 None") && lines[1].ends_with("close 3"), "{lines:?}");
}

#[test]
fn the_portable_tests_of_this_binary_are_in_a_network() {
    assert_eq!(platform().name(), "simulation");
}
