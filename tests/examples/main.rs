//! The example programs, driven from outside: natively and as guests of a host.
//!
//! A guest has no way to be such a test, so there is none of this on WebAssembly targets.

#![cfg(not(target_family = "wasm"))]
#![forbid(unsafe_code)]

mod chat;
mod command;
mod echo;
#[cfg(unix)]
mod interruption;
mod line_client;
#[cfg(unix)]
mod readme;
mod start;
mod timeouts;
mod without_sockets;

use std::time::Duration;

use selectio_driver::client::{Client, Received};
use selectio_driver::host::Network;
use selectio_driver::{Ended, Program, World};

/// How long anything that has to happen may take, once a program runs. Until then it is [`START_LIMIT`]: hosts compile a guest
/// before its first start.
const LIMIT: Duration = Duration::from_secs(60);

/// Starts an example that listens.
#[track_caller]
fn start(name: &str, world: World, arguments: &[&str]) -> Program {
    match Program::start(name, world, arguments) {
        Ok(program) => program,
        Err(error) => panic!("{error:#}"),
    }
}

#[track_caller]
fn connect(program: &Program) -> Client {
    Client::connect(program.address).expect("the program accepts")
}

#[track_caller]
fn expect_line(client: &mut Client, line: &str) {
    let received = client.receive().expect("the connection is in order");
    assert_eq!(received, Received::Line(line.to_owned()));
}

#[track_caller]
fn expect_end(client: &mut Client) {
    let received = client.receive().expect("the connection is in order");
    assert_eq!(received, Received::End { unterminated: String::new() });
}

/// Runs an example with nothing but `arguments`: a guest gets nothing of the network.
#[track_caller]
fn run(name: &str, world: World, arguments: &[&str]) -> Ended {
    run_with(name, world, Network::None, arguments)
}

/// Runs an example that ends by itself. A guest gets so much of the network.
#[track_caller]
fn run_with(name: &str, world: World, network: Network<'_>, arguments: &[&str]) -> Ended {
    Ended::of_example(name, world, network, arguments).expect("the example builds and ends")
}
