//! The host functions: whatever a guest calls, with whatever arguments, harms no one else.

#![no_main]

#[path = "../../tests/conformance/functions.rs"]
mod functions;
mod guest;

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use selectio_host::{Error, Host, Preopen, ShutdownRequest};

/// A guest may wait for ever, so its time ends soon.
const TIME: Duration = Duration::from_millis(20);

static MODULE: LazyLock<Vec<u8>> = LazyLock::new(guest::module);

/// A folder for the guests, emptied when a run of the fuzzer starts.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join("selectio-host-fuzz");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder
});

fuzz_target!(|data: &[u8]| {
    // An argument is text without a zero.
    let argument: String = data.iter().map(|byte| char::from(byte % 127 + 1)).collect();
    // Wasmtime opens some descriptors for itself, once.
    static BEFORE: LazyLock<usize> = LazyLock::new(|| {
        run(String::new());
        open_descriptors()
    });
    let before = *BEFORE;
    run(argument);
    // Wasmtime's cache has a thread of its own that opens files now and then.
    let mut patience = 1000;
    while open_descriptors() != before {
        assert!(patience > 0, "a descriptor is left open");
        patience -= 1;
        thread::sleep(Duration::from_millis(1));
    }
});

/// Runs the guest beside a listener with two connections waiting, one of them gone already, and a connected stream.
fn run(argument: String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback listener");
    let address = listener.local_addr().expect("it is bound");
    let mut peers = [(); 3].map(|()| TcpStream::connect(address).expect("it listens"));
    let (stream, _) = listener.accept().expect("somebody has connected");
    for peer in &mut peers {
        peer.write_all(b"some data to be received").expect("the kernel takes it");
    }
    drop(peers[1].shutdown(std::net::Shutdown::Both));
    let builder = Host::builder()
        .module_bytes("guest.wasm", &**MODULE)
        .arg(argument)
        .directory(&*FOLDER, "/")
        .preopen(Preopen::try_from(listener).expect("a socket"))
        .preopen(Preopen::try_from(stream).expect("a socket"))
        .shutdown(ShutdownRequest::new().expect("two descriptors"))
        .max_memory(1 << 20)
        .max_sockets(16)
        .timeout(TIME);
    match builder.build().and_then(Host::run) {
        Ok(_) | Err(Error::TimeLimit { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

/// How many descriptors this process has open.
fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("this is Linux").count()
}
