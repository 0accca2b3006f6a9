//! Sockets in rare states, each of which a state machine can forget.

use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use selectio::sim::{Client, Entered, Faults, Network};
use selectio::{AsyncSocket, Delegate, Dispatcher, pipe};
use selectio_platform::{Backend, Found, this_target};

use crate::support::Log;

pub const MS: Duration = Duration::from_millis(1);

/// More than the kernel takes for a peer that doesn't read.
pub const MUCH: usize = 300_000;

/// How many calls a wait of any length may make at the platform.
const CALLS_MAX: usize = 20;

/// A simulated network and a dispatcher in it.
pub struct Scene {
    pub network: Network,
    pub dispatcher: Dispatcher,
    pub log: Log,
    _inside: Entered,
}

impl Scene {
    pub fn new() -> Scene {
        let network = Network::new(1);
        let inside = network.enter();
        let dispatcher = Dispatcher::new().expect("a dispatcher");
        Scene { network, dispatcher, log: Log::new(), _inside: inside }
    }

    /// A connection, not registered, and its client.
    fn connect(&self) -> (AsyncSocket, Client) {
        let listener = AsyncSocket::listener("127.0.0.1:0").expect("a listener");
        let client = self.network.connect_from_outside(address_of(&listener));
        sleep(MS);
        (listener.accept().expect("it listens").expect("the client waits"), client)
    }

    pub fn connect_registered(&self) -> (AsyncSocket, Client) {
        let (socket, client) = self.connect();
        self.dispatcher.register(&socket).expect("it is open");
        (socket, client)
    }

    /// A registered connection on which bytes wait for a peer that doesn't read.
    pub fn connect_blocked(&self) -> (AsyncSocket, Client) {
        let (socket, client) = self.connect_registered();
        client.pause();
        socket.send(vec![b'x'; MUCH]).expect("it fits the buffer");
        self.poll_times(5);
        (socket, client)
    }

    /// A listener that ran out of descriptors while a client waits.
    fn exhausted_listener(&self) -> (AsyncSocket, Client) {
        let listener = AsyncSocket::listener("127.0.0.1:0").expect("a listener");
        listener.set_handle_accept(|listener, _| {
            while listener.accept()?.is_some() {}
            Ok(())
        });
        listener.set_handle_error(|_, _, _| {});
        self.dispatcher.register(&listener).expect("it is open");
        self.network.set_faults(Faults { exhaust_accept: 1.0, ..Faults::default() });
        let client = self.network.connect_from_outside(address_of(&listener));
        self.poll_times(2);
        (listener, client)
    }

    pub fn poll(&self, time: Duration) {
        self.dispatcher.poll(time).expect("polling works");
    }

    pub fn poll_times(&self, count: usize) {
        for _ in 0..count {
            self.poll(MS);
        }
    }

    /// How much time passes in a poll.
    fn time_of_poll(&self, time: Duration) -> Duration {
        let start = self.dispatcher.now();
        self.poll(time);
        self.dispatcher.now() - start
    }

    pub fn note_errors_of(&self, socket: &AsyncSocket) {
        let log = self.log.clone();
        socket.set_handle_error(move |_, _, error| log.note(error.to_string()));
    }
}

/// Lets what is on its way arrive.
pub fn sleep(time: Duration) {
    let mut selector = this_target().selector(Backend::Default).expect("a selector");
    selector.select(Some(time), &mut Found::default()).expect("waiting works");
}

fn address_of(listener: &AsyncSocket) -> std::net::SocketAddr {
    listener.local_addr().expect("it is bound").inet().expect("an internet address")
}

#[test]
fn a_blocking_read_waits_also_when_there_is_a_write_handler() {
    let scene = Scene::new();
    let (socket, _client) = scene.connect();
    socket.set_handle_write(|_, _| Ok(()));
    scene.network.keep_trace(100_000);
    let error = socket.blocking(100 * MS).read_line().expect_err("nothing comes");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(scene.network.trace().len() < CALLS_MAX);
}

#[test]
fn a_blocking_accept_without_descriptors_says_so() {
    let scene = Scene::new();
    let (listener, _client) = scene.exhausted_listener();
    scene.network.keep_trace(100_000);
    let error = listener.blocking(50 * MS).accept().expect_err("there is no descriptor");
    assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
    assert!(scene.network.trace().len() < CALLS_MAX);
}

#[test]
fn a_listener_that_paused_for_want_of_descriptors_accepts_when_it_is_unregistered() {
    let scene = Scene::new();
    let (listener, _client) = scene.exhausted_listener();
    scene.dispatcher.unregister(&listener).expect("it was registered");
    scene.network.set_faults(Faults::default());
    assert!(listener.accept().expect("it listens").is_some());
}

#[test]
fn a_listener_that_the_program_has_paused_stays_paused_when_descriptors_are_free_again() {
    let scene = Scene::new();
    let (listener, _client) = scene.exhausted_listener();
    listener.pause_reading();
    scene.network.set_faults(Faults::default());
    let log = scene.log.clone();
    listener.set_handle_accept(move |listener, _| {
        log.note("accept");
        while listener.accept()?.is_some() {}
        Ok(())
    });
    scene.poll(200 * MS);
    assert_eq!(scene.log.len(), 0);
    listener.resume_reading();
    scene.poll(MS);
    assert_eq!(scene.log.events(), ["accept"]);
}

#[test]
fn a_timer_that_a_closed_socket_is_given_is_never_due() {
    let scene = Scene::new();
    let (socket, _client) = scene.connect_registered();
    socket.close().expect("closing works");
    let log = scene.log.clone();
    socket.call_after(&scene.dispatcher, MS, move |_, _| {
        log.note("called");
        Ok(())
    });
    assert!(!scene.dispatcher.poll(5 * MS).expect("polling works"), "nothing is to come");
    assert_eq!(scene.log.len(), 0);
}

#[test]
fn a_timer_of_a_closing_socket_ends_no_wait() {
    let scene = Scene::new();
    let (socket, _client) = scene.connect_blocked();
    socket.call_every(&scene.dispatcher, MS, |_, _| Ok(())).expect("the period is not zero");
    socket.close_after_flush().expect("it is open");
    scene.poll(MS);
    assert_eq!(scene.time_of_poll(100 * MS), 100 * MS);
}

#[test]
fn readiness_to_send_that_sends_nothing_ends_no_wait() {
    for (name, faults) in Faults::presets() {
        let scene = Scene::new();
        let (socket, _client) = scene.connect_blocked();
        scene.network.set_faults(Faults { bad_descriptor: 0.0, reset: 0.0, hang_up: 0.0, ..faults });
        let mut waiting = socket.send("").expect("it is open");
        loop {
            let took = scene.time_of_poll(100 * MS);
            let left = socket.send("").expect("it is open");
            if left == waiting {
                assert!(took >= 100 * MS, "{name}: {took:?}");
                break;
            }
            waiting = left;
        }
    }
}

#[test]
fn the_gone_handler_of_a_socket_whose_time_to_close_is_over_ends_the_wait() {
    let scene = Scene::new();
    let (socket, client) = scene.connect_registered();
    let (_other, _its_client) = scene.connect_registered();
    client.send("more");
    sleep(MS);
    let log = scene.log.clone();
    socket.set_handle_gone(move |_, _| {
        log.note("gone");
        Ok(())
    });
    socket.send("x").expect("it is open");
    socket.close_after_flush().expect("it is open");
    assert!(!socket.is_closed(), "the peer still sends");
    assert!(scene.time_of_poll(Duration::from_secs(60)) < Duration::from_secs(6));
    assert_eq!(scene.log.events(), ["gone"]);
}

#[test]
fn an_end_is_not_told_while_reading_is_paused() {
    let scene = Scene::new();
    let (socket, client) = scene.connect_blocked();
    let log = scene.log.clone();
    socket.set_handle_close(move |_, _| {
        log.note("close");
        Ok(())
    });
    socket.set_handle_read(|socket, _| {
        while socket.read_line()?.full().is_some() {}
        socket.pause_reading();
        Ok(())
    });
    client.shutdown();
    scene.poll_times(5);
    assert!(socket.is_reading_paused());
    client.resume();
    scene.poll_times(50);
    assert_eq!(scene.log.len(), 0);
    socket.resume_reading();
    scene.poll_times(2);
    assert_eq!(scene.log.events(), ["close"]);
}

#[test]
fn closing_after_a_flush_never_fails_for_what_the_peer_did() {
    let scene = Scene::new();
    let (socket, client) = scene.connect_registered();
    client.send("x");
    client.reset();
    sleep(MS);
    socket.close_after_flush().expect("a reset is the peer's affair");
}

/// A client that has not taken all when the kernel has: what it sends after the close would cost it the rest.
#[test]
fn a_socket_that_is_to_close_waits_until_its_bytes_have_left_the_kernel() {
    const LENGTH: usize = 60_000;
    let scene = Scene::new();
    let (socket, client) = scene.connect_registered();
    scene.note_errors_of(&socket);
    client.pause();
    socket.send(vec![b'x'; LENGTH]).expect("the kernel has room");
    socket.close_after_flush().expect("it is open");
    for _ in 0..30 {
        scene.poll(Duration::from_secs(1));
    }
    assert!(!socket.is_closed(), "the peer has no room for all of it");
    client.send("late\n");
    sleep(MS);
    client.resume();
    while scene.dispatcher.poll(Duration::from_secs(1)).expect("polling works") {}
    sleep(MS);
    assert_eq!((client.take_received().len(), scene.log.events()), (LENGTH, vec![]));
}

#[test]
fn bytes_that_a_peer_has_not_taken_in_time_are_told_also_when_the_kernel_has_them() {
    let scene = Scene::new();
    let (socket, client) = scene.connect_registered();
    scene.note_errors_of(&socket);
    client.pause();
    socket.set_close_timeout(Duration::from_secs(20));
    socket.send(vec![b'x'; 60_000]).expect("the kernel has room");
    socket.close_after_flush().expect("it is open");
    let start = scene.dispatcher.now();
    while scene.dispatcher.poll(Duration::from_secs(1)).expect("polling works") {}
    assert_eq!((scene.dispatcher.now() - start).as_secs(), 20);
    assert!(scene.log.events()[0].starts_with("close_after_flush: the peer did not take"), "{:?}", scene.log.events());
}

#[test]
fn a_socket_that_is_to_close_calls_no_task_also_when_its_peer_is_gone() {
    let scene = Scene::new();
    let (socket, client) = scene.connect_registered();
    let log = scene.log.clone();
    socket.set_handle_task(move |_, _| {
        log.note("task");
        Ok(())
    });
    scene.note_errors_of(&socket);
    client.reset();
    sleep(MS);
    socket.set_handle_write(|socket, _| {
        socket.send("x")?;
        socket.close_after_flush()
    });
    scene.poll_times(2);
    assert!(!scene.log.contains("task"), "{:?}", scene.log.events());
    assert!(socket.is_closed());
}

#[test]
fn a_socket_that_is_to_close_reads_nothing_more() {
    let scene = Scene::new();
    let (socket, client) = scene.connect_registered();
    let client = Rc::new(client);
    client.pause();
    let (log, sender) = (scene.log.clone(), client.clone());
    socket.set_handle_read(move |socket, _| {
        while let Some(line) = socket.read_line()?.full() {
            log.note(line.to_string());
            socket.send(vec![b'x'; MUCH])?;
            socket.close_after_flush()?;
            sender.send("after\n");
            sleep(MS);
        }
        Ok(())
    });
    client.send("quit\n");
    sleep(MS);
    scene.poll(MS);
    assert_eq!(scene.log.events(), ["quit"]);
    assert!(!socket.is_closed(), "its bytes wait");
}

#[test]
fn a_panic_of_has_data_buffered_costs_its_delegate() {
    let scene = Scene::new();
    let delegate = Delegate::signals().expect("the network has them");
    delegate.set_handle_read(|_, _| Ok(()));
    delegate.set_has_data_buffered(|_| panic!("on purpose"));
    let log = scene.log.clone();
    scene.dispatcher.set_handle_error(move |_, error| log.note(error.to_string()));
    scene.dispatcher.register(&delegate).expect("it is open");
    assert!(!scene.dispatcher.poll(None).expect("it ends with the error"));
    assert!(scene.log.events()[0].ends_with("has_data_buffered: panicked: on purpose"), "{:?}", scene.log.events());
}

#[test]
fn a_pipe_in_one_direction_ends_when_its_target_is_gone() {
    let scene = Scene::new();
    let ((from, source), (to, sink)) = (scene.connect_registered(), scene.connect_registered());
    pipe(&from, &to);
    to.set_handle_error(|_, _, _| {});
    sink.pause();
    source.send(vec![b'x'; 1_000_000]);
    scene.poll_times(50);
    assert!(from.is_reading_paused());
    sink.reset();
    scene.poll_times(50);
    assert!(to.is_closed());
    scene.poll(Duration::from_secs(10));
    scene.poll(Duration::from_secs(10));
    assert!(from.is_closed());
}

#[test]
fn a_pipe_delivers_what_came_before_a_reset() {
    const LENGTH: usize = 100_000;
    let scene = Scene::new();
    let ((client, client_peer), (upstream, upstream_peer)) = (scene.connect_registered(), scene.connect_registered());
    pipe(&client, &upstream);
    pipe(&upstream, &client);
    upstream.set_handle_error(|_, _, _| {});
    scene.note_errors_of(&client);
    client_peer.pause();
    upstream_peer.send(vec![b'x'; LENGTH]);
    scene.poll_times(200);
    assert!(client.is_send_data_buffered());
    // The answer waits for the client, which has nothing more to say, when the upstream goes.
    client_peer.shutdown();
    upstream_peer.reset();
    scene.poll_times(20);
    client_peer.resume();
    while scene.dispatcher.poll(MS).expect("polling works") {}
    sleep(100 * MS);
    assert_eq!((client_peer.take_received().len(), scene.log.events()), (LENGTH, vec![]));
}

#[test]
fn what_a_gone_handler_sends_on_another_socket_leaves_within_the_poll() {
    let scene = Scene::new();
    let ((socket, _client), (other, other_client)) = (scene.connect_registered(), scene.connect_registered());
    socket.set_handle_task(|socket, _| socket.close());
    socket.set_handle_gone(move |_, _| other.send("bye").map(drop));
    scene.poll(MS);
    assert!(socket.is_closed());
    sleep(MS);
    assert_eq!(other_client.take_received(), b"bye");
}
