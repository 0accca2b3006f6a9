//! The reserved instants: how a component learns that it is to end.

use crate::command::outcome;
use crate::component_guest::{Printing, pollables};
use selectio_host::{Host, ShutdownRequest, Signal};
use std::io::{self, BufRead, BufReader};
use std::thread;

#[test]
fn the_reserved_instants_mean_something_and_no_others() {
    let (code, output, errors) = outcome(&["run", pollables(), "instants"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert_eq!(output, "host 1\nrequest 0\nseen 1\nothers 0\ndurations 0\npast 1\n");
}

#[test]
fn a_component_that_listens_ends_by_itself() {
    for signal in ["INT", "TERM", "HUP"] {
        let mut printing = Printing::start(&["--grace", "1h", pollables(), "listen"]);
        assert_eq!(printing.line(), "ready");
        printing.running.signal(signal);
        assert_eq!(printing.line(), "asked", "{signal}");
        assert_eq!(printing.code(), Some(0), "{signal}");
    }
}

#[test]
fn a_component_that_does_not_end_is_ended() {
    let mut printing = Printing::start(&["--grace", "300ms", pollables(), "ignore"]);
    assert_eq!(printing.line(), "ready");
    printing.running.signal("TERM");
    assert!(printing.running.line().contains("did not within the grace time of 300ms"));
    assert_eq!(printing.code(), Some(143));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut printing = Printing::start(&["--grace", "1h", "--log", "stderr", pollables(), "ignore"]);
    assert_eq!(printing.line(), "ready");
    printing.running.signal("TERM");
    while !printing.running.line().contains("signal 15 has come") {}
    printing.running.signal("INT");
    assert_eq!(printing.code(), Some(130));
}

#[test]
fn without_grace_the_first_signal_ends_it() {
    let mut printing = Printing::start(&["--grace", "0", pollables(), "listen"]);
    assert_eq!(printing.line(), "ready");
    printing.running.signal("INT");
    assert_eq!(printing.code(), Some(130));
}

#[test]
fn a_request_is_told_until_it_is_taken_back_and_the_next_one_again() {
    let request = ShutdownRequest::new();
    let (reader, writer) = io::pipe().unwrap();
    let host = Host::builder().module_file(pollables()).arg("take back").shutdown(request.clone()).stdout(writer);
    let host = host.build().unwrap();
    assert!(!request.send(Signal::Interrupt), "nobody listens yet");
    let running = thread::spawn(|| host.run());
    let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "ready");
    assert!(request.send(Signal::Interrupt));
    assert_eq!(lines.next().unwrap(), "asked 1 1");
    assert_eq!(lines.next().unwrap(), "taken back 0");
    assert_eq!(lines.next().unwrap(), "of another 0");
    assert!(request.send(Signal::Terminate));
    assert_eq!(running.join().unwrap().unwrap(), 0);
}

#[test]
fn a_host_that_makes_no_requests_says_what_it_is_all_the_same() {
    let (reader, writer) = io::pipe().unwrap();
    let host = Host::builder().module_file(pollables()).arg("instants").stdout(writer).build().unwrap();
    assert_eq!(host.run().unwrap(), 0);
    let lines: Vec<String> = BufReader::new(reader).lines().map(Result::unwrap).collect();
    assert_eq!(lines[..3], ["host 1", "request 0", "seen 0"]);
}
