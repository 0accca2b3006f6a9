//! A guest that serves a listener of this program's own, here to one client.
//!
//! ```sh
//! cargo run --package selectio-host --example listener
//! ```

use selectio_host::{Host, Preopen};
use std::error::Error;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Waits for a client on descriptor 3, greets it, and ends.
const GUEST: &str = r#"(module
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sock_accept" (func $sock_accept (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sock_send" (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    ;; A subscription to descriptor 3 being readable; and a buffer, which is a pointer and a length.
    (data (i32.const 8) "\01\00\00\00\00\00\00\00\03")
    (data (i32.const 128) "\88\00\00\00\06\00\00\00hello\n")
    (func (export "_start")
        (drop (call $poll_oneoff (i32.const 0) (i32.const 256) (i32.const 1) (i32.const 64)))
        (drop (call $sock_accept (i32.const 3) (i32.const 0) (i32.const 64)))
        (drop (call $sock_send (i32.load (i32.const 64)) (i32.const 128) (i32.const 1) (i32.const 0) (i32.const 68)))))"#;

fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let host = Host::builder().module_bytes("greeter.wat", GUEST).preopen(Preopen::try_from(listener)?).build()?;
    // The listener is open already: a client that is faster than the guest waits in the backlog.
    let client = thread::spawn(move || {
        let mut greeting = String::new();
        TcpStream::connect(address)?.read_to_string(&mut greeting)?;
        std::io::Result::Ok(greeting)
    });
    let code = host.run()?;
    let greeting = client.join().expect("it doesn't panic")?;
    println!("the client has got {greeting:?}, and the guest has ended with exit code {code}");
    Ok(())
}
