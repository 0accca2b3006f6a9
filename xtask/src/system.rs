//! `cargo xtask test --system`: the native tests on one system, without guests.

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

/// The tests that start the examples. They stay on this machine: only the examples are built for the other system.
const DRIVER: [&str; 4] = ["--package", "selectio", "--test", "examples"];

/// The names of those tests of the driver that start native programs and nothing else.
const NATIVE_EXAMPLES: &str = "native::";

/// What was run, and what came of it.
struct Ran {
    name: &'static str,
    binaries: Vec<Executable>,
    tally: Tally,
}

/// Runs the tests of the library and the portable ones, and drives the examples from outside. What Wine is known to
/// lack has to fail, and nothing else.
pub fn run(system: System) -> Result<ExitCode> {
    let mut ran = run_tests(system)?;
    let differences: &[Difference] = match system {
        System::This => &[],
        System::Wine => {
            wine::shut_down()?;
            for difference in &differences::WINE_SOMETIMES {
                ran.take_out(difference);
            }
            &differences::WINE
        }
    };
    let mut failures = Vec::new();
    step(&format!("{}: {} tests have to fail there", ran.name, differences.len()));
    for difference in differences {
        if ran.take_out(difference) {
            println!("{}: {}", difference.test, difference.reason);
        } else {
            failures.push(format!("{} no longer differs: strike it from the table", difference.test));
        }
    }
    failures.extend(ran.tally.failed.iter().cloned());
    failures.extend(only_on_one(&listed_natively()?, ran.name, &ran.with_known(system)));
    println!();
    for failure in &failures {
        println!("failed: {failure}");
    }
    summarize(ran.name, &ran.tally);
    println!("{} expected differences, {} failed", differences.len(), failures.len());
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_tests(system: System) -> Result<Ran> {
    let name = match system {
        System::This => "native",
        System::Wine => "x86_64-pc-windows-gnu on Wine",
    };
    if system == System::Wine {
        toolchain::ensure_target(wine::TARGET)?;
    }
    let mut ran = Ran { name, binaries: Vec::new(), tally: Tally::default() };
    for binary in build_tests(name, &[&PACKAGES, system.cargo_arguments()].concat())? {
        ran.tally.extend(run_once_more_if_silent(system, name, &binary)?);
        ran.binaries.push(binary);
    }
    for binary in build_tests("native", &DRIVER)? {
        let mut command = Command::new(&binary.path);
        // One after another: when a program is killed, Wine 8 sometimes ends another one.
        command.args([NATIVE_EXAMPLES, "--test-threads", "1"]).env(system::VARIABLE, system.name());
        ran.tally.extend(run_binary(name, &binary, command)?);
        ran.binaries.push(binary);
    }
    Ok(ran)
}

/// One process for the whole binary: Wine 8 fails about one start in 1,600, with code 1 and without a word. Such a one
/// is started once more.
fn run_once_more_if_silent(system: System, name: &str, binary: &Executable) -> Result<Tally> {
    let run = || run_binary(name, binary, system.command(&binary.path)?);
    let tally = run()?;
    if system == System::Wine && tally.is_silent_failure() { run() } else { Ok(tally) }
}

impl Ran {
    /// Takes a test that failed as expected out of those that failed; whether it did.
    fn take_out(&mut self, difference: &Difference) -> bool {
        self.name_of(difference).is_some_and(|name| self.tally.failed.remove(&name))
    }

    /// Those that ran, with those that were taken out.
    fn with_known(&self, system: System) -> Tally {
        let mut ran = self.tally.clone();
        if system == System::Wine {
            let known = differences::WINE.iter().chain(&differences::WINE_SOMETIMES);
            ran.passed.extend(known.filter_map(|it| self.name_of(it)));
        }
        ran
    }

    /// What the tally calls the test.
    fn name_of(&self, difference: &Difference) -> Option<String> {
        let binary = self.binaries.iter().find(|it| it.name == difference.binary)?;
        Some(format!("{} {}: {}", binary.kind, binary.name, difference.test))
    }
}
