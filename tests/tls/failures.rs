//! Handshakes that fail and streams that are cut: told to their own socket, in words that help, and nobody else is hurt.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{Log, State, World, platform, test};
use crate::tls_client::{
    EXPIRED, OTHER_NAME, SERVER, TlsClient, VERSIONS, client_config, echo_lines, serve, server_config,
    server_config_for_known_clients, trusting_client_config,
};
use selectio::tls::rustls::ServerConfig;

/// A server that notes how its clients end, and echoes lines meanwhile.
fn noting(config: ServerConfig, log: &Log) -> World {
    let noted = log.clone();
    serve(config, move |client, dispatcher| {
        let (errors, gone) = (noted.clone(), noted.clone());
        client.set_handle_error(move |_, _, error| errors.note(format!("{:?}: {error}", error.kind())));
        client.set_handle_gone(move |_, _| {
            gone.note("gone");
            Ok(())
        });
        echo_lines(client, dispatcher)
    })
}

#[track_caller]
fn expect_first(log: &Log, kind: ErrorKind, part: &str) {
    let events = log.events();
    assert!(events[0].starts_with(&format!("{kind:?}: handshake: ")), "{events:?}");
    assert!(events[0].contains(part), "{events:?}");
}

/// A client that was there before gets its answers all the same.
#[track_caller]
fn expect_echo(client: &mut TlsClient, world: &World) {
    client.plain.clear();
    client.say("still there?\n");
    client.step_until(world, "the line comes back", |client| client.plain == b"still there?\n");
}

#[test]
fn what_is_no_tls_is_answered_by_an_alert_and_costs_nobody_else() {
    let log = Log::new();
    let world = noting(server_config(SERVER), &log);
    let mut other = TlsClient::new(world.peer.connect(), client_config(VERSIONS[1]));
    expect_echo(&mut other, &world);
    for garbage in ["GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "\0\0\0\0\0\0\0\0\0\0", "\x16\x03\x01\x00\x05hello"] {
        let client = world.peer.connect();
        client.send(garbage);
        world.poll_until("it fails", || log.len() >= 1);
        expect_first(&log, ErrorKind::InvalidData, "see whether the peer speaks TLS here at all");
        // On a socket that was closed by now this would be answered by a reset, which takes the alert back.
        client.send(garbage);
        world.poll_until("the alert and the end arrive", || client.state() == State::Eof);
        let alert = client.received().bytes;
        // rustls has none for a message that is announced as too long.
        let is_alert = (alert.first(), alert.len()) == (Some(&21), 7);
        assert!(is_alert || garbage.ends_with("hello"), "a fatal alert: {alert:?} for {garbage:?}");
        client.close();
        world.poll_until("the socket is gone", || log.len() == 2);
        log.take();
    }
    expect_echo(&mut other, &world);
}

#[test]
fn a_client_that_does_not_trust_the_server_is_heard() {
    let log = Log::new();
    let world = noting(server_config(SERVER), &log);
    for (identity, name) in [(OTHER_NAME, "localhost"), (EXPIRED, "localhost"), (SERVER, "c.test")] {
        world.server.set_tls(Arc::new(server_config(identity))).expect("it goes for those who come now");
        for version in VERSIONS {
            let mut client = TlsClient::to(world.peer.connect(), client_config(version), name);
            client.step_until(&world, "the client refuses", |client| client.error.is_some());
            let alert = client.flight();
            client.transport.send(alert);
            world.poll_until("the server hears it", || log.len() >= 1);
            expect_first(&log, ErrorKind::ConnectionAborted, "received fatal alert");
            client.transport.close();
            world.poll_until("the socket is gone", || log.len() == 2);
            log.take();
        }
    }
}

#[test]
fn a_client_without_a_certificate_is_turned_away_and_reads_why() {
    let log = Log::new();
    let world = noting(server_config_for_known_clients(), &log);
    for version in VERSIONS {
        let mut client = TlsClient::new(world.peer.connect(), client_config(version));
        client.step_until(&world, "the server refuses", |_| log.len() >= 1);
        expect_first(&log, ErrorKind::InvalidData, "give the client one");
        if client.error.is_none() {
            client.say("sent before the refusal was read\n");
        }
        client.step_until(&world, "the client reads why", |client| client.error.is_some());
        let error = format!("{:?}", client.error);
        assert!(error.contains("AlertReceived"), "{error}");
        client.transport.close();
        world.poll_until("the socket is gone", || log.len() == 2);
        log.take();
    }
}

#[test]
fn peers_without_a_version_in_common_say_so() {
    let log = Log::new();
    let mut config = server_config(SERVER);
    config.alpn_protocols = vec![b"mine".to_vec()];
    let world = noting(config, &log);
    let mut config = trusting_client_config();
    config.alpn_protocols = vec![b"yours".to_vec()];
    let mut client = TlsClient::new(world.peer.connect(), config);
    client.step_until(&world, "the client reads why", |client| client.error.is_some());
    expect_first(&log, ErrorKind::InvalidData, "in common");
}

#[test]
fn a_reset_in_each_flight_costs_that_connection_only() {
    let log = Log::new();
    let world = noting(server_config(SERVER), &log);
    for version in VERSIONS {
        let mut other = TlsClient::new(world.peer.connect(), client_config(version));
        expect_echo(&mut other, &world);
        for steps in 0..4 {
            let mut client = TlsClient::new(world.peer.connect(), client_config(version));
            for _ in 0..steps {
                client.step(&world);
                world.poll_a_while();
            }
            client.transport.reset();
            world.poll_until("the socket is gone", || log.events().last().is_some_and(|event| event == "gone"));
            assert_eq!(log.take().len(), 2, "the error and the end, after {steps} steps");
        }
        expect_echo(&mut other, &world);
    }
}

#[test]
fn an_end_in_the_middle_of_the_handshake_is_an_error() {
    let log = Log::new();
    let world = noting(server_config(SERVER), &log);
    let mut client = TlsClient::new(world.peer.connect(), client_config(VERSIONS[1]));
    let hello = client.flight();
    client.transport.send(&hello[..hello.len() / 2]);
    client.transport.shutdown();
    world.poll_until("it is told", || log.len() >= 1);
    expect_first(&log, ErrorKind::UnexpectedEof, "in the middle of it");
}

#[test]
fn a_stream_without_a_close_notify_is_told_apart_from_an_end() {
    let log = Log::new();
    let world = noting(server_config(SERVER), &log);
    for version in VERSIONS {
        let mut client = TlsClient::new(world.peer.connect(), client_config(version));
        client.shake_hands(&world);
        client.say("whole\nand a part");
        client.step(&world);
        client.transport.shutdown();
        client.step_until(&world, "it is told", |_| log.len() >= 2);
        let events = log.take();
        assert!(events[0].contains("UnexpectedEof") && events[0].contains("without a close_notify"), "{events:?}");
        client.step_until(&world, "what came before was served", |client| client.plain == b"whole\n");
        assert!(!client.is_ended, "an answer to half a question doesn't look whole");
    }
}

#[test]
fn bytes_that_were_changed_on_their_way_are_never_delivered() {
    let log = Log::new();
    let noted = log.clone();
    let world = serve(server_config(SERVER), move |client, _| {
        let (log, errors) = (noted.clone(), noted.clone());
        client.set_handle_read(move |client, _| {
            while let Some(line) = client.read_line()?.full() {
                log.note(line.to_string());
                client.send(line.with_newline())?;
            }
            Ok(())
        });
        client.set_handle_error(move |_, _, error| errors.note(format!("{:?}", error.kind())));
        Ok(())
    });
    let mut client = TlsClient::new(world.peer.connect(), client_config(VERSIONS[1]));
    client.say("right\n");
    client.step_until(&world, "the line comes back", |client| client.plain == b"right\n");
    client.say("and this as well\n");
    let right = client.flight();
    client.say("not this\n");
    let mut wrong = client.flight();
    *wrong.last_mut().expect("a record") ^= 1;
    client.transport.send([right, wrong].concat());
    client.step_until(&world, "it is told", |_| log.len() >= 3);
    let events = log.events();
    assert_eq!(events[..2], ["right", "and this as well"]);
    assert_eq!(events[2..], ["ConnectionAborted"]);
    client.step_until(&world, "the server's alert", |client| client.error.is_some());
}

#[test]
fn what_comes_in_one_segment_with_the_end_of_the_handshake_is_told_in_order() {
    let log = Log::new();
    let noted = log.clone();
    let world = serve(server_config(SERVER), move |client, _| {
        let [handshake, lines, errors] = [(); 3].map(|()| noted.clone());
        client.set_handle_handshake(move |_, _| {
            handshake.note("handshake");
            Ok(())
        });
        client.set_handle_read(move |client, _| {
            while let Some(line) = client.read_line()?.full() {
                lines.note(line.to_string());
            }
            Ok(())
        });
        client.set_handle_error(move |_, _, error| errors.note(format!("{:?}", error.kind())));
        Ok(())
    });
    for version in VERSIONS {
        let mut client = TlsClient::new(world.peer.connect(), client_config(version));
        // The first of two flights.
        let bytes = client.flight();
        client.transport.send(bytes);
        world.poll_until("an answer", || client.transport.received().length > 0);
        world.poll_a_while();
        client.take();
        let mut bytes = client.flight();
        if version.version == VERSIONS[1].version {
            client.say("a line\n");
            bytes.extend(client.flight());
        }
        bytes.extend(b"\x17\x03\x03\x00\x20not what a record would look like");
        client.transport.send(bytes);
        world.poll_until("it is told", || log.events().last().is_some_and(|event| event.starts_with("Conn")));
        let events = log.take();
        assert_eq!(events.first().map(String::as_str), Some("handshake"), "{events:?}");
        assert!(version.version == VERSIONS[0].version || events[1] == "a line", "{events:?}");
    }
}

#[test]
fn a_line_that_was_cut_is_none() {
    let world = World::new();
    let (socket, client) = world.connect();
    socket.start_tls_server(Arc::new(server_config(SERVER))).expect("it stands");
    world.dispatcher.register(&socket).expect("it is open");
    let mut client = TlsClient::new(client, client_config(VERSIONS[1]));
    client.shake_hands(&world);
    client.say("whole\npart");
    client.step(&world);
    client.transport.shutdown();
    let patience = Duration::from_secs(20);
    let reader = socket.blocking(patience);
    let whole = reader.read_line().expect("a line").full().expect("a line");
    assert_eq!(&whole[..], b"whole");
    let error = reader.read_line().expect_err("it was cut");
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(reader.read_line().expect("the end"), selectio::ReadLine::Eof);
}

#[test]
fn the_reason_of_rustls_can_be_had() {
    let log = Log::new();
    let noted = log.clone();
    let world = serve(server_config_for_known_clients(), move |client, _| {
        let log = noted.clone();
        client.set_handle_error(move |_, _, error| log.note(format!("{:?}", selectio::tls::error(error))));
        Ok(())
    });
    let mut client = TlsClient::new(world.peer.connect(), client_config(VERSIONS[1]));
    client.step_until(&world, "the server refuses", |_| log.len() == 1);
    assert_eq!(log.events(), ["Some(NoCertificatesPresented)"]);
}

#[test]
fn a_handshake_that_never_ends_has_a_limit() {
    let log = Log::new();
    let noted = log.clone();
    let world = World::new();
    world.server.set_tls(Arc::new(server_config(SERVER))).expect("a listener");
    world.server.set_handshake_timeout(Duration::from_millis(100));
    world.server.set_handle_accept(move |server, dispatcher| {
        while let Some(client) = server.accept()? {
            let log = noted.clone();
            client.set_handle_error(move |_, _, error| log.note(format!("{:?}: {error}", error.kind())));
            dispatcher.register(&client)?;
        }
        Ok(())
    });
    world.dispatcher.register(&world.server).expect("it is open");
    let silent = world.peer.connect();
    let mut slow = TlsClient::new(world.peer.connect(), client_config(VERSIONS[1]));
    let hello = slow.flight();
    slow.transport.send(&hello[..10]);
    world.poll_until("both are told", || log.len() == 2);
    expect_first(&log, ErrorKind::TimedOut, "set_handshake_timeout");
    world.poll_until("both see the end", || silent.state() != State::Open && slow.transport.state() != State::Open);
}

#[test]
fn a_handshake_that_is_done_has_no_limit_any_more() {
    let world = World::new();
    world.server.set_tls(Arc::new(server_config(SERVER))).expect("a listener");
    world.server.set_handshake_timeout(Duration::from_millis(400));
    world.server.set_handle_accept(|server, dispatcher| {
        while let Some(client) = server.accept()? {
            echo_lines(&client, dispatcher)?;
            dispatcher.register(&client)?;
        }
        Ok(())
    });
    world.dispatcher.register(&world.server).expect("it is open");
    let mut client = TlsClient::new(world.peer.connect(), client_config(VERSIONS[1]));
    expect_echo(&mut client, &world);
    let later = world.dispatcher.now() + Duration::from_millis(600);
    world.poll_until("its time would be over", || world.dispatcher.now() > later);
    expect_echo(&mut client, &world);
}

#[test]
fn what_was_said_before_a_reset_is_heard() {
    if platform().name() != "simulation" {
        // Elsewhere the kernel may drop it.
        return;
    }
    let log = Log::new();
    let noted = log.clone();
    let world = serve(server_config(SERVER), move |client, _| {
        let [handshake, lines, errors] = [(); 3].map(|()| noted.clone());
        client.set_handle_handshake(move |_, _| {
            handshake.note("handshake");
            Ok(())
        });
        client.set_handle_read(move |client, _| {
            while let Some(line) = client.read_line()?.full() {
                lines.note(line.to_string());
            }
            Ok(())
        });
        client.set_handle_error(move |_, _, error| errors.note(format!("{:?}", error.kind())));
        Ok(())
    });
    let mut client = TlsClient::new(world.peer.connect(), client_config(VERSIONS[1]));
    let bytes = client.flight();
    client.transport.send(bytes);
    world.poll_until("an answer", || client.transport.received().length > 0);
    client.take();
    client.say("a line\n");
    let bytes = client.flight();
    client.transport.send(bytes);
    client.transport.reset();
    world.poll_until("it is told", || log.len() >= 3);
    assert_eq!(log.events(), ["handshake", "a line", "ConnectionReset"]);
}

#[test]
fn only_a_listener_takes_a_configuration_for_others() {
    let world = World::new();
    let (plain, _client) = world.connect();
    let refusal = plain.set_tls(Arc::new(server_config(SERVER))).expect_err("a connection");
    assert_eq!(refusal.kind(), ErrorKind::InvalidInput);
    assert!(refusal.to_string().contains("use start_tls_server"), "{refusal}");
}
