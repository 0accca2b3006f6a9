//! A buffer of the guest as the kernel takes it.

/// Where it begins, and how many bytes it has.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Vector(libc::iovec);

impl Vector {
    pub(crate) const EMPTY: Vector = Vector::new(std::ptr::null_mut(), 0);

    pub(crate) const fn new(start: *mut u8, length: usize) -> Vector {
        Vector(libc::iovec { iov_base: start.cast(), iov_len: length })
    }

    pub(crate) fn start(self) -> *mut u8 {
        self.0.iov_base.cast()
    }

    pub(crate) fn length(self) -> usize {
        self.0.iov_len
    }

    /// The same array, for a system call.
    pub(crate) fn as_raw(vectors: &[Vector]) -> *const libc::iovec {
        vectors.as_ptr().cast()
    }
}
