//! Connections that begin in the clear.

use std::sync::Arc;
use std::time::Duration;

use selectio::AsyncSocket;

use crate::support::{Client, Log, State, World, test};
use crate::tls_client::{SERVER, TlsClient, VERSIONS, client_config, server_config};

/// Serves a client that may turn its connection into a TLS one by a line STARTTLS.
fn serve(world: &World, log: &Log) -> (AsyncSocket, Client) {
    let (socket, client) = world.connect();
    let (config, log) = (Arc::new(server_config(SERVER)), log.clone());
    socket.set_handle_read(move |socket, _| {
        while let Some(line) = socket.read_line()?.full() {
            log.note(format!("{line}, {}", if socket.is_tls() { "encrypted" } else { "clear" }));
            if &line[..] == b"STARTTLS" {
                socket.send("220 go ahead\r\n")?;
                return socket.start_tls_server(config.clone());
            }
            socket.send(format!("250 {line}\r\n"))?;
        }
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    (socket, client)
}

#[test]
fn an_open_connection_becomes_a_tls_one() {
    let (world, log) = (World::new(), Log::new());
    for version in VERSIONS {
        for line_end in ["\r\n", "\n", "\r"] {
            let (socket, client) = serve(&world, &log);
            client.send(format!("HELLO{line_end}STARTTLS{line_end}"));
            let cleartext = "250 HELLO\r\n220 go ahead\r\n";
            world.poll_until("the server agrees", || client.text() == cleartext);
            let mut client = TlsClient::skipping(client, client_config(version), cleartext.len());
            client.say("secret\r\n");
            client.step_until(&world, "the answer", |client| client.plain == b"250 secret\r\n");
            assert_eq!(log.take(), ["HELLO, clear", "STARTTLS, clear", "secret, encrypted"]);
            assert!(socket.is_handshake_done());
        }
    }
}

#[test]
fn a_line_feed_that_comes_late_belongs_to_the_line_before() {
    let (world, log) = (World::new(), Log::new());
    let (_socket, client) = serve(&world, &log);
    client.send("STARTTLS\r");
    let cleartext = "220 go ahead\r\n";
    world.poll_until("the server agrees", || client.text() == cleartext);
    client.send("\n");
    world.poll_a_while();
    let mut client = TlsClient::skipping(client, client_config(VERSIONS[1]), cleartext.len());
    client.say("secret\n");
    client.step_until(&world, "the answer", |client| client.plain == b"250 secret\r\n");
}

#[test]
fn a_hello_that_comes_with_the_wish_for_it_is_taken() {
    let (world, log) = (World::new(), Log::new());
    let (_socket, client) = serve(&world, &log);
    let cleartext = "220 go ahead\r\n";
    let mut client = TlsClient::skipping(client, client_config(VERSIONS[1]), cleartext.len());
    let hello = client.flight();
    client.transport.send([&b"STARTTLS\r\n"[..], &hello].concat());
    client.say("secret\n");
    client.step_until(&world, "the answer", |client| client.plain == b"250 secret\r\n");
}

#[test]
fn what_was_slipped_in_behind_the_wish_is_no_command() {
    let (world, log) = (World::new(), Log::new());
    let (socket, client) = serve(&world, &log);
    let noted = log.clone();
    socket.set_handle_error(move |_, _, error| noted.note(format!("{:?}", error.kind())));
    client.send("STARTTLS\r\nDELETE everything\r\n");
    world.poll_until("it is refused", || log.len() == 2);
    assert_eq!(log.events(), ["STARTTLS, clear", "InvalidData"]);
    client.wait_for_state(State::Eof);
}

#[test]
fn a_listener_s_limit_of_time_goes_for_handshakes_that_are_started_later() {
    let (world, log) = (World::new(), Log::new());
    world.server.set_handshake_timeout(Duration::from_millis(50));
    let (socket, client) = serve(&world, &log);
    let noted = log.clone();
    socket.set_handle_error(move |_, _, error| noted.note(format!("{:?}", error.kind())));
    client.send("STARTTLS\r\n");
    world.poll_until("it is given up", || log.len() == 2);
    assert_eq!(log.events(), ["STARTTLS, clear", "TimedOut"]);
}

#[test]
fn it_is_started_once_on_a_connection_that_stands() {
    let world = World::new();
    let config = Arc::new(server_config(SERVER));
    let error = world.server.start_tls_server(config.clone()).expect_err("a listener");
    assert!(error.to_string().contains("start_tls_server"), "{error}");
    let (socket, _client) = world.connect();
    socket.start_tls_server(config.clone()).expect("it stands");
    let error = socket.start_tls_server(config.clone()).expect_err("it is encrypted");
    assert!(error.to_string().contains("encrypted already"), "{error}");
    socket.close().expect("it was open");
    assert!(socket.start_tls_server(config).is_err());
}
