//! The load on open connections: each client sends, waits until all is back, and sends again.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::crowd::{self, PATIENCE};
use crate::payload::{Payload, verify};

const EVENTS_MAX: usize = 1024;
const BUFFER_LENGTH: usize = 64 * 1024;

/// The active clients of a server.
pub struct Clients<'a> {
    payload: &'a Payload,
    length: usize,
    batch: usize,
    poll: Poll,
    clients: Vec<Client>,
    buffer: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    message: Vec<u8>,
    /// How much of the message is sent.
    sent: usize,
    /// How much of it is back.
    received: usize,
    sequence: usize,
    began: Instant,
}

/// What a measurement of the load saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// How many messages came back.
    pub echoes: usize,
    /// The time from the sending of each message or batch until it was back, in nanoseconds.
    pub latencies_ns: Vec<u64>,
}

impl<'a> Clients<'a> {
    /// Connects so many clients; each message has `length` bytes, and `batch` of them are sent at once.
    pub fn connect(
        server: SocketAddr,
        payload: &'a Payload,
        count: usize,
        length: usize,
        batch: usize,
    ) -> Result<Clients<'a>> {
        let poll = Poll::new()?;
        let mut clients = Vec::with_capacity(count);
        for (number, stream) in crowd::gather(server, count, payload, PATIENCE)?.into_iter().enumerate() {
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
            let began = Instant::now();
            clients.push(Client { stream, message: Vec::new(), sent: 0, received: 0, sequence: 0, began });
        }
        Ok(Clients { payload, length, batch, poll, clients, buffer: vec![0; BUFFER_LENGTH] })
    }

    /// Lets all of them send until so many messages are back, or the time is over; then waits for what is under way.
    pub fn run(&mut self, echoes_max: usize, time_max: Duration) -> Result<Seen> {
        let end = Instant::now() + time_max;
        let mut seen = Seen::default();
        let mut under_way = 0;
        for number in 0..self.clients.len() {
            self.begin(number)?;
            under_way += 1;
        }
        let mut events = Events::with_capacity(EVENTS_MAX);
        while under_way > 0 {
            self.poll.poll(&mut events, Some(PATIENCE))?;
            if events.is_empty() {
                bail!("the server did not answer within {PATIENCE:?}");
            }
            for event in &events {
                let Token(number) = event.token();
                if !self.go_on(number)? {
                    continue;
                }
                let now = Instant::now();
                let latency = now - self.clients[number].began;
                seen.latencies_ns.push(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
                seen.echoes += self.batch;
                if seen.echoes + under_way * self.batch <= echoes_max && now < end {
                    self.begin(number)?;
                } else {
                    under_way -= 1;
                }
            }
        }
        Ok(seen)
    }

    fn begin(&mut self, number: usize) -> Result<()> {
        let client = &mut self.clients[number];
        client.sequence += 1;
        self.payload.fill(&mut client.message, number, client.sequence, self.length, self.batch);
        (client.sent, client.received) = (0, 0);
        client.began = Instant::now();
        client.send()
    }

    /// Answers whether the client's message is back now.
    fn go_on(&mut self, number: usize) -> Result<bool> {
        let client = &mut self.clients[number];
        let was_under_way = client.received < client.message.len();
        client.send()?;
        client.receive(&mut self.buffer)?;
        Ok(was_under_way && client.received == client.message.len())
    }
}

impl Client {
    fn send(&mut self) -> Result<()> {
        while self.sent < self.message.len() {
            match self.stream.write(&self.message[self.sent..]) {
                Ok(length) => self.sent += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Readiness is edge-triggered: reads until all is there or the kernel has no more.
    fn receive(&mut self, buffer: &mut [u8]) -> Result<()> {
        while self.received < self.message.len() {
            match self.stream.read(buffer) {
                Ok(length) => {
                    ensure!(length > 0, "the server closed a connection");
                    verify(&self.message, self.received, &buffer[..length])?;
                    self.received += length;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
