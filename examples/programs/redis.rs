//! A server for Redis clients: values, counters, lists, expiry, and messages to subscribers, all in memory.
//!
//! ```sh
//! cargo run --package selectio-programs --example redis -- 127.0.0.1:7000   # or with --target wasm32-wasip1, -wasip2
//! redis-cli -p 7000 set greeting hello
//! ```

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Range;
use std::process::exit;
use std::rc::Rc;
use std::time::Duration;
use std::{io, mem};

use selectio::{AsyncSocket, Delegate, Dispatcher, Id, MainError, Timer};
use smallvec::SmallVec;

const USAGE: &str = "usage: redis [HOST:PORT] [--tls-cert FILE --tls-key FILE]\n
Speaks RESP2 with redis-cli and client libraries, and keeps everything in memory. Listens on HOST:PORT or the path of
a Unix socket, 127.0.0.1:7000 unless given; a preview1 guest listens on the socket that its host passes. Ctrl-C ends it.
  --tls-cert FILE   speak TLS, with the certificates in FILE
  --tls-key FILE    and their private key in FILE, both as PEM";

/// The longest value, and all values of a request or of an answer together.
const VALUE_MAX: usize = 64 << 20;
const WORDS_MAX: i64 = 1 << 19;
const INLINE_MAX: usize = 64 << 10;
/// How many bytes may be stored; a key, an element of a list and a subscription count for some more than they have.
const MEMORY_MAX: usize = 1 << 30;
const OVERHEAD: usize = 64;
const CLIENTS_MAX: usize = 10_000;
/// With so many bytes of answers, they are sent before the next request is looked at.
const ANSWERS_MAX: usize = 64 << 10;
/// So many keys expire in one turn, that nobody waits for a million of them.
const EXPIRE_MAX: usize = 1_000;
const FAR: Duration = Duration::from_secs(86_400);

type Refusal = Cow<'static, str>;
const WRONG_TYPE: Refusal = Cow::Borrowed("WRONGTYPE Operation against a key holding the wrong kind of value");
const NO_INTEGER: Refusal = Cow::Borrowed("ERR value is not an integer or out of range");
const FULL: Refusal = Cow::Borrowed("OOM command not allowed when used memory > 'maxmemory'.");
const KNOWN: &str = " client command config dbsize decr del echo exists expire flushall get hello incr info llen lpush \
    lrange persist ping pttl publish rpush select set subscribe ttl ";

fn main() -> Result<(), MainError> {
    let address = command_line().unwrap_or_else(|problem| {
        eprintln!("redis: {problem}; see --help");
        exit(2);
    });
    let dispatcher = Dispatcher::builder().registered_max(CLIENTS_MAX).build()?;
    let listener = AsyncSocket::listener(&address)?;
    // TLS: here
    println!("redis: listening on {listener}");
    let shared = Rc::new(RefCell::new(Shared { input: vec![0; 64 << 10], ..Shared::default() }));
    // One timer is for the first key that expires. One for each would take more memory, and all that are due at once
    // would be called in one turn.
    let expiring = shared.clone();
    let timer = dispatcher.call_every(FAR, move |dispatcher| {
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
    socket.set_send_buffer_max(VALUE_MAX + 4 * ANSWERS_MAX);
    let client = Rc::new(RefCell::new(Client::default()));
    let (of_client, of_shared) = (client.clone(), shared.clone());
    let serve = move |socket: &AsyncSocket, dispatcher: &Dispatcher| {
        of_client.borrow_mut().serve(socket, dispatcher, &mut of_shared.borrow_mut())
    };
    socket.set_handle_read(serve.clone());
    socket.set_handle_drain(serve);
    let shared = shared.clone();
    socket.set_handle_gone(move |socket, _| {
        shared.borrow_mut().server.forget(socket.id(), &mut client.borrow_mut());
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
    channels: BTreeSet<Rc<[u8]>>,
}

impl Client {
    /// Serves what has arrived, as long as the client takes the answers.
    fn serve(&mut self, socket: &AsyncSocket, dispatcher: &Dispatcher, shared: &mut Shared) -> io::Result<()> {
        let Shared { server, input, answers } = shared;
        server.now = dispatcher.now();
        loop {
            let is_done = self.serve_rest(socket, server, answers)?;
            server.set_timer(dispatcher);
            if is_done {
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

    /// Answers whether that was the client's last request.
    fn serve_rest(&mut self, socket: &AsyncSocket, server: &mut Server, answers: &mut Answers) -> io::Result<bool> {
        let (mut used, mut is_done) = (0, false);
        while !is_done && !socket.is_send_buffer_full() {
            let request = &mut self.rest[used..];
            let answer = match self.parser.advance(request) {
                Ok(false) => break,
                Ok(true) if self.parser.words.is_empty() => Ok(Answer::Given),
                Ok(true) => {
                    request[self.parser.words[0].clone()].make_ascii_lowercase();
                    let words: SmallVec<[&[u8]; 8]> =
                        self.parser.words.iter().map(|word| &request[word.clone()]).collect();
                    server.execute(socket, &mut self.channels, &words, answers)
                }
                Err(problem) => Ok(Answer::Last(format!("-ERR Protocol error: {problem}\r\n").into())),
            };
            is_done = answers.put(answer);
            used += self.parser.next_request();
            if answers.0.len() > ANSWERS_MAX {
                answers.send(socket)?;
            }
        }
        self.rest.drain(..used);
        server.memory -= used;
        if self.rest.is_empty() {
            self.rest.shrink_to(INLINE_MAX);
        } else if server.memory > MEMORY_MAX {
            is_done = answers.put(Ok(Answer::Last(format!("-{FULL}\r\n").into())));
        }
        answers.send(socket)?;
        Ok(is_done)
    }
}

/// Finds the words of a request. It keeps its place, so that no byte is looked at twice however they arrive.
#[derive(Default)]
struct Parser {
    at: usize,
    missing: i64,
    words: Vec<Range<usize>>,
}

impl Parser {
    /// Whether the request is whole that `bytes` begin with.
    fn advance(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        match bytes.first() {
            None => return Ok(false),
            Some(b'*') => {}
            Some(_) => return self.advance_inline(bytes),
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
            let room = VALUE_MAX.saturating_sub(self.at.saturating_sub(INLINE_MAX));
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

    /// A line, as a person types it.
    fn advance_inline(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        let Some(length) = bytes[self.at..].iter().position(|byte| *byte == b'\n') else {
            self.at = bytes.len();
            return if self.at > INLINE_MAX { Err("too big inline request".into()) } else { Ok(false) };
        };
        let line = &bytes[..self.at + length];
        self.at = line.len() + 1;
        let mut start = 0;
        for word in line.split(u8::is_ascii_whitespace) {
            if !word.is_empty() {
                self.words.push(start..start + word.len());
            }
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
    /// Bytes of the protocol.
    Raw(&'static str),
    Number(i64),
    Bulk(&'a [u8]),
    /// It is among the answers already, or there is none.
    Given,
    /// Bytes of the protocol after which the connection ends.
    Last(Cow<'static, str>),
}

const HELLO: &str = "*6\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$5\r\nproto\r\n:2\r\n";
const OK: Result<Answer<'static>, Refusal> = Ok(Answer::Raw("+OK\r\n"));
const NOTHING: Answer<'static> = Answer::Raw("$-1\r\n");

/// The answers that leave next.
#[derive(Default)]
struct Answers(Vec<u8>);

impl Answers {
    /// Answers whether the connection ends then.
    fn put(&mut self, answer: Result<Answer<'_>, Refusal>) -> bool {
        match answer {
            Ok(Answer::Raw(bytes)) => self.0.extend_from_slice(bytes.as_bytes()),
            Ok(Answer::Number(number)) => self.line(b':', number),
            Ok(Answer::Bulk(bytes)) => self.bulk(bytes),
            Ok(Answer::Given) => {}
            Ok(Answer::Last(bytes)) => {
                self.0.extend_from_slice(bytes.as_bytes());
                return true;
            }
            Err(refusal) => self.0.extend_from_slice(format!("-{refusal}\r\n").as_bytes()),
        }
        false
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
        self.0.shrink_to(4 * ANSWERS_MAX);
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
    List(VecDeque<Box<[u8]>>),
}

#[derive(Default)]
struct Server {
    entries: HashMap<Rc<[u8]>, Entry>,
    deadlines: BTreeSet<(Duration, Rc<[u8]>)>,
    channels: HashMap<Rc<[u8]>, BTreeMap<Id, AsyncSocket>>,
    /// How many bytes are in all of them, and in the requests that were not served.
    memory: usize,
    now: Duration,
    /// Is due at the first of the deadlines.
    timer: Option<Timer>,
    timer_deadline: Option<Duration>,
}

impl Server {
    fn execute<'a>(
        &'a mut self,
        socket: &AsyncSocket,
        channels: &mut BTreeSet<Rc<[u8]>>,
        words: &[&'a [u8]],
        answers: &mut Answers,
    ) -> Result<Answer<'a>, Refusal> {
        let count = |count: usize| Ok(Answer::Number(count as i64));
        let is_subscribed = !channels.is_empty();
        if self.memory > MEMORY_MAX
            && matches!(words[0], b"set" | b"incr" | b"decr" | b"lpush" | b"rpush" | b"subscribe")
        {
            return Err(FULL);
        }
        match words {
            [name, ..] if is_subscribed && !matches!(*name, b"subscribe" | b"unsubscribe" | b"ping" | b"quit") => {
                let allowed = "(P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context";
                Err(format!("ERR Can't execute '{}': only {allowed}", name.escape_ascii()).into())
            }
            [b"get", key] => Ok(self.text(key)?.map_or(NOTHING, |text| Answer::Bulk(text))),
            [b"set", key, value, options @ ..] => self.set(key, value, options, answers),
            [b"incr", key] => self.add(key, 1),
            [b"decr", key] => self.add(key, -1),
            [side @ (b"lpush" | b"rpush"), key, values @ ..] if !values.is_empty() => {
                self.push(key, values, *side == b"lpush")
            }
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
                self.set_deadline(key, None);
                count(usize::from(has_deadline))
            }
            [b"ttl", key] => Ok(Answer::Number(self.left(key, |left| (left.as_millis() as i64 + 500) / 1000))),
            [b"pttl", key] => Ok(Answer::Number(self.left(key, |left| left.as_millis() as i64))),
            [b"llen", key] => count(self.list(key)?.map_or(0, |list| list.len())),
            [b"lrange", key, first, last] => self.range(key, integer(first)?, integer(last)?, answers),
            [b"subscribe", names @ ..] if !names.is_empty() => self.subscribe(socket, channels, names, answers),
            [b"unsubscribe", names @ ..] => self.unsubscribe(socket, channels, names, answers),
            [b"publish", channel, text] => count(self.publish(channel, text)),
            [b"quit", ..] => Ok(Answer::Last("+OK\r\n".into())),
            [b"flushall" | b"flushdb", ..] => {
                self.entries.keys().cloned().collect::<Vec<_>>().iter().for_each(|key| drop(self.remove(key)));
                OK
            }
            [b"dbsize"] => count(self.entries.len()),
            [b"info", ..] => {
                let (memory, keys) = (self.memory, self.entries.len());
                let text = "# Server\r\nredis_version:7.0.0\r\nredis_mode:standalone\r\nloading:0\r\nrole:master\r\n";
                answers.bulk(format!("{text}used_memory:{memory}\r\ndb0:keys={keys}\r\n").as_bytes());
                Ok(Answer::Given)
            }
            [b"select", number] if integer(number)? != 0 => Err("ERR DB index is out of range".into()),
            [b"select", _] | [b"client", _, ..] => OK,
            [b"config", _, b"save"] => Ok(Answer::Raw("*2\r\n$4\r\nsave\r\n$0\r\n\r\n")),
            [b"config", _, b"appendonly"] => Ok(Answer::Raw("*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n")),
            // Nothing else can be configured, and clients do without the lists of commands.
            [b"config", _, _] | [b"command", ..] => Ok(Answer::Raw("*0\r\n")),
            [b"hello"] | [b"hello", b"2", ..] => Ok(Answer::Raw(HELLO)),
            // With this answer clients go on with the protocol's version 2.
            [b"hello", ..] => Err("NOPROTO unsupported protocol version".into()),
            // That is a browser, with which a page of anybody's could give commands.
            [b"post" | b"host:", ..] => Ok(Answer::Last("".into())),
            [name, words @ ..] => Err(unknown(name, words)),
            [] => Ok(Answer::Given),
        }
    }

    fn find(&mut self, key: &[u8]) -> Option<&mut Entry> {
        self.entries.get_mut(key).filter(|entry| entry.deadline.is_none_or(|deadline| deadline > self.now))
    }

    fn text(&mut self, key: &[u8]) -> Result<Option<&mut Vec<u8>>, Refusal> {
        match self.find(key).map(|entry| &mut entry.value) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(WRONG_TYPE),
        }
    }

    fn list(&mut self, key: &[u8]) -> Result<Option<&mut VecDeque<Box<[u8]>>>, Refusal> {
        match self.find(key).map(|entry| &mut entry.value) {
            None => Ok(None),
            Some(Value::List(list)) => Ok(Some(list)),
            Some(_) => Err(WRONG_TYPE),
        }
    }

    fn set(
        &mut self,
        key: &[u8],
        value: &[u8],
        mut options: &[&[u8]],
        answers: &mut Answers,
    ) -> Result<Answer<'static>, Refusal> {
        let (mut must_exist, mut wants_old, mut time) = (None, false, None);
        let is = |word: &[u8], name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        loop {
            (options, time) = match options {
                [] => break,
                [word, rest @ ..] if must_exist.is_none() && (is(word, "nx") || is(word, "xx")) => {
                    must_exist = Some(is(word, "xx"));
                    (rest, time)
                }
                [word, rest @ ..] if is(word, "get") => {
                    wants_old = true;
                    (rest, time)
                }
                [word, number, rest @ ..] if time.is_none() && (is(word, "ex") || is(word, "px")) => {
                    let number = integer(number)?.checked_mul(if is(word, "ex") { 1000 } else { 1 });
                    let is_valid = |number: &i64| *number > 0;
                    (rest, Some(number.filter(is_valid).ok_or("ERR invalid expire time in 'set' command")?))
                }
                _ => return Err("ERR syntax error".into()),
            };
        }
        let exists = self.find(key).is_some();
        if wants_old {
            answers.put(Ok(self.text(key)?.map_or(NOTHING, |text| Answer::Bulk(text))));
        }
        let is_set = must_exist.is_none_or(|must_exist| must_exist == exists);
        if is_set {
            self.put(key, value);
            if let Some(time) = time {
                self.set_deadline(key, Some(self.now + Duration::from_millis(time as u64)));
            }
        }
        if wants_old {
            Ok(Answer::Given)
        } else if is_set {
            OK
        } else {
            Ok(NOTHING)
        }
    }

    fn put(&mut self, key: &[u8], text: &[u8]) {
        if let Some(Entry { value: Value::Text(old), deadline: None }) = self.entries.get_mut(key) {
            // The usual case allocates nothing.
            self.memory = self.memory + text.len() - old.len();
            old.clear();
            old.shrink_to(2 * text.len() + OVERHEAD);
            old.extend_from_slice(text);
        } else {
            self.insert(key, Value::Text(text.to_vec()));
        }
    }

    fn insert(&mut self, key: &[u8], value: Value) {
        self.remove(key);
        self.memory += size(key, &value);
        self.entries.insert(key.into(), Entry { value, deadline: None });
    }

    /// Answers whether it was there.
    fn remove(&mut self, key: &[u8]) -> bool {
        let Some((key, entry)) = self.entries.remove_entry(key) else { return false };
        self.memory -= size(&key, &entry.value);
        let Some(deadline) = entry.deadline else { return true };
        self.deadlines.remove(&(deadline, key));
        deadline > self.now
    }

    fn add(&mut self, key: &[u8], number: i64) -> Result<Answer<'static>, Refusal> {
        let text = self.text(key)?;
        let old = text.as_ref().map_or(Ok(0), |text| integer(text))?;
        let new = old.checked_add(number).ok_or("ERR increment or decrement would overflow")?;
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(new).as_bytes();
        if let Some(text) = text {
            let length = text.len();
            text.clear();
            text.extend_from_slice(digits);
            self.memory = self.memory + digits.len() - length;
        } else {
            self.put(key, digits);
        }
        Ok(Answer::Number(new))
    }

    fn push(&mut self, key: &[u8], values: &[&[u8]], is_left: bool) -> Result<Answer<'static>, Refusal> {
        if self.list(key)?.is_none() {
            self.insert(key, Value::List(VecDeque::new()));
        }
        self.memory += values.iter().map(|value| value.len() + OVERHEAD).sum::<usize>();
        let Some(list) = self.list(key)? else { return Ok(NOTHING) };
        values
            .iter()
            .for_each(|value| if is_left { list.push_front((*value).into()) } else { list.push_back((*value).into()) });
        Ok(Answer::Number(list.len() as i64))
    }

    fn range(&mut self, key: &[u8], first: i64, last: i64, answers: &mut Answers) -> Result<Answer<'static>, Refusal> {
        let Some(list) = self.list(key)? else { return Ok(Answer::Raw("*0\r\n")) };
        let length = list.len() as i64;
        let from_end = |index: i64| if index < 0 { index + length } else { index };
        let (first, end) = (from_end(first).clamp(0, length), from_end(last).clamp(-1, length - 1) + 1);
        let elements = list.range(first as usize..end.max(first) as usize);
        if elements.clone().map(|element| element.len() + 16).sum::<usize>() > VALUE_MAX {
            return Err("ERR that is too much for one answer".into());
        }
        answers.line(b'*', elements.len() as i64);
        elements.for_each(|element| answers.bulk(element));
        Ok(Answer::Given)
    }

    fn expire_after(&mut self, key: &[u8], milliseconds: Option<i64>) -> Result<Answer<'static>, Refusal> {
        let milliseconds = milliseconds.ok_or("ERR invalid expire time in 'expire' command")?;
        let is_there = if milliseconds > 0 {
            self.find(key).is_some()
                && self.set_deadline(key, Some(self.now + Duration::from_millis(milliseconds as u64)))
        } else {
            self.remove(key)
        };
        Ok(Answer::Number(i64::from(is_there)))
    }

    fn set_deadline(&mut self, key: &[u8], deadline: Option<Duration>) -> bool {
        let Some((key, mut entry)) = self.entries.remove_entry(key) else { return false };
        if let Some(old) = mem::replace(&mut entry.deadline, deadline) {
            self.deadlines.remove(&(old, key.clone()));
        }
        self.deadlines.extend(deadline.map(|deadline| (deadline, key.clone())));
        self.entries.insert(key, entry);
        true
    }

    fn left(&mut self, key: &[u8], count: impl Fn(Duration) -> i64) -> i64 {
        let now = self.now;
        self.find(key).map_or(-2, |entry| entry.deadline.map_or(-1, |deadline| count(deadline - now)))
    }

    /// Removes keys that are due.
    fn expire(&mut self, dispatcher: &Dispatcher) {
        self.now = dispatcher.now();
        for _ in 0..EXPIRE_MAX {
            let Some((_, key)) = self.deadlines.first().filter(|(deadline, _)| *deadline <= self.now) else { break };
            let key = key.clone();
            self.remove(&key);
        }
        self.timer_deadline = None;
        self.set_timer(dispatcher);
    }

    fn set_timer(&mut self, dispatcher: &Dispatcher) {
        let deadline = self.deadlines.first().map(|(deadline, _)| *deadline);
        if deadline != self.timer_deadline
            && let Some(timer) = self.timer
        {
            dispatcher.restart(timer, deadline.map_or(FAR, |deadline| deadline.saturating_sub(self.now)));
            self.timer_deadline = deadline;
        }
    }

    fn subscribe(
        &mut self,
        socket: &AsyncSocket,
        channels: &mut BTreeSet<Rc<[u8]>>,
        names: &[&[u8]],
        answers: &mut Answers,
    ) -> Result<Answer<'static>, Refusal> {
        for name in names {
            if channels.insert((*name).into()) {
                self.memory += name.len() + OVERHEAD;
                self.channels.entry((*name).into()).or_default().insert(socket.id(), socket.clone());
            }
            answers.put(Ok(Answer::Raw("*3\r\n$9\r\nsubscribe\r\n")));
            answers.bulk(name);
            answers.line(b':', channels.len() as i64);
        }
        Ok(Answer::Given)
    }

    fn unsubscribe(
        &mut self,
        socket: &AsyncSocket,
        channels: &mut BTreeSet<Rc<[u8]>>,
        names: &[&[u8]],
        answers: &mut Answers,
    ) -> Result<Answer<'static>, Refusal> {
        let all = if names.is_empty() { channels.clone() } else { BTreeSet::new() };
        if names.is_empty() && all.is_empty() {
            return Ok(Answer::Raw("*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n"));
        }
        for name in names.iter().copied().chain(all.iter().map(|name| &**name)) {
            if channels.remove(name) {
                self.leave(socket.id(), name);
            }
            answers.put(Ok(Answer::Raw("*3\r\n$11\r\nunsubscribe\r\n")));
            answers.bulk(name);
            answers.line(b':', channels.len() as i64);
        }
        Ok(Answer::Given)
    }

    fn leave(&mut self, id: Id, channel: &[u8]) {
        self.memory -= channel.len() + OVERHEAD;
        if let Some(subscribers) = self.channels.get_mut(channel) {
            subscribers.remove(&id);
            if subscribers.is_empty() {
                self.channels.remove(channel);
            }
        }
    }

    fn forget(&mut self, id: Id, client: &mut Client) {
        self.memory -= client.rest.len();
        mem::take(&mut client.channels).iter().for_each(|channel| self.leave(id, channel));
    }

    /// Answers how many got it.
    fn publish(&mut self, channel: &[u8], text: &[u8]) -> usize {
        let Some(subscribers) = self.channels.get(channel) else { return 0 };
        let mut message = Answers::default();
        message.put(Ok(Answer::Raw("*3\r\n$7\r\nmessage\r\n")));
        message.bulk(channel);
        message.bulk(text);
        let got_it = |subscriber: &&AsyncSocket| {
            let is_sent = subscriber.send(&message.0).is_ok();
            if !is_sent {
                // It takes nothing for so long that its buffer is full.
                let _ = subscriber.close();
            }
            is_sent
        };
        subscribers.values().filter(got_it).count()
    }
}

/// What it counts for.
fn size(key: &[u8], value: &Value) -> usize {
    let size = match value {
        Value::Text(text) => text.len(),
        Value::List(list) => list.iter().map(|element| element.len() + OVERHEAD).sum(),
    };
    key.len() + size + OVERHEAD
}

fn unknown(name: &[u8], words: &[&[u8]]) -> Refusal {
    let name = name[..name.len().min(128)].escape_ascii().to_string();
    if KNOWN.contains(&format!(" {name} ")) {
        return format!("ERR wrong number of arguments for '{name}' command").into();
    }
    let words: String =
        words.iter().take(8).map(|word| format!("'{}' ", word[..word.len().min(128)].escape_ascii())).collect();
    format!("ERR unknown command '{name}', with args beginning with: {words}").into()
}

fn command_line() -> Result<String, lexopt::Error> {
    use lexopt::prelude::*;
    let (mut address, mut certificates, mut key) = (None, None, None);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => {
                println!("{USAGE}");
                exit(0);
            }
            Long("tls-cert") => certificates = Some(parser.value()?.string()?),
            Long("tls-key") => key = Some(parser.value()?.string()?),
            Value(value) if address.is_none() => address = Some(value.string()?),
            other => return Err(other.unexpected()),
        }
    }
    let address = address.unwrap_or("127.0.0.1:7000".to_owned());
    if !address.contains([':', '/']) {
        return Err(format!("expected HOST:PORT, got {address}").into());
    } else if certificates.is_some() != key.is_some() {
        return Err("--tls-cert and --tls-key go together".into());
    }
    Ok(address)
}
