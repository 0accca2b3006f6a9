//! Connections that are open and silent, each of which has sent one line.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use socket2::{Domain, Socket, Type};

use crate::payload::Payload;

/// So many are opened before the server is waited for: fewer than the shortest backlog of a listener.
const BATCH: usize = 64;

/// How long a server may leave a client waiting.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Loopback addresses that connections come from, so that each has ports enough.
const SOURCES: usize = 32;

/// Connects to `server`, as the client of this number.
pub fn connect(server: SocketAddr, number: usize) -> Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let last_byte = u8::try_from(2 + number % SOURCES).context("there are few sources")?;
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, last_byte), 0)).into())?;
    socket.connect_timeout(&server.into(), PATIENCE)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket.into())
}

/// Sends a line and waits until it is back.
pub fn exchange_line(stream: &mut TcpStream, line: &[u8]) -> Result<()> {
    stream.write_all(line)?;
    receive_line(stream, line)
}

fn receive_line(stream: &mut TcpStream, line: &[u8]) -> Result<()> {
    let mut received = vec![0; line.len()];
    match stream.read_exact(&mut received) {
        Ok(()) => ensure!(received == line, "the server sent another line back than it got"),
        Err(error) if error.kind() == ErrorKind::WouldBlock => bail!("the server did not answer within {PATIENCE:?}"),
        Err(error) => return Err(error).context("the server did not answer"),
    }
    Ok(())
}

/// Opens `count` connections, of which each sends a line and gets it back, within a time.
pub fn gather(server: SocketAddr, count: usize, payload: &Payload, limit: Duration) -> Result<Vec<TcpStream>> {
    let start = Instant::now();
    let mut streams: Vec<TcpStream> = Vec::with_capacity(count);
    let mut line = Vec::new();
    while streams.len() < count {
        if start.elapsed() > limit {
            bail!("only {} of {count} connections were open after {limit:?}", streams.len());
        }
        let first = streams.len();
        for number in first..count.min(first + BATCH) {
            let mut stream = connect(server, number)?;
            payload.fill(&mut line, number, 0, 64, 1);
            stream.write_all(&line)?;
            streams.push(stream);
        }
        for (number, stream) in streams.iter_mut().enumerate().skip(first) {
            payload.fill(&mut line, number, 0, 64, 1);
            receive_line(stream, &line)?;
        }
    }
    Ok(streams)
}
