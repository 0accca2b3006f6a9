//! Watches the handlers of the program: which may be called, when, and how often.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;

use selectio::AsyncSocket;

/// So many lines a socket reads in one turn at most: the shortest ones count eight bytes of 64 KiB.
const LINES_IN_TURN_MAX: usize = 64 * 1024 / 8;

/// So many clients a listener accepts in one turn at most.
const CLIENTS_IN_TURN_MAX: usize = 64;

/// Shared by all handlers of a run.
#[derive(Clone, Default)]
pub struct Watch(Rc<Inner>);

#[derive(Default)]
struct Inner {
    poll: Cell<usize>,
    /// Peers that were accepted.
    accepted: RefCell<BTreeSet<SocketAddr>>,
    /// Peers whose connections the program cut, or which had an error.
    disturbed: RefCell<BTreeSet<SocketAddr>>,
    /// All that there ever were.
    sockets: RefCell<Vec<Watched>>,
    violation: RefCell<Option<String>>,
    is_ending: Cell<bool>,
}

/// One socket of the program.
#[derive(Clone)]
pub struct Watched {
    watch: Watch,
    peer: Option<SocketAddr>,
    seen: Rc<Seen>,
}

/// What has happened to one socket.
#[derive(Default)]
struct Seen {
    /// In which poll it was registered; `None` while it is not.
    registered_in: Cell<Option<usize>>,
    /// The program has asked for its close, so no handler is called any more.
    is_closing: Cell<bool>,
    /// Something has happened to it, so that it may be closed.
    may_close: Cell<bool>,
    close_count: Cell<usize>,
    gone_count: Cell<usize>,
    /// A poll, and how many lines or clients were read in it.
    read: Cell<(usize, usize)>,
}

impl Watch {
    pub fn socket(&self, peer: Option<SocketAddr>) -> Watched {
        self.0.accepted.borrow_mut().extend(peer);
        let watched = Watched { watch: self.clone(), peer, seen: Rc::default() };
        self.0.sockets.borrow_mut().push(watched.clone());
        watched
    }

    pub fn start_poll(&self) {
        self.0.poll.set(self.0.poll.get() + 1);
    }

    /// From now on everything is closed.
    pub fn start_end(&self) {
        self.0.is_ending.set(true);
    }

    /// Whether a peer has the program's undivided service: it was accepted, and nothing happened to it.
    pub fn is_served(&self, peer: SocketAddr) -> bool {
        self.0.accepted.borrow().contains(&peer) && !self.0.disturbed.borrow().contains(&peer)
    }

    pub fn violate(&self, what: impl Into<String>) {
        self.0.violation.borrow_mut().get_or_insert(what.into());
    }

    /// After a poll.
    pub fn check(&self) -> Result<(), String> {
        self.0.violation.borrow_mut().take().map_or(Ok(()), Err)
    }

    /// When everything is closed.
    pub fn check_end(&self) -> Result<(), String> {
        let is_untold = |watched: &Watched| watched.is_registered() && watched.seen.gone_count.get() == 0;
        match self.0.sockets.borrow().iter().filter(|watched| is_untold(watched)).count() {
            0 => Ok(()),
            count => Err(format!("P14: {count} sockets are gone, and it was not told")),
        }
    }
}

impl Watched {
    /// A handler for events is called.
    pub fn on_event(&self, handler: &str, socket: &AsyncSocket) {
        self.on_call(handler, socket);
        if self.seen.registered_in.get() == Some(self.watch.0.poll.get()) {
            self.watch.violate(format!("P4: {handler} was called in the poll that registered the socket"));
        }
    }

    /// A handler is called that may be called in the poll that registered the socket: a task.
    pub fn on_call(&self, handler: &str, socket: &AsyncSocket) {
        self.on_timer(handler, socket);
        if !self.is_registered() {
            self.watch.violate(format!("P3: {handler} was called on a socket that is not registered"));
        }
    }

    /// A handler is called for which the socket need not be registered: that of a timer.
    pub fn on_timer(&self, handler: &str, socket: &AsyncSocket) {
        if socket.is_closed() {
            self.watch.violate(format!("P3: {handler} was called on a closed socket"));
        }
        if self.seen.is_closing.get() {
            self.watch.violate(format!("P14: {handler} was called on a socket that is to close"));
        }
    }

    /// The end of the stream is told.
    pub fn on_close(&self, socket: &AsyncSocket) {
        self.on_event("close", socket);
        if self.seen.close_count.replace(self.seen.close_count.get() + 1) > 0 {
            self.watch.violate("P15: the end was told twice");
        }
    }

    /// An error handler is called: its socket is about to be closed for that.
    pub fn on_error(&self, socket: &AsyncSocket) {
        if socket.is_closed() {
            self.watch.violate("P14: an error was told to a closed socket");
        }
        self.on_cut();
    }

    /// It is told that the socket is gone.
    pub fn on_gone(&self, socket: &AsyncSocket) {
        if !socket.is_closed() {
            self.watch.violate("P14: a socket that is open was told to be gone");
        }
        if self.seen.gone_count.replace(self.seen.gone_count.get() + 1) > 0 {
            self.watch.violate("P14: it was told twice that a socket is gone");
        }
        if !self.seen.may_close.get() && !self.watch.0.is_ending.get() {
            self.watch.violate("P14: a socket was closed to which nothing has happened");
        }
    }

    /// A line was read in a turn, or a client accepted.
    pub fn on_read(&self, count_max: usize) {
        let poll = self.watch.0.poll.get();
        let (last_poll, count) = self.seen.read.get();
        let count = if last_poll == poll { count + 1 } else { 1 };
        self.seen.read.set((poll, count));
        if count > count_max {
            self.watch.violate(format!("a socket has taken {count} of a turn, and {count_max} are the limit"));
        }
    }

    pub fn on_line(&self) {
        self.on_read(LINES_IN_TURN_MAX);
    }

    pub fn on_accept(&self) {
        self.on_read(CLIENTS_IN_TURN_MAX);
    }

    /// Its connection is cut short.
    pub fn on_cut(&self) {
        self.watch.0.disturbed.borrow_mut().extend(self.peer);
        self.seen.may_close.set(true);
    }

    /// The program asks for the close that loses nothing.
    pub fn on_closing(&self) {
        self.seen.is_closing.set(true);
        self.seen.may_close.set(true);
    }

    pub fn is_closing(&self) -> bool {
        self.seen.is_closing.get()
    }

    pub fn on_registered(&self) {
        if !self.is_registered() {
            self.seen.registered_in.set(Some(self.watch.0.poll.get()));
        }
    }

    pub fn on_unregistered(&self) {
        self.seen.registered_in.set(None);
    }

    pub fn is_registered(&self) -> bool {
        self.seen.registered_in.get().is_some()
    }
}
