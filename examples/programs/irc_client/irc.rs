//! A connection to an IRC server: logging in with a nick that is free, pings, and connecting again.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use selectio::{AsyncSocket, Dispatcher, Register, Timer};

use crate::message::{Message, harmless, parse};

/// A line may have 512 bytes with its end (RFC 2812, 2.3).
const LINE_LENGTH_MAX: usize = 510;
/// So much of a text fits a line beside what the server puts in front of it.
const TEXT_LENGTH_MAX: usize = 400;
/// What the strictest servers allow.
const NICK_LENGTH_MAX: usize = 9;
const NICK_TRIES_MAX: usize = 99;
const CONNECT_TIME: Duration = Duration::from_secs(15);
/// Each pause before the next try to connect is twice as long as the one before, within these.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];
/// How long the server may take to say goodbye.
const QUIT_TIME: Duration = Duration::from_secs(5);
/// How many lines may wait to be sent; beyond that whoever types has to wait.
const WAITING_MAX: usize = 50;

pub struct Options {
    pub address: String,
    pub nick: String,
    pub channels: Vec<String>,
    pub ping_after: Duration,
}

pub enum Event<'a> {
    /// The server has taken this nick: lines are sent from now on.
    Connected(&'a str),
    Message(&'a Message),
    /// More lines may be sent after there were too many.
    Drained,
    /// The connection is lost for this reason, and the next one is tried after the pause, if ever.
    Lost(&'a str, Option<Duration>),
    /// Everything was said, and goodbye too.
    Ended,
}

type EventHandler = dyn Fn(&Irc, &Dispatcher, Event<'_>) -> io::Result<()>;

/// A connection to an IRC server that is made anew when it is lost. Clones name the same one.
#[derive(Clone)]
pub struct Irc {
    options: Rc<Options>,
    handle_event: Rc<EventHandler>,
    state: Rc<State>,
}

#[derive(Default)]
struct State {
    socket: RefCell<Option<AsyncSocket>>,
    /// The server has taken the nick.
    is_welcome: Cell<bool>,
    nick_tries: Cell<usize>,
    /// The server was asked whether it is there.
    is_asked: Cell<bool>,
    is_quitting: Cell<bool>,
    /// Lines to send from the welcome on.
    waiting: RefCell<Vec<String>>,
    /// Why the connection is about to be lost.
    reason: RefCell<Option<String>>,
    pause: Cell<Duration>,
    next_try: Cell<Option<Timer>>,
}

impl Register for Irc {
    fn register_with(&self, dispatcher: &Dispatcher) -> io::Result<()> {
        self.connect(dispatcher)
    }

    fn unregister_from(&self, dispatcher: &Dispatcher) -> io::Result<()> {
        self.state.next_try.take().map(|timer| dispatcher.cancel(timer));
        self.state.socket.take().map_or(Ok(()), |socket| dispatcher.unregister(&socket))
    }
}

impl Irc {
    pub fn new(options: Options, handle: impl Fn(&Irc, &Dispatcher, Event<'_>) -> io::Result<()> + 'static) -> Irc {
        Irc { options: Rc::new(options), handle_event: Rc::new(handle), state: Rc::default() }
    }

    fn tell(&self, dispatcher: &Dispatcher, event: Event<'_>) -> io::Result<()> {
        (self.handle_event)(self, dispatcher, event)
    }

    /// Sends a line as soon as the server takes lines.
    ///
    /// # Errors
    /// `InvalidInput` for what is no line: then it would be several, of which others are commands.
    pub fn send_line(&self, line: &str) -> io::Result<()> {
        if line.len() > LINE_LENGTH_MAX || line.contains(['\r', '\n', '\0']) {
            let text = format!("a line has no line ends, and {LINE_LENGTH_MAX} bytes at most: {}", harmless(line));
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        if self.state.is_welcome.get() {
            return self.write(line);
        }
        self.state.waiting.borrow_mut().push(line.to_owned());
        Ok(())
    }

    /// Says it to a channel or a nick; a long text in several lines.
    ///
    /// # Errors
    /// As for `send_line`.
    pub fn say(&self, target: &str, mut text: &str) -> io::Result<()> {
        while !text.is_empty() {
            let (now, later) = text.split_at(text.floor_char_boundary(TEXT_LENGTH_MAX));
            self.send_line(&format!("PRIVMSG {target} :{now}"))?;
            text = later;
        }
        Ok(())
    }

    /// Whether who says more should wait for `Connected` or `Drained`.
    pub fn is_full(&self) -> bool {
        let is_blocked = self.state.socket.borrow().as_ref().is_some_and(AsyncSocket::is_send_buffer_full);
        is_blocked || self.state.waiting.borrow().len() >= WAITING_MAX
    }

    /// Ends it when everything was said: the server closes the connection then. What waits for a connection waits on.
    pub fn quit(&self, dispatcher: &Dispatcher) -> io::Result<()> {
        self.state.is_quitting.set(true);
        match self.state.is_welcome.get() {
            true => self.write("QUIT :bye"),
            false if self.state.waiting.borrow().is_empty() => self.tell(dispatcher, Event::Ended),
            false => Ok(()),
        }
    }

    /// The same, but soon, whatever the server does.
    pub fn quit_now(&self, dispatcher: &Dispatcher) -> io::Result<()> {
        self.state.waiting.take();
        let irc = self.clone();
        dispatcher.call_after(QUIT_TIME, move |dispatcher| irc.tell(dispatcher, Event::Ended));
        self.quit(dispatcher)
    }

    fn write(&self, line: &str) -> io::Result<()> {
        let socket = self.state.socket.borrow().clone();
        socket.map_or(Ok(()), |socket| socket.send(format!("{line}\r\n")).map(drop))
    }

    fn connect(&self, dispatcher: &Dispatcher) -> io::Result<()> {
        let socket = AsyncSocket::connection(&self.options.address)?;
        socket.set_connect_timeout(CONNECT_TIME);
        let irc = self.clone();
        socket.set_handle_connect(move |_, _| {
            irc.state.nick_tries.set(0);
            irc.write(&format!("NICK {}", irc.options.nick))?;
            irc.write("USER selectio 0 * :selectio")
        });
        let (irc, ping_after) = (self.clone(), self.options.ping_after);
        let silence = socket.call_every(dispatcher, ping_after, move |socket, _| irc.ask(socket))?;
        let irc = self.clone();
        socket.set_handle_read(move |socket, dispatcher| {
            irc.state.is_asked.set(false);
            dispatcher.restart(silence, ping_after);
            while let Some(line) = socket.read_line()?.full() {
                irc.hear(&String::from_utf8_lossy(&line), dispatcher)?;
            }
            Ok(())
        });
        let irc = self.clone();
        socket.set_handle_drain(move |_, dispatcher| irc.tell(dispatcher, Event::Drained));
        let irc = self.clone();
        socket.set_handle_error(move |_, _, error| irc.lose(error.to_string()));
        let irc = self.clone();
        socket.set_handle_gone(move |_, dispatcher| irc.lost(dispatcher));
        dispatcher.register(&socket)?;
        self.state.socket.replace(Some(socket));
        Ok(())
    }

    /// The server has said nothing for a while.
    fn ask(&self, socket: &AsyncSocket) -> io::Result<()> {
        if !socket.is_connected() {
            return Ok(());
        }
        if self.state.is_asked.replace(true) {
            self.lose("the server doesn't answer".to_owned());
            return socket.close();
        }
        self.write("PING :selectio")
    }

    fn lose(&self, reason: String) {
        self.state.reason.borrow_mut().get_or_insert(reason);
    }

    /// Tries again after a pause, where a program can connect more than once.
    fn lost(&self, dispatcher: &Dispatcher) -> io::Result<()> {
        let State { socket, is_welcome, is_asked, is_quitting, waiting, reason, pause, next_try, .. } = &*self.state;
        socket.take();
        is_welcome.set(false);
        is_asked.set(false);
        let reason = reason.take().unwrap_or("the server has closed the connection".to_owned());
        if is_quitting.get() {
            return match waiting.borrow().len() {
                0 => self.tell(dispatcher, Event::Ended),
                count => self.tell(dispatcher, Event::Lost(&format!("{reason}, and {count} lines are unsaid"), None)),
            };
        }
        if AsyncSocket::new().is_err() {
            let reason = format!("{reason}, and on preview1 a program can't connect again");
            return self.tell(dispatcher, Event::Lost(&reason, None));
        }
        pause.set((pause.get() * 2).clamp(PAUSES[0], PAUSES[1]));
        let irc = self.clone();
        next_try.set(Some(dispatcher.call_after(pause.get(), move |dispatcher| {
            irc.connect(dispatcher).or_else(|error| {
                irc.lose(error.to_string());
                irc.lost(dispatcher)
            })
        })));
        self.tell(dispatcher, Event::Lost(&reason, Some(pause.get())))
    }

    fn hear(&self, line: &str, dispatcher: &Dispatcher) -> io::Result<()> {
        let Some(message) = parse(line) else { return Ok(()) };
        let first = message.parameters.first().map_or("", String::as_str);
        match (message.command.as_str(), self.state.is_welcome.get()) {
            ("PING", _) => self.write(&format!("PONG :{}", &first[..first.floor_char_boundary(TEXT_LENGTH_MAX)]))?,
            ("ERROR", _) => self.lose(format!("the server says: {}", harmless(first))),
            ("001", false) => self.welcome(first, dispatcher)?,
            ("433" | "436" | "437", false) => self.try_next_nick()?,
            _ => {}
        }
        self.tell(dispatcher, Event::Message(&message))
    }

    fn welcome(&self, nick: &str, dispatcher: &Dispatcher) -> io::Result<()> {
        self.state.is_welcome.set(true);
        self.state.pause.take();
        self.tell(dispatcher, Event::Connected(nick))?;
        for channel in &self.options.channels {
            self.write(&format!("JOIN {channel}"))?;
        }
        for line in self.state.waiting.take() {
            self.write(&line)?;
        }
        if self.state.is_quitting.get() { self.quit(dispatcher) } else { Ok(()) }
    }

    /// The nick is taken: `alice1`, `alice2` and so on may be free.
    fn try_next_nick(&self) -> io::Result<()> {
        let (number, nick) = (self.state.nick_tries.get() + 1, &self.options.nick);
        if number > NICK_TRIES_MAX {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, format!("{nick} and the like are taken")));
        }
        self.state.nick_tries.set(number);
        let suffix = number.to_string();
        let start = &nick[..nick.floor_char_boundary(NICK_LENGTH_MAX - suffix.len())];
        self.write(&format!("NICK {start}{suffix}"))
    }
}
