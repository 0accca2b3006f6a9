//! The bitmaps of `select(2)`, as wide as the highest descriptor asks for.

use std::os::fd::RawFd;

// The kernel's fd_set is an array of words of this width; the width matters on big-endian machines.
#[cfg(target_vendor = "apple")]
type Word = u32;
#[cfg(not(target_vendor = "apple"))]
type Word = libc::c_ulong;

const WORD_BITS: usize = Word::BITS as usize;

/// A set of descriptors, on the heap: the C library's FD_SETSIZE limits its own type, not the kernel.
#[derive(Default)]
pub struct FdSet {
    words: Vec<Word>,
}

impl FdSet {
    /// Makes room for every descriptor up to `fd`.
    pub fn reserve(&mut self, fd: RawFd) {
        // Never narrower than the C library's own type, in case it reads all of that.
        let words = (index(fd) + 1).max(size_of::<libc::fd_set>() / size_of::<Word>());
        if words > self.words.len() {
            self.words.resize(words.next_power_of_two(), 0);
        }
    }

    /// Puts `fd` in or takes it out. Room for it was reserved.
    pub fn set(&mut self, fd: RawFd, member: bool) {
        let word = &mut self.words[index(fd)];
        if member {
            *word |= mask(fd);
        } else {
            *word &= !mask(fd);
        }
    }

    /// Whether `fd` is in.
    pub fn contains(&self, fd: RawFd) -> bool {
        self.words[index(fd)] & mask(fd) != 0
    }

    /// Becomes a copy of `other` for all descriptors below `fd_limit`.
    pub fn copy_from(&mut self, other: &FdSet, fd_limit: RawFd) {
        let words = word_count(fd_limit);
        self.words[..words].copy_from_slice(&other.words[..words]);
    }

    /// Calls `found` with each descriptor below `fd_limit` that is in either set.
    pub fn for_each_in_either(&self, other: &FdSet, fd_limit: RawFd, mut found: impl FnMut(RawFd)) {
        for (position, (a, b)) in self.words.iter().zip(&other.words).take(word_count(fd_limit)).enumerate() {
            let mut bits = a | b;
            while bits != 0 {
                found((position * WORD_BITS + bits.trailing_zeros() as usize) as RawFd);
                bits &= bits - 1;
            }
        }
    }

    pub fn as_mut_ptr(&mut self) -> *mut libc::fd_set {
        self.words.as_mut_ptr().cast()
    }
}

fn index(fd: RawFd) -> usize {
    fd as usize / WORD_BITS
}

fn mask(fd: RawFd) -> Word {
    1 << (fd as usize % WORD_BITS)
}

fn word_count(fd_limit: RawFd) -> usize {
    (fd_limit as usize).div_ceil(WORD_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_above_the_c_librarys_limit_are_found_in_order() {
        let (mut readable, mut writable) = (FdSet::default(), FdSet::default());
        for set in [&mut readable, &mut writable] {
            set.reserve(5000);
        }
        for fd in [5000, 3, 64] {
            readable.set(fd, true);
        }
        writable.set(64, true);
        writable.set(1024, true);
        readable.set(3, false);
        let mut found = Vec::new();
        readable.for_each_in_either(&writable, 5001, |fd| found.push(fd));
        assert_eq!(found, [64, 1024, 5000]);
        assert!(!readable.contains(3) && readable.contains(5000));
    }
}
