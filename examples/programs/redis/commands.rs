//! The commands: what each one changes, and what it is answered.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use selectio::AsyncSocket;

use crate::protocol::{Answer, Answers, NO_INTEGER, NOTHING, OK, Outcome, Refusal, VALUE_MAX, integer};
use crate::store::{Entry, List, MEMORY_MAX, Name, OVERHEAD, Store, Value};

pub const FULL: Refusal = Cow::Borrowed("OOM command not allowed when used memory > 'maxmemory'.");
const KNOWN: &str = " client config dbsize decr decrby del echo exists expire get incr incrby llen lpush lrange persist pexpire \
    ping pttl publish rpush select set setex subscribe ttl ";
const GROWING: [&[u8]; 9] =
    [b"set", b"setex", b"incr", b"incrby", b"decr", b"decrby", b"lpush", b"rpush", b"subscribe"];
const HELLO: &str = "*6\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$5\r\nproto\r\n:2\r\n";

/// Whose request is served: what it can change of its client.
pub struct Session<'a> {
    pub socket: &'a AsyncSocket,
    pub channels: &'a mut BTreeSet<Name>,
}

impl Store {
    pub fn execute<'a>(&'a mut self, session: &mut Session, words: &[&'a [u8]], answers: &mut Answers) -> Outcome<'a> {
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
                self.clear();
                Ok(OK)
            }
            [b"dbsize"] => count(self.key_count()),
            [b"info", ..] => {
                let text = "# Server\r\nredis_version:7.0.0\r\nredis_mode:standalone\r\nrole:master\r\nloading:0\r\n";
                let (memory, keys) = (self.memory, self.key_count());
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
            // That is a browser: any page that it shows could give commands this way.
            [b"post" | b"host:", ..] => Ok(Answer::Last("".into())),
            _ => Err(unknown(words)),
        }
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
            self.set_text(key, value);
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

    fn left(&mut self, key: &[u8], count: fn(Duration) -> u128) -> Answer<'static> {
        let now = self.now;
        let left = self.find(key).map(|entry| entry.deadline.map(|deadline| count(deadline - now)));
        Answer::Number(left.map_or(-2, |left| left.map_or(-1, |left| left as i64)))
    }

    /// Subscribes to the channels that the words name, or unsubscribes from them.
    fn subscribe(&mut self, session: &mut Session, words: &[&[u8]], answers: &mut Answers) -> Outcome<'static> {
        let Session { socket, channels } = session;
        for name in &words[1..] {
            if words[0] == b"subscribe" && channels.insert((*name).into()) {
                self.join(socket, name);
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
