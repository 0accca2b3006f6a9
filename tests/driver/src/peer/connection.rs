//! One connection of a session, with a thread that reads it all the time and one for a burst.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::{SHOWN_BYTES_MAX, pattern_byte};
use crate::checksum::Checksum;

/// How long `send` may take.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// How often a thread that is blocked in sending looks whether the connection is to be closed.
const SEND_PATIENCE: Duration = Duration::from_millis(100);

/// How often a thread that is blocked in reading looks for the same, on Windows. Elsewhere it need not: closing the reading
/// side wakes it.
const READ_PATIENCE: Duration = Duration::from_millis(10);

/// There can be thousands of these threads, and none of them needs much.
const STACK_BYTES: usize = 128 << 10;

const PIECE_BYTES: usize = 8 << 10;

/// How a connection is closed from this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// In an orderly way.
    Close,
    /// With a reset.
    Reset,
}

/// An open connection. Dropping it closes it.
pub struct Connection {
    shared: Arc<Shared>,
    /// The reader, and the burst if there was one.
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    stream: TcpStream,
    state: Mutex<State>,
    resumed: Condvar,
}

struct State {
    paused: bool,
    closing: bool,
    bursting: bool,
    shutdown_after_burst: bool,
    received: Received,
}

/// What came, as the reply to `received` shows it.
struct Received {
    length: u64,
    checksum: Checksum,
    /// `open`, `eof` or `reset`.
    state: &'static str,
    shown: Vec<u8>,
}

impl Connection {
    /// Takes over a connected stream and starts to read it, unless it is to be `paused`.
    pub fn new(stream: TcpStream, paused: bool) -> io::Result<Connection> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(SEND_PATIENCE))?;
        if cfg!(windows) {
            stream.set_read_timeout(Some(READ_PATIENCE))?;
        }
        let received = Received { length: 0, checksum: Checksum::EMPTY, state: "open", shown: Vec::new() };
        let state = State { paused, closing: false, bursting: false, shutdown_after_burst: false, received };
        let shared = Arc::new(Shared { stream, state: Mutex::new(state), resumed: Condvar::new() });
        let reader = start(&shared, |shared| shared.read())?;
        Ok(Connection { shared, threads: vec![reader] })
    }

    /// Sends `bytes` and returns when the system has taken them all.
    pub fn send(&self, bytes: &[u8]) -> Result<(), String> {
        if self.shared.lock().bursting {
            return Err("a burst is running on this connection".to_owned());
        }
        let deadline = Instant::now() + SEND_LIMIT;
        self.shared.write(bytes, Some(deadline)).map_err(|error| error.to_string())
    }

    /// Starts to send `count` bytes of the pattern.
    pub fn burst(&mut self, count: u64, seed: u8) -> Result<(), String> {
        if std::mem::replace(&mut self.shared.lock().bursting, true) {
            return Err("a burst is running on this connection".to_owned());
        }
        let burst = start(&self.shared, move |shared| shared.burst(count, seed));
        self.threads.push(burst.map_err(|error| error.to_string())?);
        Ok(())
    }

    /// Stops reading.
    pub fn pause(&self) {
        self.shared.lock().paused = true;
    }

    /// Reads again.
    pub fn resume(&self) {
        self.shared.lock().paused = false;
        self.shared.resumed.notify_all();
    }

    /// What came so far: the fields of the reply.
    pub fn received(&self) -> String {
        let state = self.shared.lock();
        let Received { length, checksum, state, shown } = &state.received;
        let hex: String = if *length > SHOWN_BYTES_MAX as u64 {
            "-".to_owned()
        } else {
            shown.iter().map(|byte| format!("{byte:02x}")).collect()
        };
        format!("{length} {checksum} {state} {hex}")
    }

    /// Closes the sending side, now or after the burst.
    pub fn shutdown(&self) -> Result<(), String> {
        let mut state = self.shared.lock();
        if state.bursting {
            state.shutdown_after_burst = true;
            return Ok(());
        }
        self.shared.stream.shutdown(Shutdown::Write).map_err(|error| error.to_string())
    }

    /// Closes the connection.
    pub fn end(mut self, ending: Ending) -> Result<(), String> {
        if ending == Ending::Reset {
            SockRef::from(&self.shared.stream).set_linger(Some(Duration::ZERO)).map_err(|error| error.to_string())?;
        }
        self.stop_threads();
        Ok(())
    }

    /// Ends the threads, so that the last reference to the stream is this one and dropping it closes.
    fn stop_threads(&mut self) {
        self.shared.lock().closing = true;
        self.shared.resumed.notify_all();
        // Wakes the reader without a word to the other side.
        let _ = self.shared.stream.shutdown(Shutdown::Read);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.stop_threads();
    }
}

fn start(shared: &Arc<Shared>, work: impl FnOnce(&Shared) + Send + 'static) -> io::Result<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    thread::Builder::new().stack_size(STACK_BYTES).spawn(move || work(&shared))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Reads until the end. Waiting takes nothing from the socket and happens without the lock; reading happens under
    /// it, so that not one byte is read after `pause` has returned.
    fn read(&self) {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let mut state = self.lock();
            while state.paused && !state.closing {
                state = self.resumed.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
            }
            if state.closing {
                return;
            }
            drop(state);
            let waited = self.stream.peek(&mut piece[..1]);
            let mut state = self.lock();
            if state.closing {
                return;
            }
            let outcome = match waited {
                Ok(_) if state.paused => continue,
                Ok(0) => Ok(0),
                Ok(_) => (&self.stream).read(&mut piece),
                Err(error) => Err(error),
            };
            let received = &mut state.received;
            match outcome {
                Ok(0) => received.state = "eof",
                Ok(length) => {
                    received.take(&piece[..length]);
                    continue;
                }
                Err(error) if is_passing(&error) => continue,
                Err(_) => received.state = "reset",
            }
            return;
        }
    }

    /// Sends the pattern, then closes the sending side if that was asked for meanwhile.
    fn burst(&self, count: u64, seed: u8) {
        let mut sent = 0;
        while sent < count {
            let end = count.min(sent + PIECE_BYTES as u64);
            let piece: Vec<u8> = (sent..end).map(|index| pattern_byte(index, seed)).collect();
            // The other side is gone, or this one is closing: `received` tells, nobody waits for this thread's word.
            if self.write(&piece, None).is_err() {
                break;
            }
            sent = end;
        }
        let mut state = self.lock();
        state.bursting = false;
        if state.shutdown_after_burst {
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }

    /// Sends all of `bytes`, unless the connection is closed from this side first or the deadline passes.
    fn write(&self, mut bytes: &[u8], deadline: Option<Instant>) -> io::Result<()> {
        while !bytes.is_empty() {
            match (&self.stream).write(bytes) {
                Ok(length) => bytes = &bytes[length..],
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
            if self.lock().closing {
                return Err(ErrorKind::ConnectionAborted.into());
            }
            if !bytes.is_empty() && deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }
}

/// A timeout, or a signal.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

impl Received {
    fn take(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.checksum.update(bytes);
        let room = SHOWN_BYTES_MAX - self.shown.len();
        self.shown.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}
