//! `dns`: answers from a hosts file, over UDP and TCP.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;

use selectio_driver::host::Network;
use selectio_driver::process::{Process, Stream};
use selectio_driver::{Ended, Program, World, in_every_world, known_client};

use crate::LIMIT;

in_every_world!(a_wrong_call_is_answered_in_one_line);

/// Preview1 has no UDP.
mod where_there_is_udp {
    use selectio_driver::World;

    macro_rules! in_both_worlds {
        ($($name:ident),+ $(,)?) => {
            mod native {
                $(#[test] fn $name() { crate::dns::$name(super::World::Native); })+
            }
            mod wasip2 {
                $(#[test] fn $name() { crate::dns::$name(super::World::Wasip2); })+
            }
        };
    }

    in_both_worlds!(
        dig_gets_the_addresses_of_names_and_the_names_of_addresses,
        each_query_without_an_answer_is_told_why,
        what_does_not_fit_comes_whole_over_tcp,
        an_answer_is_never_answered_and_garbage_hurts_nobody,
        many_queries_share_one_connection_whatever_segments_they_come_in,
        asked_to_end_it_does,
    );
}

const HOSTS: &str = "# The machine itself
127.0.0.1   localhost loop\t# two names
::1         localhost

10.0.0.1 Www.Example.org www
10.0.0.2 www
2001:db8::7 www
what is this?
";

/// A file of its own, in each call another one.
fn hosts_file(text: &str) -> PathBuf {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("hosts-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).expect("a folder for tests");
    path
}

/// Starts the server with these hosts, on a free port.
fn start(world: World, hosts: &str) -> (Process, SocketAddr) {
    let file = hosts_file(hosts);
    let arguments = ["--hosts", file.to_str().expect("a path")];
    let program = Program::start_with_folder("dns", world, env!("CARGO_TARGET_TMPDIR"), &arguments);
    let Program { process, address } = program.expect("it starts");
    (process, address)
}

/// What dig prints for these words.
fn dig(server: SocketAddr, words: &str) -> String {
    let mut dig = known_client::command("dig").expect("the client is installed");
    dig.args([&format!("@{}", server.ip()), "-p", &server.port().to_string(), "+time=20", "+tries=2"]);
    let output = dig.args(words.split(' ')).output().expect("it starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn dig_gets_the_addresses_of_names_and_the_names_of_addresses(world: World) {
    let (process, server) = start(world, HOSTS);
    for (words, answer) in [
        ("localhost", "127.0.0.1\n"),
        ("localhost AAAA", "::1\n"),
        ("LoCaLhOsT. A", "127.0.0.1\n"),
        ("loop", "127.0.0.1\n"),
        ("www A", "10.0.0.1\n10.0.0.2\n"),
        ("www AAAA", "2001:db8::7\n"),
        ("www.example.ORG", "10.0.0.1\n"),
        ("www ANY", "10.0.0.1\n10.0.0.2\n2001:db8::7\n"),
        ("-x 127.0.0.1", "localhost.\nloop.\n"),
        ("-x 10.0.0.1", "Www.Example.org.\nwww.\n"),
        ("-x ::1", "localhost.\n"),
        ("-x 2001:db8::7", "www.\n"),
    ] {
        for transport in ["+notcp", "+tcp", "+noedns"] {
            assert_eq!(dig(server, &format!("+short {transport} {words}")), answer, "{transport} {words}");
        }
    }
    let complaints = process.output(Stream::Stderr);
    assert!(complaints.contains(":8: \"what\" is no address") && complaints.lines().count() == 1, "{complaints}");
}

fn each_query_without_an_answer_is_told_why(world: World) {
    let (_process, server) = start(world, HOSTS);
    for (words, code) in [
        ("nowhere", "NXDOMAIN"),
        ("-x 10.0.0.3", "NXDOMAIN"),
        ("nobody.localhost", "NXDOMAIN"),
        // They exist, but have no such records.
        ("loop AAAA", "NOERROR"),
        ("localhost MX", "NOERROR"),
        ("localhost TYPE999", "NOERROR"),
        ("example.org", "NOERROR"),
        ("version.bind CH TXT", "REFUSED"),
        ("localhost CLASS999", "REFUSED"),
        ("localhost +opcode=status", "NOTIMP"),
        ("localhost +opcode=update", "NOTIMP"),
        ("+header-only", "FORMERR"),
        ("localhost +edns=1 +noednsneg", "BADVERS"),
    ] {
        let printed = dig(server, words);
        assert!(printed.contains(&format!("status: {code},")) && printed.contains("ANSWER: 0,"), "{words}: {printed}");
    }
    assert!(dig(server, "example.org AXFR").contains("Transfer failed"));
}

fn what_does_not_fit_comes_whole_over_tcp(world: World) {
    let crowd: String = (0..60).map(|index| format!("10.1.0.{index} crowd\n")).collect();
    let (_process, server) = start(world, &crowd);
    let count = |words: &str| dig(server, &format!("+short {words}")).lines().count();
    for words in ["crowd +ignore +noedns", "crowd +ignore +bufsize=512", "crowd +ignore +bufsize=900"] {
        assert_eq!(count(words), 0, "{words}");
        assert!(dig(server, words).contains("flags: qr aa tc rd;"), "{words}");
    }
    assert_eq!(count("crowd +ignore +bufsize=1400"), 60);
    assert_eq!(count("crowd +tcp"), 60);
    // Without more words it asks again by itself.
    assert_eq!(dig(server, "+short +noedns crowd").lines().filter(|line| line.starts_with("10.1.")).count(), 60);
}

/// A query for the address of `localhost`.
const QUERY: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x09localhost\x00\x00\x01\x00\x01";

fn is_answer(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x12\x34\x85\x00\x00\x01\x00\x01") && bytes.ends_with(&[127, 0, 0, 1])
}

fn an_answer_is_never_answered_and_garbage_hurts_nobody(world: World) {
    let (process, server) = start(world, HOSTS);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.connect(server).expect("an address");
    socket.set_read_timeout(Some(LIMIT)).expect("a socket");
    let mut buffer = [0; 4096];
    let mut ask = |what: &[u8]| {
        socket.send(what).expect("it leaves");
        let length = socket.recv(&mut buffer).expect("it answers");
        buffer[..length].to_vec()
    };
    let mut reply = QUERY.to_vec();
    reply[2] |= 0x80;
    for nothing in [&reply[..], b"", b"too short", &QUERY[..11]] {
        socket.send(nothing).expect("it leaves");
        assert!(is_answer(&ask(QUERY)), "{nothing:?} is not answered, the next one is");
    }
    // The name points to itself, its label is too long, its end is missing; there are two questions, or none.
    let mut malformed: Vec<Vec<u8>> = vec![QUERY[..20].to_vec(), QUERY[..QUERY.len() - 1].to_vec()];
    for (at, byte) in [(5, 2), (5, 0), (7, 200), (11, 255), (12, 0xc0), (12, 64), (12, 63)] {
        malformed.push(QUERY.to_vec());
        let last = malformed.len() - 1;
        malformed[last][at] = byte;
    }
    malformed.push([&QUERY[..12], b"\xc0\x0c\x00\x01\x00\x01"].concat());
    for bytes in &malformed {
        assert_eq!(ask(bytes), b"\x12\x34\x81\x01\0\0\0\0\0\0\0\0", "{bytes:?}");
    }
    let mut bytes = QUERY.to_vec();
    for seed in 0..2000_u32 {
        // Any but the flag that makes it an answer.
        let at = seed as usize % bytes.len();
        bytes[at] = (seed.wrapping_mul(2_654_435_761) >> 24) as u8 & if at == 2 { 0x7f } else { 0xff };
        let answer = ask(&bytes);
        assert!(answer.len() <= 512 && answer[..2] == bytes[..2], "{bytes:?}: {answer:?}");
    }
    assert!(is_answer(&ask(QUERY)));
    assert!(!process.all_output().contains("panicked"), "{}", process.all_output());
}

fn with_length(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).expect("it is short").to_be_bytes()[..], message].concat()
}

fn many_queries_share_one_connection_whatever_segments_they_come_in(world: World) {
    let (_process, server) = start(world, HOSTS);
    let connect = || {
        let stream = TcpStream::connect(server).expect("it listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a stream");
        stream.set_nodelay(true).expect("a stream");
        stream
    };
    let read_answer = |stream: &mut TcpStream| {
        let mut length = [0; 2];
        stream.read_exact(&mut length).expect("an answer");
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer).expect("all of it");
        answer
    };
    let mut stream = connect();
    stream.write_all(&with_length(QUERY).repeat(500)).expect("it reads");
    for byte in with_length(QUERY) {
        stream.write_all(&[byte]).expect("it reads");
    }
    for _ in 0..501 {
        assert!(is_answer(&read_answer(&mut stream)));
    }
    stream.shutdown(Shutdown::Write).expect("it is connected");
    assert_eq!(stream.read(&mut [0]).expect("it closes in order"), 0);
    // What is no query closes its own connection.
    for nothing in [&b"\x00\x00"[..], b"\x00\x05hello", &with_length(b"hello, this is no query")] {
        let mut stream = connect();
        stream.write_all(nothing).expect("it is connected");
        stream.shutdown(Shutdown::Write).expect("it is connected");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("it closes in order");
        assert!(rest.len() <= 14, "a refusal at most: {rest:?}");
    }
    let mut stream = connect();
    stream.write_all(&with_length(QUERY)).expect("it reads");
    assert!(is_answer(&read_answer(&mut stream)));
}

fn asked_to_end_it_does(world: World) {
    let (mut process, server) = start(world, HOSTS);
    assert_eq!(dig(server, "+short localhost"), "127.0.0.1\n");
    process.interrupt().expect("the signal is sent");
    let status = process.wait(LIMIT).expect("it ends");
    assert_eq!(status.code(), Some(0), "{}", process.all_output());
}

fn a_wrong_call_is_answered_in_one_line(world: World) {
    let run = |arguments: &[&str]| {
        let network = if world == World::Wasip2 { Network::Whole } else { Network::None };
        Ended::of_example("dns", world, network, arguments).expect("it ends")
    };
    for (arguments, complaint) in [
        (&["127.0.0.1:0"][..], "--hosts"),
        (&["127.0.0.1:0", "--hosts"], "--hosts"),
        (&["localhost", "--hosts", "hosts"], "localhost"),
        (&["127.0.0.1:0", "127.0.0.1:1", "--hosts", "hosts"], "127.0.0.1:1"),
        (&["--hosts", "hosts", "--verbose"], "--verbose"),
    ] {
        run(arguments).expect_refusal(world.exit_code(2), complaint);
    }
    let complaint = if world == World::Wasip1 { "datagrams is not possible on wasip1" } else { "no-such-file" };
    run(&["127.0.0.1:0", "--hosts", "/no-such-file"]).expect_refusal(1, complaint);
}
