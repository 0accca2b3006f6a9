//! What a guest tells its host about the changes of its subscription array, so that the host need not compare it.
//!
//! A guest of WASI preview1 passes all its subscriptions in each wait, most of them as they were. A host that keeps
//! what it got has to find the few that have changed. The guest knows them, and a [`ChangeNote`] says it: it lies in
//! bytes of the records that preview1 leaves unused, which every other host passes over.
//!
//! | bytes | in the first record | in a record that has changed |
//! |---|---|---|
//! | 9 to 15 | the seal | |
//! | 20 to 23 | the position of the first changed record, or [`END`] | that of the next one, or [`END`] |
//! | 42 to 47 | the number of the wait; its top bit is [`ChangeNote::is_endless`] | the number of the wait |
//!
//! The first record needs no mention, nor do those by which the array has grown or shrunk.
//!
//! A host may go by a note only when the wait before was of the same array (by its address), and the note's number
//! follows the number of that wait. What another program has in those bytes by chance fits neither the seal, which
//! depends on the number, the address and the length, nor the number.

/// The size of a subscription, in bytes.
pub const RECORD_SIZE: usize = 48;

/// A subscription as it lies in the guest's memory.
pub type Record = [u8; RECORD_SIZE];

/// The end of the list of changed records.
pub const END: u32 = u32::MAX;

const SEAL_AT: usize = 9;
const SEAL_SIZE: usize = 7;
const NEXT_AT: usize = 20;
const WAIT_AT: usize = 42;
const WAIT_SIZE: usize = 6;

const ENDLESS: u64 = 1 << 47;

/// The note in the first record of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeNote {
    /// The number of the wait, from 1 to 2^47 - 1: one more than that of the guest's last wait, if that was of this array.
    pub wait: u64,
    /// The first record is a clock for hosts that don't read the note, and the wait has no limit.
    pub is_endless: bool,
    /// The position of the first record that has changed since the wait before, or [`END`].
    pub first: u32,
}

impl ChangeNote {
    /// The number of the wait after this one; never 0, which is what unused bytes are.
    #[must_use]
    pub fn wait_after(wait: u64) -> u64 {
        if wait >= ENDLESS - 1 { 1 } else { wait + 1 }
    }

    /// Reads the note of an array of `count` records at `address`, if there is one.
    #[must_use]
    pub fn read(first_record: &Record, address: u32, count: u32) -> Option<ChangeNote> {
        let field = wait_field(first_record);
        let note =
            ChangeNote { wait: field & (ENDLESS - 1), is_endless: field & ENDLESS != 0, first: next(first_record) };
        (first_record[SEAL_AT..SEAL_AT + SEAL_SIZE] == note.seal(address, count)).then_some(note)
    }

    /// Puts the note into the first record of an array of `count` records at `address`.
    pub fn write(&self, first_record: &mut Record, address: u32, count: u32) {
        set_wait_field(first_record, self.wait_field());
        set_next(first_record, self.first);
        first_record[SEAL_AT..SEAL_AT + SEAL_SIZE].copy_from_slice(&self.seal(address, count));
    }

    fn wait_field(&self) -> u64 {
        self.wait | if self.is_endless { ENDLESS } else { 0 }
    }

    /// Mixes all that the note is about, so that no bit of it can differ unnoticed.
    fn seal(&self, address: u32, count: u32) -> [u8; SEAL_SIZE] {
        let mut mixed: u64 = 0x5e1e_c710_9a8d_2b63;
        for word in [self.wait_field(), u64::from(self.first) << 32 | u64::from(count), u64::from(address)] {
            mixed = (mixed ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed ^= mixed >> 32;
        }
        let mut seal = [0; SEAL_SIZE];
        seal.copy_from_slice(&mixed.to_le_bytes()[..SEAL_SIZE]);
        seal
    }
}

/// Notes in a record that it has changed before the wait of this number, and which record is the next.
pub fn link(record: &mut Record, wait: u64, next: u32) {
    set_wait_field(record, wait);
    set_next(record, next);
}

/// The next changed record, when this one is noted as changed before the wait of this number.
#[must_use]
pub fn linked(record: &Record, wait: u64) -> Option<u32> {
    (wait_field(record) == wait).then(|| next(record))
}

fn wait_field(record: &Record) -> u64 {
    let mut bytes = [0; 8];
    bytes[..WAIT_SIZE].copy_from_slice(&record[WAIT_AT..]);
    u64::from_le_bytes(bytes)
}

fn set_wait_field(record: &mut Record, field: u64) {
    record[WAIT_AT..].copy_from_slice(&field.to_le_bytes()[..WAIT_SIZE]);
}

fn next(record: &Record) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&record[NEXT_AT..NEXT_AT + 4]);
    u32::from_le_bytes(bytes)
}

fn set_next(record: &mut Record, next: u32) {
    record[NEXT_AT..NEXT_AT + 4].copy_from_slice(&next.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written_and_for_no_other_array() {
        let mut record = [0xff; RECORD_SIZE];
        for is_endless in [false, true] {
            let note = ChangeNote { wait: ENDLESS - 1, is_endless, first: 7 };
            note.write(&mut record, 4096, 100);
            assert_eq!(ChangeNote::read(&record, 4096, 100), Some(note));
            assert_eq!(ChangeNote::read(&record, 4144, 100), None);
            assert_eq!(ChangeNote::read(&record, 4096, 99), None);
        }
    }

    #[test]
    fn a_note_of_which_a_bit_differs_is_none() {
        let mut record = [0; RECORD_SIZE];
        ChangeNote { wait: 5, is_endless: false, first: END }.write(&mut record, 4096, 100);
        let fields = [SEAL_AT..SEAL_AT + SEAL_SIZE, NEXT_AT..NEXT_AT + 4, WAIT_AT..WAIT_AT + WAIT_SIZE];
        for byte in fields.into_iter().flatten() {
            for bit in 0..8 {
                record[byte] ^= 1 << bit;
                assert_eq!(ChangeNote::read(&record, 4096, 100), None, "byte {byte}, bit {bit}");
                record[byte] ^= 1 << bit;
            }
        }
    }

    #[test]
    fn what_is_empty_or_full_of_one_byte_is_no_note() {
        for byte in 0..=255 {
            assert_eq!(ChangeNote::read(&[byte; RECORD_SIZE], 4096, 100), None);
        }
    }

    #[test]
    fn a_note_touches_only_what_preview1_leaves_unused() {
        let mut record = [0xaa; RECORD_SIZE];
        ChangeNote { wait: 1, is_endless: true, first: 1 }.write(&mut record, 0, 1);
        link(&mut record, 2, 3);
        for used in [0..SEAL_AT, 16..NEXT_AT, 24..WAIT_AT] {
            assert!(record[used].iter().all(|&byte| byte == 0xaa));
        }
    }
}
