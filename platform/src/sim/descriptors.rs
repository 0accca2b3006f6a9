//! Descriptor numbers, lowest first, and what they stand for.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io::{self, ErrorKind};

use super::connection::EndId;
use crate::{Address, Domain, IntegerOption, SocketOption};

/// The numbers below are standard input, output and error.
const FIRST_NUMBER: usize = 3;

/// What a descriptor stands for.
pub enum Object {
    /// A stream socket that neither listens nor connects yet.
    Idle {
        domain: Domain,
        bound: Option<Address>,
    },
    Listener(Listener),
    /// One end of a connection.
    Stream(EndId),
    Datagram(DatagramSocket),
    /// Empty, and at its end.
    StandardInput,
    /// Readable from when the outside asks the program to end until that is read.
    Signals {
        is_asked_to_end: bool,
    },
}

pub struct Listener {
    pub address: Address,
    /// Connections that wait to be accepted.
    pub backlog: VecDeque<usize>,
    pub backlog_max: usize,
}

pub struct DatagramSocket {
    pub domain: Domain,
    pub bound: Option<Address>,
    pub peer: Option<Address>,
    pub queue: VecDeque<(Address, Vec<u8>)>,
    /// What a datagram that was sent before ran into; told once.
    pub error: Option<ErrorKind>,
}

impl DatagramSocket {
    pub fn new(domain: Domain) -> DatagramSocket {
        DatagramSocket { domain, bound: None, peer: None, queue: VecDeque::new(), error: None }
    }

    pub fn is_readable(&self) -> bool {
        !self.queue.is_empty() || self.error.is_some()
    }
}

pub struct Open {
    pub object: Object,
    pub options: Vec<SocketOption>,
    /// Those that were set.
    pub integers: Vec<(IntegerOption, u32)>,
    /// It has gone bad: nothing works any more but closing it.
    pub is_bad: bool,
}

#[derive(Default)]
pub struct Descriptors {
    table: Vec<Option<Open>>,
    free: BinaryHeap<Reverse<usize>>,
}

impl Descriptors {
    /// Opens under the lowest number that is free.
    pub fn open(&mut self, object: Object) -> usize {
        let index = self.free.pop().map_or(self.table.len(), |Reverse(index)| index);
        if index == self.table.len() {
            self.table.push(None);
        }
        self.table[index] = Some(Open { object, options: Vec::new(), integers: Vec::new(), is_bad: false });
        index + FIRST_NUMBER
    }

    pub fn close(&mut self, number: usize) -> Option<Open> {
        let index = number.checked_sub(FIRST_NUMBER)?;
        let open = self.table.get_mut(index)?.take()?;
        self.free.push(Reverse(index));
        Some(open)
    }

    pub fn get(&self, number: usize) -> Option<&Open> {
        self.table.get(number.checked_sub(FIRST_NUMBER)?)?.as_ref()
    }

    pub fn get_mut(&mut self, number: usize) -> Option<&mut Open> {
        self.table.get_mut(number.checked_sub(FIRST_NUMBER)?)?.as_mut()
    }

    /// The descriptor, as a call finds it.
    pub fn open_at(&mut self, number: usize) -> io::Result<&mut Open> {
        match self.get_mut(number) {
            Some(open) if !open.is_bad => Ok(open),
            _ => Err(bad_descriptor()),
        }
    }

    /// The object of it.
    pub fn object(&mut self, number: usize) -> io::Result<&mut Object> {
        self.open_at(number).map(|open| &mut open.object)
    }

    pub fn len(&self) -> usize {
        self.table.len() - self.free.len()
    }

    /// The same of all, to change them.
    pub fn objects_mut(&mut self) -> impl Iterator<Item = &mut Object> {
        self.table.iter_mut().flatten().map(|open| &mut open.object)
    }

    pub fn objects(&self) -> impl Iterator<Item = (usize, &Object)> {
        let numbered = self.table.iter().enumerate();
        numbered.filter_map(|(index, open)| Some((index + FIRST_NUMBER, &open.as_ref()?.object)))
    }
}

/// What EBADF is natively.
pub fn bad_descriptor() -> io::Error {
    io::Error::other("bad descriptor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_number_is_used_again_at_once() {
        let mut descriptors = Descriptors::default();
        let numbers: Vec<_> = (0..4).map(|_| descriptors.open(Object::StandardInput)).collect();
        assert_eq!(numbers, [3, 4, 5, 6]);
        assert!(descriptors.close(5).is_some() && descriptors.close(4).is_some());
        assert!(descriptors.close(4).is_none(), "it is closed");
        assert_eq!(descriptors.len(), 2);
        assert_eq!([4, 5, 7], [0; 3].map(|_| descriptors.open(Object::StandardInput)));
    }
}
