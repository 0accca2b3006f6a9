//! What happened, as a number that two runs share only if they were the same, and as text for who looks for
//! the reason of a failure.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::time::Duration;

/// FNV-1a, 64 bits.
struct Hash(u64);

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}

pub struct Trace {
    hash: Hash,
    lines: VecDeque<String>,
    line_count_max: usize,
}

impl Trace {
    pub fn new() -> Trace {
        Trace { hash: Hash(0xcbf2_9ce4_8422_2325), lines: VecDeque::new(), line_count_max: 0 }
    }

    pub fn keep_lines(&mut self, line_count_max: usize) {
        self.line_count_max = line_count_max;
    }

    pub fn note(&mut self, now: Duration, event: fmt::Arguments<'_>) {
        // Neither a number nor a string refuses to be written to.
        let _ = writeln!(self.hash, "{} {event}", now.as_nanos());
        if self.line_count_max > 0 {
            if self.lines.len() == self.line_count_max {
                self.lines.pop_front();
            }
            self.lines.push_back(format!("{:>12.6} {event}", now.as_secs_f64()));
        }
    }

    pub fn hash(&self) -> u64 {
        self.hash.0
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.iter().cloned().collect()
    }
}
