//! `cargo xtask test`: all tests, on every target, counted.

use std::collections::BTreeSet;
use std::env;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use selectio_driver::cargo::{self, Executable};
use selectio_driver::known_client::{CLIENTS, missing_for};
use selectio_driver::{Host, World, host};

use crate::browser::{self, Engine};
use crate::tally::Tally;
use crate::toolchain;

/// The packages with native tests: all but the benchmarks and the larger programs, which need many packages that nothing
/// else does. With them the examples and the host are built, and nothing is left to do for the tests that start those.
const NATIVE_PACKAGES: [&str; 7] =
    ["--workspace", "--exclude", "selectio-bench", "--exclude", "selectio-programs", "--features", TLS];
/// The larger programs, which are driven by the clients of others.
const PROGRAMS: [&str; 2] = ["--package", "selectio-programs"];
/// What encrypted connections need.
const TLS: &str = "tls";
/// Their documentation. Not that of the canary, whose source is that of the library.
const NATIVE_DOCUMENTATION: [&str; 9] = [
    "--workspace",
    "--exclude",
    "selectio-bench",
    "--exclude",
    "selectio-canary",
    "--exclude",
    "selectio-programs",
    "--features",
    TLS,
];

/// The library's own tests and the portable ones: the others need processes or sockets.
const BROWSER_PACKAGE: [&str; 7] = ["--package", "selectio", "--target", browser::TARGET, "--lib", "--test", "it"];

/// Which mechanism a native program waits with, when it doesn't choose.
const BACKEND_VARIABLE: &str = "SELECTIO_BACKEND";

/// The mechanisms that are not what a native program waits with by itself, as targets of their own.
const BACKENDS: [Backend; 2] =
    [Backend { name: "select", target: "native, select" }, Backend { name: "polling", target: "native, polling" }];

/// What runs on each of them, by kind and name of the binary.
const BACKEND_BINARIES: [(&str, &str); 4] =
    [("lib", "selectio"), ("lib", "selectio_platform"), ("test", "it"), ("test", "native")];

/// How the names of the portable tests begin: the unit tests of the library and the tests of `it`.
const PORTABLE_PREFIXES: [&str; 2] = ["lib selectio: ", "test it: "];

struct Backend {
    name: &'static str,
    target: &'static str,
}

/// The target of one kind of guests.
struct GuestWorld {
    world: World,
    target: &'static str,
    /// Or why it can't be built for.
    is_there: Result<()>,
}

/// The tests of one target, or why there were none.
struct Outcome {
    target: &'static str,
    tally: Result<Tally>,
}

impl GuestWorld {
    /// Lets rustup add the target if it is missing.
    fn ensure(world: World) -> GuestWorld {
        let target = world.guest_target().unwrap_or_default();
        GuestWorld { world, target, is_there: toolchain::ensure_target(target) }
    }
}

/// Runs all tests and prints what they came to.
pub fn run() -> Result<ExitCode> {
    let guest_worlds = World::GUESTS.map(GuestWorld::ensure);
    let native = run_native(&guest_worlds)?;
    let mut others: Vec<Outcome> =
        BACKENDS.iter().map(|backend| Outcome { target: backend.target, tally: run_on_backend(backend) }).collect();
    others.extend(guest_worlds.map(|it| Outcome {
        target: it.target,
        tally: it.is_there.and_then(|()| run_guests(Host::Selectio, it.target)),
    }));
    others.extend(Engine::ALL.map(|engine| Outcome { target: engine.name(), tally: run_in_javascript(engine) }));

    let mut failures: Vec<String> = native.failed.iter().map(|name| format!("native: {name}")).collect();
    for Outcome { target, tally } in &others {
        match tally {
            Ok(tally) => {
                failures.extend(tally.failed.iter().map(|name| format!("{target}: {name}")));
                failures.extend(only_on_one(&native, target, tally));
            }
            // What is tested must not depend on what happens to be installed.
            Err(error) if env::var_os("CI").is_some() => failures.push(format!("{target}: {error:#}")),
            Err(_) => {}
        }
    }
    println!();
    for failure in &failures {
        println!("failed: {failure}");
    }
    summarize("native", &native);
    let mut passed = native.passed.len();
    for Outcome { target, tally } in &others {
        match tally {
            Ok(tally) => {
                passed += tally.passed.len();
                summarize(target, tally);
            }
            Err(error) => println!("{target}: SKIPPED, nothing was tested there: {error:#}"),
        }
    }
    println!("{passed} passed, {} failed", failures.len());
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Leaves out the tests that start guests of a world which is not there.
fn run_native(guest_worlds: &[GuestWorld]) -> Result<Tally> {
    let missing = guest_worlds.iter().filter(|it| it.is_there.is_err());
    let skipping: Vec<String> = missing.flat_map(|it| ["--skip".to_owned(), tests_of(it.world)]).collect();
    let mut tally = Tally::default();
    for binary in build_tests("native", &NATIVE_PACKAGES)? {
        let mut command = Command::new(&binary.path);
        command.args(&skipping);
        tally.extend(run_binary("native", &binary, on(Host::Selectio, command))?);
    }
    tally.extend(run_documentation_tests("native", Host::Selectio, &NATIVE_DOCUMENTATION)?);
    for binary in build_tests("native", &PROGRAMS)? {
        let mut command = Command::new(&binary.path);
        command.args(&skipping).args(programs_without_clients()?);
        tally.extend(run_binary("native", &binary, on(Host::Selectio, command))?);
    }
    Ok(tally)
}

/// Leaves out the tests of programs whose clients are not installed, and says so. In CI that is a failure.
fn programs_without_clients() -> Result<Vec<String>> {
    let mut skipping = Vec::new();
    for (program, _) in CLIENTS {
        let missing: Vec<String> = missing_for(program)
            .iter()
            .map(|client| format!("{} (package {})", client.command, client.package))
            .collect();
        if !missing.is_empty() {
            ensure!(env::var_os("CI").is_none(), "the tests of {program} need {}", missing.join(", "));
            println!("{program}: SKIPPED, its tests need {}", missing.join(", "));
            skipping.extend(["--skip".to_owned(), format!("{program}::")]);
        }
    }
    Ok(skipping)
}

/// Runs once more what depends on how a native program waits.
fn run_on_backend(backend: &Backend) -> Result<Tally> {
    let mut tally = Tally::default();
    for binary in build_tests("native", &NATIVE_PACKAGES)? {
        if BACKEND_BINARIES.contains(&(binary.kind.as_str(), binary.name.as_str())) {
            let mut command = Command::new(&binary.path);
            command.env(BACKEND_VARIABLE, backend.name);
            tally.extend(run_binary(backend.target, &binary, command)?);
        }
    }
    Ok(tally)
}

/// How the names of those tests in `examples` begin that start guests of this world.
pub fn tests_of(world: World) -> String {
    format!("{}::", world.name())
}

/// Runs the tests that are built for guests of this target, and the examples in the documentation.
pub fn run_guests(host: Host, target: &str) -> Result<Tally> {
    let packages = guest_packages(host, target);
    let mut tally = Tally::default();
    for binary in build_tests(target, &packages)? {
        tally.extend(run_binary(target, &binary, on(host, guest_command(&binary)?))?);
    }
    tally.extend(run_documentation_tests(target, host, &packages)?);
    Ok(tally)
}

/// What the tests of guests are built from.
pub fn guest_packages(host: Host, target: &str) -> Vec<&str> {
    let mut packages = vec!["--package", "selectio", "--features", TLS, "--target", target];
    if host.is_interpreter() {
        // Some tests compute so much that they would take a minute there.
        packages.push("--release");
    }
    packages
}

/// The command that runs a test binary as guest.
pub fn guest_command(binary: &Executable) -> Result<Command> {
    let mut command = Command::new(env::current_exe().context("the path of this program is unknown")?);
    command.arg("runner").arg(&binary.path);
    Ok(command)
}

fn run_in_javascript(engine: Engine) -> Result<Tally> {
    engine.check()?;
    toolchain::ensure_target(browser::TARGET)?;
    let runner = browser::runner()?;
    let mut tally = Tally::default();
    for binary in build_tests(browser::TARGET, &BROWSER_PACKAGE)? {
        tally.extend(run_binary(engine.name(), &binary, engine.command(&runner, &binary))?);
    }
    Ok(tally)
}

/// `command`, with its guests on `host`.
pub fn on(host: Host, mut command: Command) -> Command {
    command.env(host::VARIABLE, host.name());
    command
}

/// Builds test binaries.
pub fn build_tests(target: &str, packages: &[&str]) -> Result<Vec<Executable>> {
    let arguments = [&["test", "--no-run"], packages].concat();
    let remark = format!("cargo {}", arguments.join(" "));
    let mut executables = cargo::build(&format!("tests ({target})"), &remark, &arguments)?;
    executables.retain(|it| it.is_test);
    // Cargo names them in the order in which they were done.
    executables.sort_by(|a, b| (&a.package_folder, &a.kind, &a.name).cmp(&(&b.package_folder, &b.kind, &b.name)));
    Ok(executables)
}

/// Runs a test binary and counts its tests.
pub fn run_binary(target: &str, binary: &Executable, mut command: Command) -> Result<Tally> {
    let name = format!("{} {}", binary.kind, binary.name);
    step(&format!("{target}: {name}"));
    command.current_dir(&binary.package_folder);
    Tally::of_command(&format!("{name}: "), command)
}

fn run_documentation_tests(target: &str, host: Host, packages: &[&str]) -> Result<Tally> {
    let arguments = [&["test", "--doc"], packages].concat();
    step(&format!("{target}: cargo {}", arguments.join(" ")));
    let mut command = cargo::command();
    command.args(&arguments);
    Tally::of_command("doc: ", on(host, command))
}

/// Says what runs now.
pub fn step(text: &str) {
    println!("\n=== {text}");
}

/// The names of the portable tests that ran.
fn portable(tally: &Tally) -> BTreeSet<&str> {
    let is_portable = |name: &&str| PORTABLE_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    tally.ran().into_iter().filter(is_portable).collect()
}

/// The portable tests that ran on one of two targets only. A test that silently doesn't run is as bad as one that
/// fails.
pub fn only_on_one(native: &Tally, target: &str, other: &Tally) -> Vec<String> {
    let (native, other) = (portable(native), portable(other));
    let not_there = native.difference(&other).map(|name| format!("portable, but did not run on {target}: {name}"));
    let only_there = other.difference(&native).map(|name| format!("portable, but ran only on {target}: {name}"));
    not_there.chain(only_there).collect()
}

/// Prints what the tests of a target came to.
pub fn summarize(target: &str, tally: &Tally) {
    println!(
        "{target}: {} passed, {} failed, {} ignored; {} of them portable",
        tally.passed.len(),
        tally.failed.len(),
        tally.ignored.len(),
        portable(tally).len()
    );
}

#[cfg(test)]
mod tests {
    use super::{Tally, only_on_one};

    fn tally(names: &[&str]) -> Tally {
        let mut tally = Tally::default();
        tally.passed.extend(names.iter().map(|name| (*name).to_owned()));
        tally
    }

    #[test]
    fn a_portable_test_has_to_run_on_every_target() {
        let native = tally(&["test it: a", "test it: b", "test native: c", "test examples: d", "lib selectio: e"]);
        let wasm = tally(&["test it: a", "lib selectio: e", "test it: f"]);
        let expected =
            ["portable, but did not run on there: test it: b", "portable, but ran only on there: test it: f"];
        assert_eq!(only_on_one(&native, "there", &wasm), expected);
        assert!(only_on_one(&native, "there", &native).is_empty());
    }
}
