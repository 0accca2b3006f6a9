//! A server for Redis clients: values, counters, lists, expiry, and messages to subscribers, all in memory.
//!
//! ```sh
//! cargo run --example redis -- 127.0.0.1:6379                                         # native
//! selectio run --tcplisten 127.0.0.1:6379 redis.wasm                                  # as a guest of wasm32-wasip1
//! selectio run --inherit-network redis.wasm 127.0.0.1:6379                            # as a guest of wasm32-wasip2
//! redis-cli set greeting hello
//! ```

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Range;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use std::{io, mem, process};

use lexopt::{Arg, ValueExt};
use selectio::{AsyncSocket, Delegate, Dispatcher, Id, MainError, Timer, tls};
use smallvec::SmallVec;

const USAGE: &str = "usage: redis [HOST:PORT] [--tls-cert FILE --tls-key FILE]\n
Speaks RESP2 with redis-cli and client libraries, and keeps everything in memory. Listens on HOST:PORT or the path of
a Unix socket, 127.0.0.1:6379 unless given; a preview1 guest listens on the socket that its host passes. Ctrl-C ends it.
  --tls-cert FILE   speak TLS, with the certificates in FILE
  --tls-key FILE    and their private key in FILE, both as PEM";

/// The longest value, and all of a request or of an answer together.
const VALUE_MAX: usize = 64 << 20;
const WORDS_MAX: i64 = 1 << 19;
/// How much all clients may let it keep, where each key, element and subscription counts for some more than its bytes.
const MEMORY_MAX: usize = 1 << 30;
const OVERHEAD: usize = 128;
/// The longest line; what is received at a time; what is answered at a time.
const PIECE: usize = 64 << 10;
const CLIENTS_MAX: usize = 10_000;

type Refusal = Cow<'static, str>;
type Outcome<'a> = Result<Answer<'a>, Refusal>;
type Name = Rc<[u8]>;
type List = VecDeque<Box<[u8]>>;

const WRONG_TYPE: Refusal = Cow::Borrowed("WRONGTYPE Operation against a key holding the wrong kind of value");
const NO_INTEGER: Refusal = Cow::Borrowed("ERR value is not an integer or out of range");
const FULL: Refusal = Cow::Borrowed("OOM command not allowed when used memory > 'maxmemory'.");
const KNOWN: &str = " client config dbsize decr decrby del echo exists expire get incr incrby llen lpush lrange persist pexpire \
    ping pttl publish rpush select set setex subscribe ttl ";
const GROWING: [&[u8]; 9] =
    [b"set", b"setex", b"incr", b"incrby", b"decr", b"decrby", b"lpush", b"rpush", b"subscribe"];
const HELLO: &str = "*6\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$5\r\nproto\r\n:2\r\n";

fn main() -> Result<(), MainError> {
    let (address, files) = command_line().unwrap_or_else(|problem| {
        eprintln!("redis: {problem}; see --help");
        process::exit(2);
    });
    let dispatcher = Dispatcher::builder().registered_max(CLIENTS_MAX).build()?;
    let listener = AsyncSocket::listener(&address)?;
    if let Some((certificates, key)) = files {
        listener.set_tls(tls::server_config(certificates, key)?)?;
    }
    println!("redis: listening on {listener}");
    let shared = Rc::new(RefCell::new(Shared { input: vec![0; PIECE], ..Shared::default() }));
    // One timer is for the first key that expires. One for each key would take more memory, and all that are due at
    // once would be called in one turn.
    let expiring = shared.clone();
    let timer = dispatcher.call_every(Duration::from_secs(86_400), move |dispatcher| {
        expiring.borrow_mut().server.expire(dispatcher);
        Ok(())
    })?;
    shared.borrow_mut().server.timer = Some(timer);
    listener.set_handle_accept(move |listener, dispatcher| {
        while let Some(socket) = listener.accept()? {
            welcome(&socket, &shared, dispatcher)?;
        }
        Ok(())
    });
    dispatcher.register(&listener)?;
    if let Ok(signals) = Delegate::signals() {
        // Clients stay for as long as the server runs, so it doesn't wait for them.
        signals.set_handle_read(|_, dispatcher| {
            dispatcher.stop();
            Ok(())
        });
        dispatcher.register(&signals)?;
    }
    Ok(dispatcher.run()?)
}

fn welcome(socket: &AsyncSocket, shared: &Rc<RefCell<Shared>>, dispatcher: &Dispatcher) -> io::Result<()> {
    if dispatcher.register(socket).is_err() {
        socket.send("-ERR max number of clients reached\r\n")?;
        return socket.close_after_flush();
    }
    // A client that takes so little of its answers or messages is cut off.
    socket.set_send_buffer_max(VALUE_MAX + 4 * PIECE);
    let client = Rc::new(RefCell::new(Client::default()));
    let serve = {
        let (client, shared) = (client.clone(), shared.clone());
        move |socket: &AsyncSocket, dispatcher: &Dispatcher| {
            client.borrow_mut().serve(socket, dispatcher, &mut shared.borrow_mut())
        }
    };
    socket.set_handle_read(serve.clone());
    socket.set_handle_drain(serve);
    let shared = shared.clone();
    socket.set_handle_gone(move |socket, _| {
        let (server, mut client) = (&mut shared.borrow_mut().server, client.borrow_mut());
        server.memory -= client.rest.len();
        mem::take(&mut client.channels).iter().for_each(|name| server.leave(socket, name));
        Ok(())
    });
    Ok(())
}

/// What all clients share.
#[derive(Default)]
struct Shared {
    server: Server,
    input: Vec<u8>,
    answers: Answers,
}

#[derive(Default)]
struct Client {
    /// What has arrived and was not served: part of a request, or requests that wait until answers are taken.
    rest: Vec<u8>,
    parser: Parser,
    channels: BTreeSet<Name>,
}

/// Whose request is served: what it can change of its client.
struct Session<'a> {
    socket: &'a AsyncSocket,
    channels: &'a mut BTreeSet<Name>,
}

impl Client {
    /// Serves what has arrived, as long as the client takes the answers.
    fn serve(&mut self, socket: &AsyncSocket, dispatcher: &Dispatcher, shared: &mut Shared) -> io::Result<()> {
        let Shared { server, input, answers } = shared;
        server.now = dispatcher.now();
        loop {
            let is_last = self.serve_rest(socket, server, answers)?;
            server.set_timer(dispatcher);
            if is_last {
                return socket.close_after_flush();
            } else if socket.is_send_buffer_full() {
                socket.pause_reading();
                return Ok(());
            }
            socket.resume_reading();
            let Some(length @ 1..) = socket.recv(input)? else { return Ok(()) };
            self.rest.extend_from_slice(&input[..length]);
            server.memory += length;
        }
    }

    /// Answers whether the connection is to end.
    fn serve_rest(&mut self, socket: &AsyncSocket, server: &mut Server, answers: &mut Answers) -> io::Result<bool> {
        let (mut used, mut is_last) = (0, false);
        while !is_last && !socket.is_send_buffer_full() {
            let request = &mut self.rest[used..];
            let answer = match self.parser.advance(request) {
                Ok(false) => break,
                Ok(true) if self.parser.words.is_empty() => Ok(Answer::Given),
                Ok(true) => {
                    request[self.parser.words[0].clone()].make_ascii_lowercase();
                    let words: SmallVec<[_; 8]> = self.parser.words.iter().map(|word| &request[word.clone()]).collect();
                    let mut session = Session { socket, channels: &mut self.channels };
                    server.execute(&mut session, &words, answers)
                }
                Err(problem) => Ok(Answer::Last(format!("-ERR Protocol error: {problem}\r\n").into())),
            };
            is_last = answers.put(answer);
            used += self.parser.next_request();
            if answers.0.len() > PIECE {
                answers.send(socket)?;
            }
        }
        self.rest.drain(..used);
        server.memory -= used;
        if self.rest.is_empty() {
            // An idle client keeps little.
            self.rest.shrink_to(4096);
        } else if self.rest.len() > PIECE && server.memory > MEMORY_MAX {
            is_last = answers.put(Ok(Answer::Last(format!("-{FULL}\r\n").into())));
        }
        answers.send(socket)?;
        Ok(is_last)
    }
}

/// Finds the words of a request. It keeps its place, so that no byte is looked at twice, however they arrive.
#[derive(Default)]
struct Parser {
    at: usize,
    missing: i64,
    words: Vec<Range<usize>>,
}

impl Parser {
    /// Whether the request is whole with which `bytes` begin.
    fn advance(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        match bytes.first() {
            None => return Ok(false),
            Some(b'*') => {}
            Some(_) => return self.advance_line(bytes),
        }
        if self.at == 0 {
            let Some((count, length)) = header(bytes, WORDS_MAX, "invalid multibulk length")? else { return Ok(false) };
            (self.missing, self.at) = (count, length);
        }
        while self.missing > 0 {
            let word = &bytes[self.at..];
            if let Some(other) = word.first().filter(|first| **first != b'$') {
                return Err(format!("expected '$', got '{}'", other.escape_ascii()).into());
            }
            let room = VALUE_MAX.saturating_sub(self.at.saturating_sub(PIECE));
            let Some((length, start)) = header(word, room as i64, "invalid bulk length")? else { return Ok(false) };
            let end = start + usize::try_from(length).map_err(|_| "invalid bulk length")?;
            if word.len() < end + 2 {
                return Ok(false);
            }
            self.words.push(self.at + start..self.at + end);
            self.at += end + 2;
            self.missing -= 1;
        }
        Ok(true)
    }

    /// A request as a person types it: words in a line.
    fn advance_line(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        let Some(length) = bytes[self.at..].iter().position(|byte| *byte == b'\n') else {
            self.at = bytes.len();
            return if self.at > PIECE { Err("too big inline request".into()) } else { Ok(false) };
        };
        let (line, mut start) = (&bytes[..self.at + length], 0);
        self.at = line.len() + 1;
        for word in line.split(u8::is_ascii_whitespace) {
            self.words.extend((!word.is_empty()).then(|| start..start + word.len()));
            start += word.len() + 1;
        }
        Ok(true)
    }

    /// Answers how long the request was, and forgets it.
    fn next_request(&mut self) -> usize {
        self.words.clear();
        mem::take(&mut self.at)
    }
}

/// The number in a line such as `$5\r\n`, and how long that line is; `None` when it is not there yet.
fn header(bytes: &[u8], max: i64, problem: &'static str) -> Result<Option<(i64, usize)>, Refusal> {
    // No number within the limits has more digits.
    let Some(end) = bytes.iter().take(16).position(|byte| *byte == b'\r') else {
        return if bytes.len() < 16 { Ok(None) } else { Err(problem.into()) };
    };
    let number = integer(&bytes[1..end]).ok().filter(|number| *number <= max).ok_or(problem)?;
    Ok((end + 1 < bytes.len()).then_some((number, end + 2)))
}

/// A number without spaces, `+` or leading zeros.
fn integer(text: &[u8]) -> Result<i64, Refusal> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let sign = if digits.len() < text.len() { -1 } else { 1 };
    let number = digits.iter().try_fold(0i64, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        number.checked_mul(10)?.checked_add(sign * i64::from(digit))
    });
    let is_plain = digits.first().is_some_and(|first| *first != b'0') || text == b"0";
    number.filter(|_| is_plain).ok_or(NO_INTEGER)
}

enum Answer<'a> {
    /// As it goes over the wire.
    Raw(&'static str),
    Number(i64),
    Bulk(&'a [u8]),
    /// It is among the answers already.
    Given,
    /// As it goes over the wire; then the connection ends.
    Last(Cow<'static, str>),
}

const OK: Answer<'static> = Answer::Raw("+OK\r\n");
const NOTHING: Answer<'static> = Answer::Raw("$-1\r\n");

/// The answers that leave next.
#[derive(Default)]
struct Answers(Vec<u8>);

impl Answers {
    /// Answers whether the connection is to end then.
    fn put(&mut self, answer: Outcome<'_>) -> bool {
        match answer {
            Ok(Answer::Raw(bytes)) => self.0.extend_from_slice(bytes.as_bytes()),
            Ok(Answer::Number(number)) => self.line(b':', number),
            Ok(Answer::Bulk(bytes)) => self.bulk(bytes),
            Ok(Answer::Given) => {}
            Ok(Answer::Last(ref bytes)) => self.0.extend_from_slice(bytes.as_bytes()),
            Err(ref refusal) => self.0.extend_from_slice(format!("-{refusal}\r\n").as_bytes()),
        }
        matches!(answer, Ok(Answer::Last(_)))
    }

    fn line(&mut self, kind: u8, number: i64) {
        self.0.push(kind);
        self.0.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self.0.extend_from_slice(b"\r\n");
    }

    fn bulk(&mut self, bytes: &[u8]) {
        self.line(b'$', bytes.len() as i64);
        self.0.extend_from_slice(bytes);
        self.0.extend_from_slice(b"\r\n");
    }

    fn send(&mut self, socket: &AsyncSocket) -> io::Result<()> {
        let result = if self.0.is_empty() { Ok(0) } else { socket.send(&self.0) };
        self.0.clear();
        self.0.shrink_to(4 * PIECE);
        result.map(drop)
    }
}

/// What is stored under a key.
struct Entry {
    value: Value,
    /// From then on the key is as good as gone.
    deadline: Option<Duration>,
}

enum Value {
    Text(Vec<u8>),
    List(List),
}

impl Entry {
    fn size(&self, key: &[u8]) -> usize {
        let size = match &self.value {
            Value::Text(text) => text.len(),
            Value::List(list) => list.iter().map(|element| element.len() + OVERHEAD).sum(),
        };
        key.len() + size + OVERHEAD
    }

    fn text(&mut self) -> Result<&mut Vec<u8>, Refusal> {
        if let Value::Text(text) = &mut self.value { Ok(text) } else { Err(WRONG_TYPE) }
    }

    fn list(&mut self) -> Result<&mut List, Refusal> {
        if let Value::List(list) = &mut self.value { Ok(list) } else { Err(WRONG_TYPE) }
    }
}

#[derive(Default)]
struct Server {
    entries: HashMap<Name, Entry>,
    deadlines: BTreeSet<(Duration, Name)>,
    /// Is due at the first of the deadlines.
    timer: Option<Timer>,
    timer_deadline: Option<Duration>,
    now: Duration,
    channels: HashMap<Name, BTreeMap<Id, AsyncSocket>>,
    /// What all of these hold, and the requests that were not served.
    memory: usize,
}

impl Server {
    fn execute<'a>(&'a mut self, session: &mut Session, words: &[&'a [u8]], answers: &mut Answers) -> Outcome<'a> {
        let count = |count: usize| Ok(Answer::Number(count as i64));
        let is_subscribed = !session.channels.is_empty();
        if self.memory > MEMORY_MAX && GROWING.contains(&words[0]) {
            return Err(FULL);
        }
        match words {
            [name, ..] if is_subscribed && !matches!(*name, b"subscribe" | b"unsubscribe" | b"ping" | b"quit") => {
                let allowed = "(P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context";
                Err(format!("ERR Can't execute '{}': only {allowed}", name.escape_ascii()).into())
            }
            [b"get", key] => {
                Ok(self.find(key).map(Entry::text).transpose()?.map_or(NOTHING, |text| Answer::Bulk(text)))
            }
            [b"set", key, value, options @ ..] => self.set(key, value, options, answers),
            [b"setex", key, seconds, value] => self.set(key, value, &[b"ex", seconds], answers),
            [b"incr", key] => self.add(key, 1),
            [b"incrby", key, number] => self.add(key, integer(number)?),
            [b"decrby", key, number] => self.add(key, integer(number)?.checked_neg().ok_or(NO_INTEGER)?),
            [b"decr", key] => self.add(key, -1),
            [b"lpush", key, values @ ..] if !values.is_empty() => self.push(key, values, List::push_front),
            [b"rpush", key, values @ ..] if !values.is_empty() => self.push(key, values, List::push_back),
            [b"ping"] if !is_subscribed => Ok(Answer::Raw("+PONG\r\n")),
            [b"ping"] => Ok(Answer::Raw("*2\r\n$4\r\npong\r\n$0\r\n\r\n")),
            [b"ping", text] if is_subscribed => {
                answers.put(Ok(Answer::Raw("*2\r\n$4\r\npong\r\n")));
                Ok(Answer::Bulk(text))
            }
            [b"ping" | b"echo", text] => Ok(Answer::Bulk(text)),
            [b"del", keys @ ..] if !keys.is_empty() => count(keys.iter().filter(|key| self.remove(key)).count()),
            [b"exists", keys @ ..] if !keys.is_empty() => {
                count(keys.iter().filter(|key| self.find(key).is_some()).count())
            }
            [b"expire", key, seconds] => self.expire_after(key, integer(seconds)?.checked_mul(1000)),
            [b"pexpire", key, milliseconds] => self.expire_after(key, Some(integer(milliseconds)?)),
            [b"persist", key] => {
                let has_deadline = self.find(key).is_some_and(|entry| entry.deadline.is_some());
                count(usize::from(has_deadline && self.set_deadline(key, None)))
            }
            [b"ttl", key] => Ok(self.left(key, |left| (left.as_millis() + 500) / 1000)),
            [b"pttl", key] => Ok(self.left(key, |left| left.as_millis())),
            [b"llen", key] => count(self.find(key).map(Entry::list).transpose()?.map_or(0, |list| list.len())),
            [b"lrange", key, first, last] => self.range(key, integer(first)?, integer(last)?, answers),
            [b"subscribe" | b"unsubscribe", _, ..] => self.subscribe(session, words, answers),
            [b"unsubscribe"] if !is_subscribed => Ok(Answer::Raw("*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n")),
            [b"unsubscribe"] => {
                let all = session.channels.clone();
                let words: Vec<&[u8]> = words.iter().copied().chain(all.iter().map(|name| &**name)).collect();
                self.subscribe(session, &words, answers)
            }
            [b"publish", channel, text] => count(self.publish(channel, text)),
            [b"quit", ..] => Ok(Answer::Last("+OK\r\n".into())),
            [b"flushall" | b"flushdb", ..] => {
                self.memory -= self.entries.iter().map(|(key, entry)| entry.size(key)).sum::<usize>();
                (self.entries, self.deadlines) = Default::default();
                Ok(OK)
            }
            [b"dbsize"] => count(self.entries.len()),
            [b"info", ..] => {
                let text = "# Server\r\nredis_version:7.0.0\r\nredis_mode:standalone\r\nrole:master\r\nloading:0\r\n";
                let (memory, keys) = (self.memory, self.entries.len());
                answers.bulk(format!("{text}used_memory:{memory}\r\ndb0:keys={keys}\r\n").as_bytes());
                Ok(Answer::Given)
            }
            [b"select", number] if integer(number)? != 0 => Err("ERR DB index is out of range".into()),
            [b"select", _] | [b"client", _, ..] => Ok(OK),
            [b"config", _, b"save"] => Ok(Answer::Raw("*2\r\n$4\r\nsave\r\n$0\r\n\r\n")),
            [b"config", _, b"appendonly"] => Ok(Answer::Raw("*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n")),
            // Nothing else can be configured, and clients do without the lists of commands.
            [b"config", _, _] | [b"command", ..] => Ok(Answer::Raw("*0\r\n")),
            [b"hello"] | [b"hello", b"2", ..] => Ok(Answer::Raw(HELLO)),
            // After this clients go on with the protocol's version 2.
            [b"hello", ..] => Err("NOPROTO unsupported protocol version".into()),
            // That is a browser, by which a page of anybody's could give commands.
            [b"post" | b"host:", ..] => Ok(Answer::Last("".into())),
            _ => Err(unknown(words)),
        }
    }

    fn find(&mut self, key: &[u8]) -> Option<&mut Entry> {
        self.entries.get_mut(key).filter(|entry| entry.deadline.is_none_or(|deadline| deadline > self.now))
    }

    fn insert(&mut self, key: &[u8], value: Value) -> &mut Entry {
        self.remove(key);
        let entry = Entry { value, deadline: None };
        self.memory += entry.size(key);
        self.entries.entry(key.into()).or_insert(entry)
    }

    /// Answers whether it was there.
    fn remove(&mut self, key: &[u8]) -> bool {
        let Some((key, entry)) = self.entries.remove_entry(key) else { return false };
        self.memory -= entry.size(&key);
        let Some(deadline) = entry.deadline else { return true };
        self.deadlines.remove(&(deadline, key));
        deadline > self.now
    }

    fn set(&mut self, key: &[u8], value: &[u8], mut options: &[&[u8]], answers: &mut Answers) -> Outcome<'static> {
        let (mut must_exist, mut wants_old, mut time) = (None, false, None);
        let is = |word: &[u8], name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        while let [word, rest @ ..] = options {
            options = rest;
            if must_exist.is_none() && (is(word, "nx") || is(word, "xx")) {
                must_exist = Some(is(word, "xx"));
            } else if is(word, "get") {
                wants_old = true;
            } else if let ([number, rest @ ..], true) = (rest, time.is_none() && (is(word, "ex") || is(word, "px"))) {
                options = rest;
                let number = integer(number)?.checked_mul(if is(word, "ex") { 1000 } else { 1 });
                time = Some(number.filter(|time| *time > 0).ok_or("ERR invalid expire time in 'set' command")?);
            } else {
                return Err("ERR syntax error".into());
            }
        }
        let old = self.find(key);
        let is_set = must_exist.is_none_or(|must_exist| must_exist == old.is_some());
        if wants_old {
            let old = old.map(Entry::text).transpose()?;
            answers.put(Ok(old.map_or(NOTHING, |text| Answer::Bulk(text))));
        }
        if is_set {
            match self.entries.get_mut(key) {
                // Most often it is written where the old value was.
                Some(Entry { value: Value::Text(text), deadline: None }) => {
                    self.memory = self.memory + value.len() - text.len();
                    text.clear();
                    text.shrink_to(2 * value.len() + 64);
                    text.extend_from_slice(value);
                }
                _ => drop(self.insert(key, Value::Text(value.to_vec()))),
            }
            if time.is_some() {
                self.set_deadline(key, time);
            }
        }
        match (wants_old, is_set) {
            (true, _) => Ok(Answer::Given),
            (false, true) => Ok(OK),
            (false, false) => Ok(NOTHING),
        }
    }

    fn add(&mut self, key: &[u8], number: i64) -> Outcome<'static> {
        let text = match self.find(key) {
            Some(entry) => entry.text()?,
            None => self.insert(key, Value::Text(b"0".to_vec())).text()?,
        };
        let sum = integer(text)?.checked_add(number).ok_or("ERR increment or decrement would overflow")?;
        let length = text.len();
        text.clear();
        text.extend_from_slice(itoa::Buffer::new().format(sum).as_bytes());
        let new_length = text.len();
        self.memory = self.memory + new_length - length;
        Ok(Answer::Number(sum))
    }

    fn push(&mut self, key: &[u8], values: &[&[u8]], push: fn(&mut List, Box<[u8]>)) -> Outcome<'static> {
        let list = match self.find(key) {
            Some(entry) => entry.list()?,
            None => self.insert(key, Value::List(List::new())).list()?,
        };
        values.iter().for_each(|value| push(list, (*value).into()));
        let length = list.len();
        self.memory += values.iter().map(|value| value.len() + OVERHEAD).sum::<usize>();
        Ok(Answer::Number(length as i64))
    }

    fn range(&mut self, key: &[u8], first: i64, last: i64, answers: &mut Answers) -> Outcome<'static> {
        let Some(entry) = self.find(key) else { return Ok(Answer::Raw("*0\r\n")) };
        let list = entry.list()?;
        let length = list.len() as i64;
        let from_start = |index: i64| if index < 0 { index + length } else { index };
        let (start, end) = (from_start(first).clamp(0, length), from_start(last).clamp(-1, length - 1) + 1);
        let elements = list.range(start as usize..end.max(start) as usize);
        if elements.clone().map(|element| element.len() + 16).sum::<usize>() > VALUE_MAX {
            return Err("ERR too much for one answer".into());
        }
        answers.line(b'*', elements.len() as i64);
        elements.for_each(|element| answers.bulk(element));
        Ok(Answer::Given)
    }

    fn expire_after(&mut self, key: &[u8], time: Option<i64>) -> Outcome<'static> {
        let time = time.ok_or("ERR invalid expire time in 'expire' command")?;
        let is_there =
            if time <= 0 { self.remove(key) } else { self.find(key).is_some() && self.set_deadline(key, Some(time)) };
        Ok(Answer::Number(i64::from(is_there)))
    }

    /// Lets the key expire in so many milliseconds, or not at all.
    fn set_deadline(&mut self, key: &[u8], time: Option<i64>) -> bool {
        let Some((key, mut entry)) = self.entries.remove_entry(key) else { return false };
        let deadline = time.map(|time| self.now + Duration::from_millis(time as u64));
        if let Some(old) = mem::replace(&mut entry.deadline, deadline) {
            self.deadlines.remove(&(old, key.clone()));
        }
        self.deadlines.extend(deadline.map(|deadline| (deadline, key.clone())));
        self.entries.insert(key, entry).is_none()
    }

    fn left(&mut self, key: &[u8], count: fn(Duration) -> u128) -> Answer<'static> {
        let now = self.now;
        let left = self.find(key).map(|entry| entry.deadline.map(|deadline| count(deadline - now)));
        Answer::Number(left.map_or(-2, |left| left.map_or(-1, |left| left as i64)))
    }

    /// Removes what is due, so much in one turn that nobody waits for long.
    fn expire(&mut self, dispatcher: &Dispatcher) {
        self.now = dispatcher.now();
        for _ in 0..1000 {
            let Some((_, key)) = self.deadlines.first().filter(|(deadline, _)| *deadline <= self.now) else { break };
            self.remove(&key.clone());
        }
        self.timer_deadline = None;
        self.set_timer(dispatcher);
    }

    fn set_timer(&mut self, dispatcher: &Dispatcher) {
        let deadline = self.deadlines.first().map(|(deadline, _)| *deadline);
        if let (true, Some(deadline), Some(timer)) = (deadline != self.timer_deadline, deadline, self.timer) {
            dispatcher.restart(timer, deadline.saturating_sub(self.now));
        }
        self.timer_deadline = deadline;
    }

    /// Subscribes to the channels that the words name, or unsubscribes from them.
    fn subscribe(&mut self, session: &mut Session, words: &[&[u8]], answers: &mut Answers) -> Outcome<'static> {
        let Session { socket, channels } = session;
        for name in &words[1..] {
            if words[0] == b"subscribe" && channels.insert((*name).into()) {
                self.memory += name.len() + OVERHEAD;
                self.channels.entry((*name).into()).or_default().insert(socket.id(), socket.clone());
            } else if words[0] == b"unsubscribe" && channels.remove(*name) {
                self.leave(socket, name);
            }
            answers.line(b'*', 3);
            answers.bulk(words[0]);
            answers.bulk(name);
            answers.line(b':', channels.len() as i64);
        }
        Ok(Answer::Given)
    }

    fn leave(&mut self, socket: &AsyncSocket, name: &[u8]) {
        let Some(subscribers) = self.channels.get_mut(name) else { return };
        self.memory -= name.len() + OVERHEAD;
        subscribers.remove(&socket.id());
        if subscribers.is_empty() {
            self.channels.remove(name);
        }
    }

    /// Answers how many got it. Who takes nothing for so long that there is no room for more is cut off.
    fn publish(&mut self, name: &[u8], text: &[u8]) -> usize {
        let Some(subscribers) = self.channels.get(name) else { return 0 };
        let mut message = Answers::default();
        message.put(Ok(Answer::Raw("*3\r\n$7\r\nmessage\r\n")));
        message.bulk(name);
        message.bulk(text);
        let is_sent = |socket: &&AsyncSocket| socket.send(&message.0).map_err(|_| socket.close()).is_ok();
        subscribers.values().filter(is_sent).count()
    }
}

fn unknown(words: &[&[u8]]) -> Refusal {
    let text = |word: &&[u8]| word[..word.len().min(128)].escape_ascii().to_string();
    let name = text(&words[0]);
    if KNOWN.contains(&format!(" {name} ")) {
        return format!("ERR wrong number of arguments for '{name}' command").into();
    }
    let others: String = words[1..].iter().take(8).map(|word| format!("'{}' ", text(word))).collect();
    format!("ERR unknown command '{name}', with args beginning with: {others}").into()
}

fn command_line() -> Result<(String, Option<(PathBuf, PathBuf)>), lexopt::Error> {
    let (mut address, mut certificates, mut key) = (None, None, None);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => {
                println!("{USAGE}");
                process::exit(0);
            }
            Arg::Long("tls-cert") => certificates = Some(PathBuf::from(arguments.value()?)),
            Arg::Long("tls-key") => key = Some(PathBuf::from(arguments.value()?)),
            Arg::Value(value) if address.is_none() => address = Some(value.string()?),
            _ => return Err(argument.unexpected()),
        }
    }
    let address = address.unwrap_or("127.0.0.1:6379".to_owned());
    match (certificates, key) {
        _ if !address.contains([':', '/']) => Err(format!("expected HOST:PORT, got {address}").into()),
        (Some(certificates), Some(key)) => Ok((address, Some((certificates, key)))),
        (None, None) => Ok((address, None)),
        _ => Err("--tls-cert and --tls-key belong together".into()),
    }
}
