//! Every family and type of socket that the kernel has, and what the boundary promises of each.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use selectio::{Address, AsyncSocket, Dispatcher, Domain, SocketOption, SocketStatus, Type};

use crate::poll_until;

/// A path that is gone when this is dropped.
struct Socket(PathBuf);

impl Socket {
    fn new(name: &str) -> Socket {
        let path = std::env::temp_dir().join(format!("selectio-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        Socket(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// An echo of messages or bytes at `address`; the client that connects there gets back what it sends.
fn check_echo(domain: Domain, kind: Type, address: Address) {
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    let server = AsyncSocket::with_type(domain, kind, None).expect("a socket");
    server.bind_addr(address).expect("it is free");
    server.listen().expect("it is bound");
    server.set_handle_accept(|server, dispatcher| {
        while let Some(client) = server.accept()? {
            client.set_handle_read(|client, _| {
                let mut buffer = [0; 64];
                while let Some(length @ 1..) = client.recv(&mut buffer)? {
                    client.send(&buffer[..length])?;
                }
                Ok(())
            });
            dispatcher.register(&client)?;
        }
        Ok(())
    });
    dispatcher.register(&server).expect("it is open");
    let client = AsyncSocket::with_type(domain, kind, None).expect("a socket");
    client.set_handle_connect(|client, _| client.send("hello").map(drop));
    let answer = Rc::new(RefCell::new(Vec::new()));
    let received = answer.clone();
    client.set_handle_read(move |client, _| {
        let mut buffer = [0; 64];
        while let Some(length @ 1..) = client.recv(&mut buffer)? {
            received.borrow_mut().extend_from_slice(&buffer[..length]);
        }
        Ok(())
    });
    client.connect_addr(server.local_addr().expect("it is bound")).expect("it listens");
    dispatcher.register(&client).expect("it is open");
    poll_until(&dispatcher, "the answer", || answer.borrow().as_slice() == b"hello");
    client.close().expect("it was open");
    poll_until(&dispatcher, "the other end closes", || dispatcher.len() == 1);
}

#[test]
fn streams_work_over_unix_paths() {
    let socket = Socket::new("stream");
    check_echo(Domain::Unix, Type::Stream, socket.path().into());
}

#[cfg(target_os = "linux")]
#[test]
fn messages_in_order_work_over_unix_paths() {
    let socket = Socket::new("seqpacket");
    check_echo(Domain::Unix, Type::SeqPacket, socket.path().into());
}

#[test]
fn datagrams_work_over_unix_paths() {
    let (ours, theirs) = (Socket::new("datagram-a"), Socket::new("datagram-b"));
    let socket = |path: &Path| {
        let socket = AsyncSocket::with_type(Domain::Unix, Type::Datagram, None).expect("a socket");
        socket.bind_addr(path).expect("it is free");
        assert_eq!(socket.status(), SocketStatus::UdpBound);
        socket
    };
    let (sender, receiver) = (socket(ours.path()), socket(theirs.path()));
    sender.send_to("hello", theirs.path()).expect("there is room");
    let mut buffer = [0; 64];
    let received = receiver.recv_from(&mut buffer).expect("it is bound");
    assert_eq!(received, Some((5, Some(ours.path().into()))));
    assert_eq!(receiver.recv_from(&mut buffer).expect("it is bound"), None);
}

#[test]
fn a24_a_new_socket_is_as_it_was_asked_for_non_blocking_and_close_on_exec() {
    for (domain, kind) in [(Domain::Ipv4, Type::Stream), (Domain::Unix, Type::Datagram)] {
        let socket = AsyncSocket::with_type(domain, kind, None).expect("a socket");
        assert_eq!(socket.status(), SocketStatus::Idle);
        let checked = socket.with_descriptor(|descriptor| {
            let fd = descriptor.fd()?;
            let status = rustix::fs::fcntl_getfl(fd)?;
            assert!(status.contains(rustix::fs::OFlags::NONBLOCK));
            assert!(rustix::io::fcntl_getfd(fd)?.contains(rustix::io::FdFlags::CLOEXEC));
            let kind_found = socket2::SockRef::from(&fd).r#type()?;
            assert_eq!(kind_found == socket2::Type::STREAM, kind == Type::Stream);
            Ok(())
        });
        checked.expect("it is open");
    }
}

#[test]
fn a26_options_are_off_until_they_are_set() {
    let socket = AsyncSocket::new().expect("a socket");
    for option in [
        SocketOption::ReuseAddress,
        SocketOption::KeepAlive,
        SocketOption::Broadcast,
        SocketOption::OutOfBandInline,
        SocketOption::DontRoute,
    ] {
        assert!(!socket.option(option).expect("it is open"), "{option:?}");
        socket.set_option(option, true).expect("it is open");
        assert!(socket.option(option).expect("it is open"), "{option:?}");
    }
    let error = socket.set_option(SocketOption::AcceptConnections, true).expect_err("it can only be asked for");
    assert!(error.to_string().contains("listen"), "{error}");
    let server = AsyncSocket::listener("127.0.0.1:0").expect("a listener");
    assert!(server.option(SocketOption::AcceptConnections).expect("it is open"));
}

#[test]
fn small_pieces_leave_at_once_unless_the_program_wants_otherwise() {
    let server = AsyncSocket::listener("127.0.0.1:0").expect("a listener");
    let address = server.local_addr().expect("it is bound").to_string();
    let at_once = |socket: &AsyncSocket| socket.option(SocketOption::NoDelay).expect("it is open");
    let accept = || {
        let client = AsyncSocket::connection(&address).expect("connecting starts");
        assert!(at_once(&client), "a stream that connects");
        let (socket, _) = server.blocking(Duration::from_secs(10)).accept().expect("it connects");
        (socket, client)
    };
    let (early, client) = accept();
    assert!(at_once(&early), "a stream that was accepted");
    for socket in [&early, &client] {
        socket.set_option(SocketOption::NoDelay, false).expect("it is open");
        assert!(!at_once(socket));
    }
    client.set_option(SocketOption::NoDelay, true).expect("it is open");
    server.set_option(SocketOption::NoDelay, false).expect("it is open");
    let (late, _client) = accept();
    assert!(!at_once(&late), "the listener's goes for what it accepts from then on");
    assert!(at_once(&client), "and for nothing else");
}

#[test]
fn a21_an_urgent_byte_does_not_make_the_loop_spin() {
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    let server = AsyncSocket::listener("127.0.0.1:0").expect("a listener");
    let address = server.local_addr().expect("it is bound").inet().expect("an internet address");
    let client = std::net::TcpStream::connect(address).expect("it listens");
    let (socket, _) = server.blocking(Duration::from_secs(10)).accept().expect("it connected");
    socket.set_handle_read(|socket, _| socket.read_line().map(drop));
    dispatcher.register(&socket).expect("it is open");
    socket2::SockRef::from(&client).send_out_of_band(b"!").expect("it is connected");
    let start = dispatcher.now();
    let mut polls = 0;
    while dispatcher.now() - start < Duration::from_millis(400) {
        dispatcher.poll(Duration::from_millis(100)).expect("polling works");
        polls += 1;
    }
    assert!(polls <= 6, "{polls} polls");
    assert!(socket.is_connected());
}

#[test]
fn a11_delegates_serve_pipes_and_files() {
    use selectio::{Delegate, Mode};
    use std::io::Write;

    let dispatcher = Dispatcher::new().expect("a dispatcher");
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(b"through the pipe").expect("there is room");
    let file = std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/LICENSE")).expect("it is there");
    let lengths = Rc::new(RefCell::new([0; 2]));
    for (index, delegate) in
        [Delegate::new(reader, Mode::Read), Delegate::new(file, Mode::Read)].into_iter().enumerate()
    {
        let lengths = lengths.clone();
        delegate.set_handle_read(move |delegate, _| {
            let length = delegate.read(&mut [0; 4096])?.unwrap_or(0);
            lengths.borrow_mut()[index] += length;
            delegate.close()
        });
        dispatcher.register(&delegate).expect("it is open");
    }
    dispatcher.run().expect("polling works");
    assert_eq!(lengths.borrow()[0], 16);
    assert!(lengths.borrow()[1] > 1000);
}

#[test]
fn a_file_is_not_adopted_as_a_socket() {
    let file = std::fs::File::open("/dev/null").expect("it is there");
    let error = AsyncSocket::from_descriptor(file, SocketStatus::Connected).expect_err("it is no socket");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("Delegate"), "{error}");
}
