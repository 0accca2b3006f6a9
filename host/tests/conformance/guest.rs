//! Running a guest written in WebAssembly text: with the library, or with the command of another host.

use crate::other_host;
use selectio_driver::guest::Guest;
use selectio_driver::host as hosts;
use selectio_host::{Error, Host, HostBuilder, Preopen};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// No guest of the suite needs a tenth of it; it bounds one that hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How a guest of the library starts, and how it tells which check did not hold.
const LIBRARY: &str = r#"
    (func $tell (param $what i32) (call $proc_exit (local.get $what)))
    (func (export "_start") (call $main))"#;

/// A guest's module: the prelude, and `text` with its function `$main`.
pub fn module(text: &str) -> Vec<u8> {
    module_with(LIBRARY, text)
}

/// A guest's module that starts and tells as `frame` says.
pub fn module_with(frame: &str, text: &str) -> Vec<u8> {
    let text = format!("(module {} {frame} {text})", include_str!("prelude.wat"));
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The function `$main` with this body.
pub fn main_function(body: &str) -> String {
    format!("(func $main (local $a i32) (local $b i32) (local $i i32) (local $moment i64) {body})")
}

/// A host for a guest whose `$main` is `body`.
pub fn host(body: &str) -> HostBuilder {
    Host::builder().module_bytes("guest.wasm", module(&main_function(body))).timeout(PATIENCE)
}

/// Runs a guest that needs no peer, to its end.
pub fn check(body: &str) {
    match chosen() {
        hosts::Host::Selectio => verdict(run(host(body))),
        other => other_host::verdict(other_host::start(other, body, 0).process),
    }
}

/// A guest that listens on descriptor 3.
pub struct Listening {
    pub address: SocketAddr,
    running: Running,
}

enum Running {
    /// The library, in a thread.
    Here(JoinHandle<Result<i32, Error>>),
    /// Another host's command.
    There(Guest),
}

impl Listening {
    pub fn start(body: &str) -> Listening {
        match chosen() {
            hosts::Host::Selectio => Listening::start_with(host(body)),
            other => {
                let guest = other_host::start(other, body, 1);
                Listening { address: guest.listeners[0], running: Running::There(guest) }
            }
        }
    }

    /// The listener comes before what `builder` has been given.
    pub fn start_with(builder: HostBuilder) -> Listening {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let builder = builder.preopen(Preopen::try_from(listener).unwrap());
        Listening { address, running: Running::Here(thread::spawn(|| run(builder))) }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Waits for the guest, all of whose checks must have held.
    pub fn finish(self) {
        match self.running {
            Running::Here(running) => verdict(running.join().unwrap()),
            Running::There(guest) => other_host::verdict(guest.process),
        }
    }

    /// Waits for the guest, however it ends.
    pub fn end(self) -> Result<i32, Error> {
        match self.running {
            Running::Here(running) => running.join().unwrap(),
            Running::There(_) => panic!("only the library tells how a guest has ended"),
        }
    }
}

/// The host under test.
fn chosen() -> hosts::Host {
    hosts::Host::chosen().unwrap_or_else(|error| panic!("{error:#}"))
}

pub fn run(builder: HostBuilder) -> Result<i32, Error> {
    assert_eq!(chosen(), hosts::Host::Selectio, "only the library can be given this");
    builder.build()?.run()
}

/// All checks of the guest must have held.
pub fn verdict(result: Result<i32, Error>) {
    match result {
        Ok(0) => {}
        Ok(word) => panic!("{}", failed_check(word.cast_unsigned())),
        Err(error) => panic!("{error}"),
    }
}

/// What a guest tells of the check that did not hold.
pub fn failed_check(word: u32) -> String {
    format!("check {} of the guest: got {}", word >> 16, word & 0xffff)
}
