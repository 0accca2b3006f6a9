//! The network that a component gets: only as granted.

mod access;
mod pattern;
mod refusals;

pub(crate) use access::{Access, Asked};
