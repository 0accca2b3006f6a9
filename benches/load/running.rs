//! One server that runs.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use selectio_driver::process::{Process, Stream};
use selectio_driver::program::announced;

use crate::cores::Cores;
use crate::server::{Program, Server};

/// How long a server may take until it says where it listens. A host compiles its guest before that.
const START_LIMIT: Duration = Duration::from_secs(60);

/// The same for a program of the system's.
const INSTALLED_START_LIMIT: Duration = Duration::from_secs(10);

/// How often the CPU time of a server is read until it stands still, a millisecond apart.
const SETTLING_READS_MAX: usize = 50;

/// A server that listens. It ends when this is dropped.
pub struct Running {
    process: Process,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Running {
    /// Starts it on its core.
    pub fn start(server: &Server, cores: Cores) -> Result<Running> {
        let command = server.command();
        let process = cores.starting_server(|| Process::start(command))?;
        let said = |stream| process.wait_for(stream, START_LIMIT, |text| announced(text).next());
        let address = match server.program {
            Program::Native { .. } | Program::Component { .. } => said(Stream::Stdout),
            // The host says where it listens.
            Program::Guest { .. } => said(Stream::Stderr),
            Program::Installed { address, .. } => wait_until_it_accepts(&process, address),
        };
        let address = address.with_context(|| format!("{} does not listen", server.name))?;
        Ok(Running { process, address })
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The CPU time of all its threads so far, in nanoseconds, once it has nothing to do any more. The kernel counts
    /// that of a thread to the nanosecond, but only when the thread sleeps is the count complete.
    pub fn cpu_time_ns(&self) -> Result<u64> {
        let mut before = self.read_cpu_time_ns()?;
        for _ in 0..SETTLING_READS_MAX {
            thread::sleep(Duration::from_millis(1));
            let now = self.read_cpu_time_ns()?;
            if now == before {
                break;
            }
            before = now;
        }
        Ok(before)
    }

    fn read_cpu_time_ns(&self) -> Result<u64> {
        cpu_time_ns(&format!("/proc/{}/task", self.id())).context("the server's CPU time can't be read: it has ended")
    }

    /// The memory that it has in use, in bytes.
    pub fn memory(&self) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/statm", self.id()))?;
        let pages: u64 = text.split(' ').nth(1).context("/proc/PID/statm has a second field")?.parse()?;
        Ok(pages * rustix::param::page_size() as u64)
    }
}

fn wait_until_it_accepts(process: &Process, address: SocketAddr) -> Result<SocketAddr> {
    let start = Instant::now();
    while let Err(error) = TcpStream::connect(address) {
        let is_in_time = start.elapsed() < INSTALLED_START_LIMIT;
        ensure!(is_in_time, "no connection to {address}: {error}; it printed:\n{}", process.all_output());
        thread::sleep(Duration::from_millis(5));
    }
    Ok(address)
}

/// The CPU time of this process so far, in nanoseconds.
pub fn own_cpu_time_ns() -> Result<u64> {
    cpu_time_ns("/proc/self/task")
}

fn cpu_time_ns(tasks: &str) -> Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(tasks)? {
        // A thread that has just ended has no file any more.
        let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        sum += text.split(' ').next().and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(sum)
}
