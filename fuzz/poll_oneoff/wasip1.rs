//! The platform's own files, between the fuzzer's host below and its model above.

use std::io;
use std::os::fd::AsRawFd;

pub use selectio_platform::{Descriptor, Found, Interest, Ready, Selector, change_note};

#[path = "../../platform/src/wasip1/capacity.rs"]
mod capacity;
#[path = "../../platform/src/wasip1/changes.rs"]
mod changes;
#[path = "../../platform/src/wasip1/confirmation.rs"]
#[allow(dead_code, reason = "the platform's own file")]
mod confirmation;
#[path = "../../platform/src/wasip1/poll_oneoff.rs"]
pub mod poll_oneoff;
#[path = "../../platform/src/wasip1/subscription.rs"]
pub mod subscription;
#[path = "../../platform/src/wasip1/subscriptions.rs"]
mod subscriptions;

use crate::host as hostcalls;

pub fn number(descriptor: &Descriptor) -> io::Result<wasi::Fd> {
    Ok(descriptor.fd()?.as_raw_fd().cast_unsigned())
}
