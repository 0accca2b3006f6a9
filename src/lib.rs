//! A callback event loop: a [`Dispatcher`] waits on sockets and calls the handlers of those registered
//! with it. One program, unchanged, runs natively on `select()` and as WebAssembly on `poll_oneoff`, on
//! sockets that the host opened for it.
//!
//! It is the port of Nim's `asyncio` module, with that module's nouns and verbs and without its faults.

#![forbid(unsafe_code)]

/// The README's program compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod delegate;
mod dispatcher;
mod error;
mod handler;
mod line;
mod line_reader;
mod registration;
mod send_queue;
mod socket;
mod status;

#[doc = include_str!("original.md")]
pub mod original {}

pub use delegate::{Delegate, Mode, Waker};
pub use dispatcher::{DEFAULT_TIMEOUT, Dispatcher, DispatcherBuilder, Timer};
pub use error::MainError;
pub use line::{Line, ReadLine};
pub use registration::Register;
pub use selectio_platform::sim;
pub use selectio_platform::{Address, Descriptor, Domain, Protocol, Shutdown, SocketOption, Type};
pub use socket::{AsyncSocket, Blocking};
pub use status::SocketStatus;
