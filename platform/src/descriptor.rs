//! A descriptor: owned, and opaque to everything above the platform layer.

#[cfg(any(unix, windows))]
use std::any::Any;
use std::io;
#[cfg(any(unix, all(target_os = "wasi", target_env = "p1")))]
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
#[cfg(windows)]
use std::os::windows::io::{AsSocket, BorrowedSocket as BorrowedFd, OwnedSocket as OwnedFd};

#[cfg(all(target_os = "wasi", target_env = "p2"))]
use std::rc::Rc;

use crate::sim::{Handle, Network, other_world};
#[cfg(all(target_os = "wasi", target_env = "p2"))]
use crate::wasip2::Resource;

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
    #[cfg(any(unix, windows, all(target_os = "wasi", target_env = "p1")))]
    Kernel(OwnedFd),
    /// The guard goes first: what it undoes is about the descriptor.
    #[cfg(any(unix, windows))]
    Guarded {
        _guard: Box<dyn Any + Send + Sync>,
        fd: OwnedFd,
    },
    /// The process has it for ever: dropping this closes nothing.
    #[cfg(all(target_os = "wasi", target_env = "p1"))]
    Kept(BorrowedFd<'static>),
    #[cfg(all(target_os = "wasi", target_env = "p2"))]
    Resource(Rc<Resource>),
    Simulation(Handle),
}

impl Descriptor {
    pub(crate) fn simulated(handle: Handle) -> Descriptor {
        Descriptor(World::Simulation(handle))
    }

    /// One whose end means more than its close: `guard` is dropped just before.
    #[cfg(any(unix, windows))]
    pub(crate) fn guarded(fd: OwnedFd, guard: impl Any + Send + Sync) -> Descriptor {
        Descriptor(World::Guarded { _guard: Box::new(guard), fd })
    }

    #[cfg(all(target_os = "wasi", target_env = "p1"))]
    pub(crate) fn kept(fd: BorrowedFd<'static>) -> Descriptor {
        Descriptor(World::Kept(fd))
    }

    /// Its number in `network`.
    ///
    /// # Errors
    /// `InvalidInput` when it is not of that network.
    pub(crate) fn number_in(&self, network: &Network) -> io::Result<usize> {
        match &self.0 {
            World::Simulation(handle) => handle.number_in(network),
            #[cfg(any(unix, windows, target_os = "wasi"))]
            _ => None,
        }
        .ok_or_else(|| other_world("simulated"))
    }

    /// The descriptor as the kernel or the host knows it. Natively and on wasip1; on Windows it is a `BorrowedSocket`.
    ///
    /// # Errors
    /// `InvalidInput` when it is of a simulated network.
    #[cfg(any(unix, windows, all(target_os = "wasi", target_env = "p1")))]
    pub fn fd(&self) -> io::Result<BorrowedFd<'_>> {
        match &self.0 {
            World::Kernel(fd) => Ok(borrow(fd)),
            #[cfg(any(unix, windows))]
            World::Guarded { fd, .. } => Ok(borrow(fd)),
            #[cfg(all(target_os = "wasi", target_env = "p1"))]
            World::Kept(fd) => Ok(*fd),
            World::Simulation(_) => Err(other_world("real")),
        }
    }

    /// What the host has for it.
    ///
    /// # Errors
    /// `InvalidInput` when it is of a simulated network.
    #[cfg(all(target_os = "wasi", target_env = "p2"))]
    pub(crate) fn resource(&self) -> io::Result<&Rc<Resource>> {
        match &self.0 {
            World::Resource(resource) => Ok(resource),
            World::Simulation(_) => Err(other_world("real")),
        }
    }

    #[cfg(any(unix, windows))]
    pub(crate) fn owned_fd(&self) -> io::Result<&OwnedFd> {
        match &self.0 {
            World::Kernel(fd) | World::Guarded { fd, .. } => Ok(fd),
            World::Simulation(_) => Err(other_world("real")),
        }
    }

    /// Gives up the descriptor for its close, which the caller does. `None` when there is nothing to close.
    ///
    /// # Errors
    /// `InvalidInput` when it is of a simulated network.
    #[cfg(any(unix, windows, all(target_os = "wasi", target_env = "p1")))]
    pub(crate) fn into_closable(self) -> io::Result<Option<OwnedFd>> {
        match self.0 {
            World::Kernel(fd) => Ok(Some(fd)),
            #[cfg(any(unix, windows))]
            World::Guarded { fd, .. } => Ok(Some(fd)),
            #[cfg(all(target_os = "wasi", target_env = "p1"))]
            World::Kept(_) => Ok(None),
            World::Simulation(_) => Err(other_world("real")),
        }
    }
}

#[cfg(any(unix, all(target_os = "wasi", target_env = "p1")))]
fn borrow(fd: &OwnedFd) -> BorrowedFd<'_> {
    fd.as_fd()
}

#[cfg(windows)]
fn borrow(socket: &OwnedFd) -> BorrowedFd<'_> {
    socket.as_socket()
}

#[cfg(any(unix, windows, all(target_os = "wasi", target_env = "p1")))]
impl From<OwnedFd> for Descriptor {
    fn from(fd: OwnedFd) -> Descriptor {
        Descriptor(World::Kernel(fd))
    }
}

#[cfg(any(unix, windows, all(target_os = "wasi", target_env = "p1")))]
impl TryFrom<Descriptor> for OwnedFd {
    type Error = io::Error;

    /// # Errors
    /// `InvalidInput` when it is of a simulated network, when it is that of the signals, and on wasip1 when it is
    /// standard input: those are not to be owned.
    fn try_from(descriptor: Descriptor) -> io::Result<OwnedFd> {
        match descriptor.0 {
            World::Kernel(fd) => Ok(fd),
            World::Simulation(_) => Err(other_world("real")),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "this descriptor (of the signals, or standard input) can't be given away, because its end is the \
                 platform's affair: borrow it with `fd`, and duplicate that where the target can",
            )),
        }
    }
}

#[cfg(all(target_os = "wasi", target_env = "p2"))]
impl From<Resource> for Descriptor {
    fn from(resource: Resource) -> Descriptor {
        Descriptor(World::Resource(Rc::new(resource)))
    }
}

/// Whoever still waits for it has to hear that it is gone.
#[cfg(all(target_os = "wasi", target_env = "p2"))]
impl Drop for World {
    fn drop(&mut self) {
        if let World::Resource(resource) = self
            && Rc::strong_count(resource) > 1
        {
            resource.close();
        }
    }
}
