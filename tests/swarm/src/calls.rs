//! Connections that the program makes: each sends before it is connected, more when it is, and closes.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use selectio::sim::{Client, ClientState, Network, OutsideListener};
use selectio::{AsyncSocket, Dispatcher};

use super::watch::{Watch, Watched};

/// How many connections a run makes at most.
const CALL_COUNT_MAX: usize = 8;

/// How long a connect may take, where it is not as long as usual.
const CONNECT_TIME: Duration = Duration::from_millis(25);

pub struct Calls {
    watch: Watch,
    random: fastrand::Rng,
    outside: OutsideListener,
    sockets: Vec<(AsyncSocket, Watched)>,
    /// What each of them sends.
    texts: Vec<String>,
    /// Those which an error was told to.
    failed: Rc<RefCell<BTreeSet<usize>>>,
    /// The other ends, with what has arrived there.
    heard: Vec<(Client, Vec<u8>)>,
}

impl Calls {
    pub fn new(network: &Network, watch: &Watch, random: fastrand::Rng) -> Calls {
        Calls {
            watch: watch.clone(),
            random,
            outside: network.listen_outside(),
            sockets: Vec::new(),
            texts: Vec::new(),
            failed: Rc::default(),
            heard: Vec::new(),
        }
    }

    /// Now and then makes another connection.
    pub fn act(&mut self, dispatcher: &Dispatcher) {
        if self.texts.len() == CALL_COUNT_MAX || self.random.u8(..8) != 0 {
            return;
        }
        let (index, length) = (self.texts.len(), self.random.usize(..100_000));
        let text = format!("{index} {}.\n", "y".repeat(length));
        let (before, after) = text.split_at(self.random.usize(..text.len()));
        let (socket, watched) = (AsyncSocket::new().expect("a socket"), self.watch.socket(None));
        let registers_first = self.random.bool();
        if registers_first && register(dispatcher, &socket, &watched).is_err() {
            return;
        }
        if self.random.bool() {
            socket.set_connect_timeout(CONNECT_TIME);
        }
        // The name has two addresses, and at the first one nobody listens.
        socket.connect("localhost", self.outside.address().port()).expect("connecting starts");
        socket.send(before).expect("it is buffered");
        if !registers_first && register(dispatcher, &socket, &watched).is_err() {
            return;
        }
        self.set_handlers(&socket, &watched, after.to_owned());
        self.sockets.push((socket, watched));
        self.texts.push(text);
    }

    fn set_handlers(&mut self, socket: &AsyncSocket, watched: &Watched, rest: String) {
        let (index, called, takes_its_time) = (self.texts.len(), watched.clone(), self.random.bool());
        socket.set_handle_connect(move |socket, dispatcher| {
            called.on_event("connect", socket);
            socket.send(&rest)?;
            if takes_its_time {
                let called = called.clone();
                socket.call_after(dispatcher, 2 * CONNECT_TIME, move |socket, _| close(socket, &called));
                return Ok(());
            }
            close(socket, &called)
        });
        let called = watched.clone();
        socket.set_handle_close(move |socket, _| {
            called.on_close(socket);
            close(socket, &called)
        });
        let called = watched.clone();
        socket.set_handle_gone(move |socket, _| {
            called.on_gone(socket);
            Ok(())
        });
        let (called, failed) = (watched.clone(), self.failed.clone());
        socket.set_handle_error(move |socket, _, _| {
            called.on_error(socket);
            failed.borrow_mut().insert(index);
        });
    }

    /// How many are registered.
    pub fn registered_count(&self) -> usize {
        self.sockets.iter().filter(|(socket, _)| !socket.is_closed()).count()
    }

    /// Takes in what has arrived, and closes where that was all.
    pub fn check(&mut self) -> Result<(), String> {
        self.heard.extend(std::iter::from_fn(|| self.outside.accept()).map(|client| (client, Vec::new())));
        for (client, heard) in &mut self.heard {
            heard.extend(client.take_received());
            if !self.texts.iter().any(|text| text.as_bytes().starts_with(heard)) {
                return Err("bytes that no call sent".to_owned());
            }
            if client.state() == ClientState::Eof {
                client.close();
            }
        }
        Ok(())
    }

    /// Every call has arrived whole, or something happened to it.
    pub fn check_end(&mut self, loses_connections: bool) -> Result<(), String> {
        let failed = self.failed.borrow();
        for (index, text) in self.texts.iter().enumerate() {
            let has_arrived = self.heard.iter().any(|(_, heard)| heard == text.as_bytes());
            if !has_arrived && !loses_connections && !failed.contains(&index) {
                return Err(format!("call {index} did not arrive, and no error was told"));
            }
        }
        Ok(())
    }

    /// Lets go of every socket.
    pub fn end(&mut self) {
        self.sockets.clear();
    }
}

/// Fails when the dispatcher has no room.
fn register(dispatcher: &Dispatcher, socket: &AsyncSocket, watched: &Watched) -> io::Result<()> {
    dispatcher.register(socket)?;
    watched.on_registered();
    Ok(())
}

fn close(socket: &AsyncSocket, watched: &Watched) -> io::Result<()> {
    watched.on_closing();
    socket.close_after_flush()
}
