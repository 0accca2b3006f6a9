//! The simulated world: a network in memory, with a virtual clock and faults drawn from a seed.
//!
//! It is the platform of wasm32-unknown-unknown, and on every other target that of a thread which has
//! [entered](Network::enter) one. A program can't tell it from the real thing, but a test can: the same seed
//! and the same calls give the same run, to the byte. There is no real time in it, no address, no order of a
//! hash table.
//!
//! # Time
//!
//! The clock stands still while the program runs and moves only in a wait. A wait with nothing ready jumps to
//! the next thing that happens outside, or to its deadline; one for ever when nothing can happen any more is
//! an error ([`Deadlock`](std::io::ErrorKind::Deadlock)). Every wait takes ten microseconds at least, so a
//! program that spins sees time pass too.
//!
//! # The outside
//!
//! What a program does to a connection, and what a test lets a [`Client`] do, is queued and takes effect when
//! the connection has its next *turn*, a tenth of a millisecond later. A turn carries what fits into the other
//! side's buffer, in both directions, then the end of the stream or a reset; while more could be carried, it
//! comes again. So nothing arrives within the call that caused it, and nothing at all without a wait.
//!
//! # Descriptors
//!
//! Numbers are handed out lowest first and used again at once. A watch is on a number, as in the kernel: what
//! is closed while it is watched is an error of its own watch, or worse, somebody else.

mod agenda;
mod call;
mod connection;
mod datagram;
mod descriptors;
mod entered;
mod faults;
mod handle;
mod network;
mod options;
mod outside;
mod platform;
mod selector;
mod state;
mod stream;
mod trace;
mod turn;

pub use entered::Entered;
pub use faults::Faults;
pub(crate) use handle::Handle;
pub use network::Network;
pub(crate) use network::other_world;
pub use outside::{Client, ClientState, OutsideListener};
