//! What a guest waits for, and whether it is ready.

mod subscription;
mod wait_set;

pub(crate) use subscription::{EVENT_SIZE, SUBSCRIPTION_SIZE};
pub(crate) use wait_set::WaitSet;
