//! The platform layer of [selectio](https://docs.rs/selectio): what differs between the worlds that a
//! callback program can run in, behind one boundary of two small traits.
//!
//! | target | implementation | waits with | sockets from |
//! |---|---|---|---|
//! | unix | `native/` | `epoll(7)` on Linux, elsewhere `select(2)`, then kqueue or event ports | the program, or socket activation (`LISTEN_FDS`) |
//! | Windows | `native/` | Winsock's `select` | the program |
//! | wasm32-wasip1 | `wasip1/` | `poll_oneoff` | the host: preopened listeners and streams |
//! | wasm32-wasip2 | `wasip2/` | `wasi:io/poll` | the program, as far as the host grants it the network |
//! | wasm32-unknown-unknown | `sim/` | a virtual clock | a network in memory |
//!
//! On every target a thread can [enter](sim::Network::enter) a simulated network, which is then its platform.
//!
//! The layer has no policy: it never decides which handler runs. Everything above it is the same on
//! every target.
//!
//! # The contract
//!
//! Every implementation keeps these twelve promises, and the same test bodies hold each of them to it.
//!
//! - **C1** Readiness is a hint: it may be spurious, it is never lost (level-triggered).
//! - **C2** Every descriptor handed out is non-blocking and, where the world has `exec`, close-on-exec.
//! - **C3** An interrupted wait never shows: it goes on with the time that is left.
//! - **C4** Nothing watched and a timeout is a sleep; nothing watched and no timeout is
//!   [`InvalidInput`](std::io::ErrorKind::InvalidInput), before any system call.
//! - **C5** What is wrong with one descriptor comes back as its own error beside what is ready ([`Found::errors`]),
//!   and so does a change of interest that the kernel refuses; an `Err` of [`Selector::select`] means that nothing
//!   could be waited for. A descriptor that was closed while it was watched is an error where the kernel says so
//!   (select, `poll_oneoff`), and silent where it forgets the watch (epoll, kqueue).
//! - **C6** At most one [`Ready`] per watch and wait, read and write merged, in any order.
//! - **C7** A key is any `u64`; no value is reserved.
//! - **C8** Timeouts are relative, monotonic, and rounded up to what the kernel can count.
//! - **C9** No limit is passed silently: where one is reached, [`Selector::add`] refuses the one descriptor that
//!   is too many, and what is watched goes on.
//! - **C10** Hang-up and error set the readable and writable bits that were asked for, so that
//!   [`Platform::recv`] or [`Platform::send`] reveals them.
//! - **C11** [`WouldBlock`](std::io::ErrorKind::WouldBlock) is a normal result.
//! - **C12** Close is final: it takes the descriptor, and nothing can name it afterwards. What a process keeps for
//!   ever (on wasip1 standard input and the signals) can be had any number of times and is never closed.

#![deny(unsafe_code)]

pub mod change_note;
mod descriptor;
mod error;
#[cfg(any(unix, windows, all(target_os = "wasi", target_env = "p1")))]
mod interop;
mod number_map;
#[cfg(target_os = "wasi")]
mod places;
#[cfg(any(unix, windows, all(target_os = "wasi", target_env = "p1")))]
mod preopens;
pub mod reserved_instants;
pub mod sim;
#[cfg(feature = "tls")]
mod tls_provider;
mod types;

use std::any::Any;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

pub use descriptor::Descriptor;
pub use error::{OperationError, explained, explained_as, raw_os_error};
#[cfg(feature = "tls")]
pub use tls_provider::tls_provider;
pub use types::{
    Address, Backend, Caps, Connect, Domain, Found, IntegerOption, Interest, Preopen, Protocol, Ready, Shutdown,
    SocketOption, Type,
};

cfg_if::cfg_if! {
    if #[cfg(any(unix, windows))] {
        mod native;
        pub use native::for_hosts;

        fn of_target() -> Rc<dyn Platform> {
            Rc::new(native::Native)
        }
    } else if #[cfg(all(target_os = "wasi", target_env = "p1"))] {
        mod wasip1;

        fn of_target() -> Rc<dyn Platform> {
            Rc::new(wasip1::Wasip1)
        }
    } else if #[cfg(all(target_os = "wasi", target_env = "p2"))] {
        mod wasip2;

        fn of_target() -> Rc<dyn Platform> {
            Rc::new(wasip2::Wasip2)
        }
    } else if #[cfg(all(target_family = "wasm", target_os = "unknown"))] {
        /// The target has no sockets: its threads are in a network from their first call on.
        fn of_target() -> Rc<dyn Platform> {
            let network = sim::Network::new(0);
            network.enter_for_good();
            Rc::new(network)
        }
    } else {
        compile_error!(
            "selectio runs on unix, on Windows, on wasm32-wasip1 and -wasip2, and, simulated, on wasm32-unknown-unknown"
        );
    }
}

/// The platform of this thread: that of the target that the program was built for, unless the thread has
/// [entered](sim::Network::enter) a simulated network.
#[must_use]
pub fn this_target() -> Rc<dyn Platform> {
    match sim::Network::of_this_thread() {
        Some(network) => Rc::new(network),
        None => of_target(),
    }
}

/// Sockets and time, as one world has them.
///
/// What a world can't do answers [`Unsupported`](io::ErrorKind::Unsupported) with the operation, the
/// platform and a remedy in its text; [`Platform::caps`] says so beforehand.
pub trait Platform {
    /// The name of this world in messages: `native`, `wasip1`, `wasip2`, `simulation`.
    fn name(&self) -> &'static str;

    /// What this world can do.
    fn caps(&self) -> Caps;

    /// Monotonic time since an origin of the platform's choosing.
    fn now(&self) -> Duration;

    /// A new selector, watching nothing.
    ///
    /// # Errors
    /// `Unsupported` for a backend that this world doesn't have; what the kernel says when it has no room for one.
    fn selector(&self, backend: Backend) -> io::Result<Box<dyn Selector>>;

    /// Takes the first socket that the host opened for this program, in the host's order, for which
    /// `wanted` says yes. Each is handed out once; `None` when none is left that is wanted.
    ///
    /// # Errors
    /// Those of looking at the descriptors that the host passed.
    fn take_preopened(&self, wanted: &mut dyn FnMut(&Preopen) -> bool) -> io::Result<Option<Preopen>>;

    /// A new socket of this family, type and protocol.
    ///
    /// # Errors
    /// `Unsupported` on wasip1, and on wasip2 for all but streams and datagrams over the internet; `PermissionDenied`
    /// on wasip2 when the host grants no network; natively those of `socket(2)`.
    fn socket(&self, domain: Domain, kind: Type, protocol: Option<Protocol>) -> io::Result<Descriptor>;

    /// Makes a descriptor from elsewhere one of this platform's sockets, as C2 wants them, and says of which
    /// type it is. What is no socket is left as it was.
    ///
    /// # Errors
    /// `InvalidInput` when it is no socket.
    fn adopt(&self, descriptor: &Descriptor) -> io::Result<Type>;

    /// Waits for one descriptor, outside of any selector; answers whether it is ready. `None` waits for ever.
    ///
    /// # Errors
    /// As for [`Selector::select`]; what is wrong with the descriptor itself.
    fn wait(&self, descriptor: &Descriptor, interest: Interest, timeout: Option<Duration>) -> io::Result<bool> {
        let (mut selector, mut found) = (self.selector(Backend::Default)?, Found::default());
        selector.add(descriptor, 0, interest)?;
        selector.select(timeout, &mut found)?;
        match found.errors.pop() {
            Some((_, error)) => Err(error),
            None => Ok(!found.ready.is_empty()),
        }
    }

    /// Whether the descriptor is ready right now, without waiting.
    ///
    /// # Errors
    /// As for [`Platform::wait`].
    fn is_ready(&self, descriptor: &Descriptor, interest: Interest) -> io::Result<bool> {
        self.wait(descriptor, interest, Some(Duration::ZERO))
    }

    /// Whether an option of the socket is on.
    ///
    /// # Errors
    /// `Unsupported` on wasip1, and on wasip2 for most; natively those of `getsockopt(2)`.
    fn option(&self, socket: &Descriptor, option: SocketOption) -> io::Result<bool>;

    /// Turns an option of the socket on or off. [`SocketOption::NoDelay`] is on from the start for streams over
    /// the internet; what a listener has goes for the connections that it accepts later.
    ///
    /// # Errors
    /// `Unsupported` on wasip1; natively those of `setsockopt(2)`.
    fn set_option(&self, socket: &Descriptor, option: SocketOption, on: bool) -> io::Result<()>;

    /// The value of an option that is a number.
    ///
    /// # Errors
    /// `Unsupported` on wasip1; natively those of `getsockopt(2)`.
    fn integer_option(&self, socket: &Descriptor, option: IntegerOption) -> io::Result<u32>;

    /// Sets an option that is a number.
    ///
    /// # Errors
    /// `Unsupported` on wasip1; `InvalidInput` for a value that no kernel takes; natively those of
    /// `setsockopt(2)`.
    fn set_integer_option(&self, socket: &Descriptor, option: IntegerOption, value: u32) -> io::Result<()>;

    /// Gives the socket its local address.
    ///
    /// # Errors
    /// `Unsupported` on wasip1; natively those of `bind(2)`, such as `AddrInUse`.
    fn bind(&self, socket: &Descriptor, address: &Address) -> io::Result<()>;

    /// Binds a Unix stream socket that is about to listen to a path. The file of a listener that is gone is
    /// replaced; to find out, it is connected to, which a live listener sees as a client that leaves at once.
    ///
    /// Dropping the answer removes the file, unless another one has taken its place. That is to be done before the
    /// socket is closed: from then on the kernel may give the file's number to another file.
    ///
    /// # Errors
    /// `AddrInUse` when somebody has a socket open there; `AlreadyExists` when the file is no socket, which is
    /// never removed; `Unsupported` on WASI; natively those of `bind(2)`.
    fn bind_path(&self, socket: &Descriptor, path: &Path) -> io::Result<Box<dyn Any>>;

    /// Makes the socket a listener with room for `backlog` connections that wait to be accepted.
    ///
    /// # Errors
    /// `Unsupported` on wasip1; natively those of `listen(2)`.
    fn listen(&self, socket: &Descriptor, backlog: u32) -> io::Result<()>;

    /// Takes one connection from a listener, and the peer's address where the world knows it.
    ///
    /// # Errors
    /// `WouldBlock` when none waits; `ConnectionAborted` when the one that waited is gone, for whatever reason, and
    /// the next one may be behind it; `QuotaExceeded` when one waits and there is no descriptor or memory for it;
    /// `Interrupted` when a signal came; otherwise those of `accept(2)`, which say that the listener is no good.
    fn accept(&self, listener: &Descriptor) -> io::Result<(Descriptor, Option<SocketAddr>)>;

    /// Starts to connect.
    ///
    /// # Errors
    /// `Unsupported` on wasip1; natively those of `connect(2)`.
    fn connect(&self, socket: &Descriptor, address: &Address) -> io::Result<Connect>;

    /// How a pending connect ended, asked when the socket is ready.
    ///
    /// # Errors
    /// `WouldBlock` while it is still under way; otherwise why it failed.
    fn connect_result(&self, socket: &Descriptor) -> io::Result<()>;

    /// Reads bytes from a connected socket; 0 is the end of the stream.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing; otherwise those of `recv(2)`.
    fn recv(&self, socket: &Descriptor, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes the bytes of several buffers to a connected socket, in their order and in one system call, and says
    /// how many it took; that may end anywhere, and a host may take only the first few buffers. A socket for
    /// messages sends all of it as one. Never raises a signal.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room; otherwise those of `send(2)` and `sendmsg(2)`.
    fn send(&self, socket: &Descriptor, buffers: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Reads one datagram and says where it came from. What doesn't fit the buffer is lost; a datagram of
    /// no bytes is one all the same.
    ///
    /// # Errors
    /// `Unsupported` on wasip1; `WouldBlock` when there is none; natively those of `recvfrom(2)`, such as
    /// `ConnectionRefused` for one that was sent before.
    fn recv_from(&self, socket: &Descriptor, buffer: &mut [u8]) -> io::Result<(usize, Option<Address>)>;

    /// Sends one datagram.
    ///
    /// # Errors
    /// `Unsupported` on wasip1; `WouldBlock` when there is no room; natively those of `sendto(2)`.
    fn send_to(&self, socket: &Descriptor, bytes: &[u8], address: &Address) -> io::Result<usize>;

    /// Reads bytes from any descriptor, a pipe or the terminal too.
    ///
    /// # Errors
    /// Those of `read(2)`.
    fn read(&self, descriptor: &Descriptor, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes bytes to any descriptor.
    ///
    /// # Errors
    /// Those of `write(2)`.
    fn write(&self, descriptor: &Descriptor, bytes: &[u8]) -> io::Result<usize>;

    /// How many bytes the kernel has taken for the peer and holds back, because the peer has no room for them: they are
    /// lost when the socket is closed and the peer sends something more. `None` where nobody can tell.
    fn unsent(&self, _socket: &Descriptor) -> Option<usize> {
        None
    }

    /// Closes one direction of a connection, or both.
    ///
    /// # Errors
    /// Those of `shutdown(2)`, such as `NotConnected`.
    fn shutdown(&self, socket: &Descriptor, how: Shutdown) -> io::Result<()>;

    /// Closes the descriptor. Whatever it answers, the descriptor is gone, except that what the process keeps for
    /// ever stays open (C12).
    ///
    /// # Errors
    /// Those of `close(2)`, which tell that something was wrong before.
    fn close(&self, descriptor: Descriptor) -> io::Result<()>;

    /// The address that the socket is bound to.
    ///
    /// # Errors
    /// `Unsupported` on wasip1, where only the host knows.
    fn local_addr(&self, socket: &Descriptor) -> io::Result<Address>;

    /// The address of the socket's peer.
    ///
    /// # Errors
    /// `Unsupported` on wasip1; `NotConnected` without a peer.
    fn peer_addr(&self, socket: &Descriptor) -> io::Result<Address>;

    /// All addresses of a name, in the resolver's order. Blocks while the resolver works.
    ///
    /// # Errors
    /// `Unsupported` on wasip1; natively those of `getaddrinfo(3)`.
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;

    /// The program's standard input, for a watch of its own. On wasip1 it is always descriptor 0 itself, which
    /// nobody can close and one selector can watch once.
    ///
    /// # Errors
    /// Those of duplicating the descriptor.
    fn stdin(&self) -> io::Result<Descriptor>;

    /// A descriptor that becomes readable when another thread calls the waker. Reading from it takes the
    /// calls so far back.
    ///
    /// # Errors
    /// `Unsupported` where there are no other threads.
    fn waker(&self) -> io::Result<(Descriptor, Arc<dyn Wake>)>;

    /// A descriptor that becomes readable when somebody asks the program to end: natively with Ctrl-C (`SIGINT`)
    /// or `SIGTERM`, on WASI when the user of `selectio run` does. Reading it takes that back.
    ///
    /// Every call gives a descriptor of its own, and all of them become readable; on WASI one that reads takes it back
    /// for all of them. Natively, the next such signal after the first ends the program at once, and so does the first
    /// when no such descriptor is open; a signal that was ignored when the program started stays ignored.
    ///
    /// # Errors
    /// `Unsupported` on a WASI host that passes no signals on; natively those of making a pipe and of
    /// `sigaction(2)`.
    fn signals(&self) -> io::Result<Descriptor>;
}

/// Ends a wait from another thread.
///
/// Any number of calls count as one until the owner of the descriptor has seen them. The owner, when the
/// descriptor is readable, reads it empty, then calls [`acknowledge`](Wake::acknowledge), and only then looks for
/// what the others have left for it.
pub trait Wake: Send + Sync {
    /// Makes the descriptor that came with it readable, unless a call before did so and the owner has not
    /// acknowledged it yet. What happened before this call is seen by the owner after its acknowledgement.
    ///
    /// # Errors
    /// Those of writing to a pipe, except that a full one is as good as written to.
    fn wake(&self) -> io::Result<()>;

    /// Makes the next call of [`wake`](Wake::wake) count again. It has to come after the descriptor was read
    /// empty: the other way round, a wake between the two would be read away and leave all later ones
    /// uncounted.
    fn acknowledge(&self);
}

/// Waits on many descriptors at once.
///
/// It keeps its state between calls (the sets, the subscription array), so that a wait costs what the
/// kernel's call costs and nothing is rebuilt or allocated for it.
pub trait Selector {
    /// What it waits with, in messages: `select`, `epoll`, `poll_oneoff`.
    fn name(&self) -> &'static str;

    /// Starts to watch a descriptor; what comes of it carries `key`.
    ///
    /// # Errors
    /// `AlreadyExists` when it, or another one of the same number, is watched already; `InvalidInput` when it
    /// belongs to another platform; `Unsupported` when this kind of wait can't take it; `QuotaExceeded` when it
    /// can't take any more (C9).
    fn add(&mut self, descriptor: &Descriptor, key: u64, interest: Interest) -> io::Result<()>;

    /// Changes what a descriptor is watched for. A watch for nothing keeps its key.
    ///
    /// Only the wish is noted: the kernel hears of it when the next wait begins, once for each descriptor, and not
    /// at all when the wish is then what it was. What the kernel refuses is an error of that descriptor, told by
    /// that wait.
    ///
    /// # Errors
    /// `NotFound` when it isn't watched.
    fn modify(&mut self, descriptor: &Descriptor, interest: Interest) -> io::Result<()>;

    /// Ends the watch on a descriptor. Comes before its close.
    ///
    /// # Errors
    /// `NotFound` when it isn't watched.
    fn remove(&mut self, descriptor: &Descriptor) -> io::Result<()>;

    /// Waits until something is ready or the time is over (`None` waits for ever) and fills `found`,
    /// which it empties first.
    ///
    /// # Errors
    /// `InvalidInput` when there is nothing to wait for; otherwise the kernel's word that nothing could
    /// be waited for.
    fn select(&mut self, timeout: Option<Duration>, found: &mut Found) -> io::Result<()>;
}
