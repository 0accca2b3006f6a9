//! A guest that another thread stops, while it waits.
//!
//! ```sh
//! cargo run --package selectio-host --example stopped
//! ```

use selectio_host::{Error, Host, StopHandle};
use std::sync::mpsc;
use std::thread;

/// Waits for an hour.
const GUEST: &str = r#"(module
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        ;; A subscription to the monotonic clock: its number, and the time in nanoseconds.
        (i32.store (i32.const 16) (i32.const 1))
        (i64.store (i32.const 24) (i64.const 3600000000000))
        (drop (call $poll_oneoff (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))"#;

fn main() -> Result<(), Error> {
    let stop = StopHandle::new()?;
    let (sender, ready) = mpsc::channel();
    let host = Host::builder()
        .module_bytes("sleeper.wat", GUEST)
        .stop(stop.clone())
        // Nobody listens any more when the other thread has ended.
        .on_ready(move || {
            let _ = sender.send(());
        })
        .build()?;
    thread::spawn(move || {
        // An error says that there is no guest which could become ready.
        let _ = ready.recv();
        stop.stop();
    });
    match host.run() {
        Err(Error::Stopped) => println!("the guest was stopped"),
        other => println!("the guest has ended by itself: {:?}", other?),
    }
    Ok(())
}
