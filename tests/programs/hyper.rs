//! `hyper`: HTTP/1.1 and HTTP/2 on one port, over the dispatcher.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use selectio_driver::host::Network;
use selectio_driver::process::Stream;
use selectio_driver::{Ended, Program, World, in_every_world};

use crate::LIMIT;
use crate::http::{Folder, curl, curl_text, data};
use crate::raw::{connect, receive_all, receive_until, send_and_reset};

in_every_world!(
    both_protocols_are_spoken_on_one_port,
    bodies_come_back_whole,
    the_preface_is_known_in_whatever_segments_it_comes,
    a_client_that_takes_nothing_is_waited_for,
    who_has_said_everything_still_gets_the_answer,
    an_idle_connection_costs_nothing,
    what_takes_too_long_is_given_up,
    a_reset_hurts_nobody_else,
    asked_to_end_it_answers_what_is_under_way,
    a_wrong_call_is_refused_in_one_line,
);

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Settings that change nothing.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// The options of curl for each protocol, and what the program calls it.
const PROTOCOLS: [(&str, &str); 2] = [("--http1.1", "HTTP/1.1"), ("--http2-prior-knowledge", "HTTP/2.0")];

fn start(world: World, arguments: &[&str]) -> Program {
    Program::start("hyper", world, arguments).expect("it starts")
}

fn url(program: &Program, path: &str) -> String {
    format!("http://{}{path}", program.address)
}

/// A connection on which the first frame of HTTP/2 has come back.
fn connect_http2(program: &Program) -> TcpStream {
    let mut stream = connect(program.address);
    stream.write_all(&[PREFACE, SETTINGS].concat()).expect("it is connected");
    expect_settings(&mut stream);
    stream
}

/// The first frame of a server is one of its settings: the fourth type there is.
fn expect_settings(stream: &mut TcpStream) {
    let mut head = [0; 9];
    stream.read_exact(&mut head).expect("it is connected");
    assert_eq!(head[3], 4, "{head:?}");
}

fn both_protocols_are_spoken_on_one_port(world: World) {
    let program = start(world, &[]);
    for (option, name) in PROTOCOLS {
        assert_eq!(curl_text(&[option, &url(&program, "/")]), format!("hello by {name}\n"));
        let zeros = curl(&[option, &url(&program, "/bytes/5000000")]).stdout;
        assert!(zeros.len() == 5_000_000 && zeros.iter().all(|byte| *byte == 0), "{} bytes", zeros.len());
        let head = curl_text(&[option, "--head", &url(&program, "/bytes/5000000")]).to_lowercase();
        assert!(head.contains("content-length: 5000000\r\n"), "{head}");
        let missing =
            curl_text(&[option, "--write-out", "%{http_code}", "--output", "/dev/null", &url(&program, "/missing")]);
        assert_eq!(missing, "404");
    }
    // Not with HTTP/2: curl 7.88 can't use such a connection again when it hasn't asked for an upgrade.
    let all = url(&program, "/bytes/[1-50]");
    let lengths = curl_text(&["--parallel", "--write-out", "%{size_download}\n", "--output", "/dev/null", &all]);
    let mut lengths: Vec<u64> = lengths.lines().map(|line| line.parse().expect("a number")).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, (1..=50).collect::<Vec<_>>());
}

fn bodies_come_back_whole(world: World) {
    let program = start(world, &[]);
    let folder = Folder::new("hyper", world);
    fs::write(folder.path("data.bin"), data()).expect("a file");
    let body = format!("@{}", folder.path("data.bin"));
    for (option, _) in PROTOCOLS {
        for framing in ["Transfer-Encoding: chunked", "X: by length"] {
            let arguments = [option, "--header", framing, "--data-binary", &body];
            let echoed = curl(&[&arguments[..], &[&url(&program, "/echo")]].concat()).stdout;
            assert!(echoed == data(), "{option}, {framing}: {} bytes", echoed.len());
        }
    }
}

fn the_preface_is_known_in_whatever_segments_it_comes(world: World) {
    let program = start(world, &[]);
    for piece_length in [1, 5, 23, 24, 33] {
        let mut stream = connect(program.address);
        stream.set_nodelay(true).expect("a stream");
        for piece in [PREFACE, SETTINGS].concat().chunks(piece_length) {
            stream.write_all(piece).expect("it is connected");
            thread::sleep(Duration::from_millis(1));
        }
        expect_settings(&mut stream);
    }
    // What only begins like it belongs to the other protocol.
    for request in ["P", "PRI * HTTP/2.0\r\n\r\nSN", "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok"] {
        let mut stream = connect(program.address);
        stream.write_all(request.as_bytes()).expect("it is connected");
        stream.shutdown(Shutdown::Write).expect("it is connected");
        let answer = receive_all(&mut stream);
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 "),
            "{request}: {}",
            String::from_utf8_lossy(&answer)
        );
        assert_eq!(answer.ends_with(b"ok"), request.ends_with("ok"), "{request}");
    }
}

fn a_client_that_takes_nothing_is_waited_for(world: World) {
    const LENGTH: usize = 50_000_000;
    let program = start(world, &[]);
    let at_rest = program.process.resident_bytes();
    let mut stream = connect(program.address);
    let request = format!("GET /bytes/{LENGTH} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it is connected");
    let slowly = [PROTOCOLS[1].0, "--limit-rate", "20M", "--write-out", "%{size_download}", "--output", "/dev/null"];
    let download = curl_text(&[&slowly[..], &[&url(&program, "/bytes/20000000")]].concat());
    assert_eq!(download, "20000000");
    if let (World::Native, Some(at_rest), Some(now)) = (world, at_rest, program.process.resident_bytes()) {
        let growth = now.saturating_sub(at_rest);
        assert!(growth < 2 << 20, "{growth} bytes more than at rest: {at_rest}");
    }
    assert!(receive_all(&mut stream).len() > LENGTH, "all of it and a head");
}

fn who_has_said_everything_still_gets_the_answer(world: World) {
    let program = start(world, &[]);
    let mut stream = connect(program.address);
    stream.write_all(b"GET /bytes/5000000 HTTP/1.1\r\nHost: here\r\n\r\n").expect("it is connected");
    stream.shutdown(Shutdown::Write).expect("it is connected");
    assert!(receive_all(&mut stream).len() > 5_000_000);
}

fn an_idle_connection_costs_nothing(world: World) {
    let program = start(world, &[]);
    let _fresh = connect(program.address);
    let _http2 = connect_http2(&program);
    let mut used = connect(program.address);
    used.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n").expect("it is connected");
    receive_until(&mut used, "HTTP/1.1\n");
    // Bytes that nobody reads, for the answer before has to be taken first.
    let mut stalled = connect(program.address);
    stalled.write_all(b"GET /bytes/50000000 HTTP/1.1\r\nHost: here\r\n\r\nGET / HTTP/1.1").expect("it is connected");
    thread::sleep(Duration::from_millis(500));
    stalled.write_all(b"\r\nHost: here\r\n\r\n").expect("it is connected");
    let Some(before) = program.process.cpu_time() else { return };
    thread::sleep(Duration::from_secs(2));
    let after = program.process.cpu_time().expect("it is still there");
    // One that polls without a pause takes two seconds.
    assert!(after - before < Duration::from_millis(500), "{:?} of two seconds", after - before);
}

fn what_takes_too_long_is_given_up(world: World) {
    let program = start(world, &["--timeout", "1"]);
    for request in ["", "GET", "GET / HTTP/1.1\r\nHost", "PRI * HTTP", "GET / HTTP/1.1\r\nHost: here\r\n\r\n"] {
        let mut stream = connect(program.address);
        stream.write_all(request.as_bytes()).expect("it is connected");
        assert_eq!(receive_all(&mut stream).is_empty(), !request.ends_with("\r\n\r\n"), "{request:?}");
    }
    receive_all(&mut connect_http2(&program));
    // Bytes that drip don't help: this head would take 200 seconds.
    let mut stream = connect(program.address);
    let mut sender = stream.try_clone().expect("a duplicate");
    let dripping = thread::spawn(move || {
        let head = format!("GET / HTTP/1.1\r\nHost: here\r\nX: {}", "a".repeat(1000));
        head.into_bytes().into_iter().any(|byte| {
            thread::sleep(Duration::from_millis(200));
            sender.write_all(&[byte]).is_err()
        })
    });
    receive_all(&mut stream);
    drop(stream);
    assert!(dripping.join().expect("no panic"), "it was closed before all was sent");
}

fn a_reset_hurts_nobody_else(world: World) {
    let program = start(world, &[]);
    let mut other = connect_http2(&program);
    for request in [
        "GET /bytes/50000000 HTTP/1.1\r\nHost: here\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 1000000\r\n\r\nabc",
    ] {
        (0..20).for_each(|_| send_and_reset(program.address, request));
    }
    // A ping comes back.
    other.write_all(&[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]).expect("it is connected");
    receive_until(&mut other, "\x01\x02\x03\x04\x05\x06\x07\x08");
    assert_eq!(curl(&[PROTOCOLS[1].0, &url(&program, "/bytes/1000000")]).stdout.len(), 1_000_000);
    assert_eq!(program.process.output(Stream::Stderr).matches("panicked").count(), 0);
}

fn asked_to_end_it_answers_what_is_under_way(world: World) {
    let mut program = start(world, &[]);
    let (mut fresh, mut http2) = (connect(program.address), connect_http2(&program));
    let mut download = connect(program.address);
    download.write_all(b"GET /bytes/20000000 HTTP/1.1\r\nHost: here\r\n\r\n").expect("it is connected");
    receive_until(&mut download, "\r\n\r\n");
    program.process.interrupt().expect("the signal is sent");
    let is_ending = |text: &str| text.contains("ending").then_some(());
    program.process.wait_for(Stream::Stdout, LIMIT, is_ending).expect("it says so");
    assert_eq!(receive_all(&mut fresh), b"", "it has nothing to wait for");
    assert_eq!(receive_all(&mut download).len(), 20_000_000);
    http2.shutdown(Shutdown::Write).expect("it is connected");
    receive_all(&mut http2);
    let status = program.process.wait(LIMIT).expect("it ends");
    assert_eq!(status.code(), Some(0), "{}", program.process.all_output());
}

fn a_wrong_call_is_refused_in_one_line(world: World) {
    let refused = |arguments: &[&str]| Ended::of_example("hyper", world, Network::None, arguments).expect("it ends");
    // A component can only say that it failed.
    let wrong_call = if world == World::Wasip2 { 1 } else { 2 };
    refused(&["--timeout", "0"]).expect_refusal(wrong_call, "0");
    refused(&["nowhere"]).expect_refusal(wrong_call, "nowhere");
    let help = refused(&["--help"]);
    assert_eq!((help.exit_code, help.stdout.starts_with("usage: hyper ")), (Some(0), true));
}
