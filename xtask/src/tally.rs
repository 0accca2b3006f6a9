//! Counts tests by what their harness prints.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// The tests of one or more test binaries, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tests that ran and passed.
    pub passed: BTreeSet<String>,
    /// Tests that ran and failed, and binaries that did not tell.
    pub failed: BTreeSet<String>,
    /// Tests that did not run.
    pub ignored: BTreeSet<String>,
    /// How many tests the harness says it passed and failed; checked against the names.
    reported: usize,
    /// Whether something was printed.
    is_told: bool,
}

impl Tally {
    /// Runs a test binary, or a command that runs some, and counts. Its output passes through. Names get `prefix`.
    pub fn of_command(prefix: &str, mut command: Command) -> Result<Tally> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{:?} could not be started", command.get_program()))?;
        let mut tally = Tally::default();
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).lines() {
                let line = line?;
                println!("{line}");
                tally.is_told = true;
                tally.count(prefix, &line);
            }
        }
        let status = child.wait()?;
        if tally.reported != tally.passed.len() + tally.failed.len() {
            tally.failed.insert(format!("{prefix} (its tests could not be counted)"));
        }
        if !status.success() && tally.failed.is_empty() {
            tally.failed.insert(format!("{prefix} ({status})"));
        }
        Ok(tally)
    }

    /// Whether the command failed without a word, so that not even a test binary's first line came.
    pub fn is_silent_failure(&self) -> bool {
        !self.is_told && !self.failed.is_empty()
    }

    /// Takes in a line that a harness printed.
    fn count(&mut self, prefix: &str, line: &str) {
        if let Some(result) = line.strip_prefix("test result: ") {
            let number = |word: &str| -> usize {
                let before = result.split(word).next().unwrap_or_default();
                before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
            };
            self.reported += number(" passed") + number(" failed");
            return;
        }
        let Some((name, outcome)) = line.strip_prefix("test ").and_then(|it| it.rsplit_once(" ... ")) else {
            return;
        };
        let name = format!("{prefix}{}", name.trim_end_matches(" - should panic"));
        if outcome.starts_with("ok") {
            self.passed.insert(name);
        } else if outcome.starts_with("FAILED") {
            self.failed.insert(name);
        } else if outcome.starts_with("ignored") {
            self.ignored.insert(name);
        }
    }

    /// Adds the tests of another binary.
    pub fn extend(&mut self, other: Tally) {
        self.passed.extend(other.passed);
        self.failed.extend(other.failed);
        self.ignored.extend(other.ignored);
        self.reported += other.reported;
    }

    /// The names of the tests that ran.
    pub fn ran(&self) -> BTreeSet<&str> {
        self.passed.iter().chain(&self.failed).map(String::as_str).collect()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::Tally;
    use std::process::Command;

    fn shell(script: &str) -> Tally {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Tally::of_command("it::", command).expect("sh runs")
    }

    fn names(set: &std::collections::BTreeSet<String>) -> Vec<&str> {
        set.iter().map(String::as_str).collect()
    }

    #[test]
    fn counts_by_name() {
        let tally = shell(
            "echo 'running 4 tests'; echo 'test a::b ... ok'; echo 'test c ... ignored, slow'
             echo 'test d - should panic ... ok'; echo 'test src/lib.rs - e (line 3) ... FAILED'
             echo 'test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured'; exit 101",
        );
        assert_eq!(names(&tally.passed), ["it::a::b", "it::d"]);
        assert_eq!(names(&tally.failed), ["it::src/lib.rs - e (line 3)"]);
        assert_eq!(names(&tally.ignored), ["it::c"]);
    }

    #[test]
    fn a_binary_that_does_not_tell_has_failed() {
        assert_eq!(shell("echo 'test a ... ok'; exit 1").failed.len(), 1);
        assert_eq!(shell("echo 'test a ... ok'; echo 'test result: ok. 2 passed; 0 failed;'").failed.len(), 1);
        assert_eq!(names(&shell("exit 7").failed), ["it:: (exit status: 7)"]);
        assert!(shell("exit 1").is_silent_failure() && !shell("echo; exit 1").is_silent_failure());
    }
}
