//! Starts an example in a [`World`] and learns its address.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cargo;
use crate::guest::Guest;
use crate::host::Host;
use crate::process::{Process, Stream};
use crate::system::System;

/// How long a program may take from its start until it says where it listens.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Where a program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// As a process of this machine.
    Native,
    /// As a WebAssembly guest of the chosen [`Host`].
    Wasm,
}

impl World {
    /// Both of them.
    pub const BOTH: [World; 2] = [World::Native, World::Wasm];
}

impl std::fmt::Display for World {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            World::Native => "native",
            World::Wasm => cargo::WASM_TARGET,
        })
    }
}

/// An example that runs and listens.
#[derive(Debug)]
pub struct Program {
    /// The process: the example itself, or the host with the example as guest.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
}

/// What listens on any free loopback port.
const ANY_PORT: &str = "127.0.0.1:0";

impl Program {
    /// Builds the example `name` and starts it on a free loopback port, with further `arguments` after the address; as a
    /// guest, on the chosen host.
    pub fn start(name: &str, world: World, arguments: &[&str]) -> Result<Program> {
        Program::start_on(Host::chosen()?, name, world, arguments)
    }

    /// Does it on `host`, as a guest.
    pub fn start_on(host: Host, name: &str, world: World, arguments: &[&str]) -> Result<Program> {
        // A guest gets the address too, so that its arguments are the same in both worlds.
        let arguments = [&[ANY_PORT], arguments].concat();
        let executable = cargo::example(name, world)?;
        let started = match world {
            World::Native => start_native(&executable, &arguments),
            World::Wasm => start_guest(host, &executable, &arguments),
        };
        started.with_context(|| format!("example {name} ({world}) did not say where it listens"))
    }
}

fn start_native(executable: &Path, arguments: &[&str]) -> Result<Program> {
    let mut command = System::chosen()?.command(executable)?;
    command.args(arguments);
    let process = Process::start(command)?;
    let address = process.wait_for(Stream::Stdout, START_LIMIT, |text| announced(text).next())?;
    Ok(Program { process, address })
}

fn start_guest(host: Host, module: &Path, arguments: &[&str]) -> Result<Program> {
    let guest = Guest::start(host, module, 1, arguments)?;
    Ok(Program { process: guest.process, address: guest.listeners[0] })
}

/// Builds the example `name`, and if it is to be a guest the host at hand; the command that starts it listening on
/// `address`.
pub fn command(name: &str, world: World, address: &str) -> Result<Command> {
    let executable = cargo::example(name, world)?;
    let mut command = match world {
        World::Native => System::chosen()?.command(&executable)?,
        World::Wasm => Host::at_hand()?.command(&executable, &[address.to_owned()])?,
    };
    command.arg(address);
    Ok(command)
}

/// The addresses of the listeners announced in `text`: by an example, `echo: listening on 127.0.0.1:7000`, or by the
/// host, `selectio: listening on 127.0.0.1:7000 (fd 3, NAME)`.
pub fn announced(text: &str) -> impl Iterator<Item = SocketAddr> {
    text.lines().filter_map(|line| {
        let rest = line.split_once(": listening on ")?.1;
        rest.split([' ', ',']).next()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::announced;

    #[test]
    fn announced_listeners() {
        let text = "echo: listening on 127.0.0.1:7000\nnoise\ntasks: listening on 127.0.0.1:7, patiently\n\
            selectio: listening on 127.0.0.1:5 (fd 3)\nselectio: listening on [::1]:6 (fd 4, control)\n\
            echo: listening on a socket of the host\n";
        let found: Vec<String> = announced(text).map(|address| address.to_string()).collect();
        assert_eq!(found, ["127.0.0.1:7000", "127.0.0.1:7", "127.0.0.1:5", "[::1]:6"]);
    }
}
