//! Instants of the monotonic clock by which a component learns from its host that somebody asks it to end.
//!
//! WASI preview2 has no way to tell a program of a signal, and a program that imports an interface of one host runs
//! nowhere else. What every host has is `wasi:clocks/monotonic-clock`, with `subscribe-instant`: a pollable that is
//! ready from an instant on. These instants are 584 years after the origin of the clock, so that no pollable of theirs
//! is ever ready on a host that doesn't know them. `selectio run` does, and gives them a meaning:
//!
//! | instant | what a pollable of it is ready for |
//! |---|---|
//! | [`IS_SELECTIO`] | at once: this host knows the others |
//! | [`SHUTDOWN_REQUEST`] | while there is a request to end that was not taken back |
//! | [`SHUTDOWN_SEEN`] | at once; subscribing is what takes the request back |
//!
//! A program that subscribes to [`SHUTDOWN_REQUEST`] listens, from then on: it is asked to end, and gets time for it.
//! One that never does is ended at once by the first signal.
//!
//! All three are for `subscribe-instant` alone. `subscribe-duration`, which the host adds to its own time, means nothing
//! of this. A host that can't be asked to end gives [`SHUTDOWN_REQUEST`] as what it is elsewhere: an instant that never
//! comes.

/// A pollable of this instant is ready at once on a host that knows the other two, and never on another.
pub const IS_SELECTIO: u64 = u64::MAX - 1;

/// A pollable of this instant is ready as long as there is a request to end that [`SHUTDOWN_SEEN`] has not taken back.
/// It can be asked and waited for any number of times; one pollable serves for all requests.
pub const SHUTDOWN_REQUEST: u64 = u64::MAX - 2;

/// Subscribing to this instant takes all requests to end back that have come so far; the pollable is ready at once, and
/// tells nothing.
pub const SHUTDOWN_SEEN: u64 = u64::MAX - 3;
