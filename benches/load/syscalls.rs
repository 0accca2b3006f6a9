//! Counts the system calls of a server, with strace; in a run of its own, for that makes every call slow.

use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use selectio_driver::process::{Process, Stream};

use crate::cores::Cores;
use crate::echoes::Clients;
use crate::payload::Payload;
use crate::running::Running;
use crate::server::Server;

const ECHOES: usize = 500;
const LENGTH: usize = 64;
const LIMIT: Duration = Duration::from_secs(10);
/// How long strace may take from its first message on until it has all threads.
const ATTACHING: Duration = Duration::from_millis(50);

/// How many system calls an echo takes, with one client that sends short lines.
pub fn count(server: &Server, cores: Cores, payload: &Payload) -> Result<f64> {
    let running = Running::start(server, cores)?;
    let mut clients = Clients::connect(running.address, payload, 1, LENGTH, 1)?;
    clients.run(ECHOES, LIMIT)?;
    let mut command = Command::new("strace");
    command.args(["-f", "-c", "-p", &running.id().to_string()]);
    let mut strace = Process::start(command).context("strace is not installed")?;
    strace.wait_for(Stream::Stderr, LIMIT, |text| text.contains("attached").then_some(()))?;
    thread::sleep(ATTACHING);
    let seen = clients.run(ECHOES, LIMIT)?;
    strace.interrupt()?;
    strace.wait(LIMIT)?;
    let calls = total(&strace.output(Stream::Stderr));
    ensure!(calls > 0, "strace has counted none");
    Ok(calls as f64 / seen.echoes as f64)
}

/// The sum of the calls in a table of strace: share of time, seconds, microseconds for each call, calls, errors if there
/// were any, name.
fn total(table: &str) -> u64 {
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let counted = rows.filter(|fields| fields.len() >= 5 && fields.last() != Some(&"total"));
    counted.filter_map(|fields| fields[3].parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn a_table_of_strace_is_added_up() {
        let table = "strace: Process 7 attached\n\
            % time     seconds  usecs/call     calls    errors syscall\n\
            ------ ----------- ----------- --------- --------- ----------------\n \
            60.00    0.000300           3       100           sendto\n \
            40.00    0.000200           2       101         7 recvfrom\n\
            ------ ----------- ----------- --------- --------- ----------------\n\
            100.00    0.000500           2       201         7 total\n";
        assert_eq!(total(table), 201);
    }
}
