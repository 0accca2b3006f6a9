//! `cargo xtask test --system wine`: the native tests, built for Windows and run by Wine.

use std::process::{Command, ExitCode};

use anyhow::Result;
use selectio_driver::cargo::Executable;
use selectio_driver::{System, system, wine};

use crate::differences::{self, Difference};
use crate::guests::listed_natively;
use crate::tally::Tally;
use crate::test::{build_tests, only_on_one, run_binary, step, summarize};
use crate::toolchain;

/// The tests that need nothing but themselves.
const PACKAGES: [&str; 9] =
    ["--package", "selectio", "--package", "selectio-platform", "--lib", "--test", "it", "--test", "native"];

/// The tests that start the examples, which stay on this machine: only the examples are built for Windows.
const DRIVER: [&str; 4] = ["--package", "selectio", "--test", "examples"];

/// The names of those tests of the driver that start native programs and nothing else.
const NATIVE_EXAMPLES: &str = "native::";

const NAME: &str = "x86_64-pc-windows-gnu on Wine";

/// Runs the tests of the library and the portable ones, and drives the examples from outside. What Wine is known to
/// lack has to fail, and nothing else.
pub fn run_on_wine() -> Result<ExitCode> {
    toolchain::ensure_target(wine::TARGET)?;
    let mut tally = Tally::default();
    let mut binaries = Vec::new();
    for binary in build_tests(NAME, &[&PACKAGES[..], &["--target", wine::TARGET]].concat())? {
        tally.extend(run_once_more_if_silent(&binary)?);
        binaries.push(binary);
    }
    for binary in build_tests("native", &DRIVER)? {
        let mut command = Command::new(&binary.path);
        // One after another: when a program is killed, Wine 8 sometimes ends another one.
        command.args([NATIVE_EXAMPLES, "--test-threads", "1"]).env(system::VARIABLE, System::Wine.name());
        tally.extend(run_binary(NAME, &binary, command)?);
        binaries.push(binary);
    }
    wine::shut_down()?;
    for difference in &differences::WINE_SOMETIMES {
        take_out(&mut tally, &binaries, difference);
    }
    let as_expected: Vec<_> = differences::WINE.iter().filter(|it| take_out(&mut tally, &binaries, it)).collect();
    step("Wine differs from Windows, as expected");
    for Difference { test, reason, .. } in &as_expected {
        println!("{test}: {reason}");
    }
    let mut failures: Vec<String> = tally.failed.iter().cloned().collect();
    for Difference { test, .. } in
        differences::WINE.iter().filter(|it| !as_expected.iter().any(|other| other.test == it.test))
    {
        failures.push(format!("{test} no longer differs: strike it from the table"));
    }
    let mut ran = tally.clone();
    let known = differences::WINE.iter().chain(&differences::WINE_SOMETIMES);
    ran.passed.extend(known.filter_map(|it| name_of(&binaries, it)));
    failures.extend(only_on_one(&listed_natively()?, NAME, &ran));
    println!();
    for failure in &failures {
        println!("failed: {failure}");
    }
    summarize(NAME, &tally);
    println!("{} expected differences from Windows, {} failed", as_expected.len(), failures.len());
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One process for the whole binary: Wine 8 fails about one start in 1,600, with code 1 and without a word. Such a one
/// is started once more.
fn run_once_more_if_silent(binary: &Executable) -> Result<Tally> {
    let run = || run_binary(NAME, binary, System::Wine.command(&binary.path)?);
    let tally = run()?;
    if tally.is_silent_failure() { run() } else { Ok(tally) }
}

/// Takes a test that failed as expected out of those that failed; whether it did.
fn take_out(tally: &mut Tally, binaries: &[Executable], difference: &Difference) -> bool {
    name_of(binaries, difference).is_some_and(|name| tally.failed.remove(&name))
}

/// What the tally calls the test.
fn name_of(binaries: &[Executable], difference: &Difference) -> Option<String> {
    let binary = binaries.iter().find(|it| it.name == difference.binary)?;
    Some(format!("{} {}: {}", binary.kind, binary.name, difference.test))
}
