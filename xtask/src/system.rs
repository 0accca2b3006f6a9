//! `cargo xtask test --system`: the tests on one system.

use std::process::{Command, ExitCode};

use anyhow::Result;
use selectio_driver::cargo::{Executable, WASIP1_TARGET, WASIP2_TARGET};
use selectio_driver::{Host, System, World, system, wine};

use crate::differences::{self, Difference, Known};
use crate::guests::listed_natively;
use crate::tally::Tally;
use crate::test::{build_tests, guest_command, guest_packages, on, only_on_one, run_binary, step, summarize, tests_of};
use crate::toolchain;

/// The tests that need nothing but themselves.
const PACKAGES: [&str; 9] =
    ["--package", "selectio", "--package", "selectio-platform", "--lib", "--test", "it", "--test", "native"];

/// The host's own tests.
const HOST: [&str; 5] = ["--package", "selectio-host", "--lib", "--test", "conformance"];

/// The tests that start the examples. They stay on this machine: only the examples, or the host of those that are
/// guests, are built for the other system.
const DRIVER: [&str; 4] = ["--package", "selectio", "--test", "examples"];

/// The names of those tests of the driver that are about the host's command.
const COMMAND: &str = "command::";

/// What was run, and what came of it.
struct Ran {
    name: &'static str,
    binaries: Vec<Executable>,
    tally: Tally,
}

/// Runs the tests of the library and the portable ones, and drives the examples from outside; on Wine all that guests
/// can be tested by as well, with a host that is built for Windows. What Wine is known to lack has to fail, and nothing
/// else.
pub fn run(system: System) -> Result<ExitCode> {
    let mut verdicts = Vec::new();
    match system {
        System::This => verdicts.push(Verdict::of(run_native(system, "native")?, &Known::default())?),
        System::Wine => {
            toolchain::ensure_target(wine::TARGET)?;
            toolchain::ensure_target(WASIP1_TARGET)?;
            toolchain::ensure_target(WASIP2_TARGET)?;
            verdicts.push(Verdict::of(run_native(system, "x86_64-pc-windows-gnu on Wine")?, &differences::WINE)?);
            let mut guests = run_guests(system, World::Wasip1, WASIP1_TARGET, "wasm32-wasip1 on Wine")?;
            guests.run_host(system)?;
            verdicts.push(Verdict::of(guests, &differences::WINE_GUESTS)?);
            let guests = run_guests(system, World::Wasip2, WASIP2_TARGET, "wasm32-wasip2 on Wine")?;
            verdicts.push(Verdict::of(guests, &differences::WINE_COMPONENTS)?);
            wine::shut_down()?;
        }
    }
    println!();
    for failure in verdicts.iter().flat_map(|verdict| &verdict.failures) {
        println!("failed: {failure}");
    }
    for Verdict { ran, expected_count, failures } in &verdicts {
        summarize(ran.name, &ran.tally);
        println!("{expected_count} expected differences, {} failed", failures.len());
    }
    let has_failed = verdicts.iter().any(|verdict| !verdict.failures.is_empty());
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn run_native(system: System, name: &'static str) -> Result<Ran> {
    let mut ran = Ran { name, binaries: Vec::new(), tally: Tally::default() };
    for binary in build_tests(name, &[&PACKAGES, system.cargo_arguments()].concat())? {
        ran.tally.extend(run_once_more_if_silent(system, name, &binary)?);
        ran.binaries.push(binary);
    }
    ran.drive_examples(system, &tests_of(World::Native))?;
    Ok(ran)
}

/// The tests of guests of one world, each of which has a process of its own.
fn run_guests(system: System, world: World, target: &str, name: &'static str) -> Result<Ran> {
    let mut ran = Ran { name, binaries: Vec::new(), tally: Tally::default() };
    for binary in build_tests(target, &guest_packages(Host::Selectio, target))? {
        let mut command = on(Host::Selectio, guest_command(&binary)?);
        command.env(system::VARIABLE, system.name());
        ran.tally.extend(run_binary(name, &binary, command)?);
        ran.binaries.push(binary);
    }
    ran.drive_examples(system, &tests_of(world))?;
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
    /// The host's own tests, and those of its command.
    fn run_host(&mut self, system: System) -> Result<()> {
        for binary in build_tests(self.name, &[&HOST, system.cargo_arguments()].concat())? {
            self.tally.extend(run_once_more_if_silent(system, self.name, &binary)?);
            self.binaries.push(binary);
        }
        self.drive_examples(system, COMMAND)
    }

    /// Runs those tests of the driver whose names contain `name`.
    fn drive_examples(&mut self, system: System, name: &str) -> Result<()> {
        for binary in build_tests("native", &DRIVER)? {
            let mut command = Command::new(&binary.path);
            // One after another: when a program is killed, Wine 8 sometimes ends another one.
            command.args([name, "--test-threads", "1"]).env(system::VARIABLE, system.name());
            self.tally.extend(run_binary(self.name, &binary, command)?);
            self.binaries.push(binary);
        }
        Ok(())
    }

    /// Takes a test that failed as expected out of those that failed; whether it did.
    fn take_out(&mut self, difference: &Difference) -> bool {
        self.name_of(difference).is_some_and(|name| self.tally.failed.remove(&name))
    }

    /// What the tally calls the test.
    fn name_of(&self, difference: &Difference) -> Option<String> {
        let binary = self.binaries.iter().find(|it| it.name == difference.binary)?;
        Some(format!("{} {}: {}", binary.kind, binary.name, difference.test))
    }
}

/// What ran, beside what is known.
struct Verdict {
    ran: Ran,
    expected_count: usize,
    failures: Vec<String>,
}

impl Verdict {
    fn of(mut ran: Ran, known: &Known) -> Result<Verdict> {
        let all = ran.tally.clone();
        for difference in known.sometimes {
            ran.take_out(difference);
        }
        let mut failures = Vec::new();
        step(&format!("{}: {} tests have to fail there", ran.name, known.always_count()));
        for difference in known.always.iter().copied().flatten() {
            if ran.take_out(difference) {
                println!("{}: {}", difference.test, difference.reason);
            } else {
                failures.push(format!("{}: {} no longer differs: strike it from the table", ran.name, difference.test));
            }
        }
        failures.extend(ran.tally.failed.iter().map(|name| format!("{}: {name}", ran.name)));
        failures.extend(only_on_one(&listed_natively()?, ran.name, &all));
        Ok(Verdict { ran, expected_count: known.always_count(), failures })
    }
}
