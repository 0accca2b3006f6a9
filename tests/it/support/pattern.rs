//! The bytes of a burst, and the checksum that the peer reports. Both are defined by the peer's protocol.

/// FNV-1a of the first `length` bytes of the pattern with `seed`.
pub fn pattern_checksum(length: u64, seed: u8) -> u64 {
    checksum_of(0xcbf2_9ce4_8422_2325, (0..length).map(|index| pattern_byte(index, seed)))
}

/// The checksum `before`, carried on over these bytes.
pub fn checksum_of(before: u64, bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(before, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The pattern's byte at `index`.
pub fn pattern_byte(index: u64, seed: u8) -> u8 {
    (index.wrapping_mul(31).wrapping_add((index / 256).wrapping_mul(7)) as u8).wrapping_add(seed)
}
