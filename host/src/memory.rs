//! The guest's linear memory, every access checked.
//!
//! A guest may pass any number as a pointer; one that does not fit is
//! [`Errno::FAULT`], never a panic. Pointers need no alignment here: all access
//! goes byte by byte, and refusing what works would help nobody.

use crate::errno::Errno;
use crate::system::vector::Vector;
use std::marker::PhantomData;
use std::ops::Range;
use std::slice;
use wiggle::GuestMemory;

/// The most buffers that one call takes from the guest's array; further ones
/// are left for the next call, as a short read or write. It is the kernel's
/// own limit (`IOV_MAX`).
const VECTORS_MAX: u32 = 1024;

/// Up to this many buffers need no allocation.
const VECTORS_INLINE: usize = 8;

/// A view of the guest's memory for the length of one call.
pub(crate) struct LinearMemory<'a>(pub(crate) &'a mut [u8]);

/// The guest's buffers as the kernel takes them.
///
/// Only [`LinearMemory::with_vectors`] makes one: each entry lies in the memory
/// that is borrowed for `'a`. Entries may overlap each other, so they are only
/// ever handed to the kernel, or read.
pub(crate) struct Vectors<'a> {
    entries: &'a mut [Vector],
    memory: PhantomData<&'a mut [u8]>,
}

impl LinearMemory<'_> {
    /// The range of `length` bytes at `pointer`, if the guest has them.
    pub(crate) fn range(&self, pointer: u32, length: u32) -> Result<Range<usize>, Errno> {
        let start = pointer as usize;
        let end = start.checked_add(length as usize).ok_or(Errno::FAULT)?;
        if end > self.0.len() {
            return Err(Errno::FAULT);
        }
        Ok(start..end)
    }

    /// `count` records of `size` bytes each at `pointer`.
    pub(crate) fn records(&self, pointer: u32, count: u32, size: u32) -> Result<&[u8], Errno> {
        let length = count.checked_mul(size).ok_or(Errno::FAULT)?;
        Ok(&self.0[self.range(pointer, length)?])
    }

    /// As [`Self::records`], to be written to.
    pub(crate) fn records_mut(&mut self, pointer: u32, count: u32, size: u32) -> Result<&mut [u8], Errno> {
        let length = count.checked_mul(size).ok_or(Errno::FAULT)?;
        let range = self.range(pointer, length)?;
        Ok(&mut self.0[range])
    }

    pub(crate) fn read_u32(&self, pointer: u32) -> Result<u32, Errno> {
        let mut value = [0; 4];
        value.copy_from_slice(&self.0[self.range(pointer, 4)?]);
        Ok(u32::from_le_bytes(value))
    }

    /// Writes bytes that the caller has put in the guest's order (little-endian).
    pub(crate) fn write(&mut self, pointer: u32, bytes: &[u8]) -> Result<(), Errno> {
        let length = u32::try_from(bytes.len()).map_err(|_| Errno::FAULT)?;
        let range = self.range(pointer, length)?;
        self.0[range].copy_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn write_u16(&mut self, pointer: u32, value: u16) -> Result<(), Errno> {
        self.write(pointer, &value.to_le_bytes())
    }

    pub(crate) fn write_u32(&mut self, pointer: u32, value: u32) -> Result<(), Errno> {
        self.write(pointer, &value.to_le_bytes())
    }

    /// The same memory as the functions of `wasmtime-wasi` take it.
    pub(crate) fn forward(&mut self) -> GuestMemory<'_> {
        GuestMemory::Unshared(self.0)
    }

    /// Calls `operation` with the buffers that the guest's array of `iovec` or
    /// `ciovec` (pointer and length, 8 bytes each) names.
    pub(crate) fn with_vectors<T>(
        &mut self,
        array: u32,
        count: u32,
        operation: impl FnOnce(&mut Vectors<'_>) -> T,
    ) -> Result<T, Errno> {
        let count = count.min(VECTORS_MAX);
        self.records(array, count, 8)?;
        let mut few = [Vector::EMPTY; VECTORS_INLINE];
        let mut many = Vec::new();
        let entries = match few.get_mut(..count as usize) {
            Some(few) => few,
            None => {
                many.resize(count as usize, Vector::EMPTY);
                &mut many[..]
            }
        };
        for (index, entry) in (0..count).zip(entries.iter_mut()) {
            let at = array + 8 * index;
            let range = self.range(self.read_u32(at)?, self.read_u32(at + 4)?)?;
            *entry = Vector::new(std::ptr::without_provenance_mut(range.start), range.len());
        }
        // Offsets become pointers last, all from one borrow of the memory.
        let base = self.0.as_mut_ptr();
        for entry in entries.iter_mut() {
            *entry = Vector::new(base.wrapping_add(entry.start().addr()), entry.length());
        }
        let mut vectors = Vectors { entries, memory: PhantomData };
        // Buffers may overlap, so that together they are longer than the memory, and than any length that a call can
        // answer.
        vectors.truncate(u32::MAX as usize);
        Ok(operation(&mut vectors))
    }
}

impl Vectors<'_> {
    /// The entries, for a system call.
    pub(crate) fn entries(&self) -> &[Vector] {
        self.entries
    }

    /// The bytes that the buffers hold, to be read.
    pub(crate) fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let filled = self.entries.iter().filter(|entry| entry.length() > 0);
        // SAFETY: the entry lies in guest memory that is borrowed for as long as the `Vectors`, and nobody writes to
        // while they are lent. Overlapping slices may be read.
        filled.map(|entry| unsafe { slice::from_raw_parts(entry.start(), entry.length()) })
    }

    /// How many bytes all buffers hold together.
    pub(crate) fn length(&self) -> usize {
        self.entries.iter().map(|entry| entry.length()).sum()
    }

    /// Cuts the buffers down to their first `length` bytes.
    pub(crate) fn truncate(&mut self, length: usize) {
        let mut left = length;
        for entry in self.entries.iter_mut() {
            *entry = Vector::new(entry.start(), entry.length().min(left));
            left -= entry.length();
        }
    }

    /// Calls `operation` with the first `length` bytes alone.
    pub(crate) fn with_first<T>(&mut self, length: usize, operation: impl FnOnce(&Vectors<'_>) -> T) -> T {
        let mut left = length;
        let whole = self.entries.iter().take_while(|entry| {
            let is_whole = entry.length() <= left;
            left -= if is_whole { entry.length() } else { 0 };
            is_whole
        });
        let count = whole.count();
        let Some(cut) = self.entries.get_mut(count) else { return operation(self) };
        let before = *cut;
        *cut = Vector::new(before.start(), left);
        let result = operation(&Vectors { entries: &mut self.entries[..=count], memory: PhantomData });
        self.entries[count] = before;
        result
    }

    /// Leaves out the first `length` bytes.
    pub(crate) fn advance(&mut self, length: usize) {
        let mut left = length;
        for entry in self.entries.iter_mut() {
            let step = entry.length().min(left);
            // Stays within the buffer, or one past its end.
            *entry = Vector::new(entry.start().wrapping_add(step), entry.length() - step);
            left -= step;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a call has moved is told in 32 bits.
    #[test]
    fn buffers_that_overlap_are_together_no_longer_than_a_length_can_be() {
        let mut bytes = vec![0; 5 << 20];
        let length = (bytes.len() as u32 - 8192).to_le_bytes();
        for entry in bytes[..8192].as_chunks_mut::<8>().0 {
            entry[4..].copy_from_slice(&length);
        }
        let mut memory = LinearMemory(&mut bytes);
        let together = |memory: &mut LinearMemory<'_>, count| memory.with_vectors(0, count, |vectors| vectors.length());
        assert_eq!(together(&mut memory, 800), Ok(800 * ((5 << 20) - 8192)));
        assert_eq!(together(&mut memory, 1024), Ok(u32::MAX as usize));
    }
}
