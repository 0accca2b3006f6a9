//! What a guest waits for, and whether it is ready.

mod clocks;
mod subscription;
#[cfg(test)]
mod tests;
mod wait_set;
mod watches;

pub(crate) use subscription::{EVENT_SIZE, Record, SUBSCRIPTION_SIZE, described};
pub(crate) use wait_set::WaitSet;

use crate::descriptors::{Descriptor, Descriptors};
use crate::errno::Errno;
use crate::shutdown::Channel;
use crate::waiting::Cancellation;
use selectio_platform::change_note::ChangeNote;
use std::io;
use std::sync::Arc;

/// The wait sets of a guest.
///
/// Between two waits for its long array, whose changes it notes, a guest may
/// wait for something else: a pause, one descriptor. That is followed in a set
/// of its own, so that the long array need not be taken over anew.
pub(crate) struct Waits {
    plain: WaitSet,
    /// Made when the first array with a note comes.
    noted: Option<WaitSet>,
    /// The array that was followed last has a note.
    is_noted: bool,
    shutdown: Option<Arc<Channel>>,
}

impl Waits {
    pub(crate) fn new(cancellation: &Cancellation, shutdown: Option<Arc<Channel>>) -> io::Result<Waits> {
        Ok(Waits { plain: WaitSet::new(cancellation, shutdown.clone())?, noted: None, is_noted: false, shutdown })
    }

    /// What the buffers of all waits come to.
    pub(crate) fn bytes(&self) -> usize {
        self.plain.bytes() + self.noted.as_ref().map_or(0, WaitSet::bytes)
    }

    /// Gets the set for the array that the guest passes, which lies at `address` in
    /// its memory, in step with it.
    pub(crate) fn follow(
        &mut self,
        array: &[Record],
        address: u32,
        descriptors: &Descriptors,
        cancellation: &Cancellation,
    ) -> Result<(), Errno> {
        let note = array.first().and_then(|first| ChangeNote::read(first, address, array.len() as u32));
        let set = match (note, &mut self.noted) {
            (None, _) => &mut self.plain,
            (Some(_), Some(noted)) => noted,
            (Some(_), noted) => noted.insert(WaitSet::new(cancellation, self.shutdown.clone())?),
        };
        self.is_noted = note.is_some();
        set.follow(array, address, note, descriptors)
    }

    /// The set that was followed last.
    pub(crate) fn followed(&mut self) -> &mut WaitSet {
        match &mut self.noted {
            Some(noted) if self.is_noted => noted,
            _ => &mut self.plain,
        }
    }

    /// To be called before the number `fd` stands for something else than `descriptor`.
    pub(crate) fn forget(&mut self, fd: u32, descriptor: &Descriptor) {
        self.each(|set| set.forget(fd, descriptor));
    }

    /// To be called when the number `fd` stands for something.
    pub(crate) fn note_opened(&mut self, fd: u32) {
        self.each(|set| set.note_opened(fd));
    }

    fn each(&mut self, mut about: impl FnMut(&mut WaitSet)) {
        about(&mut self.plain);
        if let Some(noted) = &mut self.noted {
            about(noted);
        }
    }
}
