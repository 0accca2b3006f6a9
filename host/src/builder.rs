//! Saying what to run, and with what.

use crate::error::Error;
use crate::module;
use crate::preopen::Preopen;
use crate::run::{Directory, Given, Host};
use crate::shutdown::ShutdownRequest;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the program comes from.
enum Source {
    File(PathBuf),
    Bytes { name: String, bytes: Vec<u8> },
}

/// Everything that a guest is given; made by [`Host::builder`].
#[derive(Default)]
pub struct HostBuilder {
    source: Option<Source>,
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
        self.given.directories.push(Directory { host: host.into(), guest: guest.into() });
        self
    }

    /// A socket for the guest; the first has the number 3 there, the next 4.
    pub fn preopen(mut self, socket: Preopen) -> HostBuilder {
        self.given.preopens.push(socket);
        self
    }

    /// The most memory that the guest may have, in bytes; asking for more ends it.
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

    /// The longest that the guest may run; then it is ended.
    pub fn timeout(mut self, limit: Duration) -> HostBuilder {
        self.given.limits.time = Some(limit);
        self
    }

    /// Lets the guest know when it shall end: it finds `request` under the number
    /// [`SHUTDOWN_FD`](crate::SHUTDOWN_FD), which is not open otherwise.
    pub fn shutdown(mut self, request: ShutdownRequest) -> HostBuilder {
        self.given.shutdown = Some(request);
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
        let engine = module::engine(self.given.limits.time.is_some())?;
        let program = module::load(&engine, &name, &bytes)?;
        self.given.arguments.insert(0, name);
        Ok(Host::new(self.given, program))
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
