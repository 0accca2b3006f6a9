//! A callback event loop: a [`Dispatcher`] waits on sockets and calls the handlers of those registered
//! with it. One program, unchanged, runs natively on epoll or `select()` and as WebAssembly: as a module of WASI preview1 on
//! `poll_oneoff`, with sockets that the host opened for it, and as a component of preview2, which makes its own.
//!
//! It is the port of Nim's `asyncio` module, with that module's nouns and verbs and without its faults:
//! [`original`] says where each has gone.
//!
//! # What you can rely on
//!
//! - Handlers are called in the order of registration, only for what really happened, and never again once
//!   their socket is closed or unregistered, not even in the poll that is running.
//! - A handler may do anything but poll: close, unregister, register, send, replace handlers, of this and of
//!   other sockets.
//! - A handler that fails costs its own socket: the error goes to that socket's `handle_error`, then the
//!   socket is closed, and the others go on. Nothing is silent: an error that nobody handles is told by the
//!   dispatcher ([`Dispatcher::set_handle_error`]).
//! - [`AsyncSocket::send`] never blocks and keeps the order. What a peer did to its connection is told to the
//!   peer's socket, not to whoever happens to send to it. What a handler sends leaves when it has returned.
//! - No peer keeps the others waiting: in one turn a socket reads 64 KiB and a listener accepts 64 clients at
//!   most, the rest comes in the next.
//! - Lines do not depend on the segments that they arrive in, and the end of a stream is told once.
//! - What a world can't do is an [`Unsupported`](std::io::ErrorKind::Unsupported) error with the operation,
//!   the platform and what to do instead. Every other error names the operation too.
//! - Buffers and waits are bounded: [`AsyncSocket::set_line_length_max`], [`AsyncSocket::set_send_buffer_max`],
//!   [`AsyncSocket::set_connect_timeout`], [`AsyncSocket::set_close_timeout`],
//!   [`DispatcherBuilder::registered_max`], [`DispatcherBuilder::send_buffers_max`].
//!
//! # Where
//!
//! | world | waits with | sockets | limits |
//! |---|---|---|---|
//! | unix | epoll on Linux, elsewhere `select(2)` and with many sockets kqueue or event ports ([`Backend`]) | the program's own, or passed by a supervisor | those of the process |
//! | wasm32-wasip1 | `poll_oneoff` | opened by the host | no addresses, options, datagrams or threads |
//! | wasm32-wasip2 | `wasi:io/poll` | the program's own, as far as the host grants it the network | no Unix sockets, no threads, few options |
//! | wasm32-unknown-unknown | a virtual clock | of a simulated network in memory | nothing outside of it |

#![forbid(unsafe_code)]

/// The README's program compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod buffer_pool;
mod delegate;
mod dispatcher;
mod error;
mod handler;
mod id;
mod line;
mod line_reader;
mod open_descriptor;
mod registration;
mod remote;
mod send_queue;
mod served;
mod socket;
mod status;
#[cfg(feature = "tls")]
pub mod tls;

#[doc = include_str!("protocols.md")]
pub mod protocols {}

#[doc = include_str!("original.md")]
pub mod original {}

pub use delegate::{Delegate, Mode, Waker};
pub use dispatcher::{DEFAULT_TIMEOUT, Dispatcher, DispatcherBuilder, Timer};
pub use error::MainError;
pub use id::Id;
pub use line::{Line, ReadLine};
pub use registration::Register;
pub use remote::Remote;
pub use selectio_platform::sim;
pub use selectio_platform::{
    Address, Backend, Descriptor, Domain, IntegerOption, Protocol, Shutdown, SocketOption, Type, raw_os_error,
};
pub use socket::{AsyncSocket, Blocking, pipe};
pub use status::SocketStatus;
