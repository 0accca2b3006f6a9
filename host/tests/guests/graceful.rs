//! A guest of the standard library that ends when the host's user wants it to.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::FromRawFd;

const SHUTDOWN_FD: i32 = 0x7fff_fff0;

/// `struct pollfd` of wasi-libc.
#[repr(C)]
struct PollFd {
    fd: i32,
    events: i16,
    revents: i16,
}

const POLLIN: i16 = 1;

unsafe extern "C" {
    fn poll(fds: *mut PollFd, count: usize, timeout_ms: i32) -> i32;
}

/// Waits until the host has something to tell, or the time is over.
fn is_told(timeout_ms: i32) -> bool {
    let mut one = PollFd { fd: SHUTDOWN_FD, events: POLLIN, revents: 0 };
    // SAFETY: it is one entry, as said.
    unsafe { poll(&mut one, 1, timeout_ms) == 1 && one.revents & POLLIN != 0 }
}

fn main() {
    assert!(!is_told(0));
    // A byte for who waits for this guest to be ready.
    println!();
    assert!(is_told(-1));
    // SAFETY: nobody else has this number.
    let mut requests = unsafe { File::from_raw_fd(SHUTDOWN_FD) };
    let mut signal = [0; 9];
    assert_eq!(requests.read(&mut signal).unwrap(), 1);
    println!("asked to end: {}", signal[0]);
    assert_eq!(requests.read(&mut signal).unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(requests);
    assert!(!is_told(0));
    println!("end");
    std::process::exit(3);
}
