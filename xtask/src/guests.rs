//! `cargo xtask test --host`: the tests of guests, on one host.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use selectio_driver::Host;
use selectio_driver::cargo::{Executable, WASM_TARGET};

use crate::differences::{self, Difference};
use crate::tally::Tally;
use crate::test::{build_tests, on, only_on_one, run_binary, run_wasm, step, summarize};
use crate::toolchain;

/// Native tests that start guests: how they are built, and which of them they are.
const DRIVERS: [(&[&str], &[&str]); 2] = [
    (&["--package", "selectio", "--test", "examples"], &["wasm::"]),
    (
        &["--package", "selectio-host", "--test", "conformance"],
        // The others are about the command and the library of `selectio run`.
        &["clocks::", "descriptors::", "hostile::", "poll::", "sockets::"],
    ),
];

/// The portable tests, as they are built natively.
const PORTABLE: [&str; 5] = ["--package", "selectio", "--lib", "--test", "it"];

/// Runs the portable tests on `host`, the examples driven from outside, and the small guests of one host function
/// each. What is known to differ there has to differ, and nothing else.
pub fn run(host: Host) -> Result<ExitCode> {
    toolchain::ensure_target(WASM_TARGET)?;
    host.executable()?;
    let mut tally = run_wasm(host)?;
    let mut as_expected = Vec::new();
    for (packages, filters) in DRIVERS {
        for binary in build_tests("native", packages)? {
            let differences: Vec<_> = differences::of(host).iter().filter(|it| it.binary == binary.name).collect();
            let mut command = Command::new(&binary.path);
            command.args(filters).args(differences.iter().flat_map(|it| ["--skip", it.test]));
            tally.extend(run_binary(&host.to_string(), &binary, on(host, command))?);
            for difference in differences {
                if differs(host, &binary, difference)? {
                    as_expected.push(difference);
                } else {
                    tally.failed.insert(format!("{} no longer differs: strike it from the table", difference.test));
                }
            }
        }
    }
    if !as_expected.is_empty() {
        step(&format!("{host} differs from `selectio run`, as expected"));
    }
    for Difference { test, reason, .. } in &as_expected {
        println!("{test}: {reason}");
    }
    let mut failures: Vec<String> = tally.failed.iter().cloned().collect();
    failures.extend(only_on_one(&listed_natively()?, &host.to_string(), &tally));
    println!();
    for failure in &failures {
        println!("failed: {failure}");
    }
    summarize(&format!("{WASM_TARGET} on {host}"), &tally);
    println!("{} expected differences from `selectio run`, {} failed", as_expected.len(), failures.len());
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
