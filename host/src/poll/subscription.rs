//! The records of `poll_oneoff`, as they lie in the guest's memory.

use crate::clock::MonotonicClock;
use crate::errno::Errno;
use selectio_platform::change_note;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) const EVENT_SIZE: usize = 32;

/// A subscription: userdata at 0, tag at 8, and from 16 on either a descriptor
/// or a clock (id at 16, timeout at 24, flags at 40).
pub(crate) type Record = change_note::Record;
pub(crate) const SUBSCRIPTION_SIZE: usize = change_note::RECORD_SIZE;

const TAG_AT: usize = 8;
const TAG_CLOCK: u8 = 0;
const TAG_READ: u8 = 1;
const TAG_WRITE: u8 = 2;

const CLOCK_REALTIME: u32 = 0;
const CLOCK_MONOTONIC: u32 = 1;
const CLOCK_FLAG_ABSOLUTE: u16 = 1;

const EVENT_FLAG_HANGUP: u16 = 1;

/// What a subscription waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subscribed {
    Clock,
    Read(u32),
    Write(u32),
}

/// What is to be told about a subscription that is ready.
#[derive(Clone, Copy)]
pub(crate) struct Outcome {
    /// Its place in the guest's array.
    pub(crate) index: u32,
    pub(crate) error: Option<Errno>,
    pub(crate) hangup: bool,
}

impl Outcome {
    pub(crate) fn ready(index: u32) -> Outcome {
        Outcome { index, error: None, hangup: false }
    }

    pub(crate) fn failed(index: u32, error: Errno) -> Outcome {
        Outcome { error: Some(error), ..Outcome::ready(index) }
    }
}

pub(crate) fn subscribed(record: &Record) -> Result<Subscribed, Errno> {
    match record[TAG_AT] {
        TAG_CLOCK => Ok(Subscribed::Clock),
        TAG_READ => Ok(Subscribed::Read(u32_at(record, 16))),
        TAG_WRITE => Ok(Subscribed::Write(u32_at(record, 16))),
        _ => Err(Errno::INVAL),
    }
}

/// What it waits for, for people.
pub(crate) fn described(record: &Record) -> String {
    match subscribed(record) {
        Ok(Subscribed::Read(fd)) => format!("read {fd}"),
        Ok(Subscribed::Write(fd)) => format!("write {fd}"),
        Ok(Subscribed::Clock) if u16::from_le_bytes([record[40], record[41]]) == CLOCK_FLAG_ABSOLUTE => {
            format!("clock at {} ns", u64_at(record, 24))
        }
        Ok(Subscribed::Clock) => format!("clock in {:?}", Duration::from_nanos(u64_at(record, 24))),
        Err(_) => "nothing known".to_owned(),
    }
}

/// Whether what they wait for is the same. Other userdata, or another timeout of
/// a clock, makes no difference to that.
pub(crate) fn same_interest(one: &Record, other: &Record) -> bool {
    one[TAG_AT] == other[TAG_AT] && (one[TAG_AT] == TAG_CLOCK || u32_at(one, 16) == u32_at(other, 16))
}

/// How long a clock subscription has to wait from now on, in nanoseconds.
///
/// A realtime clock that is set while the guest waits does not move the moment.
pub(crate) fn time_left(record: &Record, clock: &MonotonicClock) -> Result<u64, Errno> {
    let timeout = u64_at(record, 24);
    let flags = u16::from_le_bytes([record[40], record[41]]);
    match (u32_at(record, 16), flags) {
        (CLOCK_REALTIME | CLOCK_MONOTONIC, 0) => Ok(timeout),
        (CLOCK_MONOTONIC, CLOCK_FLAG_ABSOLUTE) => Ok(timeout.saturating_sub(clock.now())),
        (CLOCK_REALTIME, CLOCK_FLAG_ABSOLUTE) => {
            let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
            let realtime = since_epoch.map_or(0, |time| time.as_nanos());
            Ok(u128::from(timeout).saturating_sub(realtime) as u64)
        }
        // The clocks of processor time can't be waited for.
        _ => Err(Errno::INVAL),
    }
}

/// The event for a subscription: userdata at 0, error at 8, type at 10, nbytes
/// at 16, flags at 24.
pub(crate) fn event(record: &Record, outcome: &Outcome) -> [u8; EVENT_SIZE] {
    let mut event = [0; EVENT_SIZE];
    event[..8].copy_from_slice(&record[..8]);
    let error = outcome.error.map_or(0, |errno| errno.0);
    event[8..10].copy_from_slice(&error.to_le_bytes());
    event[10] = record[TAG_AT];
    if outcome.error.is_none() && record[TAG_AT] == TAG_READ {
        event[16] = 1;
    }
    if outcome.hangup {
        event[24..26].copy_from_slice(&EVENT_FLAG_HANGUP.to_le_bytes());
    }
    event
}

fn u32_at(record: &Record, at: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&record[at..at + 4]);
    u32::from_le_bytes(bytes)
}

fn u64_at(record: &Record, at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&record[at..at + 8]);
    u64::from_le_bytes(bytes)
}
