//! Dispatchers with other limits than the usual ones.

use std::io::ErrorKind;
use std::time::Duration;

use selectio::{AsyncSocket, Backend, Dispatcher};

#[test]
fn one_more_than_the_limit_is_refused_until_one_closes() {
    let dispatcher = Dispatcher::builder().registered_max(2).build().expect("a dispatcher");
    let sockets: Vec<_> = (0..3).map(|_| AsyncSocket::new().expect("a socket")).collect();
    dispatcher.register(&sockets[0]).expect("there is room");
    dispatcher.register(&sockets[1]).expect("there is room");
    let error = dispatcher.register(&sockets[2]).expect_err("there is no room");
    assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
    assert!(error.to_string().contains("registered_max"), "{error}");
    dispatcher.register(&sockets[0]).expect("it is registered already");
    sockets[1].close().expect("it was open");
    dispatcher.register(&sockets[2]).expect("there is room again");
}

#[test]
fn run_calls_the_tasks_as_often_as_it_was_told() {
    let dispatcher = Dispatcher::builder().task_interval(Duration::from_millis(1)).build().expect("a dispatcher");
    let server = AsyncSocket::listener("127.0.0.1:0").expect("a listener");
    let mut calls = 0;
    server.set_handle_task(move |_, dispatcher| {
        calls += 1;
        if calls == 20 {
            dispatcher.stop();
        }
        Ok(())
    });
    dispatcher.register(&server).expect("it is open");
    let start = dispatcher.now();
    dispatcher.run().expect("polling works");
    let took = dispatcher.now() - start;
    assert!(took >= Duration::from_millis(19) && took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn an_interval_of_zero_is_refused() {
    let error = Dispatcher::builder().task_interval(Duration::ZERO).build().expect_err("no time to wait");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_dispatcher_waits_with_what_it_was_told_and_says_so() {
    let backends = [(Backend::Select, "select"), (Backend::Epoll, "epoll"), (Backend::Polling, "polling")];
    for (backend, name) in backends {
        match Dispatcher::builder().backend(backend).build() {
            Ok(dispatcher) => {
                assert!(format!("{dispatcher:?}").contains(&format!("backend: \"{name}\"")), "{dispatcher:?}")
            }
            Err(error) => {
                assert!(name == "epoll" && !cfg!(target_os = "linux"), "{error}");
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                assert!(error.to_string().contains("Backend::Default"), "{error}");
            }
        }
    }
}

// It calls cargo, which has to be on the same system.
#[cfg(unix)]
#[test]
fn a_wrong_backend_in_the_environment_ends_a_program_with_the_names_of_the_right_ones() {
    use selectio_driver::process::{Process, Stream};
    use selectio_driver::{World, program};

    let mut echo = program::command("echo", World::Native, "127.0.0.1:0").expect("it builds");
    echo.env("SELECTIO_BACKEND", "kqueue");
    let mut process = Process::start(echo).expect("it starts");
    assert!(!process.wait(Duration::from_secs(10)).expect("it ends").success());
    let text = process.output(Stream::Stderr);
    assert!(text.contains("SELECTIO_BACKEND is kqueue") && text.contains("select, epoll or polling"), "{text}");
}

#[cfg(unix)]
#[test]
fn an_empty_backend_in_the_environment_is_none() {
    use selectio_driver::process::{Process, Stream};
    use selectio_driver::{World, program};

    let mut echo = program::command("echo", World::Native, "127.0.0.1:0").expect("it builds");
    echo.env("SELECTIO_BACKEND", "");
    let process = Process::start(echo).expect("it starts");
    let listens = |text: &str| text.contains("echo: listening on 127.0.0.1:").then_some(());
    process.wait_for(Stream::Stdout, Duration::from_secs(10), listens).expect("it says where it listens");
}
