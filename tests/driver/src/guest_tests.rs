//! Runs a test binary as guest, one host process for each test.
//!
//! A WebAssembly guest can't unwind: the first test that fails ends the process, and the tests after it with it. So
//! each test gets a process of its own, and a [peer](crate::guest_with_peer) that plays its clients. The guest's own test
//! harness chooses the tests and judges them; what is printed looks like its report for one binary.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::guest::START_LIMIT;
use crate::guest_with_peer::GuestWithPeer;
use crate::host::{Host, Network};
use crate::process::{Process, Stream};
use crate::system::System;
use crate::world::World;

/// How long one test may take.
const TEST_LIMIT: Duration = Duration::from_secs(60);

/// How many tests run at once.
const WORKERS: usize = 2;

/// How often the process of one test is started anew because Wine killed it.
const KILLED_MAX: usize = 3;

/// How a test went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    Ignored,
}

/// Runs the tests of `module` under `host`; `arguments` are those of the test harness. Returns the exit
/// code: 0, or 101 if a test failed, as a test binary does.
pub fn run(host: Host, module: &Path, arguments: &[String]) -> Result<i32> {
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    if ["--list", "--help", "-h"].into_iter().any(has) {
        let answer = ask(host, module, arguments)?;
        print!("{}", answer.stdout);
        return Ok(answer.exit_code);
    }
    let names = match list(host, module, arguments)? {
        Ok(names) => names,
        Err(refusal) => {
            eprint!("{}", refusal.stderr);
            return Ok(refusal.exit_code);
        }
    };
    let runs_ignored = has("--ignored") || has("--include-ignored");
    let ignored = if runs_ignored {
        BTreeSet::new()
    } else {
        let only_ignored = [arguments, &["--ignored".to_owned()]].concat();
        list(host, module, &only_ignored)?.map(BTreeSet::from_iter).unwrap_or_default()
    };
    let run = Run {
        host,
        world: World::of_guest(module)?,
        module,
        ignored,
        include_ignored: runs_ignored,
        shows_output: has("--nocapture") || has("--no-capture") || has("--show-output"),
    };
    Ok(run.all(names))
}

/// A guest's answer to a question that needs no sockets.
struct Answer {
    exit_code: i32,
    stdout: String,
    stderr: String,
}

fn ask(host: Host, module: &Path, arguments: &[String]) -> Result<Answer> {
    let mut command = host.command(module, Network::None)?;
    command.args(arguments);
    let mut process = Process::start(command)?;
    let status = process.wait(START_LIMIT)?;
    Ok(Answer {
        exit_code: status.code().unwrap_or(101),
        stdout: process.output(Stream::Stdout),
        stderr: host.without_own_lines(&process.output(Stream::Stderr)),
    })
}

/// The names of the tests that the harness chooses for these arguments, or the answer with which it refuses them.
fn list(host: Host, module: &Path, arguments: &[String]) -> Result<Result<Vec<String>, Answer>> {
    let listing = ["--list", "--format", "terse"].map(str::to_owned);
    let answer = ask(host, module, &[arguments, &listing].concat())?;
    if answer.exit_code != 0 {
        return Ok(Err(answer));
    }
    let names = answer.stdout.lines().filter_map(|line| line.strip_suffix(": test"));
    Ok(Ok(names.map(str::to_owned).collect()))
}

/// What all tests of one run share.
struct Run<'a> {
    host: Host,
    world: World,
    module: &'a Path,
    ignored: BTreeSet<String>,
    include_ignored: bool,
    shows_output: bool,
}

/// A test's process that has ended.
struct Ended {
    status: ExitStatus,
    stdout: String,
    /// All that it printed.
    output: String,
}

/// What the tests of one run came to.
#[derive(Default)]
struct Tally {
    passed: usize,
    ignored: usize,
    /// Name and output.
    failed: Vec<(String, String)>,
}

impl Run<'_> {
    fn all(&self, names: Vec<String>) -> i32 {
        let start = Instant::now();
        let plural = if names.len() == 1 { "" } else { "s" };
        println!("\nrunning {} test{plural}", names.len());
        let queue = Mutex::new(names.into_iter());
        let tally = Mutex::new(Tally::default());
        let next = || queue.lock().ok().and_then(|mut names| names.next());
        thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    while let Some(name) = next() {
                        let (outcome, output) = self.one(&name);
                        if let Ok(mut tally) = tally.lock() {
                            tally.add(name, outcome, output, self.shows_output);
                        }
                    }
                });
            }
        });
        let tally = tally.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        tally.close(start.elapsed())
    }

    fn one(&self, name: &str) -> (Outcome, String) {
        if self.ignored.contains(name) {
            return (Outcome::Ignored, String::new());
        }
        match self.run_guest_anew_while_killed(name) {
            Ok(Ended { status, stdout, output }) => (judge(status.code(), &stdout), format!("{output}({status})\n")),
            Err(error) => (Outcome::Failed, format!("{error:#}\n")),
        }
    }

    /// Wine 8 kills about one program in 360 when it ends, more of them at busy times.
    fn run_guest_anew_while_killed(&self, name: &str) -> Result<Ended> {
        let may_be_killed = System::chosen()? == System::Wine;
        let mut ended = self.run_guest(name)?;
        for _ in 0..KILLED_MAX {
            if !may_be_killed || ended.status.code().is_some() {
                break;
            }
            ended = self.run_guest(name)?;
        }
        Ok(ended)
    }

    fn run_guest(&self, name: &str) -> Result<Ended> {
        let mut arguments = vec![name, "--exact", "--nocapture"];
        if self.include_ignored {
            arguments.push("--include-ignored");
        }
        let GuestWithPeer { mut process, session } =
            GuestWithPeer::start(self.host, self.world, self.module, &arguments)?;
        let status = process.wait(TEST_LIMIT);
        let served = session.close()?;
        let status = status?;
        if let Err(error) = served {
            bail!("the peer's control connection failed: {error}\n{}", process.all_output());
        }
        let (stdout, output) = (process.output(Stream::Stdout), process.all_output());
        Ok(Ended { status, stdout, output })
    }
}

/// How a test went, by the word of the guest's own harness. Without it, no test passes.
fn judge(exit_code: Option<i32>, stdout: &str) -> Outcome {
    let result = stdout.lines().rev().find(|line| line.starts_with("test result: ok."));
    match result {
        Some(result) if exit_code == Some(0) && result.contains(" 1 passed;") => Outcome::Passed,
        Some(result) if exit_code == Some(0) && result.contains(" 1 ignored;") => Outcome::Ignored,
        _ => Outcome::Failed,
    }
}

impl Tally {
    fn add(&mut self, name: String, outcome: Outcome, output: String, shows_output: bool) {
        let word = match outcome {
            Outcome::Passed => "ok",
            Outcome::Failed => "FAILED",
            Outcome::Ignored => "ignored",
        };
        println!("test {name} ... {word}");
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Ignored => self.ignored += 1,
            Outcome::Failed => return self.failed.push((name, output)),
        }
        if shows_output && !output.is_empty() {
            println!("---- {name} ----\n{output}");
        }
    }

    /// Prints the failures and the closing line; returns the exit code.
    fn close(mut self, elapsed: Duration) -> i32 {
        self.failed.sort();
        if !self.failed.is_empty() {
            println!("\nfailures:\n");
            for (name, output) in &self.failed {
                println!("---- {name} ----\n{output}");
            }
            println!("failures:");
            for (name, _) in &self.failed {
                println!("    {name}");
            }
        }
        println!(
            "\ntest result: {}. {} passed; {} failed; {} ignored; 0 measured; finished in {:.2}s\n",
            if self.failed.is_empty() { "ok" } else { "FAILED" },
            self.passed,
            self.failed.len(),
            self.ignored,
            elapsed.as_secs_f64()
        );
        if self.failed.is_empty() { 0 } else { 101 }
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, judge};

    const RESULT: &str = "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 7 filtered";

    #[test]
    fn only_the_harness_and_the_exit_code_together_pass_a_test() {
        assert_eq!(judge(Some(0), RESULT), Outcome::Passed);
        assert_eq!(judge(Some(101), RESULT), Outcome::Failed);
        assert_eq!(judge(None, RESULT), Outcome::Failed);
        assert_eq!(judge(Some(0), "1 passed; 1 ignored;"), Outcome::Failed);
        let ignored = RESULT.replace("1 passed", "0 passed").replace("0 ignored", "1 ignored");
        assert_eq!(judge(Some(0), &ignored), Outcome::Ignored);
    }
}
