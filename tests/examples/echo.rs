//! `echo`: every line comes back.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use selectio_driver::client::{Client, Received};
use selectio_driver::process::Stream;
use selectio_driver::{Host, World, in_every_world};

use crate::{LIMIT, connect, expect_end, expect_line, start};

in_every_world!(
    lines_come_back,
    a_line_in_two_segments,
    a_long_line,
    everything_comes_back_after_a_half_close,
    clients_one_after_another,
    an_error_that_nobody_handles_is_one_line_on_standard_error,
    waiting_costs_no_cpu_time,
);

fn lines_come_back(world: World) {
    let program = start("echo", world, &[]);
    let (mut first, mut second) = (connect(&program), connect(&program));
    first.send_line("one").expect("send");
    second.send_line("two").expect("send");
    expect_line(&mut second, "two");
    expect_line(&mut first, "one");
    first.send(b"three\n\nfour\n").expect("send");
    expect_line(&mut first, "three");
    expect_line(&mut first, "");
    expect_line(&mut first, "four");
}

fn a_line_in_two_segments(world: World) {
    let program = start("echo", world, &[]);
    let mut client = connect(&program);
    client.send(b"in two ").expect("send");
    thread::sleep(Duration::from_millis(50));
    client.send(b"segments\nand").expect("send");
    expect_line(&mut client, "in two segments");
    client.send(b" more\n").expect("send");
    expect_line(&mut client, "and more");
}

fn a_long_line(world: World) {
    let program = start("echo", world, &[]);
    let mut client = connect(&program);
    // Longer than any one read, shorter than the longest line that a socket takes.
    let line = "long ".repeat(10_000);
    client.send_line(&line).expect("send");
    expect_line(&mut client, &line);
}

fn everything_comes_back_after_a_half_close(world: World) {
    let program = start("echo", world, &[]);
    let mut client = connect(&program);
    client.send(b"one\ntwo\n").expect("send");
    client.half_close().expect("half-close");
    expect_line(&mut client, "one");
    expect_line(&mut client, "two");
    expect_end(&mut client);
}

/// One that comes, speaks and goes must leave nothing behind that adds up.
fn clients_one_after_another(world: World) {
    const CLIENTS: usize = 3_000;
    const TOTAL_LIMIT: Duration = Duration::from_secs(60);
    let program = start("echo", world, &[]);
    let deadline = Instant::now() + TOTAL_LIMIT;
    for index in 0..CLIENTS {
        assert!(Instant::now() < deadline, "only {index} clients within {TOTAL_LIMIT:?}");
        let mut client = Client::connect(program.address).expect("the program accepts");
        let line = format!("client {index}");
        client.send_line(&line).expect("send");
        expect_line(&mut client, &line);
    }
}

/// Its client is lost, and nobody else.
fn an_error_that_nobody_handles_is_one_line_on_standard_error(world: World) {
    let program = start("echo", world, &[]);
    let (mut client, mut other) = (connect(&program), connect(&program));
    // More than the longest line that a socket takes, and no end of it.
    client.send(&[b'x'; 70_000]).expect("send");
    let is_told = |text: &str| text.contains("handle_read").then(|| text.to_owned());
    let told = program.process.wait_for(Stream::Stderr, LIMIT, is_told).expect("it is told");
    expect_line_about_the_client(&told, world, program.address);
    assert!(!matches!(client.receive(), Ok(Received::Line(_) | Received::Nothing)), "it is closed");
    other.send_line("still here").expect("send");
    expect_line(&mut other, "still here");
    assert_eq!(program.process.output(Stream::Stderr), told, "nothing more is told");
}

/// Nothing but one line, with the socket, the handler and the reason.
#[track_caller]
fn expect_line_about_the_client(told: &str, world: World, address: SocketAddr) {
    let (told, socket) = match world {
        World::Native | World::Wasip2 => (told.to_owned(), format!("selectio: socket {address} with 127.0.0.1:")),
        World::Wasip1 => {
            let host = Host::chosen().expect("a host");
            (host.without_own_lines(told), "selectio: a socket of the host (".to_owned())
        }
    };
    assert_eq!(told.lines().count(), 1, "{told}");
    let (name, reason) = told.trim_end().split_once("): handle_read: ").expect("the name of the handler");
    assert!(name.starts_with(&socket), "{told}");
    assert!(reason.starts_with("read_line: ") && reason.contains("65536"), "{told}");
}

fn waiting_costs_no_cpu_time(world: World) {
    const WATCHED: Duration = Duration::from_secs(2);
    const SHARE_MAX: f64 = 0.2;
    let program = start("echo", world, &[]);
    let mut clients: Vec<Client> = (0..10).map(|_| connect(&program)).collect();
    for client in &mut clients {
        client.send_line("here").expect("send");
        expect_line(client, "here");
    }
    let Some(before) = program.process.cpu_time() else {
        eprintln!("not measured: this system has no /proc");
        return;
    };
    let start = Instant::now();
    thread::sleep(WATCHED);
    let used = program.process.cpu_time().expect("it still runs") - before;
    let share = used.as_secs_f64() / start.elapsed().as_secs_f64();
    assert!(share < SHARE_MAX, "{used:?} of CPU time while nothing happened for {WATCHED:?}");
}
