//! `cargo xtask test --host`: the tests of guests, on one host.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use selectio_driver::cargo::Executable;
use selectio_driver::{Host, World};

use crate::differences::{self, Difference};
use crate::tally::Tally;
use crate::test::{build_tests, on, only_on_one, run_binary, run_guests, step, summarize, tests_of};
use crate::toolchain;

/// Native tests that start guests of a world: how they are built, and how the names of those begin.
struct Driver {
    packages: &'static [&'static str],
    filters: Vec<String>,
}

/// The examples driven from outside, and the small guests of one host function each.
fn drivers(world: World) -> Vec<Driver> {
    let examples =
        Driver { packages: &["--package", "selectio", "--test", "examples"], filters: vec![tests_of(world)] };
    if world != World::Wasip1 {
        // What the larger programs need of a preview1 host is beyond what those of others have.
        let packages = &["--package", "selectio-programs", "--test", "programs"];
        return vec![examples, Driver { packages, filters: vec![tests_of(world)] }];
    }
    // The others are about the command and the library of `selectio run`.
    let filters = ["clocks::", "descriptors::", "hostile::", "poll::", "sockets::"].map(str::to_owned).to_vec();
    let conformance = Driver { packages: &["--package", "selectio-host", "--test", "conformance"], filters };
    vec![examples, conformance]
}

/// What the tests of guests of one world came to.
struct Ran {
    target: &'static str,
    tally: Tally,
    as_expected: Vec<&'static Difference>,
}

/// The portable tests, as they are built natively.
const PORTABLE: [&str; 5] = ["--package", "selectio", "--lib", "--test", "it"];

/// Runs the tests of guests on `host`, for each world that has sockets there. What is known to differ there has to
/// differ, and nothing else.
pub fn run(host: Host) -> Result<ExitCode> {
    for target in host.worlds().iter().filter_map(|world| world.guest_target()) {
        toolchain::ensure_target(target)?;
    }
    host.executable()?;
    let mut all = Vec::new();
    for &world in host.worlds() {
        all.push(run_world(host, world)?);
    }
    let there_are = listed_natively()?;
    let failures: Vec<String> = all.iter().flat_map(|ran| ran.failures(host, &there_are)).collect();
    println!();
    for failure in &failures {
        println!("failed: {failure}");
    }
    for ran in &all {
        summarize(&format!("{} on {host}", ran.target), &ran.tally);
    }
    let expected_count: usize = all.iter().map(|ran| ran.as_expected.len()).sum();
    println!("{expected_count} expected differences from `selectio run`, {} failed", failures.len());
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the portable tests of one world, and those that start its guests from outside.
fn run_world(host: Host, world: World) -> Result<Ran> {
    let target = world.guest_target().context("it has no guests")?;
    let mut ran = Ran { target, tally: run_guests(host, target)?, as_expected: Vec::new() };
    for Driver { packages, filters } in drivers(world) {
        for binary in build_tests("native", packages)? {
            let differences: Vec<_> = differences::of(host).iter().filter(|it| it.binary == binary.name).collect();
            let mut command = Command::new(&binary.path);
            command.args(&filters).args(differences.iter().flat_map(|it| ["--skip", it.test]));
            ran.tally.extend(run_binary(&host.to_string(), &binary, on(host, command))?);
            for difference in differences {
                if differs(host, &binary, difference)? {
                    ran.as_expected.push(difference);
                } else {
                    ran.tally.failed.insert(format!("{} no longer differs: strike it from the table", difference.test));
                }
            }
        }
    }
    if !ran.as_expected.is_empty() {
        step(&format!("{host} differs from `selectio run`, as expected"));
    }
    for Difference { test, reason, .. } in &ran.as_expected {
        println!("{test}: {reason}");
    }
    Ok(ran)
}

impl Ran {
    /// The tests that failed, and those that there are and did not run.
    fn failures(&self, host: Host, there_are: &Tally) -> Vec<String> {
        let place = format!("{} on {host}", self.target);
        let failed = self.tally.failed.iter().map(|name| format!("{place}: {name}"));
        failed.chain(only_on_one(there_are, &place, &self.tally)).collect()
    }
}

/// The portable tests that there are, without running them.
pub fn listed_natively() -> Result<Tally> {
    let mut tally = Tally::default();
    for binary in build_tests("native", &PORTABLE)? {
        let output = Command::new(&binary.path).args(["--list", "--format", "terse"]).output();
        let output = output.with_context(|| format!("{} could not be started", binary.path.display()))?;
        let list = String::from_utf8_lossy(&output.stdout);
        let names = list.lines().filter_map(|line| line.strip_suffix(": test"));
        tally.passed.extend(names.map(|name| format!("{} {}: {name}", binary.kind, binary.name)));
    }
    Ok(tally)
}

/// Whether a test still fails on `host`.
fn differs(host: Host, binary: &Executable, difference: &Difference) -> Result<bool> {
    let mut command = on(host, Command::new(&binary.path));
    command.args(["--exact", difference.test]).current_dir(&binary.package_folder);
    let output = command.output().with_context(|| format!("{} could not be started", binary.path.display()))?;
    let told = format!("test {} ... FAILED", difference.test);
    Ok(String::from_utf8_lossy(&output.stdout).contains(&told))
}
