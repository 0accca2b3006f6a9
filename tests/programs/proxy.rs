//! `proxy`: passes streams on, no faster than the slower side takes them.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Output;
use std::thread;
use std::time::Duration;

use selectio_driver::guest::START_LIMIT;
use selectio_driver::host::Network;
use selectio_driver::known_client;
use selectio_driver::process::{Process, Stream};
use selectio_driver::{Ended, Host, System, World, cargo, in_every_world, program};

use crate::LIMIT;

in_every_world!(
    a_fast_sender_and_a_slow_reader_meet_in_both_directions,
    asked_to_end_it_lets_its_clients_finish,
    curl_loads_a_page_through_it,
    each_side_may_end_first_and_still_receives,
    a_reset_of_one_side_ends_the_other_and_nobody_else,
    a_target_that_never_stops_sending_is_soon_kept_waiting_when_its_client_is_reset,
    a_wrong_call_is_answered_in_one_line,
);

/// What a preview1 guest can't try: its host connects, once, before it runs.
mod where_programs_connect {
    use selectio_driver::World;

    macro_rules! in_both_worlds {
        ($($name:ident),+ $(,)?) => {
            mod native {
                $(#[test] fn $name() { crate::proxy::$name(super::World::Native); })+
            }
            mod wasip2 {
                $(#[test] fn $name() { crate::proxy::$name(super::World::Wasip2); })+
            }
        };
    }

    in_both_worlds!(
        a_target_that_refuses_costs_that_client_only,
        a_target_that_never_answers_is_given_up_after_a_while,
        a_thousand_short_connections_one_after_another,
    );
}

/// How much goes in each direction.
const LENGTH: usize = 20_000_000;

/// How much memory more than at rest the program may have in use when all is done.
const GROWTH_MAX: u64 = 1 << 20;

/// Starts the proxy in front of `target`, for one client or more.
fn start(world: World, target: SocketAddr) -> (Process, SocketAddr) {
    start_for(1, world, target, &[])
}

/// Starts it for so many clients, with further options. The host of a preview1 guest connects once for each client.
fn start_for(clients: usize, world: World, target: SocketAddr, options: &[&str]) -> (Process, SocketAddr) {
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
            command.args(["run", "--tcplisten", "127.0.0.1:0"]);
            command.args((0..clients).flat_map(|_| ["--tcpconnect", &target])).arg(executable);
            (command, Stream::Stderr)
        }
    };
    command.args(["127.0.0.1:0", "--to", &target]).args(options);
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

/// Answers requests for pages, one connection after another, each with `page`.
fn serve_pages(listener: TcpListener, page: &'static [u8]) {
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                // Whoever has gone asks for nothing.
                if stream.read_exact(&mut byte).is_err() {
                    break;
                }
                request.push(byte[0]);
            }
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", page.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(page));
        }
    });
}

fn curl(address: SocketAddr) -> Output {
    let mut curl = known_client::command("curl").expect("the client is installed");
    curl.args(["--silent", "--show-error", "--max-time", "60", "--noproxy", "*", &format!("http://{address}/")]);
    curl.output().expect("it starts")
}

fn curl_loads_a_page_through_it(world: World) {
    static PAGE: [u8; 300_000] = [b'x'; 300_000];
    let upstream = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let target = upstream.local_addr().expect("it is bound");
    serve_pages(upstream, &PAGE);
    let (_process, address) = start_for(2, world, target, &[]);
    for _ in 0..2 {
        let output = curl(address);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout == PAGE, "{} bytes of another page", output.stdout.len());
    }
}

/// A client's connection to the proxy, and the one that the proxy has made for it.
fn connect(address: SocketAddr, upstream: &TcpListener) -> (TcpStream, TcpStream) {
    let mut client = TcpStream::connect(address).expect("it listens");
    let (mut other, _) = upstream.accept().expect("it connects");
    for stream in [&client, &other] {
        stream.set_read_timeout(Some(LIMIT)).expect("a stream");
    }
    // A host that has connected for its guest has all connections before the first client comes.
    client.write_all(b"!").expect("it is connected");
    other.read_exact(&mut [0]).expect("it is passed on");
    (client, other)
}

fn each_side_may_end_first_and_still_receives(world: World) {
    let upstream = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let (_process, address) = start_for(2, world, upstream.local_addr().expect("it is bound"), &[]);
    let (mut client, mut other) = connect(address, &upstream);
    pass_on(&mut client, &mut other, "the question");
    pass_on(&mut other, &mut client, "the answer");
    let (mut client, mut other) = connect(address, &upstream);
    pass_on(&mut other, &mut client, "a greeting");
    pass_on(&mut client, &mut other, "thanks");
}

/// Ends it with a reset.
fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a stream");
}

/// Reads until nothing comes any more, however it ended.
fn wait_for_the_end(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while !matches!(stream.read(&mut buffer), Ok(0) | Err(_)) {}
}

fn a_reset_of_one_side_ends_the_other_and_nobody_else(world: World) {
    let upstream = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let (process, address) = start_for(3, world, upstream.local_addr().expect("it is bound"), &[]);
    let (mut bystander, mut its_target) = connect(address, &upstream);
    let (client, other) = connect(address, &upstream);
    reset(client);
    wait_for_the_end(other);
    let (client, other) = connect(address, &upstream);
    reset(other);
    wait_for_the_end(client);
    pass_on(&mut bystander, &mut its_target, "unharmed");
    pass_on(&mut its_target, &mut bystander, "indeed");
    assert!(!process.all_output().contains("panicked"), "{}", process.all_output());
}

fn a_target_that_never_stops_sending_is_soon_kept_waiting_when_its_client_is_reset(world: World) {
    let upstream = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let (_process, address) = start(world, upstream.local_addr().expect("it is bound"));
    let (client, mut other) = connect(address, &upstream);
    // It takes nothing, so the proxy takes no more either.
    other.set_write_timeout(Some(Duration::from_secs(2))).expect("a stream");
    let sent = |other: &mut TcpStream| {
        let mut sent = 0;
        while let Ok(length @ 1..) = other.write(&[b'x'; 64 * 1024]) {
            sent += length;
            assert!(sent < 100_000_000, "everything is read");
        }
        sent
    };
    assert!(sent(&mut other) > 0);
    reset(client);
    // What the kernels' buffers hold, and what is dropped.
    assert!(sent(&mut other) < 32 << 20);
}

fn a_target_that_refuses_costs_that_client_only(world: World) {
    let upstream = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let target = upstream.local_addr().expect("it is bound");
    let (process, address) = start(world, target);
    let (mut early, mut its_target) = connect(address, &upstream);
    drop(upstream);
    wait_for_the_end(TcpStream::connect(address).expect("it listens"));
    let refusal = process.wait_for(Stream::Stderr, LIMIT, |text| text.lines().next().map(str::to_owned));
    let refusal = refusal.expect("it says why");
    assert!(refusal.contains(&format!("proxy: {target}: ")) && refusal.contains("refused"), "{refusal}");
    pass_on(&mut early, &mut its_target, "unharmed");
    let upstream = TcpListener::bind(target).expect("nobody else has taken it");
    let (mut late, mut its_target) = connect(address, &upstream);
    pass_on(&mut late, &mut its_target, "it is there again");
    assert_eq!(process.output(Stream::Stderr).lines().count(), 1, "{}", process.all_output());
}

/// A listener whose backlog is full: who connects hears nothing. What fills it goes with the answer.
fn silent() -> (socket2::Socket, SocketAddr, Vec<socket2::Socket>) {
    let new = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let listener = new();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    listener.listen(0).expect("it is bound");
    let address = listener.local_addr().expect("it is bound");
    let connections = (0..4).map(|_| {
        let socket = new();
        socket.set_nonblocking(true).expect("a socket");
        // Under way; how far it comes is for the listener's kernel to say.
        let _ = socket.connect(&address);
        socket
    });
    let connections = connections.collect();
    (listener, address.as_socket().expect("an address of IPv4"), connections)
}

fn a_target_that_never_answers_is_given_up_after_a_while(world: World) {
    let (_listener, target, _connections) = silent();
    let (process, address) = start_for(1, world, target, &["--connect-timeout", "0.3"]);
    wait_for_the_end(TcpStream::connect(address).expect("it listens"));
    let refusal = process.wait_for(Stream::Stderr, LIMIT, |text| text.lines().next().map(str::to_owned));
    let refusal = refusal.expect("it says why");
    assert!(refusal.contains(&format!("proxy: {target}: ")) && refusal.contains("300ms"), "{refusal}");
}

fn a_thousand_short_connections_one_after_another(world: World) {
    let count = if world == World::Native { 1000 } else { 200 };
    let upstream = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let (process, address) = start(world, upstream.local_addr().expect("it is bound"));
    thread::spawn(move || {
        for stream in upstream.incoming() {
            let mut stream = stream.expect("a connection");
            let mut text = String::new();
            stream.read_to_string(&mut text).expect("it comes whole");
            stream.write_all(text.to_uppercase().as_bytes()).expect("it is connected");
        }
    });
    for index in 0..count {
        let mut client = TcpStream::connect(address).expect("it listens");
        client.set_read_timeout(Some(LIMIT)).expect("a stream");
        client.write_all(format!("number {index}").as_bytes()).expect("it is connected");
        client.shutdown(Shutdown::Write).expect("it is connected");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("it comes whole");
        assert_eq!(answer, format!("NUMBER {index}"));
    }
    assert_eq!(process.output(Stream::Stderr), "", "nothing went wrong");
}

fn a_wrong_call_is_answered_in_one_line(world: World) {
    for (arguments, complaint) in [
        (&["127.0.0.1:0"][..], "--to"),
        (&["127.0.0.1:0", "127.0.0.1:8000"], "127.0.0.1:8000"),
        (&["localhost", "--to", "127.0.0.1:8000"], "localhost"),
        (&["--to", "127.0.0.1:80000"], "80000"),
        (&["--to", "127.0.0.1:8000", "--tls-cert", "a.pem"], "--tls-key"),
        (&["--to", "127.0.0.1:8000", "--to-name", "example.org"], "--to-tls"),
        (&["--to", "127.0.0.1:8000", "--connect-timeout", "0"], "seconds"),
    ] {
        let ended = Ended::of_example("proxy", world, Network::None, arguments).expect("it ends");
        ended.expect_refusal(world.exit_code(2), complaint);
    }
}
