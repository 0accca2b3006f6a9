//! The clients: they come and go, talk, fall silent, and check every byte that they get back.

use std::net::SocketAddr;

use selectio::sim::{Client, ClientState, Network};

use super::watch::Watch;

/// How many clients a run has at most.
const CLIENT_COUNT_MAX: usize = 24;

pub struct Crowd {
    network: Network,
    address: SocketAddr,
    random: fastrand::Rng,
    talkers: Vec<Talker>,
}

/// One client, with all that it has said and heard.
struct Talker {
    client: Client,
    /// The lines that it has sent.
    said: Vec<String>,
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
    pub fn new(network: Network, address: SocketAddr, random: fastrand::Rng) -> Crowd {
        Crowd { network, address, random, talkers: Vec::new() }
    }

    /// Somebody does something.
    pub fn act(&mut self) {
        if self.talkers.len() < CLIENT_COUNT_MAX && (self.talkers.is_empty() || self.random.u8(..4) == 0) {
            let client = self.network.connect_from_outside(self.address);
            self.talkers.push(Talker::new(client));
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
                _ => talker.talk(index, random),
            }
        }
    }

    /// Everybody listens, and has nothing more to say.
    pub fn say_goodbye(&mut self) {
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
    fn new(client: Client) -> Talker {
        Talker {
            client,
            said: Vec::new(),
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
            let line = format!("{kind} {index} {} {} {}.\n", self.said.len(), self.broadcast_count, "x".repeat(length));
            self.broadcast_count += usize::from(kind == 'b');
            text.push_str(&line);
            self.said.push(line);
        }
        self.held_back = text.split_off(random.usize(..=text.len()));
        self.client.send(text);
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
