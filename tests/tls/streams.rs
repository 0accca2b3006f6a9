//! A connection that speaks TLS is used as any other.

use std::cell::RefCell;
use std::rc::Rc;

use selectio::{AsyncSocket, ReadLine, Shutdown};

use crate::support::{Log, State, pattern_byte, test};
use crate::tls_client::{
    SERVER, TlsClient, VERSIONS, client_config, client_config_with_certificate, echo_lines, serve, server_config,
    server_config_for_known_clients,
};

#[test]
fn lines_go_both_ways_in_both_versions() {
    let world = serve(server_config(SERVER), echo_lines);
    for version in VERSIONS {
        let mut client = TlsClient::new(world.peer.connect(), client_config(version));
        client.say("one\r\ntwo\nthr");
        client.step_until(&world, "two lines come back", |client| client.plain == b"one\ntwo\n");
        client.say("ee\n");
        client.step_until(&world, "the third comes back", |client| client.plain == b"one\ntwo\nthree\n");
        assert_eq!(client.tls.protocol_version(), Some(version.version));
    }
}

#[test]
fn n2_it_makes_no_difference_how_the_bytes_are_cut() {
    let world = serve(server_config(SERVER), echo_lines);
    for version in VERSIONS {
        let mut client = TlsClient::new(world.peer.connect(), client_config(version));
        client.segment_length = 1;
        client.say("in single bytes\n");
        client.step_until(&world, "the line comes back", |client| client.plain == b"in single bytes\n");
    }
}

#[test]
fn q39_the_handshake_is_told_before_anything_is_read_and_costs_no_task() {
    let log = Log::new();
    let noted = log.clone();
    let world = serve(server_config(SERVER), move |client, _| {
        assert!(client.is_tls() && client.is_connected() && !client.is_handshake_done());
        let log = noted.clone();
        client.set_handle_handshake(move |client, _| {
            assert!(client.is_handshake_done());
            log.note("handshake");
            Ok(())
        });
        let log = noted.clone();
        client.set_handle_read(move |client, _| {
            while let Some(line) = client.read_line()?.full() {
                log.note(line.to_string());
            }
            Ok(())
        });
        let log = noted.clone();
        client.set_handle_close(move |client, _| {
            log.note("end");
            client.close_after_flush()
        });
        Ok(())
    });
    let mut client = TlsClient::new(world.peer.connect(), client_config(VERSIONS[1]));
    client.shake_hands(&world);
    client.say("hello\n");
    client.tls.send_close_notify();
    client.step_until(&world, "all of it is told", |_| log.contains("end"));
    assert_eq!(log.events(), ["handshake", "hello", "end"]);
    client.step_until(&world, "the server ends it too", |client| client.is_ended);
}

#[test]
fn what_is_sent_before_the_handshake_is_done_waits_for_it() {
    let world = serve(server_config(SERVER), |client, _| {
        client.send("welcome\n")?;
        assert!(client.is_send_data_buffered());
        client.close_after_flush()
    });
    for version in VERSIONS {
        let mut client = TlsClient::new(world.peer.connect(), client_config(version));
        client.step_until(&world, "the text and the end", |client| client.is_ended);
        assert_eq!(client.text(), "welcome\n");
        client.transport.close();
        world.poll_until("the server's socket is gone", || world.dispatcher.len() == 1);
    }
}

#[test]
fn raw_bytes_and_lines_mix() {
    let log = Log::new();
    let noted = log.clone();
    let world = serve(server_config(SERVER), move |client, _| {
        let (log, mut wanted) = (noted.clone(), 0);
        client.set_handle_read(move |client, _| {
            loop {
                if wanted == 0 {
                    let ReadLine::Full(line) = client.read_line()? else { return Ok(()) };
                    wanted = line.to_string().parse().expect("a length");
                }
                let mut record = vec![0; wanted];
                let Some(length @ 1..) = client.recv(&mut record)? else { return Ok(()) };
                wanted -= length;
                log.note(String::from_utf8_lossy(&record[..length]));
            }
        });
        Ok(())
    });
    let mut client = TlsClient::new(world.peer.connect(), client_config(VERSIONS[1]));
    client.say("5\r\na\nb\rc3\n\n\r\n");
    client.step_until(&world, "both records are there", |_| log.len() >= 2);
    assert_eq!(log.events(), ["a\nb\rc", "\n\r\n"]);
}

#[test]
fn a_reader_that_takes_one_byte_a_time_gets_all_of_a_record() {
    let got = Rc::new(RefCell::new(Vec::new()));
    let noted = got.clone();
    let world = serve(server_config(SERVER), move |client, _| {
        let got = noted.clone();
        client.set_handle_read(move |client, _| {
            let mut byte = [0];
            if let Some(1) = client.recv(&mut byte)? {
                got.borrow_mut().push(byte[0]);
            }
            Ok(())
        });
        let got = noted.clone();
        client.set_handle_close(move |client, _| {
            got.borrow_mut().push(b'.');
            client.close()
        });
        Ok(())
    });
    let mut client = TlsClient::new(world.peer.connect(), client_config(VERSIONS[1]));
    client.shake_hands(&world);
    client.say("abcdefgh");
    client.tls.send_close_notify();
    client.step_until(&world, "every byte and the end", |_| got.borrow().ends_with(b"."));
    assert_eq!(*got.borrow(), b"abcdefgh.");
}

#[test]
fn a_half_closed_connection_still_takes_the_answer() {
    let world = serve(server_config(SERVER), |client, _| {
        client.set_handle_read(|client, _| {
            let mut rest = [0; 100];
            while let Some(1..) = client.recv(&mut rest)? {}
            Ok(())
        });
        client.set_handle_close(|client, _| {
            client.send("the answer comes after the end of the question\n")?;
            client.close_after_flush()
        });
        Ok(())
    });
    let mut client = TlsClient::new(world.peer.connect(), client_config(VERSIONS[1]));
    client.shake_hands(&world);
    client.say("a question");
    client.tls.send_close_notify();
    client.step(&world);
    client.transport.shutdown();
    client.step_until(&world, "the answer and the end", |client| client.is_ended);
    assert_eq!(client.text(), "the answer comes after the end of the question\n");
    client.transport.wait_for_state(State::Eof);
}

#[test]
fn the_sending_side_alone_can_be_shut_down() {
    let log = Log::new();
    let noted = log.clone();
    let world = serve(server_config(SERVER), move |client, _| {
        client.send("all that I have\n")?;
        client.shutdown(Shutdown::Write)?;
        let log = noted.clone();
        client.set_handle_read(move |client, _| {
            while let Some(line) = client.read_line()?.full() {
                log.note(line.to_string());
            }
            Ok(())
        });
        Ok(())
    });
    let mut client = TlsClient::new(world.peer.connect(), client_config(VERSIONS[1]));
    client.step_until(&world, "the text and the end", |client| client.is_ended);
    client.say("and I\n");
    client.step_until(&world, "the other direction goes on", |_| log.contains("and I"));
}

#[test]
fn back_pressure_holds_the_sender_and_nothing_is_lost() {
    const LENGTH: usize = 50_000;
    let sent = Rc::new(RefCell::new(0));
    let counted = sent.clone();
    let world = serve(server_config(SERVER), move |client, _| {
        client.set_send_water_marks(4 * 1024, 8 * 1024)?;
        let counted = counted.clone();
        let go_on = move |client: &AsyncSocket| {
            let mut sent = counted.borrow_mut();
            while *sent < LENGTH && !client.is_send_buffer_full() {
                let piece: Vec<u8> =
                    (*sent..LENGTH.min(*sent + 1000)).map(|index| pattern_byte(index as u64, 3)).collect();
                client.send(&piece)?;
                *sent += piece.len();
            }
            if *sent == LENGTH { client.close_after_flush() } else { Ok(()) }
        };
        let again = go_on.clone();
        client.set_handle_handshake(move |client, _| go_on(client));
        client.set_handle_drain(move |client, _| again(client));
        Ok(())
    });
    let mut client = TlsClient::new(world.peer.connect(), client_config(VERSIONS[1]));
    client.step_until(&world, "all of it and the end", |client| client.is_ended);
    let is_right = |(index, byte): (usize, &u8)| *byte == pattern_byte(index as u64, 3);
    assert_eq!(client.plain.len(), LENGTH);
    assert!(client.plain.iter().enumerate().all(is_right));
}

#[test]
fn a_client_shows_its_certificate_and_what_it_wants() {
    let log = Log::new();
    let noted = log.clone();
    let mut config = server_config_for_known_clients();
    config.alpn_protocols = vec![b"one".to_vec(), b"two".to_vec()];
    let world = serve(config, move |client, _| {
        let log = noted.clone();
        client.set_handle_handshake(move |client, _| {
            let seen = client.with_tls(|tls| {
                let protocol = tls.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
                (tls.peer_certificates().map(<[_]>::len), protocol)
            });
            log.note(format!("{seen:?}"));
            Ok(())
        });
        Ok(())
    });
    for version in VERSIONS {
        let mut config = client_config_with_certificate(version);
        config.alpn_protocols = vec![b"two".to_vec()];
        let mut client = TlsClient::to(world.peer.connect(), config, "a.test");
        client.step_until(&world, "the handshake", |_| log.len() == 1);
        assert_eq!(log.take(), ["Some((Some(1), Some(\"two\")))"]);
    }
}
