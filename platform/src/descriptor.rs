//! A descriptor: owned, and opaque to everything above the platform layer.

use std::io;
#[cfg(any(unix, target_os = "wasi"))]
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::sim::{Handle, Network, other_world};

/// An open socket, pipe or file of this platform, or of a simulated network.
///
/// It can't be copied: whoever has it is the one who closes it ([`Platform::close`], or by dropping it),
/// and after that nothing can name it any more (C12).
///
/// [`Platform::close`]: crate::Platform::close
#[derive(Debug)]
pub struct Descriptor(World);

#[derive(Debug)]
enum World {
    #[cfg(any(unix, target_os = "wasi"))]
    Kernel(OwnedFd),
    Simulation(Handle),
}

impl Descriptor {
    pub(crate) fn simulated(handle: Handle) -> Descriptor {
        Descriptor(World::Simulation(handle))
    }

    /// Its number in `network`.
    ///
    /// # Errors
    /// `InvalidInput` when it is not of that network.
    pub(crate) fn number_in(&self, network: &Network) -> io::Result<usize> {
        match &self.0 {
            World::Simulation(handle) => handle.number_in(network),
            #[cfg(any(unix, target_os = "wasi"))]
            World::Kernel(_) => None,
        }
        .ok_or_else(|| other_world("simulated"))
    }

    /// The descriptor as the kernel or the host knows it. Natively and on wasip1.
    ///
    /// # Errors
    /// `InvalidInput` when it is of a simulated network.
    #[cfg(any(unix, target_os = "wasi"))]
    pub fn fd(&self) -> io::Result<BorrowedFd<'_>> {
        self.owned_fd().map(OwnedFd::as_fd)
    }

    #[cfg(any(unix, target_os = "wasi"))]
    pub(crate) fn owned_fd(&self) -> io::Result<&OwnedFd> {
        match &self.0 {
            World::Kernel(fd) => Ok(fd),
            World::Simulation(_) => Err(other_world("real")),
        }
    }
}

#[cfg(any(unix, target_os = "wasi"))]
impl From<OwnedFd> for Descriptor {
    fn from(fd: OwnedFd) -> Descriptor {
        Descriptor(World::Kernel(fd))
    }
}

#[cfg(any(unix, target_os = "wasi"))]
impl TryFrom<Descriptor> for OwnedFd {
    type Error = io::Error;

    /// # Errors
    /// `InvalidInput` when it is of a simulated network.
    fn try_from(descriptor: Descriptor) -> io::Result<OwnedFd> {
        match descriptor.0 {
            World::Kernel(fd) => Ok(fd),
            World::Simulation(_) => Err(other_world("real")),
        }
    }
}
