//! What the command line tells the host, noted and not done.

use std::path::Path;
use std::time::Duration;

/// Stands for everything that can go wrong with a socket.
#[derive(Debug)]
pub struct Error;

pub struct Host;

impl Host {
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }
}

#[derive(Default)]
pub struct HostBuilder {
    pub program: Vec<String>,
    pub preopens: Vec<Preopen>,
}

impl HostBuilder {
    pub fn module_file(mut self, path: String) -> HostBuilder {
        self.program.insert(0, path);
        self
    }

    pub fn args(mut self, arguments: impl IntoIterator<Item = String>) -> HostBuilder {
        self.program.extend(arguments);
        self
    }

    pub fn preopen(mut self, socket: Preopen) -> HostBuilder {
        self.preopens.push(socket);
        self
    }

    pub fn env(self, key: &str, _value: impl AsRef<str>) -> HostBuilder {
        assert!(!key.contains('='), "the value begins behind the first one");
        self
    }

    pub fn directory(self, _host: &str, guest: &str) -> HostBuilder {
        assert!(!guest.starts_with("::"), "the name begins behind the first one");
        self
    }

    pub fn max_memory(self, _bytes: usize) -> HostBuilder {
        self
    }

    pub fn max_sockets(self, _count: usize) -> HostBuilder {
        self
    }

    pub fn timeout(self, _limit: Duration) -> HostBuilder {
        self
    }
}

/// A socket that was not opened. An empty address is one that fails.
pub struct Preopen;

impl Preopen {
    pub fn tcp_listener(address: &str) -> Result<Preopen, Error> {
        if address.is_empty() { Err(Error) } else { Ok(Preopen) }
    }

    pub fn tcp_stream(address: &str) -> Result<Preopen, Error> {
        Preopen::tcp_listener(address)
    }

    pub fn unix_listener(path: impl AsRef<Path>) -> Result<Preopen, Error> {
        if path.as_ref().as_os_str().is_empty() { Err(Error) } else { Ok(Preopen) }
    }

    pub fn inherited() -> Result<Vec<Preopen>, Error> {
        Ok(vec![Preopen, Preopen])
    }

    pub fn named(self, name: &str) -> Result<Preopen, Error> {
        if name.contains(':') { Err(Error) } else { Ok(self) }
    }
}
