//! What one test has opened, and how its requests are carried out.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::connection::{Connection, Ending};
use super::request::{Id, Request};
use crate::checksum::Checksum;

const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The receive buffer of a paused connection, so that the other side's sending soon comes to a stop.
const PAUSED_RECEIVE_BUFFER_BYTES: usize = 4 << 10;

const LOOPBACK: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// One test's session. Dropping it closes everything that it opened.
pub struct Session {
    target: Option<SocketAddr>,
    table: Arc<Table>,
    listeners: Vec<(SocketAddr, JoinHandle<()>)>,
}

/// The connections, shared with the threads that connect and accept in the background.
struct Table {
    entries: Mutex<Entries>,
    ended: AtomicBool,
}

#[derive(Default)]
struct Entries {
    connections: Vec<Entry>,
    accepted: VecDeque<Id>,
}

enum Entry {
    Connecting,
    Open(Connection),
    Failed(String),
    Closed,
}

impl Session {
    /// A session without connections.
    pub fn new(target: Option<SocketAddr>) -> Session {
        let table = Table { entries: Mutex::default(), ended: AtomicBool::new(false) };
        Session { target, table: Arc::new(table), listeners: Vec::new() }
    }

    /// Carries out one request; returns the fields of the reply.
    pub fn carry_out(&mut self, request: Request) -> Result<String, String> {
        match request {
            Request::Target { address } => {
                self.target = Some(address);
                done()
            }
            Request::Connect => self.connect(false),
            Request::ConnectPaused => self.connect(true),
            Request::ConnectMany { count } => self.connect_many(count),
            Request::Send { id, bytes } => self.with(id, |connection| connection.send(&bytes)),
            Request::Burst { id, count, seed } => self.with(id, |connection| connection.burst(count, seed)),
            Request::Pause { id } => self.with(id, |connection| {
                connection.pause();
                Ok(())
            }),
            Request::Resume { id } => self.with(id, |connection| {
                connection.resume();
                Ok(())
            }),
            Request::Received { id } => match self.table.lock().entry(id)? {
                Entry::Connecting => Ok(format!("0 {} connecting ", Checksum::EMPTY)),
                entry => Ok(entry.open(id)?.received()),
            },
            Request::Shutdown { id } => self.with(id, |connection| connection.shutdown()),
            Request::Close { id } => self.end(id, Ending::Close),
            Request::Reset { id } => self.end(id, Ending::Reset),
            Request::Listen => self.listen().map_err(|error| error.to_string()),
            Request::ListenClosed => {
                let listener = TcpListener::bind(LOOPBACK).and_then(|it| it.local_addr());
                listener.map(|address| address.to_string()).map_err(|error| error.to_string())
            }
            Request::Accepted => {
                let id = self.table.lock().accepted.pop_front();
                Ok(id.map_or("none".to_owned(), |id| id.to_string()))
            }
        }
    }

    fn target(&self) -> Result<SocketAddr, String> {
        self.target.ok_or_else(|| "no target is set: send `target ADDR` first".to_owned())
    }

    fn connect(&mut self, paused: bool) -> Result<String, String> {
        let target = self.target()?;
        let connection = open(target, paused).map_err(|error| format!("connecting to {target} failed: {error}"))?;
        Ok(self.table.lock().push(Entry::Open(connection)).to_string())
    }

    /// In the background, because the listener's backlog may be full until the test, which waits for the reply, accepts.
    fn connect_many(&mut self, count: usize) -> Result<String, String> {
        let target = self.target()?;
        let mut entries = self.table.lock();
        let first = entries.connections.len();
        entries.connections.extend((0..count).map(|_| Entry::Connecting));
        drop(entries);
        let table = Arc::clone(&self.table);
        thread::spawn(move || {
            for id in first..first + count {
                if table.ended.load(Ordering::SeqCst) {
                    return;
                }
                let opened = match open(target, false) {
                    Ok(connection) => Entry::Open(connection),
                    Err(error) => Entry::Failed(error.to_string()),
                };
                // Nothing is there any more if the session has ended meanwhile.
                if let Ok(entry) = table.lock().entry(id) {
                    *entry = opened;
                }
            }
        });
        Ok(first.to_string())
    }

    fn with(&self, id: Id, act: impl FnOnce(&mut Connection) -> Result<(), String>) -> Result<String, String> {
        act(self.table.lock().entry(id)?.open(id)?)?;
        done()
    }

    fn end(&self, id: Id, ending: Ending) -> Result<String, String> {
        let mut entries = self.table.lock();
        let entry = entries.entry(id)?;
        entry.open(id)?;
        let taken = std::mem::replace(entry, Entry::Closed);
        drop(entries);
        if let Entry::Open(connection) = taken {
            connection.end(ending)?;
        }
        done()
    }

    fn listen(&mut self) -> io::Result<String> {
        let listener = TcpListener::bind(LOOPBACK)?;
        let address = listener.local_addr()?;
        let table = Arc::clone(&self.table);
        let accepting = thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if table.ended.load(Ordering::SeqCst) {
                    return;
                }
                let entry = match Connection::new(stream, false) {
                    Ok(connection) => Entry::Open(connection),
                    Err(error) => Entry::Failed(error.to_string()),
                };
                let mut entries = table.lock();
                let id = entries.push(entry);
                entries.accepted.push_back(id);
            }
        });
        self.listeners.push((address, accepting));
        Ok(address.to_string())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.table.ended.store(true, Ordering::SeqCst);
        for (address, accepting) in self.listeners.drain(..) {
            // A connection wakes the thread that accepts; it then sees that the session has ended.
            if TcpStream::connect_timeout(&address, CONNECT_LIMIT).is_ok() {
                let _ = accepting.join();
            }
        }
        self.table.lock().connections.clear();
    }
}

impl Table {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Entries {
    fn push(&mut self, entry: Entry) -> Id {
        self.connections.push(entry);
        self.connections.len() - 1
    }

    fn entry(&mut self, id: Id) -> Result<&mut Entry, String> {
        self.connections.get_mut(id).ok_or_else(|| format!("there is no connection {id}"))
    }
}

impl Entry {
    fn open(&mut self, id: Id) -> Result<&mut Connection, String> {
        match self {
            Entry::Open(connection) => Ok(connection),
            Entry::Connecting => Err(format!("connection {id} is still connecting")),
            Entry::Failed(error) => Err(format!("connection {id} failed: {error}")),
            Entry::Closed => Err(format!("connection {id} was closed by an earlier request")),
        }
    }
}

fn done() -> Result<String, String> {
    Ok(String::new())
}

fn open(target: SocketAddr, paused: bool) -> io::Result<Connection> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, None)?;
    if paused {
        socket.set_recv_buffer_size(PAUSED_RECEIVE_BUFFER_BYTES)?;
    }
    socket.connect_timeout(&target.into(), CONNECT_LIMIT)?;
    Connection::new(socket.into(), paused)
}
