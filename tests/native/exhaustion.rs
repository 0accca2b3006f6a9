//! No descriptors left: the server pauses, says so once, and goes on when there are some.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use selectio_driver::process::{Process, Stream};
use selectio_driver::{World, program};

use crate::connect;

/// The echo example with room for few descriptors.
fn echo_with_few_descriptors() -> (Process, std::net::SocketAddr) {
    let echo = program::command("echo", World::Native, "127.0.0.1:0").expect("it builds");
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 12; exec \"$0\" 127.0.0.1:0"]).arg(echo.get_program());
    let process = Process::start(shell).expect("there is a shell");
    let address = process
        .wait_for(Stream::Stdout, Duration::from_secs(10), |text| text.trim().rsplit(' ').next()?.parse().ok())
        .expect("it says where it listens");
    (process, address)
}

fn echoes(client: &mut TcpStream) -> bool {
    client.write_all(b"hello\n").expect("it is connected");
    let mut answer = String::new();
    BufReader::new(client).read_line(&mut answer).is_ok() && answer == "hello\n"
}

#[test]
fn q26_a_server_without_descriptors_waits_calmly_and_serves_all_in_the_end() {
    let (process, address) = echo_with_few_descriptors();
    let mut clients: Vec<TcpStream> = (0..20).map(|_| connect(address)).collect();
    assert!(echoes(&mut clients[0]), "the first ones are served");
    let used = process.cpu_time();
    std::thread::sleep(Duration::from_secs(1));
    if let (Some(before), Some(after)) = (used, process.cpu_time()) {
        assert!(after - before < Duration::from_millis(300), "it spins: {:?} in a second", after - before);
    }
    // Each one that leaves makes room for one that waits, until nobody does.
    for mut client in clients.drain(..) {
        assert!(echoes(&mut client));
        drop(client);
    }
    let told = process.output(Stream::Stderr);
    assert_eq!(told.lines().filter(|line| line.contains("ulimit -n")).count(), 1, "told once: {told}");
    let mut last = connect(address);
    assert!(echoes(&mut last));
    last.shutdown(std::net::Shutdown::Write).expect("it is connected");
    assert_eq!(last.read(&mut [0; 8]).expect("the end"), 0);
}
