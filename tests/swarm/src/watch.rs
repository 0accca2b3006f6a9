//! Watches the handlers of the program: which may be called, and when.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;

use selectio::AsyncSocket;

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
    violation: RefCell<Option<String>>,
}

/// One socket of the program.
#[derive(Clone)]
pub struct Watched {
    watch: Watch,
    peer: Option<SocketAddr>,
    /// In which poll it was registered; `None` while it is not.
    registered_in: Rc<Cell<Option<usize>>>,
}

impl Watch {
    pub fn socket(&self, peer: Option<SocketAddr>) -> Watched {
        self.0.accepted.borrow_mut().extend(peer);
        Watched { watch: self.clone(), peer, registered_in: Rc::default() }
    }

    pub fn start_poll(&self) {
        self.0.poll.set(self.0.poll.get() + 1);
    }

    /// Whether a peer has the program's undivided service: it was accepted, and nothing happened to it.
    pub fn is_served(&self, peer: SocketAddr) -> bool {
        self.0.accepted.borrow().contains(&peer) && !self.0.disturbed.borrow().contains(&peer)
    }

    fn violate(&self, what: String) {
        self.0.violation.borrow_mut().get_or_insert(what);
    }

    /// After a poll.
    pub fn check(&self) -> Result<(), String> {
        self.0.violation.borrow_mut().take().map_or(Ok(()), Err)
    }
}

impl Watched {
    /// A handler for events is called.
    pub fn on_event(&self, handler: &str, socket: &AsyncSocket) {
        self.on_call(handler, socket);
        if self.registered_in.get() == Some(self.watch.0.poll.get()) {
            self.watch.violate(format!("P4: {handler} was called in the poll that registered the socket"));
        }
    }

    /// A handler is called that may be called in the poll that registered the socket: a task.
    pub fn on_call(&self, handler: &str, socket: &AsyncSocket) {
        if socket.is_closed() {
            self.watch.violate(format!("P3: {handler} was called on a closed socket"));
        }
        if !self.is_registered() {
            self.watch.violate(format!("P3: {handler} was called on a socket that is not registered"));
        }
    }

    /// An error handler is called: its socket is about to be closed for that.
    pub fn on_error(&self, socket: &AsyncSocket) {
        if socket.is_closed() {
            self.watch.violate("P14: an error was told to a closed socket".to_owned());
        }
        self.on_cut();
    }

    /// Its connection is cut short.
    pub fn on_cut(&self) {
        self.watch.0.disturbed.borrow_mut().extend(self.peer);
    }

    pub fn on_registered(&self) {
        if !self.is_registered() {
            self.registered_in.set(Some(self.watch.0.poll.get()));
        }
    }

    pub fn on_unregistered(&self) {
        self.registered_in.set(None);
    }

    pub fn is_registered(&self) -> bool {
        self.registered_in.get().is_some()
    }
}
