//! Winsock's `select` as a mechanism: lists of sockets that live from call to call, and a copy of each that the system
//! answers in.

use std::io;
use std::os::windows::io::RawSocket;
use std::thread;
use std::time::{Duration, Instant};

use super::{Mechanism, Source, source};
use crate::error::{nothing_to_wait_for, watched_already};
use crate::native::system::{errors, syscalls};
use crate::number_map::NumberMap;
use crate::{Descriptor, Found, Interest, Ready};

/// The lists that `select` takes: its first argument for sockets, its second, and its third, which is where a connect
/// shows that failed. Urgent data shows there too, and is nobody's wish.
const READ: usize = 0;
const WRITE: usize = 1;
const EXCEPT: usize = 2;
const LISTS: [usize; 3] = [READ, WRITE, EXCEPT];

struct Watch {
    key: u64,
    interest: Interest,
    /// Where the socket is in each list; 0, which is the place of the count, when it is not there.
    places: [u32; 3],
    /// What the last wait found: readable and writable.
    found: [bool; 2],
}

#[derive(Default)]
pub struct Winsock {
    watches: NumberMap<RawSocket, Watch>,
    asked: [SocketList; 3],
    answered: [SocketList; 3],
    /// Those that the last wait found something of.
    found: Vec<RawSocket>,
}

/// An fd_set of any length: its count, then its sockets.
struct SocketList {
    words: Vec<RawSocket>,
}

impl Default for SocketList {
    fn default() -> SocketList {
        SocketList { words: vec![0] }
    }
}

impl SocketList {
    fn sockets(&self) -> &[RawSocket] {
        // The system can shorten the list, and only the count tells.
        &self.words[1..=self.words[0] as usize]
    }

    /// Adds a socket and says where it is.
    fn push(&mut self, socket: RawSocket) -> u32 {
        self.words.push(socket);
        self.words[0] += 1;
        self.words[0] as u32
    }

    /// Takes out the socket at `place`, and names the one that has its place now.
    fn remove(&mut self, place: u32) -> Option<RawSocket> {
        self.words.swap_remove(place as usize);
        self.words[0] -= 1;
        self.words.get(place as usize).copied()
    }
}

impl Winsock {
    pub fn new() -> Winsock {
        Winsock::default()
    }

    fn set_interest(&mut self, socket: RawSocket, interest: Interest) {
        for (list, is_wanted) in LISTS.into_iter().zip([interest.read, interest.write, interest.write]) {
            self.set_member(socket, list, is_wanted);
        }
        if let Some(watch) = self.watches.get_mut(&socket) {
            watch.interest = interest;
        }
    }

    fn set_member(&mut self, socket: RawSocket, list: usize, is_wanted: bool) {
        let Some(watch) = self.watches.get_mut(&socket) else { return };
        match watch.places[list] {
            0 if is_wanted => watch.places[list] = self.asked[list].push(socket),
            place @ 1.. if !is_wanted => {
                watch.places[list] = 0;
                if let Some(moved) = self.asked[list].remove(place).and_then(|moved| self.watches.get_mut(&moved)) {
                    moved.places[list] = place;
                }
            }
            _ => {}
        }
    }

    fn nothing_is_asked(&self) -> bool {
        self.asked.iter().all(|list| list.sockets().is_empty())
    }

    /// One system call: waits and leaves the answer in `answered`.
    fn wait_once(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        for (answered, asked) in self.answered.iter_mut().zip(&self.asked) {
            answered.words.clone_from(&asked.words);
        }
        syscalls::select(self.answered.each_mut().map(|list| &mut list.words[..]), timeout)
    }

    fn collect(&mut self, found: &mut Found) {
        self.found.clear();
        for list in LISTS {
            for position in 0..self.answered[list].sockets().len() {
                self.note(self.answered[list].sockets()[position], list);
            }
        }
        for &socket in &self.found {
            if let Some(watch) = self.watches.get_mut(&socket) {
                let [readable, writable] = std::mem::take(&mut watch.found);
                found.ready.push(Ready { key: watch.key, readable, writable });
            }
        }
    }

    /// Notes what was answered about one socket.
    fn note(&mut self, socket: RawSocket, list: usize) {
        let Some(watch) = self.watches.get_mut(&socket) else { return };
        let before = watch.found;
        match list {
            READ => watch.found[READ] = true,
            WRITE => watch.found[WRITE] = true,
            _ if syscalls::is_connected(socket) => {}
            // Receiving and sending reveal why it failed (C10).
            _ => watch.found = [watch.interest.read, watch.interest.write],
        }
        if before == [false, false] && watch.found != before {
            self.found.push(socket);
        }
        if list != READ && syscalls::is_connected(socket) {
            // No connect can fail any more, so only urgent data would show there, for ever.
            self.set_member(socket, EXCEPT, false);
        }
    }

    /// After the refusal of the whole call: finds whose socket is gone, and watches it no longer.
    fn collect_closed(&mut self, found: &mut Found) {
        self.found.clear();
        for (&socket, watch) in &self.watches {
            if !watch.interest.is_none() && !syscalls::is_open(socket) {
                found.errors.push((watch.key, io::Error::from_raw_os_error(errors::NOT_A_SOCKET)));
                self.found.push(socket);
            }
        }
        for position in 0..self.found.len() {
            self.set_interest(self.found[position], Interest::NONE);
        }
    }
}

impl Mechanism for Winsock {
    fn name(&self) -> &'static str {
        "select"
    }

    fn add(&mut self, socket: Source, key: u64, interest: Interest) -> io::Result<()> {
        if self.watches.contains_key(&socket) {
            return Err(watched_already());
        }
        self.watches.insert(socket, Watch { key, interest, places: [0; 3], found: [false; 2] });
        self.set_interest(socket, interest);
        Ok(())
    }

    fn modify(&mut self, socket: Source, interest: Interest) -> io::Result<()> {
        if !self.watches.contains_key(&socket) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.set_interest(socket, interest);
        Ok(())
    }

    fn remove(&mut self, socket: Source) -> io::Result<()> {
        self.set_interest(socket, Interest::NONE);
        self.watches.remove(&socket).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn select(&mut self, timeout: Option<Duration>, found: &mut Found) -> io::Result<()> {
        if self.nothing_is_asked() {
            // The system refuses a wait for nothing.
            return timeout.map(thread::sleep).ok_or_else(nothing_to_wait_for);
        }
        let mut left = timeout;
        // `None` past the end of the clock is as good as for ever.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            match self.wait_once(left) {
                Ok(0) => {}
                Ok(_) => self.collect(found),
                Err(error) if error.raw_os_error() == Some(errors::NOT_A_SOCKET) => {
                    self.collect_closed(found);
                    return if found.is_empty() { Err(error) } else { Ok(()) };
                }
                Err(error) => return Err(error),
            }
            // The system may wake a little early, and urgent data is nothing that anybody waits for.
            left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if !found.is_empty() || left.is_some_and(|left| left.is_zero()) {
                return Ok(());
            }
        }
    }
}

/// Waits for one descriptor, and answers whether it is ready.
pub fn wait(descriptor: &Descriptor, interest: Interest, timeout: Option<Duration>) -> io::Result<bool> {
    let (mut mechanism, mut found) = (Winsock::new(), Found::default());
    mechanism.add(source(descriptor)?, 0, interest)?;
    mechanism.select(timeout, &mut found)?;
    match found.errors.pop() {
        Some((_, error)) => Err(error),
        None => Ok(!found.ready.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::SocketList;

    #[test]
    fn a_list_keeps_its_count_and_says_who_has_moved() {
        let mut list = SocketList::default();
        let places = [40, 44, 48].map(|socket| list.push(socket));
        assert_eq!((places, list.sockets()), ([1, 2, 3], &[40, 44, 48][..]));
        assert_eq!(list.remove(1), Some(48), "the last one has the place of the first");
        assert_eq!(list.remove(2), None);
        assert_eq!(list.sockets(), [48]);
    }
}
