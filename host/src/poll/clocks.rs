//! The subscriptions of an array that are clocks.

use super::subscription::{self, Outcome, Record};
use crate::clock::MonotonicClock;

/// In place of a time left: rung already, or never.
const NEVER: u64 = u64::MAX;

#[derive(Default)]
pub(crate) struct Clocks {
    /// Where they are in the array, in any order.
    positions: Vec<u32>,
    /// For each of them the time left when the wait began, in nanoseconds.
    left: Vec<u64>,
    /// By position in the array the place among `positions`.
    places: Vec<u32>,
}

impl Clocks {
    pub(crate) fn insert(&mut self, position: u32) {
        let end = position as usize + 1;
        if self.places.len() < end {
            self.places.resize(end, 0);
        }
        self.places[position as usize] = self.positions.len() as u32;
        self.positions.push(position);
    }

    /// `position` is that of a clock.
    pub(crate) fn remove(&mut self, position: u32) {
        let place = self.places[position as usize];
        self.positions.swap_remove(place as usize);
        if let Some(&moved) = self.positions.get(place as usize) {
            self.places[moved as usize] = place;
        }
    }

    /// Begins a wait; the clock in position `but` does not count. What is due
    /// or can't be waited for is told at once.
    pub(crate) fn begin(
        &mut self,
        records: &[Record],
        clock: &MonotonicClock,
        but: Option<u32>,
        outcomes: &mut Vec<Outcome>,
    ) {
        self.left.clear();
        for &position in &self.positions {
            let left = match subscription::time_left(&records[position as usize], clock) {
                _ if but == Some(position) => NEVER,
                Ok(0) => {
                    outcomes.push(Outcome::ready(position));
                    NEVER
                }
                Ok(left) => left,
                Err(error) => {
                    outcomes.push(Outcome::failed(position, error));
                    NEVER
                }
            };
            self.left.push(left);
        }
    }

    /// How long after the beginning of the wait the first clock rings, in nanoseconds.
    pub(crate) fn first(&self) -> Option<u64> {
        self.left.iter().copied().min().filter(|&left| left != NEVER)
    }

    /// Tells of the clocks that ring within `waited` nanoseconds.
    pub(crate) fn ring(&self, waited: u64, outcomes: &mut Vec<Outcome>) {
        for (&position, &left) in self.positions.iter().zip(&self.left) {
            if left <= waited && left != NEVER {
                outcomes.push(Outcome::ready(position));
            }
        }
    }
}
