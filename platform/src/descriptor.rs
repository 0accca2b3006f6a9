//! A descriptor: owned, and opaque to everything above the platform layer.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// An open socket, pipe or file of this platform.
///
/// It can't be copied: whoever has it is the one who closes it ([`Platform::close`], or by dropping it),
/// and after that nothing can name it any more (C12).
///
/// [`Platform::close`]: crate::Platform::close
#[derive(Debug)]
pub struct Descriptor(OwnedFd);

impl From<OwnedFd> for Descriptor {
    fn from(fd: OwnedFd) -> Descriptor {
        Descriptor(fd)
    }
}

impl From<Descriptor> for OwnedFd {
    fn from(descriptor: Descriptor) -> OwnedFd {
        descriptor.0
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
