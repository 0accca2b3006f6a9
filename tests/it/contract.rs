//! The platform's contract, C1 to C12: the same bodies on every platform.

use std::io::{ErrorKind, IoSlice};
use std::time::Duration;

use selectio_platform::{Backend, Descriptor, Found, Interest, Selector};

use crate::support::{A_WHILE, Bench, PATIENCE, State, test};

/// What is ready right now, as (key, readable, writable), in the order of the keys.
fn ready_now(selector: &mut dyn Selector) -> Vec<(u64, bool, bool)> {
    let found = select(selector, Duration::ZERO);
    assert!(found.errors.is_empty(), "nothing is wrong with the descriptors: {found:?}");
    let mut ready: Vec<_> = found.ready.iter().map(|ready| (ready.key, ready.readable, ready.writable)).collect();
    ready.sort_unstable();
    ready
}

fn select(selector: &mut dyn Selector, timeout: Duration) -> Found {
    let mut found = Found::default();
    selector.select(Some(timeout), &mut found).expect("waiting works");
    found
}

fn selector(bench: &Bench) -> Box<dyn Selector> {
    bench.platform.selector(Backend::Default).expect("a selector")
}

/// A stream on which five bytes have arrived.
fn readable_stream(bench: &Bench) -> Descriptor {
    let (socket, client) = bench.connect();
    client.send("hello");
    bench.wait_ready(&socket, Interest::READ);
    socket
}

#[test]
fn c1_readiness_lasts_until_it_is_used_up() {
    let bench = Bench::new();
    let socket = readable_stream(&bench);
    let mut selector = selector(&bench);
    selector.add(&socket, 7, Interest::READ).expect("it can be watched");
    assert_eq!(ready_now(&mut *selector), [(7, true, false)]);
    assert_eq!(ready_now(&mut *selector), [(7, true, false)], "it was not used up");
    let mut buffer = [0; 3];
    bench.platform.recv(&socket, &mut buffer).expect("there are five bytes");
    assert_eq!(ready_now(&mut *selector), [(7, true, false)], "two bytes are left");
    bench.platform.recv(&socket, &mut buffer).expect("there are two bytes");
    assert_eq!(ready_now(&mut *selector), [], "nothing is left");
}

#[test]
fn c1_a_connection_stays_ready_until_it_is_accepted() {
    let bench = Bench::new();
    let (idle, _idle_client) = bench.connect();
    let mut selector = selector(&bench);
    selector.add(&bench.listener, 7, Interest::READ).expect("it can be watched");
    selector.add(&idle, 8, Interest::READ).expect("it can be watched");
    let _client = bench.peer.connect();
    assert_eq!(select(&mut *selector, PATIENCE).ready.len(), 1, "the connection arrives");
    assert_eq!(ready_now(&mut *selector), [(7, true, false)], "nobody has accepted it");
    selector.modify(&bench.listener, Interest::NONE).expect("it is watched");
    assert_eq!(ready_now(&mut *selector), [], "nobody asks for it");
    selector.modify(&bench.listener, Interest::READ).expect("it is watched");
    assert_eq!(ready_now(&mut *selector), [(7, true, false)], "nobody has accepted it yet");
    bench.accept();
    assert_eq!(ready_now(&mut *selector), [], "nobody else waits");
}

#[test]
fn c2_descriptors_never_block() {
    let bench = Bench::new();
    let (socket, _client) = bench.connect();
    let accepted = bench.platform.accept(&bench.listener);
    assert_eq!(accepted.expect_err("nobody waits").kind(), ErrorKind::WouldBlock);
    let received = bench.platform.recv(&socket, &mut [0; 8]);
    assert_eq!(received.expect_err("nothing came").kind(), ErrorKind::WouldBlock);
}

#[test]
fn c3_a_wait_takes_its_whole_time() {
    let bench = Bench::new();
    let (socket, _client) = bench.connect();
    let mut selector = selector(&bench);
    selector.add(&socket, 1, Interest::READ).expect("it can be watched");
    let start = bench.platform.now();
    assert!(select(&mut *selector, A_WHILE).is_empty());
    assert!(bench.platform.now() - start >= A_WHILE);
}

#[test]
fn c4_nothing_watched_sleeps_or_is_refused() {
    let bench = Bench::new();
    let mut selector = selector(&bench);
    let start = bench.platform.now();
    assert!(select(&mut *selector, A_WHILE).is_empty());
    assert!(bench.platform.now() - start >= A_WHILE);
    let forever = selector.select(None, &mut Found::default());
    assert_eq!(forever.expect_err("it would never end").kind(), ErrorKind::InvalidInput);
    // A watch for nothing is nothing to wait for.
    selector.add(&bench.listener, 1, Interest::NONE).expect("it can be watched");
    let forever = selector.select(None, &mut Found::default());
    assert_eq!(forever.expect_err("it would never end").kind(), ErrorKind::InvalidInput);
}

/// A stream that nobody else in the process gets the number of when it is closed: natively tests share the numbers,
/// and lower ones, free again, keep others away from this one.
fn stream_with_a_high_number(bench: &Bench) -> Descriptor {
    let lower: Vec<_> = (0..32).map(|_| bench.connect()).collect();
    let (high, _client) = bench.connect();
    drop(lower);
    high
}

/// What some waits tell of two watches: the errors of the first, and how often the second was ready.
fn errors_of_first_and_ready_of_second(selector: &mut dyn Selector) -> (usize, usize) {
    let (mut errors, mut ready) = (0, 0);
    for _ in 0..3 {
        let found = select(selector, Duration::ZERO);
        assert!(found.ready.iter().all(|ready| ready.key == 2) && found.errors.iter().all(|(key, _)| *key == 1));
        errors += found.errors.len();
        ready += found.ready.len();
    }
    (errors, ready)
}

#[test]
fn c5_a_change_that_is_refused_is_told_once_and_costs_only_its_own_watch() {
    let bench = Bench::new();
    let (healthy, closed) = (readable_stream(&bench), stream_with_a_high_number(&bench));
    let mut selector = selector(&bench);
    selector.add(&closed, 1, Interest::NONE).expect("it can be watched");
    selector.add(&healthy, 2, Interest::READ).expect("it can be watched");
    selector.modify(&closed, Interest::READ).expect("it is watched");
    bench.platform.close(closed).expect("it was open");
    let (errors, ready) = errors_of_first_and_ready_of_second(&mut *selector);
    assert_eq!(errors, 1);
    assert!(ready >= 2, "the other one is served");
}

#[test]
fn c5_what_is_closed_while_it_is_watched_costs_only_its_own_watch() {
    let bench = Bench::new();
    let (healthy, closed) = (readable_stream(&bench), stream_with_a_high_number(&bench));
    let mut selector = selector(&bench);
    selector.add(&closed, 1, Interest::READ).expect("it can be watched");
    selector.add(&healthy, 2, Interest::READ).expect("it can be watched");
    bench.platform.close(closed).expect("it was open");
    let (errors, ready) = errors_of_first_and_ready_of_second(&mut *selector);
    // Some kernels forget the watch and say nothing.
    assert!(errors <= 1, "it is told once");
    assert!(ready >= 2, "the other one is served");
}

#[test]
fn c6_one_answer_for_each_watch() {
    let bench = Bench::new();
    let sockets: Vec<Descriptor> = (0..3).map(|_| readable_stream(&bench)).collect();
    let mut selector = selector(&bench);
    for (index, key) in [(2, 30), (0, 10), (1, 20)] {
        selector.add(&sockets[index], key, Interest::BOTH).expect("it can be watched");
    }
    assert_eq!(ready_now(&mut *selector), [(10, true, true), (20, true, true), (30, true, true)]);
    selector.modify(&sockets[2], Interest::READ).expect("it is watched");
    selector.modify(&sockets[0], Interest::WRITE).expect("it is watched");
    selector.modify(&sockets[1], Interest::NONE).expect("it is watched");
    assert_eq!(ready_now(&mut *selector), [(10, false, true), (30, true, false)]);
    selector.remove(&sockets[2]).expect("it is watched");
    selector.modify(&sockets[1], Interest::BOTH).expect("it is watched");
    assert_eq!(ready_now(&mut *selector), [(10, false, true), (20, true, true)]);
}

#[test]
fn c6_of_several_changes_the_last_one_counts() {
    let bench = Bench::new();
    let socket = readable_stream(&bench);
    let mut selector = selector(&bench);
    selector.add(&socket, 1, Interest::READ).expect("it can be watched");
    for interest in [Interest::NONE, Interest::BOTH, Interest::WRITE] {
        selector.modify(&socket, interest).expect("it is watched");
    }
    assert_eq!(ready_now(&mut *selector), [(1, false, true)]);
    for interest in [Interest::BOTH, Interest::NONE, Interest::WRITE] {
        selector.modify(&socket, interest).expect("it is watched");
    }
    assert_eq!(ready_now(&mut *selector), [(1, false, true)], "as it was");
    selector.modify(&socket, Interest::READ).expect("it is watched");
    selector.remove(&socket).expect("it is watched");
    assert_eq!(ready_now(&mut *selector), [], "nothing is watched");
    selector.add(&socket, 2, Interest::READ).expect("it is not watched");
    assert_eq!(ready_now(&mut *selector), [(2, true, false)], "the change was about the watch before");
}

#[test]
fn c7_every_number_can_be_a_key() {
    let bench = Bench::new();
    let sockets: Vec<Descriptor> = (0..4).map(|_| bench.connect().0).collect();
    let mut selector = selector(&bench);
    let keys = [0, 1, 1 << 63, u64::MAX];
    for (socket, key) in sockets.iter().zip(keys) {
        selector.add(socket, key, Interest::WRITE).expect("it can be watched");
    }
    assert_eq!(ready_now(&mut *selector).iter().map(|ready| ready.0).collect::<Vec<_>>(), keys);
}

#[test]
fn c8_a_timeout_is_never_cut_short() {
    let bench = Bench::new();
    let mut selector = selector(&bench);
    selector.add(&bench.listener, 1, Interest::READ).expect("it can be watched");
    for timeout in [1, 999, 1_000, 1_001, 999_999, 1_500_001].map(Duration::from_nanos) {
        let start = bench.platform.now();
        assert!(select(&mut *selector, timeout).is_empty());
        assert!(bench.platform.now() - start >= timeout, "{timeout:?}");
    }
}

#[test]
fn c9_what_a_selector_can_not_do_it_says() {
    let bench = Bench::new();
    let (socket, _client) = bench.connect();
    let mut selector = selector(&bench);
    let unknown = selector.modify(&socket, Interest::READ);
    assert_eq!(unknown.expect_err("it is not watched").kind(), ErrorKind::NotFound);
    assert_eq!(selector.remove(&socket).expect_err("it is not watched").kind(), ErrorKind::NotFound);
    selector.add(&socket, 1, Interest::READ).expect("it can be watched");
    let again = selector.add(&socket, 2, Interest::READ);
    assert_eq!(again.expect_err("it is watched").kind(), ErrorKind::AlreadyExists);
    selector.remove(&socket).expect("it is watched");
    selector.add(&socket, 2, Interest::READ).expect("it can be watched again");
}

#[test]
fn c10_a_reset_shows_in_the_directions_asked_for_and_recv_reveals_it() {
    let bench = Bench::new();
    let mut selector = selector(&bench);
    let (reading, client) = bench.connect();
    client.reset();
    bench.wait_ready(&reading, Interest::READ);
    let (writing, client) = bench.connect();
    client.reset();
    bench.wait_ready(&writing, Interest::READ);
    selector.add(&reading, 1, Interest::READ).expect("it can be watched");
    selector.add(&writing, 2, Interest::WRITE).expect("it can be watched");
    assert_eq!(ready_now(&mut *selector), [(1, true, false), (2, false, true)]);
    let received = bench.platform.recv(&reading, &mut [0; 8]);
    assert_eq!(received.expect_err("it was reset").kind(), ErrorKind::ConnectionReset);
    bench.platform.send(&writing, &[IoSlice::new(b"x")]).expect_err("it was reset");
}

#[test]
fn c10_a_hang_up_is_readable_and_recv_reveals_the_end() {
    let bench = Bench::new();
    let (socket, client) = bench.connect();
    client.send("last");
    client.close();
    bench.wait_ready(&socket, Interest::READ);
    let mut buffer = [0; 8];
    assert_eq!(bench.platform.recv(&socket, &mut buffer).expect("four bytes"), 4);
    bench.wait_ready(&socket, Interest::READ);
    assert_eq!(bench.platform.recv(&socket, &mut buffer).expect("the end"), 0);
}

#[test]
fn c11_a_full_send_buffer_is_a_normal_answer() {
    let bench = Bench::new();
    let client = bench.peer.connect_paused();
    let socket = bench.accept();
    let bytes = [7; 64 * 1024];
    let mut sent = 0;
    let refused = loop {
        match bench.platform.send(&socket, &[IoSlice::new(&bytes)]) {
            Ok(length) => sent += length,
            Err(error) => break error,
        }
        assert!(sent < 1 << 30, "a kernel's buffer is bounded");
    };
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    let mut selector = selector(&bench);
    selector.add(&socket, 1, Interest::WRITE).expect("it can be watched");
    assert_eq!(ready_now(&mut *selector), []);
    client.resume();
    bench.wait_ready(&socket, Interest::WRITE);
}

#[test]
fn c12_close_is_final() {
    let bench = Bench::new();
    let (socket, client) = bench.connect();
    let mut selector = selector(&bench);
    selector.add(&socket, 1, Interest::BOTH).expect("it can be watched");
    selector.remove(&socket).expect("it is watched");
    bench.platform.close(socket).expect("it was open");
    client.wait_for_state(State::Eof);
    // Whatever has the number now is not what was watched.
    let (_reused, _client) = bench.connect();
    assert_eq!(ready_now(&mut *selector), []);
}
