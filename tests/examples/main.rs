//! The example programs, driven from outside: natively and as guests of a host.
//!
//! A guest has no way to be such a test, so there is none of this on WebAssembly targets.

#![cfg(not(target_family = "wasm"))]
#![forbid(unsafe_code)]

/// Makes a test of each named function for every world: `native::NAME`, `wasip1::NAME` and `wasip2::NAME`.
macro_rules! in_every_world {
    ($($name:ident),+ $(,)?) => {
        mod native {
            $(#[test] fn $name() { super::$name(selectio_driver::World::Native); })+
        }
        mod wasip1 {
            $(#[test] fn $name() { super::$name(selectio_driver::World::Wasip1); })+
        }
        mod wasip2 {
            $(#[test] fn $name() { super::$name(selectio_driver::World::Wasip2); })+
        }
    };
}

mod chat;
mod command;
mod echo;
#[cfg(unix)]
mod interruption;
mod line_client;
#[cfg(unix)]
mod proxy;
#[cfg(unix)]
mod readme;
mod start;
mod timeouts;
mod without_sockets;

use std::process::Command;
use std::time::Duration;

use selectio_driver::client::{Client, Received};
use selectio_driver::guest::START_LIMIT;
use selectio_driver::host::Network;
use selectio_driver::process::{Process, Stream};
use selectio_driver::{Host, Program, System, World, cargo};

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

/// A program that has ended by itself.
struct Ended {
    exit_code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs an example with nothing but `arguments`: a guest gets nothing of the network.
#[track_caller]
fn run(name: &str, world: World, arguments: &[&str]) -> Ended {
    run_with(name, world, Network::None, arguments)
}

/// Runs an example that ends by itself. A guest gets so much of the network.
#[track_caller]
fn run_with(name: &str, world: World, network: Network<'_>, arguments: &[&str]) -> Ended {
    let executable = cargo::example(name, world).expect("the example builds");
    let (host, mut command) = match world {
        World::Native => (None, System::chosen().and_then(|it| it.command(&executable)).expect("the system is there")),
        World::Wasip1 | World::Wasip2 => {
            let host = Host::chosen().expect("a host");
            (Some(host), host.command(&executable, network).expect("the host builds"))
        }
    };
    command.args(arguments);
    let mut ended = Ended::of(command);
    if let Some(host) = host {
        ended.stderr = host.without_own_lines(&ended.stderr);
    }
    ended
}

impl Ended {
    #[track_caller]
    fn of(command: Command) -> Ended {
        let mut process = Process::start(command).expect("the program starts");
        drop(process.input());
        let status = process.wait(START_LIMIT).expect("the program ends");
        Ended {
            exit_code: status.code(),
            stdout: process.output(Stream::Stdout),
            stderr: process.output(Stream::Stderr),
        }
    }

    /// The program refused in one line that says what is wrong.
    #[track_caller]
    fn expect_refusal(&self, exit_code: i32, names: &str) {
        assert_eq!(self.exit_code, Some(exit_code), "{}", self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        assert!(self.stderr.contains(names), "{names} is missing: {}", self.stderr);
    }
}
