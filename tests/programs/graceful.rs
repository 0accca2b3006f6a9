//! `graceful`: starts itself anew, and no client notices.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use selectio_driver::host::Network;
use selectio_driver::process::{Process, Stream};
use selectio_driver::{Ended, World, cargo, in_every_world, program};

use crate::LIMIT;

in_every_world!(a_wrong_call_is_answered_in_one_line);

/// The program under a name of its own, which a test may replace, and the processes that it becomes.
struct Server {
    first: Process,
    address: SocketAddr,
    executable: PathBuf,
}

impl Server {
    fn start(name: &str, options: &[&str]) -> Server {
        let built = cargo::example("graceful", World::Native).expect("it builds");
        let executable = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_file(&executable);
        // Not a copy: while another thread starts a process, that has the files open which this one writes, and the
        // kernel runs none that is open for writing.
        fs::hard_link(built, &executable).expect("a folder for tests");
        let mut command = Command::new(&executable);
        command.arg("127.0.0.1:0").args(options);
        let first = Process::start(command).expect("it starts");
        let address = first.wait_for(Stream::Stdout, LIMIT, |text| program::announced(text).next());
        Server { first, address: address.expect("it says where it listens"), executable }
    }

    /// The processes that have had the listener, the last one of which has it now.
    fn processes(&self) -> Vec<u32> {
        let printed = self.first.output(Stream::Stdout);
        let successors = printed.lines().filter_map(|line| line.strip_prefix("graceful: process ")?.split(' ').next());
        [self.first.id()].into_iter().chain(successors.map(|id| id.parse().expect("a number"))).collect()
    }

    fn last(&self) -> u32 {
        *self.processes().last().expect("there is the first one")
    }

    /// Has the process that has the listener hand it over.
    fn hand_over(&self) {
        let count = self.processes().len();
        signal("HUP", self.last());
        let deadline = Instant::now() + LIMIT;
        while self.processes().len() == count {
            assert!(Instant::now() < deadline, "nobody takes over: {}", self.first.all_output());
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn connect(&self) -> TcpStream {
        connect(self.address).expect("it listens")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        signal("KILL", self.last());
        let _ = fs::remove_file(&self.executable);
    }
}

fn signal(name: &str, process: u32) {
    // One that has ended already hears nothing.
    let _ = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).output();
}

fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    Ok(stream)
}

/// Reads one answer whole: which process gave it, and whether it keeps the connection.
fn read_answer(stream: &mut impl BufRead) -> std::io::Result<(u32, bool)> {
    let (mut length, mut is_kept) = (0, false);
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end().split_once(": ") {
            Some(("Content-Length", number)) => length = number.parse().expect("a number"),
            Some(("Connection", kind)) => is_kept = kind == "keep-alive",
            None if line == "\r\n" => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let body = String::from_utf8(body).expect("text");
    let process = body.strip_prefix("process ").and_then(|rest| rest.strip_suffix(": 200 OK\n"));
    Ok((process.unwrap_or_else(|| panic!("another answer: {body}")).parse().expect("a number"), is_kept))
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n";
const LAST_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

/// Asks over one connection after the other until it is told to stop, and answers how often.
fn ask_again_and_again(address: SocketAddr, is_over: &AtomicBool, keeps: bool) -> std::io::Result<usize> {
    let mut count = 0;
    while !is_over.load(Ordering::Relaxed) {
        let mut stream = connect(address)?;
        let mut answers = BufReader::new(stream.try_clone()?);
        loop {
            stream.write_all(if keeps { REQUEST } else { LAST_REQUEST })?;
            let (_, is_kept) = read_answer(&mut answers)?;
            count += 1;
            if !is_kept || is_over.load(Ordering::Relaxed) {
                break;
            }
        }
    }
    Ok(count)
}

#[test]
fn ten_hand_overs_refuse_and_cut_nobody() {
    let server = Server::start("hand-overs", &[]);
    let (is_over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..6)
        .map(|index| {
            let (is_over, answered, address) = (is_over.clone(), answered.clone(), server.address);
            thread::spawn(move || {
                let result = ask_again_and_again(address, &is_over, index % 2 == 0);
                answered.fetch_add(*result.as_ref().unwrap_or(&0), Ordering::Relaxed);
                result
            })
        })
        .collect();
    for _ in 0..10 {
        server.hand_over();
    }
    is_over.store(true, Ordering::Relaxed);
    for client in clients {
        let count = client.join().expect("no panic").expect("nobody is refused or cut off");
        assert!(count > 10, "each is answered all the time, not {count} times");
    }
    let processes = server.processes();
    assert_eq!(processes.len(), 11);
    let mut stream = BufReader::new(server.connect());
    stream.get_mut().write_all(REQUEST).expect("it is connected");
    assert_eq!(read_answer(&mut stream).expect("an answer").0, processes[10]);
}

#[test]
fn whoever_is_connected_finishes_on_the_old_process_and_then_it_ends() {
    let mut server = Server::start("finishing", &[]);
    let old = server.first.id();
    let mut half = server.connect();
    half.write_all(&REQUEST[..10]).expect("it is connected");
    let mut slow = server.connect();
    slow.write_all(b"GET /2 HTTP/1.1\r\n\r\n").expect("it is connected");
    let mut kept = BufReader::new(server.connect());
    kept.get_mut().write_all(REQUEST).expect("it is connected");
    assert_eq!(read_answer(&mut kept).expect("an answer"), (old, true));
    server.hand_over();
    let new = server.last();
    let mut later = BufReader::new(server.connect());
    later.get_mut().write_all(REQUEST).expect("it is connected");
    assert_eq!(read_answer(&mut later).expect("an answer"), (new, true));
    half.write_all(&REQUEST[10..]).expect("it is still connected");
    kept.get_mut().write_all(REQUEST).expect("it is still connected");
    for stream in [&mut kept, &mut BufReader::new(half), &mut BufReader::new(slow)] {
        assert_eq!(read_answer(stream).expect("an answer"), (old, false));
        assert_eq!(stream.read(&mut [0]).expect("an end in order"), 0);
    }
    let status = server.first.wait(LIMIT).expect("the old process ends");
    assert_eq!(status.code(), Some(0), "{}", server.first.all_output());
    assert_eq!(read_after(&mut later), (new, true));
}

fn read_after(stream: &mut BufReader<TcpStream>) -> (u32, bool) {
    stream.get_mut().write_all(REQUEST).expect("it is connected");
    read_answer(stream).expect("an answer")
}

#[test]
fn whoever_never_finishes_keeps_the_old_process_for_a_while_only() {
    let mut server = Server::start("grace", &["--grace", "0.3"]);
    let mut idle = server.connect();
    idle.write_all(&REQUEST[..10]).expect("it is connected");
    server.hand_over();
    let status = server.first.wait(LIMIT).expect("the old process ends");
    assert_eq!(status.code(), Some(0), "{}", server.first.all_output());
    assert!(server.first.output(Stream::Stderr).contains("did not finish in time: 1"), "{}", server.first.all_output());
    assert!(!matches!(idle.read(&mut [0; 100]), Ok(1..)), "it gets no answer");
    assert_eq!(read_after(&mut BufReader::new(server.connect())).0, server.last());
}

#[test]
fn when_the_new_process_fails_to_start_the_old_one_goes_on_and_says_so() {
    let server = Server::start("failing", &[]);
    let old = server.first.id();
    let mut kept = BufReader::new(server.connect());
    let aside = server.executable.with_extension("aside");
    fs::rename(&server.executable, &aside).expect("it is there");
    let complaints = |count| {
        let find = |text: &str| (text.matches("did not start").count() == count).then_some(());
        server.first.wait_for(Stream::Stderr, LIMIT, find).expect("it says so");
    };
    signal("HUP", old);
    complaints(1);
    symlink("/bin/false", &server.executable).expect("a folder for tests");
    signal("HUP", old);
    complaints(2);
    assert!(server.first.output(Stream::Stderr).contains("exit status: 1)"), "{}", server.first.all_output());
    assert_eq!(read_after(&mut kept), (old, true));
    assert_eq!(read_after(&mut BufReader::new(server.connect())), (old, true));
    // As an update replaces a program.
    fs::rename(aside, &server.executable).expect("it is there");
    server.hand_over();
    assert_ne!(server.last(), old);
    assert_eq!(read_after(&mut BufReader::new(server.connect())).0, server.last());
}

#[test]
fn what_is_no_request_costs_its_own_client() {
    let server = Server::start("requests", &[]);
    let long_line = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(20_000));
    let many_lines = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200));
    for (request, answer) in [
        ("\r\n\r\nGET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK"),
        ("HEAD / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK"),
        ("GET /nowhere HTTP/1.0\r\n\r\n", "HTTP/1.1 404 "),
        ("GET /99999999999999999999 HTTP/1.0\r\n\r\n", "HTTP/1.1 404 "),
        ("BREW / HTTP/1.0\r\n\r\n", "HTTP/1.1 405 "),
        ("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 400 "),
        ("hello\r\n\r\n", "HTTP/1.1 400 "),
        (&long_line, ""),
        (&many_lines, ""),
    ] {
        let mut stream = server.connect();
        stream.write_all(request.as_bytes()).expect("it is connected");
        let mut printed = Vec::new();
        // The connection of a request that is too long may be reset.
        let _ = stream.read_to_end(&mut printed);
        let printed = String::from_utf8_lossy(&printed);
        assert!(printed.starts_with(answer) && printed.is_empty() == answer.is_empty(), "{request:.50}: {printed}");
    }
    let mut stream = BufReader::new(server.connect());
    stream.get_mut().write_all(&REQUEST.repeat(100)).expect("it is connected");
    for _ in 0..100 {
        assert_eq!(read_answer(&mut stream).expect("an answer"), (server.last(), true));
    }
}

#[test]
fn asked_to_end_it_lets_its_clients_finish() {
    for name in ["INT", "TERM"] {
        let mut server = Server::start(&format!("end-{name}"), &[]);
        let mut slow = BufReader::new(server.connect());
        slow.get_mut().write_all(b"GET /1 HTTP/1.1\r\n\r\n").expect("it is connected");
        let mut quick = BufReader::new(server.connect());
        read_after(&mut quick);
        drop(quick);
        server.first.signal(name).expect("the signal is sent");
        assert_eq!(read_answer(&mut slow).expect("an answer"), (server.first.id(), false));
        let status = server.first.wait(LIMIT).expect("it ends");
        assert_eq!(status.code(), Some(0), "{name}: {}", server.first.all_output());
    }
}

fn a_wrong_call_is_answered_in_one_line(world: World) {
    let run = |arguments: &[&str]| Ended::of_example("graceful", world, Network::None, arguments).expect("it ends");
    for (arguments, complaint) in [
        (&["localhost"][..], "localhost"),
        (&["127.0.0.1:1", "127.0.0.1:2"], "127.0.0.1:2"),
        (&["--grace", "-1"], "--grace"),
        (&["--grace", "soon"], "soon"),
        (&["--slowly"], "--slowly"),
    ] {
        run(arguments).expect_refusal(world.exit_code(2), complaint);
    }
    if world != World::Native {
        run(&[]).expect_refusal(1, "only native programs of Unix");
    }
}
