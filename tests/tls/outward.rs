//! Connections that this program makes, to a server outside that speaks TLS. On wasip1 a program makes none.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use selectio::tls::rustls::{ServerConfig, ServerConnection};
use selectio::{AsyncSocket, ReadLine};

use crate::support::{Client, Log, State, World, platform, test, wait_until};
use crate::tls_client::{
    EXPIRED, OTHER_NAME, SERVER, VERSIONS, client_config, client_config_with_certificate, server_config,
    server_config_for_known_clients,
};

/// The server's side of one connection.
struct TlsServer {
    tls: ServerConnection,
    transport: Client,
    taken: usize,
    plain: Vec<u8>,
    is_ended: bool,
}

impl TlsServer {
    fn new(transport: Client, config: ServerConfig) -> TlsServer {
        let tls = ServerConnection::new(Arc::new(config)).expect("a configuration");
        TlsServer { tls, transport, taken: 0, plain: Vec::new(), is_ended: false }
    }

    fn step(&mut self) {
        let mut flight = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut flight).expect("there is room");
        }
        if !flight.is_empty() {
            self.transport.send(flight);
        }
        let received = self.transport.received();
        let mut new = &received.bytes[self.taken..];
        self.taken += new.len();
        while !new.is_empty() && self.tls.read_tls(&mut new).expect("there is room") > 0 {
            let Ok(state) = self.tls.process_new_packets() else { return };
            self.is_ended |= state.peer_has_closed();
            let _ = self.tls.reader().read_to_end(&mut self.plain);
        }
    }
}

/// A connection to a server outside, whose events are noted.
fn connect(world: &World, log: &Log, start: impl FnOnce(&AsyncSocket) -> std::io::Result<()>) -> (AsyncSocket, Client) {
    let address = world.peer.listen();
    let socket = AsyncSocket::connection(&address).expect("it connects");
    start(&socket).expect("it is connecting");
    let noted = log.clone();
    socket.set_handle_connect(move |_, _| {
        noted.note("connected");
        Ok(())
    });
    let noted = log.clone();
    socket.set_handle_handshake(move |_, _| {
        noted.note("handshake");
        Ok(())
    });
    let noted = log.clone();
    socket.set_handle_read(move |socket, _| {
        while let ReadLine::Full(line) = socket.read_line()? {
            noted.note(line.to_string());
        }
        Ok(())
    });
    let noted = log.clone();
    socket.set_handle_error(move |_, _, error| noted.note(format!("{:?}: {error}", error.kind())));
    world.dispatcher.register(&socket).expect("it is open");
    let client = wait_until("the server outside accepts", || world.peer.accepted());
    (socket, client)
}

#[test]
fn what_is_sent_at_once_leaves_when_the_peers_have_agreed() {
    if !platform().caps().connect {
        return;
    }
    let (world, log) = (World::new(), Log::new());
    for version in VERSIONS {
        let (socket, transport) = connect(&world, &log, |socket| {
            socket.start_tls_client(Arc::new(client_config(version)), "a.test")?;
            socket.send("sent before anything stands\n").map(drop)
        });
        let mut server = TlsServer::new(transport, server_config(SERVER));
        world.poll_until("the text arrives", || {
            server.step();
            server.plain == b"sent before anything stands\n"
        });
        assert_eq!(server.tls.server_name(), Some("a.test"));
        server.tls.writer().write_all(b"an answer\n").expect("there is room");
        world.poll_until("the answer arrives", || {
            server.step();
            log.len() == 3
        });
        assert_eq!(log.take(), ["connected", "handshake", "an answer"]);
        socket.close_after_flush().expect("it is open");
        world.poll_until("the server sees the end", || {
            server.step();
            server.is_ended
        });
        server.transport.wait_for_state(State::Eof);
    }
}

#[test]
fn a_server_that_is_not_the_one_wanted_gets_no_byte() {
    if !platform().caps().connect {
        return;
    }
    let (world, log) = (World::new(), Log::new());
    for (identity, name) in [(OTHER_NAME, "a.test"), (EXPIRED, "localhost"), (SERVER, "127.0.0.2")] {
        for version in VERSIONS {
            let (_socket, transport) = connect(&world, &log, |socket| {
                socket.start_tls_client(Arc::new(client_config(version)), name)?;
                socket.send("a secret").map(drop)
            });
            let mut server = TlsServer::new(transport, server_config(identity));
            world.poll_until("it is told", || {
                server.step();
                log.len() == 2
            });
            let events = log.take();
            assert!(
                events[1].starts_with(&format!("{:?}: handshake: invalid peer certificate", ErrorKind::InvalidData))
            );
            assert!(events[1].contains("the name that it is for"), "{events:?}");
            assert!(server.plain.is_empty());
        }
    }
}

#[test]
fn a_certificate_is_shown_to_a_server_that_wants_one() {
    if !platform().caps().connect {
        return;
    }
    let (world, log) = (World::new(), Log::new());
    for version in VERSIONS {
        let (_socket, transport) = connect(&world, &log, |socket| {
            socket.start_tls_client(Arc::new(client_config_with_certificate(version)), "localhost")?;
            socket.send("it is me\n").map(drop)
        });
        let mut server = TlsServer::new(transport, server_config_for_known_clients());
        world.poll_until("the text arrives", || {
            server.step();
            server.plain == b"it is me\n"
        });
        assert_eq!(server.tls.peer_certificates().map(<[_]>::len), Some(1));
    }
}

#[test]
fn a_server_that_is_silent_is_given_up() {
    if !platform().caps().connect {
        return;
    }
    let (world, log) = (World::new(), Log::new());
    let (_socket, transport) = connect(&world, &log, |socket| {
        socket.set_handshake_timeout(Duration::from_millis(50));
        socket.start_tls_client(Arc::new(client_config(VERSIONS[1])), "localhost")
    });
    world.poll_until("it is told", || log.len() == 2);
    assert!(log.events()[1].starts_with("TimedOut: handshake: not done within 50ms"), "{:?}", log.events());
    transport.wait_for_state(State::Eof);
}

#[test]
fn a_name_that_can_be_none_is_refused_at_once() {
    let world = World::new();
    let (socket, _client) = world.connect();
    let error = socket.start_tls_client(Arc::new(client_config(VERSIONS[1])), "no name at all").expect_err("no name");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("no name at all"), "{error}");
}

#[test]
fn both_ends_of_a_connection_can_be_this_program_s_and_wait_without_a_dispatcher() {
    if !platform().caps().connect {
        return;
    }
    let server = AsyncSocket::listener("127.0.0.1:0").expect("a listener");
    server.set_tls(Arc::new(server_config(SERVER))).expect("a listener");
    let address = server.local_addr().expect("it is bound").to_string();
    let client = AsyncSocket::connection(&address).expect("it connects");
    client.start_tls_client(Arc::new(client_config(VERSIONS[1])), "localhost").expect("it is connecting");
    let patience = Duration::from_secs(20);
    let (accepted, _) = server.blocking(patience).accept().expect("it has connected");
    accepted.send("the server greets first\n").expect("it stands");
    let short = Duration::from_millis(20);
    let greeting = wait_until("the greeting arrives", || {
        // Each waits in vain for the other, and goes on where it was.
        let _ = accepted.blocking(short).send("");
        client.blocking(short).read_line().ok()
    });
    assert_eq!(&greeting.full().expect("a line")[..], b"the server greets first");
    assert!(client.is_handshake_done());
}
