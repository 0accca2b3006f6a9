//! A program of Rust's standard library: the first argument says what it does, the second with what.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::Duration;
use std::{env, fs, io, thread};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().collect();
    let with = arguments.get(2).map_or("", String::as_str);
    match arguments[1].as_str() {
        "world" => world(&arguments, with)?,
        "panic" => panic!("on purpose"),
        "fail" => return Err(io::Error::other("on purpose")),
        "input" => println!("{:?}", io::read_to_string(io::stdin())?),
        "wait for input" => {
            println!("ready");
            io::read_to_string(io::stdin())?;
        }
        "output" => loop {
            io::stdout().write_all(&[b'x'; 4096])?;
        },
        "sleep" => {
            println!("ready");
            thread::sleep(Duration::from_secs(3600));
        }
        "compute" => {
            println!("ready");
            loop {
                std::hint::black_box(with);
            }
        }
        "take memory" => {
            let mut all = Vec::new();
            loop {
                all.push(vec![1_u8; 1 << 20]);
            }
        }
        "echo" => echo(with)?,
        "connect" => connect(with)?,
        "receive" => drop(connected(with)?.read(&mut [0])?),
        "flood" => flood(with)?,
        "close full" => close_full(with)?,
        "udp" => udp(with)?,
        "send" => println!("{:?}", UdpSocket::bind("0.0.0.0:0")?.send_to(b"hi", with).map_err(|error| error.kind())),
        "hear" => hear(with)?,
        "look up" => println!("{:?}", (with, 80).to_socket_addrs().map(|all| all.count()).map_err(|error| error.kind())),
        "bind" => println!("{:?}", TcpListener::bind(with).map(drop).map_err(|error| error.kind())),
        "bind many" => bind_many(with.parse().unwrap()),
        other => panic!("it can't {other}"),
    }
    Ok(())
}

fn world(arguments: &[String], file: &str) -> io::Result<()> {
    println!("{arguments:?} {:?}", env::vars().collect::<Vec<_>>());
    println!("{:?}", fs::read_to_string(file)?);
    println!("{:?}", fs::write(format!("{file}.new"), "new").map_err(|error| error.kind()));
    Ok(())
}

/// Echoes what each client sends, one after the other; ends after a client that sends nothing.
fn echo(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("{}", listener.local_addr()?);
    for client in listener.incoming() {
        let mut client = client?;
        println!("{}", client.peer_addr()?);
        let mut bytes = [0; 4096];
        let mut total = 0;
        loop {
            let count = client.read(&mut bytes)?;
            if count == 0 {
                break;
            }
            total += count;
            client.write_all(&bytes[..count])?;
        }
        if total == 0 {
            break;
        }
    }
    Ok(())
}

fn connected(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    println!("ready");
    Ok(stream)
}

fn connect(address: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"hello")?;
    stream.shutdown(Shutdown::Write)?;
    println!("{} {:?}", stream.local_addr()?, io::read_to_string(stream)?);
    Ok(())
}

/// Sends to a peer that never receives.
fn flood(address: &str) -> io::Result<()> {
    let mut stream = connected(address)?;
    loop {
        stream.write_all(&[0; 65536])?;
    }
}

/// Closes a socket that the kernel has no room for what was sent on.
fn close_full(address: &str) -> io::Result<()> {
    let mut stream = connected(address)?;
    stream.set_nonblocking(true)?;
    while stream.write(&[0; 65536]).is_ok() {}
    drop(stream);
    println!("closed");
    Ok(())
}

/// Answers each datagram, until an empty one.
fn udp(address: &str) -> io::Result<()> {
    let socket = UdpSocket::bind(address)?;
    println!("{}", socket.local_addr()?);
    let mut bytes = [0; 1000];
    loop {
        let (count, peer) = socket.recv_from(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
        println!("{peer} {:?}", socket.send_to(&bytes[..count], peer).map_err(|error| error.kind()));
    }
}

/// Sends to an address, and hears from a port that was never bound by the program.
fn hear(peer: &str) -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.send_to(b"hello", peer)?;
    let mut bytes = [0; 100];
    let (count, from) = socket.recv_from(&mut bytes)?;
    println!("{from} {:?}", String::from_utf8_lossy(&bytes[..count]));
    Ok(())
}

fn bind_many(count: usize) {
    let mut sockets = Vec::new();
    for number in 0..count {
        match UdpSocket::bind("127.0.0.1:0") {
            Ok(socket) => sockets.push(socket),
            Err(_) => {
                println!("refused after {number}");
                sockets.clear();
            }
        }
    }
    println!("{} are open", sockets.len());
}
