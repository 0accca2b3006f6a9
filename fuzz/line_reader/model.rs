//! What reading lines means, byte by byte and without a thought for speed.

use std::collections::VecDeque;

#[derive(Debug, PartialEq)]
pub enum Got {
    Line(Vec<u8>),
    TooLong,
}

pub struct Model {
    unread: VecDeque<u8>,
    length_max: usize,
    /// The last line ended in a return: a newline that comes next belongs to it.
    swallows_newline: bool,
    /// Inside a line that was too long.
    is_discarding: bool,
}

impl Model {
    pub fn new(length_max: usize) -> Model {
        Model { unread: VecDeque::new(), length_max, swallows_newline: false, is_discarding: false }
    }

    pub fn arrive(&mut self, bytes: &[u8]) {
        self.unread.extend(bytes);
        self.swallow();
    }

    pub fn read_line(&mut self) -> Option<Got> {
        loop {
            let Some(length) = self.unread.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                return self.give_up_if_too_long();
            };
            let line: Vec<u8> = self.unread.drain(..length).collect();
            self.swallows_newline = self.unread.pop_front() == Some(b'\r');
            self.swallow();
            if !std::mem::take(&mut self.is_discarding) {
                return Some(if line.len() > self.length_max { Got::TooLong } else { Got::Line(line) });
            }
        }
    }

    pub fn take(&mut self, length: usize) -> Vec<u8> {
        let length = length.min(self.unread.len());
        self.unread.drain(..length).collect()
    }

    pub fn take_tail(&mut self) -> Option<Vec<u8>> {
        let tail: Vec<u8> = self.unread.drain(..).collect();
        (!tail.is_empty() && !self.is_discarding).then_some(tail)
    }

    fn swallow(&mut self) {
        if self.swallows_newline && !self.unread.is_empty() {
            self.swallows_newline = false;
            if self.unread.front() == Some(&b'\n') {
                self.unread.pop_front();
            }
        }
    }

    fn give_up_if_too_long(&mut self) -> Option<Got> {
        if self.unread.len() <= self.length_max {
            return None;
        }
        self.unread.clear();
        (!std::mem::replace(&mut self.is_discarding, true)).then_some(Got::TooLong)
    }
}
