//! Sockets that are about to close, and what their peers do meanwhile.

use std::time::Duration;

use selectio::AsyncSocket;
use selectio::sim::{Client, ClientState};

use crate::rare_states::{MS, Scene, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// Much more than is read from a peer while its connection is to close.
const FLOOD: usize = 20 << 20;
/// What is read from it at most: the limit, and what one turn reads.
const DROPPED_MAX: usize = (1 << 20) + 4 * 64 * 1024;

impl Scene {
    /// A socket that has sent everything and waits for a peer that still sends.
    fn connect_lingering(&self) -> (AsyncSocket, Client) {
        let (socket, client) = self.connect_registered();
        self.note_errors_of(&socket);
        client.send("still sending\n");
        sleep(MS);
        socket.close_after_flush().expect("it is open");
        assert!(!socket.is_closed());
        self.poll_times(5);
        (socket, client)
    }

    /// A socket that is to close when a peer that doesn't read has taken everything.
    fn connect_flushing(&self) -> (AsyncSocket, Client) {
        let (socket, client) = self.connect_blocked();
        self.note_errors_of(&socket);
        socket.close_after_flush().expect("it is open");
        (socket, client)
    }

    /// How many bytes were received since the trace was begun.
    fn received_bytes(&self) -> usize {
        let trace = self.network.trace();
        let words: Vec<Vec<&str>> = trace.iter().map(|line| line.split_whitespace().collect()).collect();
        let received = words.windows(2).filter(|calls| calls[0][1] == "recv" && calls[1].get(2) == Some(&"bytes"));
        received.filter_map(|calls| calls[1][1].parse::<usize>().ok()).sum()
    }

    /// How long it takes until the socket is closed.
    fn time_until_closed(&self, socket: &AsyncSocket) -> Duration {
        let start = self.dispatcher.now();
        while !socket.is_closed() {
            self.poll(SECOND);
        }
        self.dispatcher.now() - start
    }
}

#[test]
fn a_lingering_socket_closes_as_soon_as_its_peer_does() {
    let ends: [fn(&Client); 3] = [Client::shutdown, Client::close, Client::reset];
    for end in ends {
        let scene = Scene::new();
        let (socket, client) = scene.connect_lingering();
        end(&client);
        assert!(scene.time_until_closed(&socket) < SECOND);
        assert_eq!(scene.log.len(), 0, "everything had left: {:?}", scene.log.events());
    }
}

#[test]
fn closing_a_lingering_socket_once_more_changes_nothing() {
    let scene = Scene::new();
    let (socket, _client) = scene.connect_lingering();
    scene.poll(SECOND);
    socket.close_after_flush().expect("it is closing already");
    assert!(!socket.is_closed(), "its peer has not closed");
    let left = scene.time_until_closed(&socket);
    assert!(left > 3 * SECOND && left <= 4 * SECOND, "{left:?} of five seconds, one of which was over");
}

#[test]
fn closing_once_more_gives_a_peer_no_more_time() {
    let scene = Scene::new();
    let (socket, _client) = scene.connect_flushing();
    scene.poll(40 * SECOND);
    socket.close_after_flush().expect("it is closing already");
    let left = scene.time_until_closed(&socket);
    assert!(left <= 20 * SECOND, "{left:?} of a minute, two thirds of which were over");
    assert_eq!(scene.log.len(), 1, "{:?}", scene.log.events());
}

#[test]
fn a_peer_that_sends_no_more_still_gets_everything() {
    let scene = Scene::new();
    let (socket, client) = scene.connect_flushing();
    client.shutdown();
    scene.poll(SECOND);
    assert!(!socket.is_closed(), "it has not taken everything");
    client.resume();
    scene.time_until_closed(&socket);
    sleep(SECOND);
    assert_eq!((client.take_received().len(), scene.log.events()), (crate::rare_states::MUCH, vec![]));
}

#[test]
fn a_peer_that_resets_before_it_has_taken_everything_is_an_error() {
    let scene = Scene::new();
    let (socket, client) = scene.connect_flushing();
    client.reset();
    assert!(scene.time_until_closed(&socket) < SECOND);
    assert_eq!(scene.log.len(), 1, "{:?}", scene.log.events());
}

#[test]
fn room_for_more_bytes_is_no_reason_to_receive() {
    let scene = Scene::new();
    let (socket, client) = scene.connect_flushing();
    scene.poll(SECOND);
    scene.network.keep_trace(100_000);
    client.resume();
    scene.time_until_closed(&socket);
    let calls =
        |name: &str| scene.network.trace().iter().filter(|line| line.split_whitespace().nth(1) == Some(name)).count();
    assert!(calls("send") > 1, "it was flushed bit by bit");
    assert_eq!(calls("recv"), 0, "the peer has sent nothing");
}

#[test]
fn a_peer_that_has_everything_and_sends_on_and_on_is_soon_hung_up_on() {
    let scene = Scene::new();
    let (socket, client) = scene.connect_lingering();
    scene.network.keep_trace(100_000);
    client.send(vec![b'x'; FLOOD]);
    assert!(scene.time_until_closed(&socket) < SECOND);
    let dropped = scene.received_bytes();
    assert!((1 << 20..=DROPPED_MAX).contains(&dropped), "{dropped} bytes");
    sleep(SECOND);
    assert_eq!((client.state(), scene.log.events()), (ClientState::Reset, vec![]));
}

#[test]
fn a_peer_that_takes_nothing_and_sends_on_and_on_is_kept_waiting_until_its_time_is_over() {
    let scene = Scene::new();
    let (socket, client) = scene.connect_flushing();
    scene.network.keep_trace(100_000);
    client.send(vec![b'x'; FLOOD]);
    let time = scene.time_until_closed(&socket);
    assert!(time > 59 * SECOND && time <= 60 * SECOND, "{time:?} of a minute");
    let dropped = scene.received_bytes();
    assert!((1 << 20..=DROPPED_MAX).contains(&dropped), "{dropped} bytes");
    let calls = scene.network.trace().len();
    assert!(calls < 500, "{calls} calls, most of which are about what was dropped");
    assert_eq!(scene.log.len(), 1, "{:?}", scene.log.events());
}

#[test]
fn a_peer_that_sends_on_and_on_and_then_reads_gets_everything() {
    let scene = Scene::new();
    let (socket, client) = scene.connect_flushing();
    client.send(vec![b'x'; FLOOD]);
    scene.poll(10 * SECOND);
    assert!(!socket.is_closed(), "it has not taken everything");
    client.resume();
    let time = scene.time_until_closed(&socket);
    assert!(time <= 6 * SECOND, "{time:?}");
    assert_eq!((client.take_received().len(), scene.log.events()), (crate::rare_states::MUCH, vec![]));
}
