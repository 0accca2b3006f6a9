//! TLS with OpenSSL at the other end: of a server made with the library, and of a client.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use selectio::tls::rustls::pki_types::CertificateDer;
use selectio::tls::rustls::pki_types::pem::PemObject;
use selectio::tls::rustls::server::WebPkiClientVerifier;
use selectio::tls::rustls::{Connection, RootCertStore, ServerConfig};
use selectio::{AsyncSocket, Dispatcher, ReadLine, tls};
use selectio_driver::process::{Process, Stream};
use selectio_driver::{Ended, Program, World, in_every_world, known_client};

use crate::LIMIT;

/// Of the certificates that tests use.
fn file(name: &str) -> String {
    format!("{}/../../tests/tls/certificates/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn config(name: &str) -> Arc<ServerConfig> {
    tls::server_config(file(&format!("{name}.pem")), file(&format!("{name}.key.pem"))).expect("the files are there")
}

/// A server that sends lines back, until one of them is `bye`. What happens to its clients comes out of the channel.
fn serve(config: Arc<ServerConfig>) -> (SocketAddr, mpsc::Receiver<String>) {
    let (told, events) = mpsc::channel();
    let (address_told, address) = mpsc::channel();
    thread::spawn(move || {
        let dispatcher = Dispatcher::new()?;
        let server = AsyncSocket::listener("127.0.0.1:0")?;
        server.set_tls(config)?;
        let _ = address_told.send(server.local_addr()?.inet().expect("an address"));
        server.set_handle_accept(move |server, dispatcher| {
            while let Some(client) = server.accept()? {
                let (handshakes, errors) = (told.clone(), told.clone());
                client.set_handle_handshake(move |client, _| {
                    let seen = client.with_tls(describe).unwrap_or_default();
                    let _ = handshakes.send(seen);
                    Ok(())
                });
                client.set_handle_error(move |_, _, error| drop(errors.send(error.to_string())));
                client.set_handle_read(|client, _| {
                    while let Some(line) = client.read_line()?.full() {
                        if &line[..] == b"bye" {
                            return client.close_after_flush();
                        }
                        client.send(line.with_newline())?;
                    }
                    Ok(())
                });
                dispatcher.register(&client)?;
            }
            Ok(())
        });
        dispatcher.register(&server)?;
        dispatcher.run()
    });
    (address.recv_timeout(LIMIT).expect("it listens"), events)
}

/// What the peers have agreed on.
fn describe(tls: &Connection) -> String {
    let name = match tls {
        Connection::Server(server) => server.server_name().unwrap_or("-").to_owned(),
        Connection::Client(_) => "-".to_owned(),
    };
    let protocol = tls.alpn_protocol().map_or("-".into(), String::from_utf8_lossy);
    let certificate = if tls.peer_certificates().is_some() { "a certificate" } else { "no certificate" };
    format!("{:?} name {name}, protocol {protocol}, {certificate}", tls.protocol_version().expect("one"))
}

fn openssl(subcommand: &str, arguments: &[&str]) -> Command {
    let mut command = known_client::command("openssl").expect("openssl is installed");
    command.arg(subcommand).args(arguments);
    command
}

/// Runs `openssl s_client`, which says `hello` and `bye`. Answers whether it was content, and all that it printed.
fn s_client(address: SocketAddr, arguments: &[&str]) -> (bool, String) {
    let root = file("root.pem");
    let mut command = openssl("s_client", &["-connect", &address.to_string(), "-CAfile", &root, "-ign_eof"]);
    command.arg("-verify_return_error").args(arguments);
    let mut process = Process::start(command).expect("it starts");
    // Where the server has turned it away, it may be gone by then.
    let _ = process.input().expect("its input is piped").write_all(b"hello\nbye\n");
    let status = process.wait(LIMIT).expect("it ends");
    (status.success(), process.all_output())
}

fn expect_event(events: &mpsc::Receiver<String>, part: &str) {
    let event = events.recv_timeout(LIMIT).expect("something happens");
    assert!(event.contains(part), "{part} is missing: {event}");
}

in_every_world!(known_clients_reach_the_programs_over_tls);

fn known_clients_reach_the_programs_over_tls(world: World) {
    let folder = format!("{}/../../tests/tls/certificates", env!("CARGO_MANIFEST_DIR"));
    let (certificate, key, root) = (file("server.pem"), file("server.key.pem"), file("root.pem"));
    let start = |name| {
        let arguments = ["--tls-cert", &*certificate, "--tls-key", &*key];
        Program::start_with_folder(name, world, &folder, &arguments).expect("it starts")
    };
    for version in [&["--tlsv1.3"][..], &["--tls-max", "1.2"]] {
        for (name, part) in [("http", "Hello, world!"), ("websocket", "<!doctype html>")] {
            let program = start(name);
            let mut curl = known_client::command("curl").expect("curl is installed");
            curl.args(["--silent", "--show-error", "--cacert", &root]).args(version);
            curl.arg(format!("https://localhost:{}/", program.address.port()));
            let ended = Ended::of(curl).expect("it ends");
            assert!(ended.stdout.contains(part), "{name}: {} {}", ended.stdout, ended.stderr);
        }
    }
    let program = start("redis");
    let mut redis = known_client::command("redis-cli").expect("redis-cli is installed");
    redis.args(["--tls", "--cacert", &root, "-p", &program.address.port().to_string(), "echo", "encrypted"]);
    let ended = Ended::of(redis).expect("it ends");
    assert_eq!(ended.stdout, "encrypted\n", "{}", ended.stderr);
}

#[test]
fn openssl_s_client_speaks_both_versions_and_its_wishes_are_heard() {
    let mut with_protocols = ServerConfig::clone(&config("server"));
    with_protocols.alpn_protocols = vec![b"one".to_vec(), b"two".to_vec()];
    let (address, events) = serve(Arc::new(with_protocols));
    for (option, version) in [("-tls1_2", "TLSv1_2"), ("-tls1_3", "TLSv1_3")] {
        let (is_content, output) = s_client(address, &[option, "-servername", "a.test", "-alpn", "three,two"]);
        assert!(is_content, "{output}");
        assert!(output.contains("\nhello\n"), "{output}");
        assert!(output.contains("ALPN protocol: two") && output.contains("Verification: OK"), "{output}");
        expect_event(&events, &format!("{version} name a.test, protocol two, no certificate"));
    }
}

#[test]
fn openssl_s_client_resumes_its_session() {
    let (address, _events) = serve(config("server"));
    for option in ["-tls1_2", "-tls1_3"] {
        let session = format!("{}/session{option}-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
        let (is_content, output) = s_client(address, &[option, "-sess_out", &session]);
        assert!(is_content && output.contains("New, TLS"), "{output}");
        let (is_content, output) = s_client(address, &[option, "-sess_in", &session]);
        assert!(is_content && output.contains("Reused, TLS") && output.contains("\nhello\n"), "{output}");
        let _ = std::fs::remove_file(session);
    }
}

#[test]
fn openssl_s_client_shows_its_certificate_or_reads_why_it_is_turned_away() {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("root.pem")).expect("a certificate")).expect("a root");
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), tls::provider()).build();
    let builder = ServerConfig::builder_with_provider(tls::provider()).with_safe_default_protocol_versions();
    let key = tls::rustls::pki_types::PrivateKeyDer::from_pem_file(file("server.key.pem")).expect("a key");
    let chain = vec![CertificateDer::from_pem_file(file("server.pem")).expect("a certificate")];
    let config = builder.expect("versions").with_client_cert_verifier(verifier.expect("roots"));
    let (address, events) = serve(Arc::new(config.with_single_cert(chain, key).expect("they belong together")));
    let (certificate, key) = (file("client.pem"), file("client.key.pem"));
    for option in ["-tls1_2", "-tls1_3"] {
        let (is_content, output) = s_client(address, &[option, "-cert", &certificate, "-key", &key]);
        assert!(is_content && output.contains("\nhello\n"), "{output}");
        expect_event(&events, "a certificate");
        let (_, output) = s_client(address, &[option]);
        assert!(output.contains("alert"), "{option}: {output}");
        assert!(!output.contains("\nhello\n"), "{option}: {output}");
        expect_event(&events, "give the client one");
    }
}

#[test]
fn openssl_s_client_refuses_what_is_wrong_and_the_server_hears_of_it() {
    let other_root = file("other_root.pem");
    let cases = [
        ("expired", &["-verify_hostname", "localhost"][..], "certificate has expired"),
        ("other_name", &["-verify_hostname", "localhost"], "ostname mismatch"),
        ("server", &["-CAfile", &other_root], "unable to get local issuer certificate"),
    ];
    for (name, arguments, reason) in cases {
        let (address, events) = serve(config(name));
        let (is_content, output) = s_client(address, arguments);
        assert!(!is_content && output.contains(reason), "{name}: {output}");
        expect_event(&events, "received fatal alert");
    }
}

#[test]
fn a_client_speaks_to_openssl_s_server() {
    for option in ["-tls1_2", "-tls1_3"] {
        let (certificate, key) = (file("server.pem"), file("server.key.pem"));
        let server =
            openssl("s_server", &["-accept", "127.0.0.1:0", "-cert", &certificate, "-key", &key, "-rev", option]);
        let server = Process::start(server).expect("it starts");
        let address = server.wait_for(Stream::Stdout, LIMIT, |text| {
            text.lines().find_map(|line| line.strip_prefix("ACCEPT 127.0.0.1:")?.parse::<u16>().ok())
        });
        let client =
            AsyncSocket::connection(&format!("127.0.0.1:{}", address.expect("it listens"))).expect("it connects");
        client
            .start_tls_client(tls::client_config(file("root.pem")).expect("a root"), "localhost")
            .expect("it connects");
        let client = client.blocking(LIMIT);
        client.send("hello\n").expect("it is taken");
        let ReadLine::Full(line) = client.read_line().expect("an answer") else { panic!("the end") };
        assert_eq!(&line[..], b"olleh", "{option}");
    }
}

/// Serves one kind of client in a thread: `welcome` says what it gets when it is accepted.
fn serve_with(welcome: fn(&AsyncSocket) -> io::Result<()>) -> SocketAddr {
    let (told, address) = mpsc::channel();
    thread::spawn(move || {
        let dispatcher = Dispatcher::new()?;
        let server = AsyncSocket::listener("127.0.0.1:0")?;
        server.set_tls(config("server"))?;
        let _ = told.send(server.local_addr()?.inet().expect("an address"));
        server.set_handle_accept(move |server, dispatcher| {
            while let Some(client) = server.accept()? {
                welcome(&client)?;
                dispatcher.register(&client)?;
            }
            Ok(())
        });
        dispatcher.register(&server)?;
        dispatcher.run()
    });
    address.recv_timeout(LIMIT).expect("it listens")
}

/// Reads to the end, which has to be one with a close_notify, with a pause after each of so many bytes. Answers how many
/// there were, all of them sevens.
fn read_slowly(address: SocketAddr, pause_each: usize) -> usize {
    let config = tls::client_config(file("root.pem")).expect("a root");
    let mut tls =
        tls::rustls::ClientConnection::new(config, "localhost".try_into().expect("a name")).expect("a client");
    let mut transport = TcpStream::connect(address).expect("it listens");
    transport.set_read_timeout(Some(LIMIT)).expect("a stream");
    let mut stream = tls::rustls::Stream::new(&mut tls, &mut transport);
    let (mut received, mut since_pause, mut buffer) = (0, 0, vec![0; 64 * 1024]);
    loop {
        let length = stream.read(&mut buffer).expect("the end is one with a close_notify");
        if length == 0 {
            return received;
        }
        assert!(buffer[..length].iter().all(|byte| *byte == 7));
        received += length;
        since_pause += length;
        if since_pause > pause_each {
            since_pause = 0;
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_reader_that_is_slow_gets_fifty_megabytes_in_constant_memory() {
    const LENGTH: usize = 50_000_000;
    let address = serve_with(|client| {
        let mut left = LENGTH;
        client.set_handle_write(move |client, _| {
            while left > 0 && !client.is_send_buffer_full() {
                let piece = &[7; 10_000][..left.min(10_000)];
                left -= piece.len();
                let waiting = client.send(piece)?;
                assert!(waiting < 200_000, "back-pressure holds: {waiting} bytes wait");
            }
            if left == 0 { client.close_after_flush() } else { Ok(()) }
        });
        Ok(())
    });
    assert_eq!(read_slowly(address, 5_000_000), LENGTH);
}

#[test]
fn what_counts_as_sent_has_left_in_its_encrypted_form() {
    const LENGTH: usize = 20_000_000;
    let address = serve_with(|client| {
        client.set_send_water_marks(0, 1)?;
        client.set_handle_handshake(|client, _| client.send(vec![7; LENGTH]).map(drop));
        // Nothing waits any more, so that nothing is lost by this.
        client.set_handle_drain(|client, _| client.close());
        Ok(())
    });
    assert_eq!(read_slowly(address, 1_000_000), LENGTH);
}

#[test]
fn what_a_handler_sends_before_it_closes_leaves_as_far_as_the_kernel_takes_it() {
    const LENGTH: usize = 300_000;
    let address = serve_with(|client| {
        client.set_handle_handshake(|client, _| {
            client.send(vec![7; LENGTH])?;
            client.close()
        });
        Ok(())
    });
    assert_eq!(read_slowly(address, usize::MAX), LENGTH);
}
