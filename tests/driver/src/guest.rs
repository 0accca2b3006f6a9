//! Starts a program as guest of a [`Host`] that opens its listeners, and learns where they are.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::host::{Host, Network};
use crate::process::{Process, Stream};
use crate::program::announced;
use crate::system::System;

/// How long a guest may take until it runs. Hosts compile it before that; a host that is not optimized takes a quarter of a
/// minute for the largest when nothing else runs.
pub const START_LIMIT: Duration = Duration::from_secs(300);

/// How often a host is started anew because another process took a port that was free just before, or because Wine
/// failed.
const STARTS_MAX: usize = 5;

/// A preview1 guest that runs, or has ended.
#[derive(Debug)]
pub struct Guest {
    /// The host's process.
    pub process: Process,
    /// Where its listeners are, in the order of their descriptors.
    pub listeners: Vec<SocketAddr>,
}

impl Guest {
    /// Starts `module` with so many listeners on free loopback ports, and waits until they are there.
    ///
    /// A host that doesn't tell where they are tells nothing at all, so there it is the guest that has to begin by
    /// printing a line.
    pub fn start(host: Host, module: &Path, listeners: usize, arguments: &[&str]) -> Result<Guest> {
        for _ in 0..STARTS_MAX {
            let addresses = if host.announces_listeners() {
                vec!["127.0.0.1:0".to_owned(); listeners]
            } else {
                free_addresses(listeners)?.iter().map(SocketAddr::to_string).collect()
            };
            let mut command = host.command(module, Network::Listeners(&addresses))?;
            command.args(arguments);
            let mut process = Process::start(command)?;
            let found = if host.announces_listeners() {
                process.wait_for(Stream::Stderr, START_LIMIT, |text| {
                    let found: Vec<SocketAddr> = announced(text).collect();
                    (found.len() == listeners).then_some(found)
                })
            } else {
                let printed = process.wait_for(Stream::Stdout, START_LIMIT, |text| (!text.is_empty()).then_some(()));
                printed.and_then(|()| addresses.iter().map(|address| Ok(address.parse()?)).collect())
            };
            match found {
                Ok(listeners) => return Ok(Guest { process, listeners }),
                Err(error) if is_clash(&error.to_string()) => drop(process.wait(START_LIMIT)),
                Err(_) if is_silent_failure(&mut process)? => {}
                Err(error) => return Err(error.context(format!("the guest of {host} did not start"))),
            }
        }
        bail!(
            "{STARTS_MAX} times, {host} did not start: the ports that it was to listen on were taken by then, or Wine failed"
        )
    }
}

/// Addresses that nobody listens on now. Another process can still be faster.
fn free_addresses(count: usize) -> Result<Vec<SocketAddr>> {
    let listeners: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<std::io::Result<_>>()?;
    Ok(listeners.iter().map(TcpListener::local_addr).collect::<std::io::Result<_>>()?)
}

/// Wine 8 fails about one start in 1,600, with code 1 and without a word.
fn is_silent_failure(process: &mut Process) -> Result<bool> {
    let may_be_silent = System::chosen()? == System::Wine && process.all_output().is_empty();
    Ok(may_be_silent && process.wait(START_LIMIT)?.code() == Some(1))
}

fn is_clash(error: &str) -> bool {
    error.contains("Address already in use")
}
