//! A map from the numbers of descriptors.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map whose keys are numbers that the system or the host has given out. Not for numbers that somebody else chooses:
/// those could be chosen to collide.
pub type NumberMap<Number, Value> = HashMap<Number, Value, BuildHasherDefault<NumberHasher>>;

/// Spreads a number in one multiplication.
#[derive(Debug, Default)]
pub struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        // The low bits of the product come from the low bits of the number alone, and a handle of Windows has zeros there.
        self.0 ^ self.0 >> 32
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
        // The golden ratio in 64 bits: neighbours end up far apart.
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
    fn numbers_at_any_distance_differ_in_the_bits_that_a_table_looks_at() {
        let hash = |number: i32| {
            let mut hasher = NumberHasher::default();
            number.hash(&mut hasher);
            hasher.finish()
        };
        for distance in [1, 4, 64, 4096] {
            let distinct = |shift: u32| {
                let mut parts: Vec<u64> = (0..128).map(|index| hash(index * distance) >> shift & 127).collect();
                parts.sort_unstable();
                parts.dedup();
                parts.len()
            };
            // The low bits choose the place, the high ones tell entries apart. By chance 81 of 128 are distinct.
            assert!(distinct(0) > 60, "{distance}: {}", distinct(0));
            assert!(distinct(57) > 60, "{distance}: {}", distinct(57));
        }
    }
}
