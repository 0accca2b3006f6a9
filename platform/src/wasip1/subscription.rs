//! One subscription: a direction of a watch, or the clock.

use std::time::Duration;

use super::change_note::{RECORD_SIZE, Record};

/// The clock's userdata. Those of watches are `index << 1 | direction`, far below it.
pub const CLOCK: wasi::Userdata = wasi::Userdata::MAX;

/// Room for an event that the host writes.
pub const NO_EVENT: wasi::Event = wasi::Event {
    userdata: 0,
    error: wasi::ERRNO_SUCCESS,
    type_: wasi::EVENTTYPE_CLOCK,
    fd_readwrite: wasi::EventFdReadwrite { nbytes: 0, flags: 0 },
};

/// A direction of a watch; its value is the low bit of the userdata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Read = 0,
    Write = 1,
}

/// A subscription as the host reads it. [`wasi::Subscription`] has gaps between its fields, which this has not: what
/// is in them is told to the host as well.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub struct Subscription(pub Record);

impl Subscription {
    fn new(userdata: wasi::Userdata, tag: wasi::Eventtype) -> Subscription {
        let mut record = [0; RECORD_SIZE];
        record[..8].copy_from_slice(&userdata.to_le_bytes());
        record[8] = tag.raw();
        Subscription(record)
    }

    pub fn userdata(&self) -> wasi::Userdata {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[..8]);
        wasi::Userdata::from_le_bytes(bytes)
    }

    /// The descriptor that it is about; of a clock, which one it is.
    pub fn fd(&self) -> wasi::Fd {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&self.0[16..20]);
        wasi::Fd::from_le_bytes(bytes)
    }
}

/// The watch and direction that an event's userdata names.
pub fn watch_of(userdata: wasi::Userdata) -> (usize, Direction) {
    let direction = if userdata & 1 == 0 { Direction::Read } else { Direction::Write };
    ((userdata >> 1) as usize, direction)
}

/// One direction of a watch.
pub fn single(fd: wasi::Fd, watch: usize, direction: Direction) -> Subscription {
    let tag = match direction {
        Direction::Read => wasi::EVENTTYPE_FD_READ,
        Direction::Write => wasi::EVENTTYPE_FD_WRITE,
    };
    let mut entry = Subscription::new((watch as wasi::Userdata) << 1 | direction as wasi::Userdata, tag);
    entry.0[16..20].copy_from_slice(&fd.to_le_bytes());
    entry
}

/// Relative and monotonic: hosts refuse absolute clocks, or count them from different origins.
pub fn clock(timeout: Duration) -> Subscription {
    // A duration beyond 584 years is as good as that.
    let timeout = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
    let mut entry = Subscription::new(CLOCK, wasi::EVENTTYPE_CLOCK);
    entry.0[16..20].copy_from_slice(&wasi::CLOCKID_MONOTONIC.raw().to_le_bytes());
    entry.0[24..32].copy_from_slice(&timeout.to_le_bytes());
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an entry is in the words of the host's interface.
    fn as_wasi(entry: &Subscription) -> (wasi::Userdata, u8, u32) {
        (entry.userdata(), entry.0[8], entry.fd())
    }

    #[test]
    fn entries_are_as_preview1_has_them() {
        assert_eq!(size_of::<Subscription>(), size_of::<wasi::Subscription>());
        assert_eq!(align_of::<Subscription>(), align_of::<wasi::Subscription>());
        assert_eq!(as_wasi(&single(9, 4, Direction::Write)), (9, wasi::EVENTTYPE_FD_WRITE.raw(), 9));
        assert_eq!(as_wasi(&clock(Duration::ZERO)), (CLOCK, 0, wasi::CLOCKID_MONOTONIC.raw()));
        assert_eq!(clock(Duration::from_nanos(5)).0[24..32], 5_u64.to_le_bytes());
    }
}
