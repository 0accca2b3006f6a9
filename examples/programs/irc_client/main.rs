//! Talks in a channel of an IRC server: prints what is said there, says what is typed, and comes back when the connection
//! is lost. `Irc` is a protocol with handlers of its own that is registered like a socket, as the module `irc` was in the
//! original.
//!
//! ```sh
//! cargo run --example irc_client -- 127.0.0.1:6667 --nick alice --channel '#room'                              # native
//! cargo run --target wasm32-wasip2 --example irc_client -- 127.0.0.1:6667 --nick alice --channel '#room'       # preview2
//! selectio run --tcpconnect 127.0.0.1:6667 irc_client.wasm 127.0.0.1:6667 --nick alice --channel '#room'       # preview1
//! ```

mod irc;
mod message;

use std::io::{self, Write};
use std::time::Duration;

use lexopt::{Arg, ValueExt};
use selectio::{Delegate, Dispatcher, MainError};

use irc::{Event, Irc, Options};
use message::{Message, harmless};

const USAGE: &str = "usage: irc_client [HOST:PORT] [OPTION]...\n
Joins channels of the IRC server at HOST:PORT, 127.0.0.1:6667 unless given, prints what is said there, and
says the lines of standard input in the first of them. `/quit` ends it, as the end of the input and Ctrl-C
do; `/msg NICK TEXT` is for one person, `/me TEXT` says what you do; any other line that begins with a slash
is a command to the server: `/topic #room :News`.

  --nick NICK           what to be called; selectio unless given
  --channel '#ROOM'     a channel to join; may be given several times
  --ping-after SECONDS  ask a server that is silent for so long whether it is there; 60 unless given
  -h, --help            this text";

/// How many bytes without an end are typed at most.
const TYPED_LENGTH_MAX: usize = 4096;

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
