//! A guest of the standard library alone: it prints what it was given, then
//! answers one connection with the content of a file.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::FromRawFd;
use std::{env, fs};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    println!("arguments {arguments:?}");
    for name in ["LISTEN_FDS", "LISTEN_FDNAMES", "GREETING"] {
        println!("{name} {:?}", env::var(name));
    }
    // SAFETY: the host has opened a listener under this number.
    let listener = unsafe { TcpListener::from_raw_fd(3) };
    listener.set_nonblocking(false).unwrap();
    let (mut connection, _) = listener.accept().unwrap();
    let mut path = String::new();
    connection.read_to_string(&mut path).unwrap();
    let content = fs::read(path).unwrap();
    connection.write_all(&content).unwrap();
}
