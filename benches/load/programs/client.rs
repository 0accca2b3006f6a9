//! A client that is a process of its own. It runs where this process does, on the load's core.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use selectio_driver::process::{Process, Stream};

/// How long it may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A clock tick in /proc/self/stat: the kernel shows 100 in a second to programs on every architecture.
const TICK: Duration = Duration::from_millis(10);

/// Runs a client to its end; what it has printed.
pub fn run(command: Command) -> Result<String> {
    let name = format!("{:?}", command.get_program());
    let mut process = Process::start(command)?;
    let status = process.wait(LIMIT)?;
    ensure!(status.success(), "{name} failed ({status}); it printed:\n{}", process.all_output());
    Ok(process.output(Stream::Stdout))
}

/// The CPU time of all processes that were started from here and have ended.
pub fn cpu_time_of_ended() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    of_ended(&stat).context("/proc/self/stat has the times of children")
}

/// Reads cutime and cstime, fields 16 and 17. The name in field 2 may hold spaces, so counting starts after its `)`.
fn of_ended(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(13);
    let (user, system): (u32, u32) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(TICK * (user + system))
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::{of_ended, run};

    #[test]
    fn the_time_of_children_is_found() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 90 0 0 0 12 30 40 2 20 0 1 0 5 6 7";
        assert_eq!(of_ended(stat), Some(Duration::from_millis(420)));
    }

    #[test]
    fn a_client_that_fails_is_an_error_with_what_it_printed() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo so far; echo no further >&2; exit 1"]);
        let error = run(command).expect_err("a failure").to_string();
        assert!(error.contains("so far") && error.contains("no further"), "{error}");
    }
}
