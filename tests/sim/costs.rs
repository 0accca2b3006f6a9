//! What the library asks of its platform: the calls are counted.

use std::time::Duration;

use selectio::sim::{Faults, Network};
use selectio::{AsyncSocket, Shutdown};

use crate::network::{echo, poll};
use crate::rare_states::Scene;

/// How often the program has made this call since the trace was kept.
fn call_count(network: &Network, call: &str) -> usize {
    network.trace().iter().filter(|line| line.split_whitespace().nth(1) == Some(call)).count()
}

#[test]
fn what_is_echoed_costs_one_receive_and_one_send_however_many_lines_it_is() {
    let network = Network::new(1);
    let _inside = network.enter();
    let (dispatcher, _server, clients) = echo(&network, 1);
    poll(&dispatcher);
    for line_count in [1, 100, 5_000] {
        let text = "a line\n".repeat(line_count);
        network.keep_trace(0);
        network.keep_trace(1_000);
        let before = [call_count(&network, "recv"), call_count(&network, "send")];
        clients[0].send(&text);
        let mut received = Vec::new();
        while received.len() < text.len() {
            poll(&dispatcher);
            received.extend(clients[0].take_received());
        }
        assert_eq!(received, text.as_bytes());
        let after = [call_count(&network, "recv"), call_count(&network, "send")];
        assert_eq!([after[0] - before[0], after[1] - before[1]], [1, 1], "{line_count} lines");
    }
}

#[test]
fn a_peer_that_never_stops_sending_is_received_from_once_in_a_turn() {
    let network = Network::new(1);
    let _inside = network.enter();
    let (dispatcher, _server, clients) = echo(&network, 1);
    poll(&dispatcher);
    // No whole number of these lines fills a receive buffer.
    let text = format!("{}\n", "x".repeat(98)).repeat(10_000);
    clients[0].send(&text);
    let (mut length, mut counts) = (0, Vec::new());
    while length < text.len() {
        network.keep_trace(0);
        network.keep_trace(1_000);
        let before = call_count(&network, "recv");
        poll(&dispatcher);
        counts.push(call_count(&network, "recv") - before);
        length += clients[0].take_received().len();
    }
    assert_eq!(length, text.len());
    assert!(counts.iter().all(|&count| count <= 1), "{counts:?}");
}

/// How often the socket that `prepare` is given receives in each turn, until so many bytes have arrived.
fn receives_in_each_turn(length: usize, prepare: fn(&AsyncSocket), count_max: usize) -> Vec<usize> {
    let network = Network::new(1);
    let _inside = network.enter();
    let (dispatcher, server, clients) = echo(&network, 1);
    server.set_handle_accept(move |server, dispatcher| {
        while let Some(client) = server.accept()? {
            prepare(&client);
            dispatcher.register(&client)?;
        }
        Ok(())
    });
    poll(&dispatcher);
    clients[0].send(vec![b'x'; length]);
    network.keep_trace(100_000);
    let mut counts = Vec::new();
    while counts.iter().sum::<usize>() < count_max {
        let before = call_count(&network, "recv");
        poll(&dispatcher);
        counts.push(call_count(&network, "recv") - before);
    }
    counts
}

#[test]
fn a_socket_that_reads_byte_by_byte_keeps_nobody_waiting_either() {
    let prepare = |client: &AsyncSocket| {
        client.set_buffered(false);
        client.set_handle_read(|client, _| client.read_line().map(drop));
    };
    let counts = receives_in_each_turn(5_000, prepare, 5_000);
    assert!(counts.iter().all(|&count| count <= 1_024), "each counts as 64 bytes of 64 KiB: {counts:?}");
}

#[test]
fn lines_and_raw_bytes_share_a_turn() {
    let prepare = |client: &AsyncSocket| {
        client.set_handle_read(|client, _| {
            client.recv(&mut [0; 64 * 1024])?;
            client.read_line().map(drop)
        });
    };
    let counts = receives_in_each_turn(10 * 64 * 1024, prepare, 10);
    assert!(counts.iter().all(|&count| count <= 1), "the first has filled its buffer: {counts:?}");
}

#[test]
fn a_listener_without_descriptors_has_one_retry_to_come_however_often_others_close() {
    let network = Network::new(1);
    let _inside = network.enter();
    let (dispatcher, server, _clients) = echo(&network, 1);
    server.set_handle_error(|_, _, _| {});
    network.set_faults(Faults { exhaust_accept: 1.0, ..Faults::default() });
    poll(&dispatcher);
    for _ in 0..50 {
        // What closes may have freed a descriptor, so the listener tries at once.
        let passing = AsyncSocket::new().expect("a socket");
        dispatcher.register(&passing).expect("it is open");
        passing.close().expect("it was open");
        poll(&dispatcher);
    }
    network.keep_trace(10_000);
    let (before, start) = (call_count(&network, "accept"), dispatcher.now());
    while dispatcher.now() < start + Duration::from_secs(1) {
        poll(&dispatcher);
    }
    let count = call_count(&network, "accept") - before;
    assert!((5..=12).contains(&count), "{count} tries in a second");
}

#[test]
fn nothing_is_asked_of_a_kernel_that_has_no_room() {
    let scene = Scene::new();
    let (socket, client) = scene.connect_blocked();
    scene.network.keep_trace(1_000);
    for _ in 0..10 {
        socket.send("more\n").expect("it fits the buffer");
    }
    socket.shutdown(Shutdown::Write).expect("it is connected");
    assert_eq!(call_count(&scene.network, "send"), 0);
    client.resume();
    while socket.is_send_data_buffered() {
        poll(&scene.dispatcher);
    }
    assert!(call_count(&scene.network, "send") > 0);
}

#[test]
fn the_end_of_a_stream_is_received_once_and_then_the_socket_closes() {
    let network = Network::new(1);
    let _inside = network.enter();
    let (dispatcher, _server, clients) = echo(&network, 1);
    clients[0].send("a line\n");
    while clients[0].take_received().is_empty() {
        poll(&dispatcher);
    }
    let open = dispatcher.len();
    network.keep_trace(0);
    network.keep_trace(1_000);
    clients[0].shutdown();
    while dispatcher.len() == open {
        poll(&dispatcher);
    }
    let counts = ["recv", "close", "shutdown"].map(|call| call_count(&network, call));
    assert_eq!(counts, [1, 1, 0], "{:?}", network.trace());
}
