//! FNV-1a with 64 bits: enough to tell that two byte streams are the same, in the lines of code that a test side
//! without dependencies can afford to repeat.

/// A checksum over the bytes so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checksum(u64);

impl Checksum {
    /// The checksum of no bytes.
    pub const EMPTY: Checksum = Checksum(0xcbf2_9ce4_8422_2325);

    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

impl std::fmt::Display for Checksum {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Checksum;

    #[test]
    fn published_values() {
        assert_eq!(Checksum::EMPTY.to_string(), "cbf29ce484222325");
        let mut checksum = Checksum::EMPTY;
        checksum.update(b"foo");
        checksum.update(b"bar");
        assert_eq!(checksum.to_string(), "85944171f73967e8");
    }
}
