//! Telling the host what has changed in the subscription array since the last wait.

use std::sync::atomic::{AtomicU64, Ordering};

use super::change_note::{self, ChangeNote, END};
use super::subscription::Subscription;

/// The number of the program's last wait whose array has a note. All selectors count together, so that the host sees
/// when another one has waited in between.
static LAST_WAIT: AtomicU64 = AtomicU64::new(0);

/// The positions that have changed.
pub struct Changes {
    positions: Vec<usize>,
    /// The host has got a note of this array before.
    is_begun: bool,
}

impl Changes {
    pub fn new() -> Changes {
        Changes { positions: Vec::new(), is_begun: false }
    }

    /// Notes that the entry in this position is another one. It need not exist any more.
    pub fn note(&mut self, position: usize) {
        self.positions.push(position);
    }

    /// Puts into the array what has changed in it, for the wait that follows.
    pub fn tell(&mut self, entries: &mut [Subscription], is_endless: bool) {
        let wait = self.next_wait();
        let mut first = END;
        for position in self.positions.drain(..) {
            // Some were removed, and some have changed twice.
            let Some(Subscription(record)) = entries.get_mut(position) else { continue };
            if change_note::linked(record, wait).is_none() {
                change_note::link(record, wait, first);
                first = position as u32;
            }
        }
        let (address, count) = (entries.as_ptr().addr() as u32, entries.len() as u32);
        ChangeNote { wait, is_endless, first }.write(&mut entries[0].0, address, count);
    }

    /// The first wait of an array leaves a number out: an array that was in the same place before may have had it.
    fn next_wait(&mut self) -> u64 {
        let mut wait = ChangeNote::wait_after(LAST_WAIT.load(Ordering::Relaxed));
        if !self.is_begun {
            wait = ChangeNote::wait_after(wait);
            self.is_begun = true;
        }
        LAST_WAIT.store(wait, Ordering::Relaxed);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasip1::subscription::{Direction, single};

    /// What a host finds in the note.
    fn told(entries: &[Subscription]) -> (ChangeNote, Vec<u32>) {
        let (address, count) = (entries.as_ptr().addr() as u32, entries.len() as u32);
        let note = ChangeNote::read(&entries[0].0, address, count).expect("there is a note");
        let mut positions = Vec::new();
        let mut next = note.first;
        while next != END {
            positions.push(next);
            next = change_note::linked(&entries[next as usize].0, note.wait).expect("it is in the list");
        }
        (note, positions)
    }

    #[test]
    fn each_wait_tells_of_what_has_changed_since_the_one_before() {
        let mut entries = vec![single(0, 0, Direction::Read); 9];
        let mut changes = Changes::new();
        for position in [3, 8, 3, 9, 1000] {
            changes.note(position);
        }
        changes.tell(&mut entries, true);
        let (first, positions) = told(&entries);
        assert!(first.is_endless);
        assert_eq!(positions, [8, 3]);
        changes.note(3);
        changes.tell(&mut entries, false);
        let (second, positions) = told(&entries);
        assert_eq!((second.wait, second.is_endless), (ChangeNote::wait_after(first.wait), false));
        assert_eq!(positions, [3]);
        changes.tell(&mut entries, false);
        assert_eq!(told(&entries).1, []);
    }

    #[test]
    fn another_array_in_the_same_place_does_not_go_on_with_the_count() {
        let mut entries = vec![single(0, 0, Direction::Read)];
        let waits = [(); 2].map(|()| {
            Changes::new().tell(&mut entries, false);
            told(&entries).0.wait
        });
        assert_ne!(waits[1], ChangeNote::wait_after(waits[0]));
    }
}
