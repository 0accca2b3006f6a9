//! What is stored: keys and their values, when they expire, and the channels with their subscribers.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::mem;
use std::rc::Rc;
use std::time::Duration;

use selectio::{AsyncSocket, Dispatcher, Id, Timer};

use crate::protocol::{Answer, Answers, Refusal};

/// How much all clients may let it keep, where each key, element and subscription counts for some more than its bytes.
pub const MEMORY_MAX: usize = 1 << 30;
pub const OVERHEAD: usize = 128;

pub type Name = Rc<[u8]>;
pub type List = VecDeque<Box<[u8]>>;

const WRONG_TYPE: Refusal = Cow::Borrowed("WRONGTYPE Operation against a key holding the wrong kind of value");

/// What is stored under a key.
pub struct Entry {
    value: Value,
    /// From then on the key is as good as gone.
    pub deadline: Option<Duration>,
}

pub enum Value {
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

    pub fn text(&mut self) -> Result<&mut Vec<u8>, Refusal> {
        if let Value::Text(text) = &mut self.value { Ok(text) } else { Err(WRONG_TYPE) }
    }

    pub fn list(&mut self) -> Result<&mut List, Refusal> {
        if let Value::List(list) = &mut self.value { Ok(list) } else { Err(WRONG_TYPE) }
    }
}

#[derive(Default)]
pub struct Store {
    entries: HashMap<Name, Entry>,
    deadlines: BTreeSet<(Duration, Name)>,
    /// Is due at the first of the deadlines.
    pub timer: Option<Timer>,
    timer_deadline: Option<Duration>,
    /// The time by which keys have expired or not: set before each use.
    pub now: Duration,
    channels: HashMap<Name, BTreeMap<Id, AsyncSocket>>,
    /// What all of these hold, and the requests that were not served.
    pub memory: usize,
}

impl Store {
    pub fn find(&mut self, key: &[u8]) -> Option<&mut Entry> {
        self.entries.get_mut(key).filter(|entry| entry.deadline.is_none_or(|deadline| deadline > self.now))
    }

    pub fn insert(&mut self, key: &[u8], value: Value) -> &mut Entry {
        self.remove(key);
        let entry = Entry { value, deadline: None };
        self.memory += entry.size(key);
        self.entries.entry(key.into()).or_insert(entry)
    }

    /// Answers whether it was there.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let Some((key, entry)) = self.entries.remove_entry(key) else { return false };
        self.memory -= entry.size(&key);
        let Some(deadline) = entry.deadline else { return true };
        self.deadlines.remove(&(deadline, key));
        deadline > self.now
    }

    /// Stores a text, which doesn't expire, in place of what was there.
    pub fn set_text(&mut self, key: &[u8], value: &[u8]) {
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
    }

    pub fn clear(&mut self) {
        self.memory -= self.entries.iter().map(|(key, entry)| entry.size(key)).sum::<usize>();
        (self.entries, self.deadlines) = Default::default();
    }

    pub fn key_count(&self) -> usize {
        self.entries.len()
    }

    /// Lets the key expire in so many milliseconds, or not at all.
    pub fn set_deadline(&mut self, key: &[u8], time: Option<i64>) -> bool {
        let Some((key, mut entry)) = self.entries.remove_entry(key) else { return false };
        let deadline = time.map(|time| self.now + Duration::from_millis(time as u64));
        if let Some(old) = mem::replace(&mut entry.deadline, deadline) {
            self.deadlines.remove(&(old, key.clone()));
        }
        self.deadlines.extend(deadline.map(|deadline| (deadline, key.clone())));
        self.entries.insert(key, entry).is_none()
    }

    /// Removes what is due, so much in one turn that nobody waits for long.
    pub fn expire(&mut self, dispatcher: &Dispatcher) {
        self.now = dispatcher.now();
        for _ in 0..1000 {
            let Some((_, key)) = self.deadlines.first().filter(|(deadline, _)| *deadline <= self.now) else { break };
            self.remove(&key.clone());
        }
        self.timer_deadline = None;
        self.set_timer(dispatcher);
    }

    /// Lets the timer be due when the next key expires.
    pub fn set_timer(&mut self, dispatcher: &Dispatcher) {
        let deadline = self.deadlines.first().map(|(deadline, _)| *deadline);
        if let (true, Some(deadline), Some(timer)) = (deadline != self.timer_deadline, deadline, self.timer) {
            dispatcher.restart(timer, deadline.saturating_sub(self.now));
        }
        self.timer_deadline = deadline;
    }

    pub fn join(&mut self, socket: &AsyncSocket, name: &[u8]) {
        self.memory += name.len() + OVERHEAD;
        self.channels.entry(name.into()).or_default().insert(socket.id(), socket.clone());
    }

    pub fn leave(&mut self, socket: &AsyncSocket, name: &[u8]) {
        let Some(subscribers) = self.channels.get_mut(name) else { return };
        self.memory -= name.len() + OVERHEAD;
        subscribers.remove(&socket.id());
        if subscribers.is_empty() {
            self.channels.remove(name);
        }
    }

    /// Answers how many got it. Who takes nothing for so long that there is no room for more is cut off.
    pub fn publish(&mut self, name: &[u8], text: &[u8]) -> usize {
        let Some(subscribers) = self.channels.get(name) else { return 0 };
        let mut message = Answers::default();
        message.put(Ok(Answer::Raw("*3\r\n$7\r\nmessage\r\n")));
        message.bulk(name);
        message.bulk(text);
        let is_sent = |socket: &&AsyncSocket| socket.send(&message.0).map_err(|_| socket.close()).is_ok();
        subscribers.values().filter(is_sent).count()
    }
}
