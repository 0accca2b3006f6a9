//! The program under test: sends every line back, and some of them to everybody; and now and then does what no
//! sensible program does, from inside its handlers.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use selectio::{AsyncSocket, Dispatcher};

use super::watch::{Watch, Watched};

/// One line in so many is followed by mischief.
const LINES_PER_MISCHIEF: u32 = 25;

/// How often a write handler is called before it takes itself back.
const WRITE_CALL_COUNT: u32 = 20;

#[derive(Clone)]
struct Member {
    socket: AsyncSocket,
    watched: Watched,
}

/// What all handlers share.
struct Shared {
    watch: Watch,
    listener: AsyncSocket,
    random: RefCell<fastrand::Rng>,
    members: RefCell<Vec<Member>>,
}

pub struct Server {
    shared: Rc<Shared>,
    listener: Watched,
}

impl Server {
    pub fn start(dispatcher: &Dispatcher, watch: &Watch, random: fastrand::Rng) -> Server {
        let listener = AsyncSocket::listener("127.0.0.1:0").expect("a listener");
        let members = RefCell::default();
        let shared = Shared { watch: watch.clone(), listener, random: RefCell::new(random), members };
        let server = Server { shared: Rc::new(shared), listener: watch.socket(None) };
        let (shared, watched) = (server.shared.clone(), server.listener.clone());
        server.shared.listener.set_handle_accept(move |listener, dispatcher| {
            watched.on_event("accept", listener);
            while shared.accept(dispatcher)? {}
            Ok(())
        });
        dispatcher.register(&server.shared.listener).expect("it is open");
        server.listener.on_registered();
        server
    }

    pub fn address(&self) -> SocketAddr {
        self.shared.listener.local_addr().ok().and_then(|address| address.inet()).expect("it is bound")
    }

    /// Between polls: who was unregistered comes back.
    pub fn act(&self, dispatcher: &Dispatcher) {
        for member in self.shared.open_members() {
            if !member.watched.is_registered() {
                self.shared.register(&member, dispatcher);
            }
        }
    }

    /// How many are registered, by what the program did.
    pub fn registered_count(&self) -> usize {
        let listener = usize::from(!self.shared.listener.is_closed());
        listener + self.shared.open_members().iter().filter(|member| member.watched.is_registered()).count()
    }

    /// Whether no connection is open.
    pub fn is_idle(&self) -> bool {
        self.shared.open_members().is_empty()
    }

    /// Lets go of every socket: handlers and members own each other.
    pub fn end(&self) {
        self.shared.members.borrow_mut().clear();
    }
}

impl Shared {
    /// Takes the next connection, if one waits.
    fn accept(self: &Rc<Shared>, dispatcher: &Dispatcher) -> io::Result<bool> {
        let Some((socket, peer)) = self.listener.accept_addr()? else { return Ok(false) };
        let member = Member { socket, watched: self.watch.socket(peer) };
        self.set_handlers(&member);
        self.members.borrow_mut().push(member.clone());
        self.register(&member, dispatcher);
        Ok(true)
    }

    fn register(&self, member: &Member, dispatcher: &Dispatcher) {
        dispatcher.register(&member.socket).expect("it is open");
        member.watched.on_registered();
    }

    fn open_members(&self) -> Vec<Member> {
        let mut members = self.members.borrow_mut();
        members.retain(|member| !member.socket.is_closed());
        members.clone()
    }

    fn set_handlers(self: &Rc<Shared>, member: &Member) {
        let (shared, own) = (self.clone(), member.clone());
        member.socket.set_handle_read(move |socket, dispatcher| {
            own.watched.on_event("read", socket);
            while let Some(line) = socket.read_line()?.full() {
                // The last line of a client that is gone may lack its end.
                if line.ends_with(b".") {
                    shared.answer(socket, line.with_newline());
                }
                if shared.roll(LINES_PER_MISCHIEF) {
                    shared.make_mischief(&own, dispatcher)?;
                    // It may have hit this very socket.
                    if socket.is_closed() || !own.watched.is_registered() {
                        return Ok(());
                    }
                }
            }
            Ok(())
        });
        let watched = member.watched.clone();
        member.socket.set_handle_close(move |socket, _| {
            watched.on_event("close", socket);
            socket.close_after_flush()
        });
        let watched = member.watched.clone();
        member.socket.set_handle_error(move |socket, _, _| watched.on_error(socket));
        if self.roll(4) {
            let watched = member.watched.clone();
            member.socket.set_handle_task(move |socket, _| {
                watched.on_call("task", socket);
                Ok(())
            });
        }
    }

    /// Back to who sent it; a line that begins with `b` goes to everybody.
    fn answer(&self, sender: &AsyncSocket, line: &[u8]) {
        // A member that is closing takes no more.
        let _ = sender.send(line);
        if line.starts_with(b"b") {
            for member in self.open_members().iter().filter(|member| member.socket.is_connected()) {
                if !is_same(&member.socket, sender) {
                    let _ = member.socket.send(line);
                }
            }
        }
    }

    fn roll(&self, one_in: u32) -> bool {
        self.random.borrow_mut().u32(..one_in) == 0
    }

    /// Half of it hits the one whose handler runs.
    fn make_mischief(self: &Rc<Shared>, own: &Member, dispatcher: &Dispatcher) -> io::Result<()> {
        let members = self.open_members();
        let (kind, victim) = {
            let mut random = self.random.borrow_mut();
            let victim = if random.bool() { None } else { random.choice(&members).cloned() };
            (random.u8(..6), victim.unwrap_or_else(|| own.clone()))
        };
        match kind {
            // Whoever is accepted next gets its number, and its place in the dispatcher.
            0 => {
                victim.watched.on_cut();
                victim.socket.close()?;
                self.accept(dispatcher)?;
            }
            1 => self.unregister(&victim, dispatcher),
            2 => {
                self.unregister(&victim, dispatcher);
                self.register(&victim, dispatcher);
            }
            3 => {
                let (watched, mut calls_left) = (victim.watched.clone(), WRITE_CALL_COUNT);
                victim.socket.set_handle_write(move |socket, _| {
                    watched.on_event("write", socket);
                    calls_left -= 1;
                    if calls_left == 0 {
                        socket.del_handle_write();
                    }
                    Ok(())
                });
            }
            4 => return Err(io::Error::other("mischief")),
            _ => {
                victim.watched.on_cut();
                victim.socket.close_after_flush()?;
            }
        }
        Ok(())
    }

    fn unregister(&self, victim: &Member, dispatcher: &Dispatcher) {
        if victim.watched.is_registered() {
            dispatcher.unregister(&victim.socket).expect("it is registered");
            victim.watched.on_unregistered();
        }
    }
}

fn is_same(one: &AsyncSocket, other: &AsyncSocket) -> bool {
    one.peer_addr().is_ok_and(|address| other.peer_addr().is_ok_and(|others| address == others))
}
