//! Three clients play a fixed script against `chat`.
//!
//! After every step each client reads the lines that it is due, so the transcript doesn't depend on timing: a program
//! that does what `chat` promises leaves the same one every time, in every world.
//!
//! A line of the transcript is the client's name, a sign and a text: `>` the client sent it, `<` it received it, `=` it
//! did what the text says. In a text that was sent, `|` is where one segment ended and `+` where one line did.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use crate::checksum::Checksum;
use crate::client::{Client, LIMIT, Received};
use crate::transcript::Transcript;

/// How long the second segment of a split line waits, so that the two don't travel together.
const SEGMENT_PAUSE: Duration = Duration::from_millis(50);

/// How many lines the burst has.
const BURST_LINES: usize = 2_000;

/// How long a line of the burst is, with its end.
const BURST_LINE_BYTES: usize = 100;

/// Plays the script against the program that listens on `address`. It goes on until the end or until a client can't
/// do its part; where the program did something unexpected, the transcript says so.
pub fn play(address: SocketAddr) -> Transcript {
    let mut stage = Stage { address, clients: BTreeMap::new(), transcript: Transcript::default() };
    if let Err(error) = stage.play() {
        stage.deviates(format!("the conversation broke off: {error}"));
    }
    stage.transcript
}

/// The clients that are on, and what has been written down.
struct Stage {
    address: SocketAddr,
    clients: BTreeMap<&'static str, Client>,
    transcript: Transcript,
}

impl Stage {
    fn play(&mut self) -> io::Result<()> {
        self.join("ann", &["ann"])?;
        self.join("bob", &["ann", "bob"])?;
        self.join("cy", &["ann", "bob", "cy"])?;

        self.say("ann", "hello, all", &["bob", "cy"])?;
        self.say("bob", "grüße, ann", &["ann", "cy"])?;
        self.say_in_two_segments("cy", "a line that arrives ", "in two pieces", &["ann", "bob"])?;
        self.say_three_in_one_segment("bob", ["one", "two", "three"], &["ann", "cy"])?;
        self.ask_who_is_here("ann", "ann, bob, cy")?;

        self.reset("bob", &["ann", "cy"])?;
        self.ask_who_is_here("cy", "ann, cy")?;
        self.join("bob", &["ann", "cy", "bob"])?;

        self.half_close("cy", &["ann", "bob"])?;
        self.ask_who_is_here("ann", "ann, bob")?;
        self.join("cy", &["ann", "bob", "cy"])?;

        self.burst("ann", &["bob", "cy"])?;

        self.quit("ann", &["bob", "cy"])?;
        self.quit("bob", &["cy"])?;
        self.quit("cy", &[])
    }

    /// A client connects and says its name; everybody in `present` is told, the client among them.
    fn join(&mut self, name: &'static str, present: &[&'static str]) -> io::Result<()> {
        self.record(name, '=', "connects");
        self.clients.insert(name, Client::connect(self.address)?);
        self.expect(name, "welcome, what is your name?")?;
        self.send_line(name, name)?;
        self.expect_each(present, &format!("* {name} joined, {} here", present.len()))
    }

    fn say(&mut self, name: &'static str, text: &str, others: &[&'static str]) -> io::Result<()> {
        self.send_line(name, text)?;
        self.expect_each(others, &format!("{name}: {text}"))
    }

    fn say_in_two_segments(
        &mut self,
        name: &'static str,
        first: &str,
        second: &str,
        others: &[&'static str],
    ) -> io::Result<()> {
        self.record(name, '>', &format!("{first}|{second}"));
        self.client(name)?.send(first.as_bytes())?;
        thread::sleep(SEGMENT_PAUSE);
        self.client(name)?.send_line(second)?;
        self.expect_each(others, &format!("{name}: {first}{second}"))
    }

    fn say_three_in_one_segment(
        &mut self,
        name: &'static str,
        texts: [&str; 3],
        others: &[&'static str],
    ) -> io::Result<()> {
        self.record(name, '>', &texts.join("+"));
        self.client(name)?.send_line(&texts.join("\n"))?;
        for other in others {
            for text in texts {
                self.expect(other, &format!("{name}: {text}"))?;
            }
        }
        Ok(())
    }

    /// An empty line asks who is here; the answer goes to the one who asked.
    fn ask_who_is_here(&mut self, name: &'static str, answer: &str) -> io::Result<()> {
        self.send_line(name, "")?;
        self.expect(name, &format!("* here: {answer}"))
    }

    fn reset(&mut self, name: &'static str, others: &[&'static str]) -> io::Result<()> {
        self.record(name, '=', "resets its connection");
        if let Some(client) = self.clients.remove(name) {
            client.reset()?;
        }
        self.expect_each(others, &format!("* {name} was cut off"))
    }

    fn half_close(&mut self, name: &'static str, others: &[&'static str]) -> io::Result<()> {
        self.record(name, '=', "closes its sending side");
        self.client(name)?.half_close()?;
        self.leave(name, others)
    }

    fn quit(&mut self, name: &'static str, others: &[&'static str]) -> io::Result<()> {
        self.send_line(name, "/quit")?;
        self.leave(name, others)
    }

    /// The one who leaves gets a word and the end, the others are told.
    fn leave(&mut self, name: &'static str, others: &[&'static str]) -> io::Result<()> {
        self.expect(name, &format!("* bye, {name}"))?;
        let received = self.client(name)?.receive()?;
        self.note(name, &received, &Received::End { unterminated: String::new() })?;
        self.clients.remove(name);
        self.expect_each(others, &format!("* {name} left"))
    }

    /// One client sends more than the socket buffers hold; the others receive at the same time.
    fn burst(&mut self, name: &'static str, others: &[&'static str]) -> io::Result<()> {
        self.record(name, '>', &format!("{BURST_LINES} lines of {BURST_LINE_BYTES} bytes"));
        let mut sender = self.client(name)?.sender()?;
        let mut receivers = Vec::new();
        for other in others {
            let client = self.clients.remove(other).ok_or_else(|| absent(other))?;
            receivers.push((*other, client));
        }
        let (sent, bursts) = thread::scope(|scope| {
            let sending = scope.spawn(move || {
                let text: String = (0..BURST_LINES).map(burst_line).collect();
                io::Write::write_all(&mut sender, text.as_bytes())
            });
            let receiving: Vec<_> = receivers
                .into_iter()
                .map(|(other, client)| scope.spawn(move || (other, receive_burst(client, name))))
                .collect();
            let bursts: Vec<_> = receiving.into_iter().filter_map(|it| it.join().ok()).collect();
            (sending.join(), bursts)
        });
        sent.map_err(|_| io::Error::other("the sending thread panicked"))??;
        for (other, burst) in bursts {
            let burst = burst?;
            self.transcript.lines_received += burst.lines;
            self.record(other, '<', &format!("{} lines, checksum {}", burst.lines, burst.checksum));
            self.record(other, '<', &burst.first);
            self.record(other, '<', &burst.last);
            if let Some(deviation) = burst.deviation {
                self.deviates(format!("{other}, in the burst: {deviation}"));
            }
            self.clients.insert(other, burst.client);
        }
        Ok(())
    }

    fn send_line(&mut self, name: &'static str, text: &str) -> io::Result<()> {
        self.record(name, '>', text);
        self.client(name)?.send_line(text)
    }

    fn expect_each(&mut self, names: &[&'static str], line: &str) -> io::Result<()> {
        names.iter().try_for_each(|name| self.expect(name, line))
    }

    fn expect(&mut self, name: &'static str, line: &str) -> io::Result<()> {
        let received = self.client(name)?.receive()?;
        self.note(name, &received, &Received::Line(line.to_owned()))
    }

    /// Writes down what came, and that it was to be something else if it was. A wrong line is no reason to stop; where
    /// none came, the rest would only wait.
    fn note(&mut self, name: &'static str, received: &Received, expected: &Received) -> io::Result<()> {
        let is_line = matches!(received, Received::Line(_));
        self.transcript.lines_received += usize::from(is_line);
        let text = in_words(received);
        self.record(name, '<', &text);
        if received == expected {
            return Ok(());
        }
        self.deviates(format!("{name} received `{text}`, expected `{}`", in_words(expected)));
        if is_line { Ok(()) } else { Err(io::Error::other("no line came")) }
    }

    fn record(&mut self, name: &str, direction: char, text: &str) {
        self.transcript.lines.push(format!("{name:<3} {direction} {text}"));
    }

    fn deviates(&mut self, deviation: String) {
        self.transcript.deviations.push(deviation);
    }

    fn client(&mut self, name: &'static str) -> io::Result<&mut Client> {
        self.clients.get_mut(name).ok_or_else(|| absent(name))
    }
}

fn absent(name: &str) -> io::Error {
    io::Error::other(format!("{name} is not connected"))
}

fn in_words(received: &Received) -> String {
    match received {
        Received::Line(line) => line.clone(),
        Received::End { unterminated } if unterminated.is_empty() => "(end)".to_owned(),
        Received::End { unterminated } => format!("{unterminated} (end, in the middle of a line)"),
        Received::CutOff => "(cut off)".to_owned(),
        Received::Nothing => format!("(nothing within {LIMIT:?})"),
    }
}

/// Line `index` of the burst, with its end: numbered, so that a lost or doubled one shows, and padded.
fn burst_line(index: usize) -> String {
    let text = format!("burst line {index} ");
    format!("{text:.<width$}\n", width = BURST_LINE_BYTES - 1)
}

/// What one client received of a burst.
struct Burst {
    client: Client,
    lines: usize,
    checksum: Checksum,
    first: String,
    last: String,
    deviation: Option<String>,
}

/// Reads as many lines as the burst has, or up to the first thing that is not a line.
fn receive_burst(client: Client, from: &str) -> io::Result<Burst> {
    let (first, last) = (String::new(), String::new());
    let checksum = Checksum::EMPTY;
    let mut burst = Burst { client, lines: 0, checksum, first, last, deviation: None };
    while burst.lines < BURST_LINES {
        let line = match burst.client.receive()? {
            Received::Line(line) => line,
            other => {
                burst.deviation = Some(in_words(&other));
                break;
            }
        };
        let expected = format!("{from}: {}", burst_line(burst.lines).trim_end());
        if line != expected && burst.deviation.is_none() {
            burst.deviation = Some(format!("received `{line}`, expected `{expected}`"));
        }
        burst.checksum.update(line.as_bytes());
        burst.checksum.update(b"\n");
        if burst.lines == 0 {
            burst.first.clone_from(&line);
        }
        burst.last = line;
        burst.lines += 1;
    }
    Ok(burst)
}
