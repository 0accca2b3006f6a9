//! A map from the numbers of descriptors.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map whose keys are numbers that kernels and hosts give out, which nobody can choose so that they collide.
pub type NumberMap<Number, Value> = HashMap<Number, Value, BuildHasherDefault<NumberHasher>>;

/// Spreads a number in one multiplication.
#[derive(Debug, Default)]
pub struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_i32(&mut self, number: i32) {
        self.write_u64(u64::from(number.cast_unsigned()));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        // The golden ratio in 64 bits: neighbours end up far apart, in the high bits too, which the table looks at.
        self.0 = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::hash::Hash;

    use super::*;

    #[test]
    fn neighbours_differ_in_the_bits_that_a_table_looks_at() {
        let hash = |number: i32| {
            let mut hasher = NumberHasher::default();
            number.hash(&mut hasher);
            hasher.finish()
        };
        let distinct = |shift: u32, mask: u64| {
            let mut parts: Vec<u64> = (0..128).map(|number| hash(number) >> shift & mask).collect();
            parts.sort_unstable();
            parts.dedup();
            parts.len()
        };
        assert_eq!(distinct(0, 127), 128, "the low bits choose the place");
        assert!(distinct(57, 127) > 100, "the high bits tell entries apart");
    }
}
