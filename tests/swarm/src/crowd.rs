//! The clients: they come and go, talk, fall silent, and check every byte that they get back.

use std::net::SocketAddr;

use selectio::sim::{Client, ClientState, Network};

use super::watch::Watch;

/// How many clients a run has at most.
const CLIENT_COUNT_MAX: usize = 24;

/// What a client says that never stops.
pub const FLOOD_LINE: &[u8] = b"f";

/// How many of those it says at a time: more than a turn has room for.
const FLOOD_LINE_COUNT: usize = 20_000;

/// How many clients come in a wave: more than a turn accepts.
const WAVE_LENGTH: usize = 100;

pub struct Crowd {
    network: Network,
    address: SocketAddr,
    random: fastrand::Rng,
    talkers: Vec<Talker>,
    /// Those that come together, say nothing, and go together.
    wave: Vec<Client>,
    has_waves: bool,
    has_floods: bool,
}

/// One client, with all that it has said and heard.
struct Talker {
    client: Client,
    /// The lines that it has sent.
    said: Vec<String>,
    line_end: &'static str,
    broadcast_count: usize,
    /// The end of what it is to send, held back for now.
    held_back: String,
    /// It says no more.
    is_done: bool,
    /// What has arrived behind the last line end.
    rest: Vec<u8>,
    /// How many of its own lines have come back.
    heard_own_count: usize,
    /// Of each other client: the number of the next broadcast; `None` before the first.
    next_broadcast: Vec<Option<usize>>,
}

impl Crowd {
    pub fn new(network: Network, address: SocketAddr, mut random: fastrand::Rng) -> Crowd {
        let (has_waves, has_floods) = (random.u8(..32) == 0, random.u8(..32) == 0);
        Crowd { network, address, random, talkers: Vec::new(), wave: Vec::new(), has_waves, has_floods }
    }

    /// Somebody does something.
    pub fn act(&mut self) {
        if self.talkers.len() < CLIENT_COUNT_MAX && (self.talkers.is_empty() || self.random.u8(..4) == 0) {
            let client = self.network.connect_from_outside(self.address);
            let line_end = if self.random.bool() { "\n" } else { "\r\n" };
            self.talkers.push(Talker::new(client, line_end));
        }
        if self.has_waves && self.wave.is_empty() && self.random.u8(..16) == 0 {
            self.wave = (0..WAVE_LENGTH).map(|_| self.network.connect_from_outside(self.address)).collect();
        }
        for _ in 0..self.random.usize(..4) {
            let index = self.random.usize(..self.talkers.len());
            let (random, talker) = (&mut self.random, &mut self.talkers[index]);
            if talker.is_done {
                continue;
            }
            match random.u8(..20) {
                0 | 1 => talker.client.pause(),
                2..=5 => talker.client.resume(),
                6 => talker.finish(Client::shutdown),
                7 => talker.finish(Client::close),
                8 => talker.finish(Client::reset),
                9 if self.has_floods => talker.flood(),
                _ => talker.talk(index, random),
            }
        }
    }

    /// Everybody listens, and has nothing more to say.
    pub fn say_goodbye(&mut self) {
        self.wave.iter().for_each(Client::close);
        for talker in &mut self.talkers {
            if talker.client.state() != ClientState::Closed {
                talker.client.resume();
                talker.finish(Client::shutdown);
            }
        }
    }

    /// Whether every connection is over.
    pub fn is_over(&self) -> bool {
        self.talkers.iter().all(Talker::is_over)
    }

    pub fn unfinished(&self) -> String {
        let talkers = self.talkers.iter().enumerate().filter(|(_, talker)| !talker.is_over());
        talkers.map(|(index, talker)| format!("client {index} is {:?}; ", talker.client.state())).collect()
    }

    pub fn line_count(&self) -> usize {
        self.talkers.iter().map(|talker| talker.heard_own_count).sum()
    }

    /// Checks what has arrived since the last time.
    pub fn check(&mut self) -> Result<(), String> {
        for index in 0..self.talkers.len() {
            let arrived = self.talkers[index].client.take_received();
            self.talkers[index].rest.extend(arrived);
            while let Some(line) = self.talkers[index].next_line() {
                self.check_line(index, &line).map_err(|what| format!("client {index}: {what}"))?;
            }
        }
        Ok(())
    }

    fn check_line(&mut self, index: usize, line: &str) -> Result<(), String> {
        let (speaker, number, broadcast) = parse(line).ok_or_else(|| format!("bytes that nobody sent: {line:?}"))?;
        let said = self.talkers.get(speaker).and_then(|talker| talker.said.get(number));
        if said.is_none_or(|said| said != line) {
            return Err(format!("bytes that nobody sent: {line:?}"));
        }
        let listener = &mut self.talkers[index];
        if speaker == index {
            if number != listener.heard_own_count {
                return Err(format!("line {number} came back in place of {}", listener.heard_own_count));
            }
            listener.heard_own_count += 1;
            return Ok(());
        }
        listener.next_broadcast.resize(listener.next_broadcast.len().max(speaker + 1), None);
        let next = listener.next_broadcast[speaker].get_or_insert(broadcast);
        if *next != broadcast {
            return Err(format!("broadcast {broadcast} of client {speaker} came in place of {next}"));
        }
        *next += 1;
        Ok(())
    }

    /// Nothing is missing where nothing happened.
    pub fn check_end(&mut self, watch: &Watch) -> Result<(), String> {
        self.check()?;
        for (index, talker) in self.talkers.iter().enumerate() {
            let (state, said, heard) = (talker.client.state(), talker.said.len(), talker.heard_own_count);
            if state == ClientState::Closed || !watch.is_served(talker.client.address()) {
                continue;
            }
            if state != ClientState::Eof || heard != said || !talker.rest.is_empty() {
                return Err(format!("client {index} is {state:?} and heard {heard} of its {said} lines"));
            }
        }
        Ok(())
    }
}

impl Talker {
    fn new(client: Client, line_end: &'static str) -> Talker {
        Talker {
            client,
            said: Vec::new(),
            line_end,
            broadcast_count: 0,
            held_back: String::new(),
            is_done: false,
            rest: Vec::new(),
            heard_own_count: 0,
            next_broadcast: Vec::new(),
        }
    }

    /// Sends some lines; the last piece of them may come later.
    fn talk(&mut self, index: usize, random: &mut fastrand::Rng) {
        let mut text = std::mem::take(&mut self.held_back);
        for _ in 0..random.usize(..12) {
            let length = if random.u8(..20) == 0 { random.usize(..20_000) } else { random.usize(..80) };
            let kind = if random.u8(..4) == 0 { 'b' } else { 'e' };
            let line = format!("{kind} {index} {} {} {}.", self.said.len(), self.broadcast_count, "x".repeat(length));
            self.broadcast_count += usize::from(kind == 'b');
            text.extend([&line, self.line_end]);
            self.said.push(line + "\n");
        }
        // Often between the two halves of the last line end.
        let cut = if random.u8(..4) == 0 { text.len().saturating_sub(1) } else { random.usize(..=text.len()) };
        self.held_back = text.split_off(cut);
        self.client.send(text);
    }

    /// Sends more lines than one turn serves, which get no answer.
    fn flood(&mut self) {
        if self.held_back.is_empty() {
            self.client.send(b"f\n".repeat(FLOOD_LINE_COUNT));
        }
    }

    fn finish(&mut self, how: impl FnOnce(&Client)) {
        self.client.send(std::mem::take(&mut self.held_back));
        how(&self.client);
        self.is_done = true;
    }

    fn is_over(&self) -> bool {
        !matches!(self.client.state(), ClientState::Connecting | ClientState::Open)
    }

    fn next_line(&mut self) -> Option<String> {
        let end = self.rest.iter().position(|byte| *byte == b'\n')?;
        let line: Vec<u8> = self.rest.drain(..=end).collect();
        Some(String::from_utf8_lossy(&line).into_owned())
    }
}

/// Who said a line, its number, and how many broadcasts came before.
fn parse(line: &str) -> Option<(usize, usize, usize)> {
    let mut fields = line.split(' ').skip(1).map(|field| field.parse().ok());
    Some((fields.next()??, fields.next()??, fields.next()??))
}
