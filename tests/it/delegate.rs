//! Delegates on any descriptor. A connection stands in for the pipe that only some worlds have.

use std::io::ErrorKind;

use selectio::{Delegate, Dispatcher, Mode};
use selectio_platform::Interest;

use crate::support::{A_WHILE, Bench, Log, platform, test};

fn note_writes(delegate: &Delegate, log: &Log) {
    let noted = log.clone();
    delegate.set_handle_write(move |_, _| {
        noted.note("write");
        Ok(())
    });
}

fn poll(dispatcher: &Dispatcher) {
    dispatcher.poll(A_WHILE).expect("polling works");
}

#[test]
fn q10_a_mode_means_what_it_says() {
    let bench = Bench::new();
    for (mode, expected) in
        [(Mode::Read, &["read"][..]), (Mode::Write, &["write"]), (Mode::ReadWrite, &["read", "write"])]
    {
        let log = Log::new();
        let (socket, client) = bench.connect();
        client.send("x");
        bench.wait_ready(&socket, Interest::READ);
        let delegate = Delegate::new(socket, mode);
        let noted = log.clone();
        delegate.set_handle_read(move |_, _| {
            noted.note("read");
            Ok(())
        });
        note_writes(&delegate, &log);
        let dispatcher = Dispatcher::new().expect("a dispatcher");
        dispatcher.register(&delegate).expect("it is open");
        poll(&dispatcher);
        assert_eq!(log.events(), expected, "{mode:?}");
    }
}

#[test]
fn a_delegate_reads_writes_and_closes() {
    let (bench, log) = (Bench::new(), Log::new());
    let (socket, client) = bench.connect();
    let delegate = Delegate::new(socket, Mode::ReadWrite);
    let noted = log.clone();
    delegate.set_handle_read(move |delegate, _| {
        let mut buffer = [0; 64];
        match delegate.read(&mut buffer)? {
            Some(0) => delegate.close(),
            Some(length) => {
                noted.note(String::from_utf8_lossy(&buffer[..length]));
                delegate.write(&buffer[..length]).map(drop)
            }
            None => Ok(()),
        }
    });
    assert_eq!(delegate.read(&mut [0; 8]).expect("it is open"), None, "nothing came");
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    dispatcher.register(&delegate).expect("it is open");
    client.send("hello");
    while log.len() == 0 {
        poll(&dispatcher);
    }
    assert_eq!(log.events(), ["hello"]);
    client.shutdown();
    while delegate.is_open() {
        poll(&dispatcher);
    }
    crate::support::wait_until("it came back", || (client.text() == "hello").then_some(()));
    assert!(dispatcher.is_empty());
    assert_eq!(delegate.read(&mut [0; 8]).expect_err("it is closed").kind(), ErrorKind::NotConnected);
    delegate.close().expect("nothing is done");
}

#[test]
fn an_error_of_a_delegate_s_handler_goes_to_its_error_handler_and_closes_it() {
    let (bench, log) = (Bench::new(), Log::new());
    let (socket, _client) = bench.connect();
    let delegate = Delegate::new(socket, Mode::Write);
    delegate.set_handle_write(|_, _| Err(ErrorKind::PermissionDenied.into()));
    let noted = log.clone();
    delegate.set_handle_error(move |_, _, error| noted.note(format!("{:?}", error.kind())));
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    dispatcher.register(&delegate).expect("it is open");
    poll(&dispatcher);
    assert_eq!(log.events(), ["PermissionDenied"]);
    assert!(!delegate.is_open() && dispatcher.is_empty());
}

#[test]
fn a_delegate_s_mode_can_change_while_it_is_registered() {
    let (bench, log) = (Bench::new(), Log::new());
    let (socket, _client) = bench.connect();
    let delegate = Delegate::new(socket, Mode::Read);
    note_writes(&delegate, &log);
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    dispatcher.register(&delegate).expect("it is open");
    poll(&dispatcher);
    assert_eq!(log.len(), 0);
    delegate.set_mode(Mode::Write);
    poll(&dispatcher);
    assert_eq!(log.events(), ["write"]);
    assert_eq!(delegate.mode(), Mode::Write);
    dispatcher.unregister(&delegate).expect("it is registered");
    assert!(delegate.is_open());
}

#[test]
fn a_delegate_s_task_runs_in_every_poll() {
    let (bench, log) = (Bench::new(), Log::new());
    let (socket, _client) = bench.connect();
    let delegate = Delegate::new(socket, Mode::Read);
    let noted = log.clone();
    delegate.set_handle_task(move |delegate, _| {
        noted.note("task");
        if noted.len() == 2 { delegate.close() } else { Ok(()) }
    });
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    dispatcher.register(&delegate).expect("it is open");
    dispatcher.run().expect("polling works");
    assert_eq!(log.events(), ["task", "task"]);
}

#[test]
fn q38_where_there_are_no_threads_a_waker_is_refused_with_a_remedy() {
    let has_waker = platform().caps().waker;
    match Delegate::waker() {
        Ok((delegate, waker)) => {
            assert!(has_waker);
            waker.wake().expect("the delegate is open");
            assert_eq!(delegate.read(&mut [0; 8]).expect("it was woken"), Some(1));
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(!has_waker && error.to_string().contains("use a timer"), "{error}");
        }
    }
}

#[test]
fn standard_input_can_be_watched() {
    assert!(!platform().name().is_empty());
    let stdin = Delegate::stdin().expect("there is one");
    assert_eq!(stdin.mode(), Mode::Read);
}

#[test]
fn a_delegate_keeps_a_value_and_says_when_it_has_read_ahead() {
    let (bench, log) = (Bench::new(), Log::new());
    let (socket, _client) = bench.connect();
    let delegate = Delegate::new(socket, Mode::Read);
    assert!(delegate.value::<String>().is_none());
    delegate.set_value("mine".to_owned());
    assert_eq!(delegate.value::<String>().as_deref(), Some(&"mine".to_owned()));
    assert!(delegate.value::<u32>().is_none(), "it is of another type");
    let noted = log.clone();
    delegate.set_handle_read(move |_, _| {
        noted.note("read");
        Ok(())
    });
    let counted = log.clone();
    delegate.set_has_data_buffered(move |_| counted.len() < 3);
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    dispatcher.register(&delegate).expect("it is open");
    for _ in 0..3 {
        // For ever: only what was read ahead ends these waits.
        dispatcher.poll(None).expect("polling works");
    }
    poll(&dispatcher);
    assert_eq!(log.events(), ["read", "read", "read"], "nothing new came");
}
