//! Running a guest written in WebAssembly text.

use selectio_host::{Error, Host, HostBuilder, Preopen};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// No guest of the suite needs a tenth of it; it bounds one that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A guest's module: the prelude, and `text` with its function `$main`.
pub fn module(text: &str) -> Vec<u8> {
    let text = format!("(module {} {text})", include_str!("prelude.wat"));
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

/// A host for a guest whose `$main` is `body`.
pub fn host(body: &str) -> HostBuilder {
    let text = format!("(func $main (local $a i32) (local $b i32) (local $i i32) (local $moment i64) {body})");
    Host::builder().module_bytes("guest.wasm", module(&text)).timeout(PATIENCE)
}

/// Runs a guest that needs no peer, to its end.
pub fn check(body: &str) {
    verdict(run(host(body)));
}

/// A guest that listens on descriptor 3, and runs in a thread.
pub struct Listening {
    pub address: SocketAddr,
    running: JoinHandle<Result<i32, Error>>,
}

impl Listening {
    pub fn start(body: &str) -> Listening {
        Listening::start_with(host(body))
    }

    /// The listener comes before what `builder` has been given.
    pub fn start_with(builder: HostBuilder) -> Listening {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let builder = builder.preopen(Preopen::try_from(listener).unwrap());
        Listening { address, running: thread::spawn(|| run(builder)) }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Waits for the guest, all of whose checks must have held.
    pub fn finish(self) {
        verdict(self.end());
    }

    /// Waits for the guest, however it ends.
    pub fn end(self) -> Result<i32, Error> {
        self.running.join().unwrap()
    }
}

pub fn run(builder: HostBuilder) -> Result<i32, Error> {
    builder.build()?.run()
}

/// All checks of the guest must have held.
pub fn verdict(result: Result<i32, Error>) {
    match result {
        Ok(0) => {}
        Ok(code) => panic!("check {} of the guest: got {}", code >> 16, code & 0xffff),
        Err(error) => panic!("{error}"),
    }
}
