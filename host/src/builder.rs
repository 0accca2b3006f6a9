//! Saying what to run, and with what.

use crate::error::Error;
use crate::given::{Directory, Given};
use crate::host::Host;
use crate::module;
use crate::preopen::Preopen;
use crate::shutdown::ShutdownRequest;
use crate::stdio::Output;
use crate::stop::StopHandle;
use crate::trace::Trace;
use crate::workers::WorkerEnd;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Of a thread that a guest runs on: what main threads usually have.
const STACK_BYTES: usize = 8 * 1024 * 1024;

const NOT_SHARED: &str = "several workers can share listeners, and no connection: give it to one worker alone";

/// Where the program comes from.
enum Source {
    File(PathBuf),
    Bytes { name: String, bytes: Vec<u8> },
}

/// Everything that a guest is given; made by [`Host::builder`].
#[derive(Default)]
pub struct HostBuilder {
    source: Option<Source>,
    preopens: Vec<Preopen>,
    given: Given,
}

impl Host {
    /// Starts saying what to run.
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }
}

impl HostBuilder {
    /// The program: a file with a WebAssembly module built for wasm32-wasip1.
    /// Its file name is the guest's argument 0.
    pub fn module_file(mut self, path: impl Into<PathBuf>) -> HostBuilder {
        self.source = Some(Source::File(path.into()));
        self
    }

    /// The program, from memory; `name` is the guest's argument 0.
    pub fn module_bytes(mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> HostBuilder {
        self.source = Some(Source::Bytes { name: name.into(), bytes: bytes.into() });
        self
    }

    /// An argument for the guest, after argument 0.
    pub fn arg(mut self, argument: impl Into<String>) -> HostBuilder {
        self.given.arguments.push(argument.into());
        self
    }

    /// Arguments for the guest, after argument 0.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl Into<String>>) -> HostBuilder {
        self.given.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// A variable of the guest's environment, which is empty otherwise (but
    /// for `LISTEN_FDS` and `LISTEN_FDNAMES` when there are sockets).
    pub fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> HostBuilder {
        self.given.environment.push((key.into(), value.into()));
        self
    }

    /// A directory that the guest may use, and its name there.
    pub fn directory(mut self, host: impl Into<PathBuf>, guest: impl Into<String>) -> HostBuilder {
        self.given.directories.push(Directory { host: host.into(), guest: guest.into(), is_read_only: false });
        self
    }

    /// A socket for the guest; the first has the number 3 there, the next 4.
    pub fn preopen(mut self, socket: Preopen) -> HostBuilder {
        self.preopens.push(socket);
        self
    }

    /// The most memory that the guest may have, in bytes: all its memories and tables together, and what this host keeps
    /// for it. Asking for more ends it.
    pub fn max_memory(mut self, bytes: usize) -> HostBuilder {
        self.given.limits.memory_bytes = Some(bytes);
        self
    }

    /// The most sockets that the guest may have open, those given to it
    /// included; beyond it `sock_accept` answers `mfile`.
    pub fn max_sockets(mut self, count: usize) -> HostBuilder {
        self.given.limits.sockets = Some(count);
        self
    }

    /// The longest that the guest may run; then it is ended. Compiling it doesn't count.
    pub fn timeout(mut self, limit: Duration) -> HostBuilder {
        self.given.limits.time = Some(limit);
        self
    }

    /// Ends connections of the guest on which nothing has moved for so long: it finds that the peer is gone.
    pub fn idle_timeout(mut self, limit: Duration) -> HostBuilder {
        self.given.limits.idle = Some(limit);
        self
    }

    /// What the guest writes to its standard output goes here, in place of the process's own. Writing takes place on
    /// the guest's thread.
    pub fn stdout(mut self, writer: impl Write + Send + 'static) -> HostBuilder {
        self.given.output = Output::Writer(Arc::new(Mutex::new(writer)));
        self
    }

    /// As [`Self::stdout`], for its standard error.
    pub fn stderr(mut self, writer: impl Write + Send + 'static) -> HostBuilder {
        self.given.error_output = Output::Writer(Arc::new(Mutex::new(writer)));
        self
    }

    /// The guest's standard input is at its end, in place of being the process's own.
    pub fn no_stdin(mut self) -> HostBuilder {
        self.given.has_no_input = true;
        self
    }

    /// How many guests run this program, each in a thread of its own with a memory and limits of its own, all with
    /// the same sockets: whoever accepts first has the connection. Connected streams can't be shared so.
    pub fn workers(mut self, count: NonZeroUsize) -> HostBuilder {
        self.given.further_workers = count.get() - 1;
        self
    }

    /// Starts a guest anew that has trapped or wanted more memory than it may have: after 100 ms, and after twice the
    /// time whenever it fails again soon, up to 10 s. Connections to its listeners wait meanwhile.
    pub fn restart(mut self) -> HostBuilder {
        self.given.is_restarted = true;
        self
    }

    /// Asks the guests to end: each finds it under the number [`SHUTDOWN_FD`](crate::SHUTDOWN_FD), which is not open
    /// otherwise.
    pub fn shutdown(mut self, request: ShutdownRequest) -> HostBuilder {
        self.given.shutdown = Some(request);
        self
    }

    /// Lets the guests be ended at once, by `handle`. They look at every loop whether that is so, which costs a little.
    pub fn stop(mut self, handle: StopHandle) -> HostBuilder {
        self.given.stop = Some(handle);
        self
    }

    /// Tells of each call of the guest, in one line with its arguments and result, when it has ended.
    pub fn trace(mut self, tell: impl Fn(&str) + Send + Sync + 'static) -> HostBuilder {
        self.given.trace = Some(Trace(Arc::new(tell)));
        self
    }

    /// Called once, when all guests have waited in `poll_oneoff` for the first time: they serve.
    pub fn on_ready(mut self, tell: impl Fn() + Send + Sync + 'static) -> HostBuilder {
        self.given.watchers.ready = Some(Arc::new(tell));
        self
    }

    /// Called whenever a guest has ended.
    pub fn on_end(mut self, tell: impl Fn(&WorkerEnd<'_>) + Send + Sync + 'static) -> HostBuilder {
        self.given.watchers.end = Some(Arc::new(tell));
        self
    }

    /// Loads the program and compiles it, or takes it from the cache of
    /// compiled programs. Nothing of it runs yet.
    pub fn build(mut self) -> Result<Host, Error> {
        let (name, bytes) = match self.source.take().ok_or(Error::NoModule)? {
            Source::Bytes { name, bytes } => (name, bytes),
            Source::File(path) => {
                let bytes =
                    std::fs::read(&path).map_err(|reason| Error::ModuleUnreadable { path: path.clone(), reason })?;
                (file_name(&path), bytes)
            }
        };
        if self.given.limits.time.is_some() && self.given.stop.is_none() {
            self.given.stop = Some(StopHandle::new()?);
        }
        if self.given.workers() > 1 && self.preopens.iter().any(|socket| !socket.is_listener()) {
            return Err(Error::Host { reason: NOT_SHARED.to_owned() });
        }
        let engine = module::engine(self.given.stop.is_some())?;
        let program = module::load(&engine, &name, &bytes)?;
        self.given.arguments.insert(0, name);
        self.given.stack_bytes = STACK_BYTES;
        Ok(Host::new(self.given, program, self.preopens))
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
