//! Ending a component, whatever it does.

use crate::command::{failure, outcome};
use crate::component_guest::{Printing, standard};
use selectio_host::{Error, Host, StopHandle};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// What the guest does that never ends by itself, after its first line, with a peer that never receives or sends.
fn endless(peer: &str) -> [(&'static str, String); 8] {
    [
        ("sleep", String::new()),
        ("compute", String::new()),
        ("echo", "127.0.0.1:0".to_owned()),
        ("udp", "127.0.0.1:0".to_owned()),
        ("receive", peer.to_owned()),
        ("flood", peer.to_owned()),
        ("close full", peer.to_owned()),
        ("wait for input", String::new()),
    ]
}

/// A listener that keeps its connections and does nothing with them.
fn silent_peer() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[test]
fn a_limit_of_time_ends_it() {
    let (_peer, address) = silent_peer();
    for (action, with) in endless(&address) {
        let mut printing = Printing::start(&["--timeout", "400ms", "--inherit-network", standard(), action, &with]);
        assert!(printing.running.line().contains("it ran longer than its limit of 400ms"), "{action}");
        assert_eq!(printing.code(), Some(124), "{action}");
    }
}

#[test]
fn signals_end_it_at_once() {
    let (_peer, address) = silent_peer();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        for (action, with) in endless(&address) {
            let mut printing = Printing::start(&["--grace", "1h", "--inherit-network", standard(), action, &with]);
            assert_ne!(printing.line(), "", "{action}");
            printing.running.signal(signal);
            assert_eq!(printing.code(), Some(code), "{action} and {signal}");
        }
    }
}

#[test]
fn an_open_connection_keeps_nobody_from_the_end() {
    let mut printing = Printing::start(&["--grace", "1h", "--inherit-network", standard(), "echo", "127.0.0.1:0"]);
    let _client = TcpStream::connect(printing.line()).unwrap();
    printing.line();
    printing.running.signal("TERM");
    assert_eq!(printing.code(), Some(143));
}

#[test]
fn a_stop_from_another_thread_ends_it() {
    let (_peer, address) = silent_peer();
    for (action, with) in endless(&address) {
        // What reads standard input would read that of this test.
        let builder = Host::builder().module_file(standard()).args([action, &with]).inherit_network();
        if action == "wait for input" {
            continue;
        }
        let stop = StopHandle::new().unwrap();
        let has_ended = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&has_ended);
        let builder = builder.on_end(move |_| ended.store(true, Ordering::SeqCst));
        let host = builder.stop(stop.clone()).stdout(std::io::sink()).build().unwrap();
        let running = thread::spawn(|| host.run());
        thread::sleep(Duration::from_millis(200));
        stop.stop();
        assert!(matches!(running.join().unwrap(), Err(Error::Stopped)), "{action}");
        assert!(has_ended.load(Ordering::SeqCst), "{action}: its thread was left behind");
    }
}

#[test]
fn a_stop_before_the_start_counts() {
    let stop = StopHandle::new().unwrap();
    stop.stop();
    let host = Host::builder().module_file(standard()).arg("sleep").stop(stop).build().unwrap();
    assert!(matches!(host.run(), Err(Error::Stopped)));
}

#[test]
fn writing_to_a_pipe_that_nobody_reads_ends() {
    let printing = Printing::start(&["--timeout", "400ms", standard(), "output"]);
    assert_eq!(printing.code(), Some(124));
    let printing = Printing::start(&[standard(), "output"]);
    thread::sleep(Duration::from_millis(300));
    printing.running.signal("TERM");
    assert_eq!(printing.code(), Some(143));
}

#[test]
fn fuel_and_memory_are_limited() {
    let (code, line) = failure(&["run", "-W", "fuel=1000000", standard(), "compute"]);
    assert_eq!((code, line.contains("it used up its fuel of 1000000 units")), (Some(134), true), "{line}");
    let (code, line) = failure(&["run", "--max-memory", "20M", standard(), "take memory"]);
    assert_eq!(code, Some(134));
    assert!(line.contains("it asked for more memory than its limit of 20971520 bytes"), "{line}");
    let (code, _, errors) = outcome(&["run", "-W", "max-memory-size=20971520", standard(), "take memory"]);
    assert!(code == Some(134) && errors.contains("memory allocation of"), "{errors}");
}
