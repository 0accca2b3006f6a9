//! Talks in a channel of an IRC server: prints what is said there, says what is typed, and comes back when the connection
//! is lost. `Irc` is a protocol with handlers of its own that is registered like a socket, as the module `irc` was in the
//! original.
//!
//! ```sh
//! cargo run --example irc_client -- 127.0.0.1:6667 --nick alice --channel '#room'                              # native
//! cargo run --target wasm32-wasip2 --example irc_client -- 127.0.0.1:6667 --nick alice --channel '#room'       # preview2
//! selectio run --tcpconnect 127.0.0.1:6667 irc_client.wasm 127.0.0.1:6667 --nick alice --channel '#room'       # preview1
//! ```

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Duration;

use lexopt::{Arg, ValueExt};
use selectio::{AsyncSocket, Delegate, Dispatcher, MainError, Register, Timer};

const USAGE: &str = "usage: irc_client [HOST:PORT] [OPTION]...\n
Joins channels of the IRC server at HOST:PORT, 127.0.0.1:6667 unless given, prints what is said there, and
says the lines of standard input in the first of them. `/quit` ends it, as the end of the input and Ctrl-C
do; `/msg NICK TEXT` is for one person, `/me TEXT` says what you do; any other line that begins with a slash
is a command to the server: `/topic #room :News`.

  --nick NICK           what to be called; selectio unless given
  --channel '#ROOM'     a channel to join; may be given several times
  --ping-after SECONDS  ask a server that is silent for so long whether it is there; 60 unless given
  -h, --help            this text";

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
/// How many bytes without an end are typed at most.
const TYPED_LENGTH_MAX: usize = 4096;
/// More lines than these don't wait to be said: typing does.
const WAITING_MAX: usize = 50;

struct Options {
    address: String,
    nick: String,
    channels: Vec<String>,
    ping_after: Duration,
}

/// What the server says: who, what, and about what.
struct Message {
    source: String,
    command: String,
    parameters: Vec<String>,
}

enum Event<'a> {
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
struct Irc {
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
    fn new(options: Options, handle: impl Fn(&Irc, &Dispatcher, Event<'_>) -> io::Result<()> + 'static) -> Irc {
        Irc { options: Rc::new(options), handle_event: Rc::new(handle), state: Rc::default() }
    }

    fn tell(&self, dispatcher: &Dispatcher, event: Event<'_>) -> io::Result<()> {
        (self.handle_event)(self, dispatcher, event)
    }

    /// Sends a line as soon as the server takes lines.
    ///
    /// # Errors
    /// `InvalidInput` for what is no line: then it would be several, of which others are commands.
    fn send_line(&self, line: &str) -> io::Result<()> {
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
    fn say(&self, target: &str, mut text: &str) -> io::Result<()> {
        while !text.is_empty() {
            let (now, later) = text.split_at(text.floor_char_boundary(TEXT_LENGTH_MAX));
            self.send_line(&format!("PRIVMSG {target} :{now}"))?;
            text = later;
        }
        Ok(())
    }

    /// Whether who says more should wait for `Connected` or `Drained`.
    fn is_full(&self) -> bool {
        let is_blocked = self.state.socket.borrow().as_ref().is_some_and(AsyncSocket::is_send_buffer_full);
        is_blocked || self.state.waiting.borrow().len() >= WAITING_MAX
    }

    /// Ends it when everything was said: the server closes the connection then. What waits for a connection waits on.
    fn quit(&self, dispatcher: &Dispatcher) -> io::Result<()> {
        self.state.is_quitting.set(true);
        match self.state.is_welcome.get() {
            true => self.write("QUIT :bye"),
            false if self.state.waiting.borrow().is_empty() => self.tell(dispatcher, Event::Ended),
            false => Ok(()),
        }
    }

    /// The same, but soon, whatever the server does.
    fn quit_now(&self, dispatcher: &Dispatcher) -> io::Result<()> {
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
        socket.set_handle_connect(move |_, _| irc.log_in());
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

    fn log_in(&self) -> io::Result<()> {
        self.state.nick_tries.set(0);
        self.write(&format!("NICK {}", self.options.nick))?;
        self.write("USER selectio 0 * :selectio")
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
            ("PING", _) => self.write(&format!("PONG :{first}"))?,
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

/// `:nick!user@host COMMAND parameter :the last parameter`
fn parse(line: &str) -> Option<Message> {
    let (source, rest) = match line.strip_prefix(':') {
        Some(rest) => rest.split_once(' ')?,
        None => ("", line),
    };
    let (words, last) = match rest.split_once(" :") {
        Some((words, last)) => (words, Some(last.to_owned())),
        None => (rest, None),
    };
    let mut words = words.split_ascii_whitespace().map(str::to_owned);
    let command = words.next()?.to_ascii_uppercase();
    let source = source.split('!').next().unwrap_or_default().to_owned();
    Some(Message { source, command, parameters: words.chain(last).collect() })
}

fn main() -> Result<(), MainError> {
    let options = command_line().unwrap_or_else(|error| {
        eprintln!("irc_client: {error}; see --help");
        std::process::exit(2);
    });
    let (address, channel) = (options.address.clone(), options.channels.first().cloned());
    let (dispatcher, input) = (Dispatcher::new()?, Delegate::stdin()?);
    let typing = input.clone();
    let irc = Irc::new(options, move |_, dispatcher, event| {
        match event {
            Event::Connected(nick) => {
                eprintln!("irc_client: connected to {address} as {}", harmless(nick));
                typing.resume_reading();
            }
            Event::Drained => typing.resume_reading(),
            Event::Message(message) => print(message)?,
            Event::Lost(reason, Some(pause)) => eprintln!("irc_client: {address}: {reason}; next try in {pause:?}"),
            Event::Lost(reason, None) => {
                eprintln!("irc_client: {address}: {reason}");
                std::process::exit(1);
            }
            Event::Ended => dispatcher.stop(),
        }
        Ok(())
    });
    read_input(&input, &irc, channel);
    dispatcher.register(&irc)?;
    dispatcher.register(&input)?;
    // Where no signals are passed on, the host just ends the program.
    if let Ok(signals) = Delegate::signals() {
        signals.set_handle_read(move |signals, dispatcher| {
            signals.close()?;
            irc.quit_now(dispatcher)
        });
        dispatcher.register(&signals)?;
    }
    Ok(dispatcher.run()?)
}

/// Takes what is typed line by line, no faster than the server does.
fn read_input(input: &Delegate, irc: &Irc, channel: Option<String>) {
    let (irc, mut buffer, mut typed) = (irc.clone(), [0; 4096], Vec::new());
    input.set_handle_read(move |input, dispatcher| {
        let Some(length) = input.read(&mut buffer)? else { return Ok(()) };
        typed.extend_from_slice(&buffer[..length]);
        if length == 0 && !typed.is_empty() {
            typed.push(b'\n');
        }
        while let Some(end) = typed.iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&typed[..end]).trim_end_matches('\r').to_owned();
            typed.drain(..=end);
            if let Err(error) = obey(&line, &irc, channel.as_deref(), dispatcher) {
                eprintln!("irc_client: not sent: {error}");
            }
        }
        if length == 0 {
            input.close()?;
            return irc.quit(dispatcher);
        }
        // What has no end in so many bytes is no line that somebody types.
        typed.truncate(TYPED_LENGTH_MAX);
        if irc.is_full() {
            input.pause_reading();
        }
        Ok(())
    });
}

fn obey(line: &str, irc: &Irc, channel: Option<&str>, dispatcher: &Dispatcher) -> io::Result<()> {
    let refuse = |text| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    let command = line.strip_prefix('/').map(|command| command.split_once(' ').unwrap_or((command, "")));
    match (command, channel) {
        (Some(("quit", _)), _) => irc.quit_now(dispatcher),
        (Some(("msg", rest)), _) => match rest.split_once(' ') {
            Some((to, text)) => irc.say(to, text),
            None => refuse("it is written `/msg NICK TEXT`"),
        },
        (Some(("me", action)), Some(channel)) => irc.say(channel, &format!("\u{1}ACTION {action}\u{1}")),
        (Some(_), _) => irc.send_line(&line[1..]),
        (None, Some(channel)) => irc.say(channel, line),
        (None, None) => refuse("there is no channel, which --channel gives"),
    }
}

/// One line for what people see of a message.
fn print(Message { source, command, parameters }: &Message) -> io::Result<()> {
    let words: Vec<&str> = parameters.iter().map(String::as_str).collect();
    let line = match (command.as_str(), &words[..]) {
        ("PRIVMSG", [target, text]) => {
            let place = if target.starts_with(['#', '&', '+', '!']) { format!("[{target}] ") } else { String::new() };
            match text.strip_prefix("\u{1}ACTION ") {
                Some(action) => format!("{place}* {source} {}", action.trim_end_matches('\u{1}')),
                None => format!("{place}<{source}> {text}"),
            }
        }
        ("NOTICE", [_, text]) => format!("-{source}- {text}"),
        ("JOIN" | "PART" | "QUIT" | "KICK" | "NICK" | "TOPIC", words) => {
            format!("* {source}: {} {}", command.to_lowercase(), words.join(" "))
        }
        // What went wrong.
        (number, [_, words @ ..]) if number.starts_with(['4', '5']) => format!("* {}", words.join(" ")),
        _ => return Ok(()),
    };
    // When nobody reads it any more, that is the end.
    writeln!(io::stdout(), "{}", harmless(&line)).or_else(|_| std::process::exit(0))
}

/// Without what would command a terminal, or turn the direction of writing.
fn harmless(text: &str) -> String {
    let turns = |it: char| matches!(it, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|it| if it.is_control() || turns(it) { char::REPLACEMENT_CHARACTER } else { it }).collect()
}

fn command_line() -> Result<Options, lexopt::Error> {
    let (mut address, mut nick, mut channels, mut ping_after) = (None, "selectio".to_owned(), Vec::new(), 60.0);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            Arg::Long("nick") => nick = arguments.value()?.string()?,
            Arg::Long("channel") => channels.push(arguments.value()?.string()?),
            Arg::Long("ping-after") => ping_after = arguments.value()?.parse()?,
            Arg::Value(value) if address.is_none() => address = Some(value.string()?),
            other => return Err(other.unexpected()),
        }
    }
    let is_word = |text: &str| !text.is_empty() && !text.contains(|it: char| it.is_control() || " ,:".contains(it));
    let address = address.unwrap_or("127.0.0.1:6667".to_owned());
    if !address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()) {
        return Err(format!("{address:?} is no HOST:PORT: write 127.0.0.1:6667").into());
    }
    if !is_word(&nick) || nick.len() > 30 {
        return Err(format!("{nick:?} is no nick: it has no spaces, and 30 letters at most").into());
    }
    if let Some(wrong) =
        channels.iter().find(|it| !it.starts_with(['#', '&', '+', '!']) || !is_word(it) || it.len() > 50)
    {
        return Err(format!("{wrong:?} is no channel: it begins with #, and has 50 letters at most").into());
    }
    let ping_after = Duration::try_from_secs_f64(ping_after).ok().filter(|time| !time.is_zero());
    let ping_after = ping_after.ok_or("--ping-after takes a number of seconds above 0")?;
    Ok(Options { address, nick, channels, ping_after })
}
