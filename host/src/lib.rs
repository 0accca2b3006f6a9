//! Runs WASI programs with sockets on a current Wasmtime: modules of preview1 with sockets that the host opened for them,
//! and components of WASI 0.2 with those that it [allows](HostBuilder::allow_tcp).
//!
//! Preview1 has no way to open a socket, only to use those that it was given.
//! Wasmtime dropped that from version 47 on; this host has it: listeners and
//! connected streams next to directories, blocking or not, waited for together
//! with standard input and clocks by one `poll_oneoff`.
//!
//! The command `selectio run` is a thin shell over this:
//!
//! ```
//! use selectio_host::{Host, Preopen};
//!
//! # fn main() -> Result<(), selectio_host::Error> {
//! # let wasm = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x05\x03\x01\0\x01\
//! #     \x07\x13\x02\x06memory\x02\0\x06_start\0\0\x0a\x04\x01\x02\0\x0b";
//! let host = Host::builder()
//!     .module_bytes("app.wasm", wasm) // or .module_file("app.wasm")
//!     .arg("--verbose")
//!     .preopen(Preopen::tcp_listener("127.0.0.1:0")?.named("web")?)
//!     .build()?;
//! for (fd, socket) in host.preopens() {
//!     println!("{socket} (fd {fd})"); // listening on 127.0.0.1:34567 (fd 3)
//! }
//! let exit_code = host.run()?;
//! # assert_eq!(exit_code, 0);
//! # Ok(())
//! # }
//! ```
//!
//! # What a module finds
//!
//! - Descriptors 0 to 2 are the process's standard streams; the sockets come
//!   from 3 on in the order in which they were given, then the directories.
//!   New descriptors get the lowest free number.
//! - `LISTEN_FDS` is the number of sockets and `LISTEN_FDNAMES` their names,
//!   separated by colons, `unknown` for one without a name.
//! - Listeners that it was given start non-blocking, streams start blocking;
//!   what it accepts is as it asks in `sock_accept`.
//! - Its TCP streams send small amounts of data at once (TCP_NODELAY), unless
//!   [`Preopen::with_nagle`] says otherwise: preview1 has no socket options.
//! - Given a [`ShutdownRequest`], it can wait for the descriptor [`SHUTDOWN_FD`]
//!   to learn that it shall end, and end in its own time.
//! - One `poll_oneoff` takes as many subscriptions as the guest's memory holds, and
//!   costs what has changed since the last one and what is ready. Without more, an
//!   idle socket costs the comparison of its subscription; a guest that says what it
//!   has changed, by [`selectio_platform::change_note`], saves that too. A
//!   read event's `nbytes` is 1, "at least one": the exact number would cost a
//!   system call per event. Its hang-up flag says that the peer has closed its
//!   side, where the system tells (Linux does); there may still be data to read.
//!   A failed descriptor is its own event's error, not the call's.
//!
//! # What a component finds
//!
//! - `wasi:cli`, `clocks`, `filesystem`, `io`, `random` and `sockets` of WASI 0.2, as wasmtime-wasi has them.
//! - No network but what [`HostBuilder::allow_tcp`], [`HostBuilder::allow_udp`], [`HostBuilder::allow_name_lookup`] and
//!   [`HostBuilder::inherit_network`] grant; anything else is answered with `access-denied`, and told by
//!   [`HostBuilder::on_refusal`].
//! - Its TCP sockets send small amounts of data at once, unless [`HostBuilder::gather_small_writes`] says otherwise; not on
//!   Windows.
//! - Given a [`ShutdownRequest`], it can wait for a [reserved instant](selectio_platform::reserved_instants) of its clock to
//!   learn that it shall end. One that never does isn't told.

mod backtrace;
mod builder;
mod clean_line;
mod clock;
mod component;
mod core_dump;
mod counters;
mod descriptors;
mod environment;
mod errno;
mod error;
mod fellow_workers;
mod functions;
mod given;
mod guest;
mod host;
mod idle;
mod invoke;
mod limits;
mod memory;
mod memory_limit;
mod metering;
mod module;
mod network;
mod poll;
mod preopen;
mod profile;
mod program;
mod runnable;
mod shutdown;
mod socket;
mod start;
mod stdio;
mod stop;
mod system;
mod trace;
mod waiting;
mod wasi_context;
mod workers;

pub use builder::HostBuilder;
pub use counters::{Statistics, WorkerStatistics};
pub use error::Error;
pub use host::Host;
pub use preopen::Preopen;
pub use shutdown::{SHUTDOWN_FD, ShutdownRequest, Signal};
pub use stop::StopHandle;
pub use system::socket_file::SocketFile;
/// The Wasmtime that this host runs programs on: [`HostBuilder::engine_config`] takes its settings, and
/// [`HostBuilder::invoke`] hands out its values.
pub use wasmtime;
pub use workers::WorkerEnd;
