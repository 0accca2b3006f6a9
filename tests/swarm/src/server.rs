//! The program under test: sends every line back, and some of them to everybody; and now and then does what no
//! sensible program does.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use selectio::{AsyncSocket, Dispatcher};

use super::crowd::FLOOD_LINE;
use super::member::{Manner, Member};
use super::watch::{Watch, Watched};

/// One line in so many is followed by mischief.
const LINES_PER_MISCHIEF: u32 = 25;

/// How often a client is read from that has no read handler.
const PERIOD: Duration = Duration::from_millis(1);

/// How long a program may think about the end of a stream before it closes.
const THINKING_TIME: Duration = Duration::from_millis(3);

/// What all handlers share.
pub struct Shared {
    pub watch: Watch,
    pub listener: AsyncSocket,
    listener_watched: Watched,
    random: RefCell<fastrand::Rng>,
    members: RefCell<Vec<Member>>,
}

pub struct Server {
    shared: Rc<Shared>,
}

impl Server {
    pub fn start(dispatcher: &Dispatcher, watch: &Watch, random: fastrand::Rng) -> Server {
        let listener = AsyncSocket::listener("127.0.0.1:0").expect("a listener");
        let listener_watched = watch.socket(None);
        let (watch, random, members) = (watch.clone(), RefCell::new(random), RefCell::default());
        let shared = Rc::new(Shared { watch, listener, listener_watched, random, members });
        let (accepting, watched) = (shared.clone(), shared.listener_watched.clone());
        shared.listener.set_handle_accept(move |listener, dispatcher| {
            watched.on_event("accept", listener);
            while accepting.accept(dispatcher)? {}
            Ok(())
        });
        let watched = shared.listener_watched.clone();
        shared.listener.set_handle_error(move |listener, _, _| watched.on_error(listener));
        let watched = shared.listener_watched.clone();
        shared.listener.set_handle_gone(move |listener, _| {
            watched.on_gone(listener);
            Ok(())
        });
        dispatcher.register(&shared.listener).expect("it is open");
        shared.listener_watched.on_registered();
        Server { shared }
    }

    pub fn address(&self) -> SocketAddr {
        self.shared.listener.local_addr().ok().and_then(|address| address.inet()).expect("it is bound")
    }

    pub fn is_listening(&self) -> bool {
        self.shared.listener.is_listening()
    }

    /// Between polls: who was unregistered comes back, as far as there is room.
    pub fn act(&self, dispatcher: &Dispatcher) {
        for member in self.shared.unregistered_members() {
            let _ = self.shared.register(&member, dispatcher);
        }
    }

    /// How many are registered, by what the program did.
    pub fn registered_count(&self) -> usize {
        let listener = usize::from(!self.shared.listener.is_closed());
        listener + self.shared.open_members().iter().filter(|member| member.watched.is_registered()).count()
    }

    /// Whether somebody is open and not registered: its timers keep the dispatcher running.
    pub fn has_unregistered(&self) -> bool {
        !self.shared.unregistered_members().is_empty()
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
    /// Takes the next connection, if one waits. A client for whom the dispatcher has no room is turned away.
    pub fn accept(self: &Rc<Shared>, dispatcher: &Dispatcher) -> io::Result<bool> {
        let Some((socket, peer)) = self.listener.accept_addr()? else { return Ok(false) };
        self.listener_watched.on_accept();
        let manner = Manner::ALL[self.below(Manner::ALL.len() as u32) as usize];
        let member = Member::new(socket, self.watch.socket(peer), manner);
        self.set_handlers(&member, dispatcher);
        if let Err(error) = self.register(&member, dispatcher) {
            member.cut()?;
            return Err(error);
        }
        self.members.borrow_mut().push(member);
        Ok(true)
    }

    pub fn register(&self, member: &Member, dispatcher: &Dispatcher) -> io::Result<()> {
        if !member.socket.is_closed() {
            dispatcher.register(&member.socket)?;
            member.watched.on_registered();
        }
        Ok(())
    }

    fn open_members(&self) -> Vec<Member> {
        let mut members = self.members.borrow_mut();
        members.retain(|member| !member.socket.is_closed());
        members.clone()
    }

    fn unregistered_members(&self) -> Vec<Member> {
        let mut members = self.open_members();
        members.retain(|member| !member.watched.is_registered());
        members
    }

    /// Somebody, in half of the cases.
    pub fn victim(&self) -> Option<Member> {
        let members = self.open_members();
        let mut random = self.random.borrow_mut();
        if random.bool() { None } else { random.choice(&members).cloned() }
    }

    fn set_handlers(self: &Rc<Shared>, member: &Member, dispatcher: &Dispatcher) {
        self.set_reader(member, dispatcher);
        self.set_back_pressure(member);
        self.set_ends(member);
        if self.below(4) == 0 {
            self.set_alarm(member, dispatcher);
        }
    }

    fn set_reader(self: &Rc<Shared>, member: &Member, dispatcher: &Dispatcher) {
        let (shared, own) = (self.clone(), member.clone());
        match member.manner {
            Manner::Lines | Manner::LinesAndBytes => member.socket.set_handle_read(move |socket, dispatcher| {
                own.watched.on_event("read", socket);
                shared.serve(&own, dispatcher)
            }),
            Manner::Task => member.socket.set_handle_task(move |socket, dispatcher| {
                own.watched.on_call("task", socket);
                shared.serve(&own, dispatcher)
            }),
            Manner::Timer => {
                let timer = member.socket.call_every(dispatcher, PERIOD, move |socket, dispatcher| {
                    own.watched.on_timer("a timer", socket);
                    shared.serve(&own, dispatcher)
                });
                timer.expect("a period above zero");
            }
        }
    }

    /// Who takes its answers slowly is not listened to meanwhile.
    fn set_back_pressure(&self, member: &Member) {
        if self.below(2) == 0 {
            member.socket.set_send_water_marks(100, 1_000).expect("the low mark is lower");
        }
        let watched = member.watched.clone();
        member.socket.set_handle_drain(move |socket, _| {
            watched.on_event("drain", socket);
            socket.resume_reading();
            Ok(())
        });
    }

    fn set_ends(self: &Rc<Shared>, member: &Member) {
        let (shared, own) = (self.clone(), member.clone());
        member.socket.set_handle_close(move |socket, dispatcher| {
            own.watched.on_close(socket);
            match shared.below(8) {
                0 => own.cut(),
                1 | 2 => {
                    let later = own.clone();
                    socket.call_after(dispatcher, THINKING_TIME, move |_, _| later.close_after_flush());
                    Ok(())
                }
                _ => own.close_after_flush(),
            }
        });
        let (shared, own) = (self.clone(), member.clone());
        member.socket.set_handle_error(move |socket, _, _| {
            own.watched.on_error(socket);
            if shared.below(3) == 0 {
                // It is about to be closed anyway.
                let _ = own.cut();
            }
        });
        let own = member.clone();
        member.socket.set_handle_gone(move |socket, _| {
            own.watched.on_gone(socket);
            own.cut()
        });
    }

    fn set_alarm(self: &Rc<Shared>, member: &Member, dispatcher: &Dispatcher) {
        let (shared, own, watch) = (self.clone(), member.clone(), self.watch.clone());
        let rings = move || match shared.below(40) {
            0 => own.cut().map_or(None, |()| None),
            1..=20 => Some(shared.delay()),
            _ => None,
        };
        member.set_alarm(dispatcher, self.delay(), rings, move |what| watch.violate(what));
    }

    fn delay(&self) -> Duration {
        Duration::from_micros(u64::from(self.below(8_000)))
    }

    /// Reads what there is.
    fn serve(self: &Rc<Shared>, own: &Member, dispatcher: &Dispatcher) -> io::Result<()> {
        // Mischief may have hit this very socket.
        while own.is_served() && !own.socket.is_reading_paused() {
            let Some(line) = own.next_line()? else { break };
            if line == FLOOD_LINE {
                continue;
            }
            self.take_line(own, &line);
            match self.below(LINES_PER_MISCHIEF) {
                0 => self.make_mischief(own, dispatcher)?,
                1 => own.put_alarm_off(self.delay(), dispatcher),
                2 => own.call_alarm_off(dispatcher),
                _ => {}
            }
        }
        Ok(())
    }

    pub fn take_line(&self, own: &Member, line: &[u8]) {
        if line.is_empty() {
            self.watch.violate("P16: an empty line that nobody sent");
        }
        // The last line of a client that is gone may lack its end.
        if line.ends_with(b".") {
            self.answer(&own.socket, &[line, b"\n"].concat());
        }
        if own.socket.is_send_buffer_full() {
            own.socket.pause_reading();
        }
    }

    /// Back to who sent it; a line that begins with `b` goes to everybody.
    fn answer(&self, sender: &AsyncSocket, line: &[u8]) {
        // A member that is closing takes no more.
        let _ = sender.send(line);
        if line.starts_with(b"b") {
            for member in self.open_members().iter().filter(|member| member.socket != *sender) {
                let _ = member.socket.send(line);
            }
        }
    }

    /// A number below `limit`.
    pub fn below(&self, limit: u32) -> u32 {
        self.random.borrow_mut().u32(..limit)
    }
}
