//! `proxy`: passes streams on, no faster than the slower side takes them.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use selectio_driver::guest::START_LIMIT;
use selectio_driver::host::Network;
use selectio_driver::process::{Process, Stream};
use selectio_driver::{Host, System, World, cargo, in_every_world, program};

use crate::LIMIT;

in_every_world!(a_fast_sender_and_a_slow_reader_meet_in_both_directions, asked_to_end_it_lets_its_clients_finish);

/// How much goes in each direction.
const LENGTH: usize = 20_000_000;

/// How much memory more than at rest the program may have in use when all is done.
const GROWTH_MAX: u64 = 1 << 20;

/// Starts the proxy in front of `target`.
fn start(world: World, target: SocketAddr) -> (Process, SocketAddr) {
    let (executable, target) = (cargo::example("proxy", world).expect("it builds"), target.to_string());
    let (mut command, stream) = match world {
        World::Native => {
            let command = System::chosen().and_then(|it| it.command(&executable)).expect("the system is there");
            (command, Stream::Stdout)
        }
        World::Wasip2 => {
            let host = Host::chosen().expect("a host");
            (host.command(&executable, Network::Whole).expect("the host builds"), Stream::Stdout)
        }
        World::Wasip1 => {
            let mut command = Host::chosen().and_then(Host::bare_command).expect("the host builds");
            command.args(["run", "--tcplisten", "127.0.0.1:0", "--tcpconnect", &target]).arg(executable);
            (command, Stream::Stderr)
        }
    };
    command.args(["127.0.0.1:0", &target]);
    let process = Process::start(command).expect("it starts");
    let address = process.wait_for(stream, START_LIMIT, |text| program::announced(text).next());
    let address = address.expect("it says where it listens");
    (process, address)
}

/// The byte at this place of what is sent in a direction.
fn byte(index: usize, seed: u8) -> u8 {
    (index % 251) as u8 ^ seed
}

/// Sends all of it, and then the end.
fn send_all(mut stream: TcpStream, seed: u8) -> io::Result<()> {
    let bytes: Vec<u8> = (0..251 * 256).map(|index| byte(index, seed)).collect();
    let mut left = LENGTH;
    while left > 0 {
        let length = left.min(bytes.len());
        stream.write_all(&bytes[..length])?;
        left -= length;
    }
    stream.shutdown(Shutdown::Write)
}

/// Reads to the end, now and then with a pause, and answers how much there was.
fn receive_all(mut stream: TcpStream, seed: u8) -> io::Result<usize> {
    let (mut buffer, mut received, mut since_pause) = (vec![0; 64 * 1024], 0, 0);
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Ok(received);
        }
        let is_right = |(index, found): (usize, &u8)| *found == byte(received + index, seed);
        assert!(buffer[..length].iter().enumerate().all(is_right), "other bytes than were sent");
        received += length;
        since_pause += length;
        if since_pause > 1_000_000 {
            since_pause = 0;
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn a_fast_sender_and_a_slow_reader_meet_in_both_directions(world: World) {
    let upstream = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let (process, address) = start(world, upstream.local_addr().expect("it is bound"));
    let client = TcpStream::connect(address).expect("it listens");
    let (other, _) = upstream.accept().expect("it connects");
    let at_rest = process.resident_bytes();
    let mut workers = Vec::new();
    for (stream, [sent, received]) in [(client, [1, 2]), (other, [2, 1])] {
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a stream");
        let sender = stream.try_clone().expect("a duplicate");
        workers.push(thread::spawn(move || send_all(sender, sent).map(|()| LENGTH)));
        workers.push(thread::spawn(move || receive_all(stream, received)));
    }
    for worker in workers {
        assert_eq!(worker.join().expect("no panic").expect("the connection is in order"), LENGTH);
    }
    if let (World::Native, Some(at_rest), Some(now)) = (world, at_rest, process.resident_bytes()) {
        let growth = now.saturating_sub(at_rest);
        assert!(growth < GROWTH_MAX, "{growth} bytes more than at rest: {at_rest}");
    }
}

fn asked_to_end_it_lets_its_clients_finish(world: World) {
    // Windows knows Ctrl-C alone.
    let signals: &[&str] = match System::chosen().expect("a system") {
        System::This => &["INT", "TERM"],
        System::Wine => &["INT"],
    };
    for signal in signals {
        let upstream = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let (mut process, address) = start(world, upstream.local_addr().expect("it is bound"));
        let mut client = TcpStream::connect(address).expect("it listens");
        let (mut other, _) = upstream.accept().expect("it connects");
        for stream in [&client, &other] {
            stream.set_read_timeout(Some(LIMIT)).expect("a stream");
        }
        // A guest's host has both connections before the guest runs; only once that passes on, it waits for signals too.
        client.write_all(b"!").expect("it is connected");
        other.read_exact(&mut [0]).expect("it is passed on");
        process.signal(signal).expect("the signal is sent");
        let is_ending = |text: &str| text.contains("ending, 2 sockets").then_some(());
        process.wait_for(Stream::Stdout, LIMIT, is_ending).expect("it says so");
        pass_on(&mut client, &mut other, "still passed on");
        pass_on(&mut other, &mut client, "and answered");
        let status = process.wait(LIMIT).expect("it ends");
        assert_eq!(status.code(), Some(0), "{signal}: {}", process.all_output());
    }
}

/// Sends the text and then the end, and checks that both arrive.
fn pass_on(from: &mut TcpStream, to: &mut TcpStream, text: &str) {
    from.write_all(text.as_bytes()).expect("it is connected");
    from.shutdown(Shutdown::Write).expect("it is connected");
    let mut received = String::new();
    to.read_to_string(&mut received).expect("it is connected");
    assert_eq!(received, text);
}
