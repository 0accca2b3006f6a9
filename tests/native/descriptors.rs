//! Descriptors as the kernel has them: duplicated, taken away, inherited, and left behind by a closed connection.

use std::cell::RefCell;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use selectio::{AsyncSocket, Delegate, Dispatcher, Domain, Mode, SocketOption, SocketStatus, Type};

use crate::{connect, poll_until};

/// Two ends of a connection.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback listener");
    let client = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    (listener.accept().expect("it connected").0, client)
}

/// A connected socket whose number nobody else in this process gets while the test runs, so that closing it behind
/// the socket's back harms no other test; and the number.
fn socket_with_a_lonely_number(stream: TcpStream) -> (AsyncSocket, i32) {
    static NEXT: AtomicI32 = AtomicI32::new(15_000);
    let limit = rlimit::increase_nofile_limit(u64::MAX).expect("the limit can be asked for");
    assert!(limit > 16_000, "this test needs a descriptor above 15,000: raise `ulimit -Hn`");
    let least = NEXT.fetch_add(10, Ordering::Relaxed);
    let descriptor = rustix::io::fcntl_dupfd_cloexec(stream, least).expect("it is free");
    let number = descriptor.as_raw_fd();
    (AsyncSocket::from_descriptor(descriptor, SocketStatus::Connected).expect("it is a socket"), number)
}

#[test]
fn a10_a_delegate_on_a_duplicate_outlives_the_original() {
    let path = std::env::temp_dir().join(format!("selectio-{}-duplicate", std::process::id()));
    let mut original = File::options().read(true).write(true).create(true).truncate(true).open(&path).expect("a file");
    std::fs::remove_file(&path).expect("it was made just now");
    original.write_all(b"a file of 29 bytes, no more.\n").expect("there is room");
    original.rewind().expect("a file");
    let duplicate = OwnedFd::from(original.try_clone().expect("a duplicate"));
    drop(original);
    let delegate = Delegate::new(duplicate, Mode::ReadWrite);
    let mut buffer = [0; 64];
    assert_eq!(delegate.read(&mut buffer).expect("it is open"), Some(29));
    assert_eq!(delegate.write(b"and more").expect("it is open"), Some(8));
    delegate.close().expect("it was open");
    assert_eq!(delegate.read(&mut buffer).expect_err("it is closed").kind(), ErrorKind::NotConnected);
    assert_eq!(delegate.write(b"x").expect_err("it is closed").kind(), ErrorKind::NotConnected);
    delegate.close().expect("nothing is done");
}

#[test]
fn a13_a_descriptor_closed_behind_our_back_is_an_error_of_close_once() {
    let (stream, _client) = pair();
    let (socket, number) = socket_with_a_lonely_number(stream);
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    dispatcher.register(&socket).expect("it is open");
    nix::unistd::close(number).expect("it is open");
    let error = socket.close().expect_err("the kernel doesn't know it");
    assert!(error.to_string().starts_with("close: "), "{error}");
    assert!(socket.is_closed() && dispatcher.is_empty());
    socket.close().expect("it is forgotten");
    assert!(!dispatcher.poll(Duration::ZERO).expect("nothing bad is waited for"));
}

#[test]
fn q5_one_bad_descriptor_is_an_error_of_its_own_socket_and_an_event_for_nobody_else() {
    let (bad_stream, _bad_client) = pair();
    let (idle_stream, _idle_client) = pair();
    let (ready_stream, mut ready_client) = pair();
    let (bad, number) = socket_with_a_lonely_number(bad_stream);
    let adopt = |stream: TcpStream| AsyncSocket::from_descriptor(stream, SocketStatus::Connected);
    let (idle, ready) = (adopt(idle_stream).expect("a socket"), adopt(ready_stream).expect("a socket"));
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    let told: Rc<RefCell<Vec<String>>> = Rc::default();
    for (name, socket) in [("bad", &bad), ("idle", &idle), ("ready", &ready)] {
        // Before the handlers: what it waits for changes, so that every kernel is told once more.
        dispatcher.register(socket).expect("it is open");
        let noted = told.clone();
        socket.set_handle_read(move |socket, _| {
            noted.borrow_mut().push(format!("{name}: {:?}", socket.read_line()?));
            Ok(())
        });
        let noted = told.clone();
        socket.set_handle_error(move |_, _, _| noted.borrow_mut().push(format!("{name}: error")));
    }
    ready_client.write_all(b"hello\n").expect("it is connected");
    nix::unistd::close(number).expect("it is open");
    poll_until(&dispatcher, "both are told", || told.borrow().len() >= 2);
    dispatcher.poll(Duration::from_millis(50)).expect("nothing bad is waited for any more");
    told.borrow_mut().sort();
    assert_eq!(*told.borrow(), ["bad: error", "ready: Full(\"hello\")"]);
    assert_eq!(dispatcher.len(), 2);
}

#[test]
fn q28_an_accepted_socket_is_close_on_exec_non_blocking_and_says_where_from() {
    let check = |socket: &AsyncSocket| {
        socket.with_descriptor(|descriptor| {
            let fd = descriptor.fd()?;
            assert!(rustix::io::fcntl_getfd(fd)?.contains(rustix::io::FdFlags::CLOEXEC));
            assert!(rustix::fs::fcntl_getfl(fd)?.contains(rustix::fs::OFlags::NONBLOCK));
            Ok(())
        })
    };
    for address in ["127.0.0.1:0", "[::1]:0"] {
        // Not every machine has IPv6.
        let Ok(server) = AsyncSocket::listener(address) else { continue };
        let client = connect(server.local_addr().expect("it is bound").inet().expect("an internet address"));
        let (socket, peer) = server.accept_addr().expect("it listens").expect("it waits");
        check(&socket).expect("it is open");
        assert_eq!(peer, client.local_addr().ok());
    }
    let path = std::env::temp_dir().join(format!("selectio-{}-unnamed", std::process::id()));
    let server = AsyncSocket::with_type(Domain::Unix, Type::Stream, None).expect("a socket");
    server.bind_addr(path.as_path()).expect("it is free");
    server.listen().expect("it is bound");
    let _client = std::os::unix::net::UnixStream::connect(&path).expect("it listens");
    let (socket, peer) = server.accept_addr().expect("it listens").expect("it waits");
    std::fs::remove_file(&path).expect("it was bound");
    check(&socket).expect("it is open");
    assert_eq!(peer, None, "no address is made up");
}

#[test]
fn q34_a_listener_can_be_started_again_while_its_connections_linger() {
    let server = AsyncSocket::listener("127.0.0.1:0").expect("a listener");
    let address = server.local_addr().expect("it is bound").inet().expect("an internet address");
    let mut client = connect(address);
    // The side that closes first is the one whose port lingers.
    server.accept().expect("it listens").expect("it waits").close().expect("it was open");
    assert_eq!(client.read(&mut [0; 8]).expect("the end"), 0);
    drop(client);
    server.close().expect("it was open");
    let plain = AsyncSocket::new().expect("a socket");
    assert!(!plain.option(SocketOption::ReuseAddress).expect("it is open"), "off unless asked for");
    assert_eq!(plain.bind_addr(address).expect_err("the port lingers").kind(), ErrorKind::AddrInUse);
    let again = AsyncSocket::listener(&address.to_string()).expect("it has the option set");
    assert!(again.is_listening());
}
