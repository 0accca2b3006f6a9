//! A buffer of the guest as Winsock takes it.

use windows_sys::Win32::Networking::WinSock::WSABUF;

/// Where it begins, and how many bytes it has.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Vector(WSABUF);

impl Vector {
    pub(crate) const EMPTY: Vector = Vector::new(std::ptr::null_mut(), 0);

    /// `length` is that of a buffer of the guest, which counts with 32 bits too.
    pub(crate) const fn new(start: *mut u8, length: usize) -> Vector {
        Vector(WSABUF { len: length as u32, buf: start })
    }

    pub(crate) fn start(self) -> *mut u8 {
        self.0.buf
    }

    pub(crate) fn length(self) -> usize {
        self.0.len as usize
    }

    /// The same array, for a system call.
    pub(crate) fn as_raw(vectors: &[Vector]) -> *const WSABUF {
        vectors.as_ptr().cast()
    }
}
