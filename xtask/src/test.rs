//! `cargo xtask test`: all tests, on every target, counted.

use std::collections::BTreeSet;
use std::env;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use selectio_driver::cargo::{self, Executable, WASM_TARGET};

use crate::tally::Tally;
use crate::toolchain;

/// The packages whose native tests are built in debug mode: all but the host, which is only ever built in release.
const NATIVE_PACKAGES: [&str; 3] = ["--workspace", "--exclude", "selectio-host"];
const HOST_PACKAGE: [&str; 3] = ["--release", "--package", "selectio-host"];
const WASM_PACKAGE: [&str; 4] = ["--package", "selectio", "--target", WASM_TARGET];

/// How the names of the portable tests begin: the unit tests of the library and the tests of `it`.
const PORTABLE_PREFIXES: [&str; 2] = ["lib selectio: ", "test it: "];

/// The module of the tests in `examples` that need the WebAssembly target.
const WASM_MODULE: &str = "wasm::";

/// Runs all tests and prints what they came to.
pub fn run() -> Result<ExitCode> {
    let wasm_target = toolchain::ensure_wasm_target();
    if env::var_os("CI").is_some() {
        wasm_target.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))?;
    }
    let native = run_native(wasm_target.is_ok())?;
    let wasm = match &wasm_target {
        Ok(()) => Some(run_wasm()?),
        Err(_) => None,
    };
    let mut failures: Vec<String> = Vec::new();
    failures.extend(native.failed.iter().map(|name| format!("native: {name}")));
    if let Some(wasm) = &wasm {
        failures.extend(wasm.failed.iter().map(|name| format!("{WASM_TARGET}: {name}")));
        failures.extend(differences(&native, wasm));
    }

    println!();
    for failure in &failures {
        println!("failed: {failure}");
    }
    summarize("native", &native);
    if let Some(wasm) = &wasm {
        summarize(WASM_TARGET, wasm);
    }
    if let Err(error) = &wasm_target {
        println!("{WASM_TARGET}: SKIPPED, nothing was tested there: {error:#}");
    }
    let passed = native.passed.len() + wasm.map_or(0, |wasm| wasm.passed.len());
    println!("{passed} passed, {} failed", failures.len());
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_native(has_wasm_target: bool) -> Result<Tally> {
    let mut skipping: &[&str] = &[];
    if has_wasm_target {
        cargo::host()?;
    } else {
        skipping = &["--skip", WASM_MODULE];
    }
    let mut tally = Tally::default();
    for packages in [NATIVE_PACKAGES.as_slice(), &HOST_PACKAGE] {
        for binary in build_tests("native", packages)? {
            let mut command = Command::new(&binary.path);
            command.args(skipping);
            tally.extend(run_binary("native", &binary, command)?);
        }
        tally.extend(run_documentation_tests("native", packages)?);
    }
    Ok(tally)
}

fn run_wasm() -> Result<Tally> {
    let runner = env::current_exe().context("the path of this program is unknown")?;
    let mut tally = Tally::default();
    for binary in build_tests(WASM_TARGET, &WASM_PACKAGE)? {
        let mut command = Command::new(&runner);
        command.arg("runner").arg(&binary.path);
        tally.extend(run_binary(WASM_TARGET, &binary, command)?);
    }
    tally.extend(run_documentation_tests(WASM_TARGET, &WASM_PACKAGE)?);
    Ok(tally)
}

fn build_tests(target: &str, packages: &[&str]) -> Result<Vec<Executable>> {
    let arguments = [&["test", "--no-run"], packages].concat();
    let mut executables = cargo::build(&format!("tests ({target}): cargo {}", arguments.join(" ")), &arguments)?;
    executables.retain(|it| it.is_test);
    // Cargo names them in the order in which they were done.
    executables.sort_by(|a, b| (&a.package_folder, &a.kind, &a.name).cmp(&(&b.package_folder, &b.kind, &b.name)));
    Ok(executables)
}

fn run_binary(target: &str, binary: &Executable, mut command: Command) -> Result<Tally> {
    let name = format!("{} {}", binary.kind, binary.name);
    step(&format!("{target}: {name}"));
    command.current_dir(&binary.package_folder);
    Tally::of_command(&format!("{name}: "), command)
}

fn run_documentation_tests(target: &str, packages: &[&str]) -> Result<Tally> {
    let arguments = [&["test", "--doc"], packages].concat();
    step(&format!("{target}: cargo {}", arguments.join(" ")));
    let mut command = cargo::command();
    command.args(&arguments);
    Tally::of_command("doc: ", command)
}

/// Says what runs now.
fn step(text: &str) {
    println!("\n=== {text}");
}

/// The names of the portable tests that ran.
fn portable(tally: &Tally) -> BTreeSet<&str> {
    let is_portable = |name: &&str| PORTABLE_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    tally.ran().into_iter().filter(is_portable).collect()
}

/// The portable tests that ran in one world only. A test that silently doesn't run is as bad as one that fails.
fn differences(native: &Tally, wasm: &Tally) -> Vec<String> {
    let (native, wasm) = (portable(native), portable(wasm));
    let only = |target: &str, name: &&str| format!("portable, but ran only on {target}: {name}");
    let native_only = native.difference(&wasm).map(|name| only("native", name));
    let wasm_only = wasm.difference(&native).map(|name| only(WASM_TARGET, name));
    native_only.chain(wasm_only).collect()
}

fn summarize(target: &str, tally: &Tally) {
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
    use super::{Tally, differences};

    fn tally(names: &[&str]) -> Tally {
        let mut tally = Tally::default();
        tally.passed.extend(names.iter().map(|name| (*name).to_owned()));
        tally
    }

    #[test]
    fn a_portable_test_has_to_run_in_both_worlds() {
        let native = tally(&["test it: a", "test it: b", "test native: c", "test examples: d", "lib selectio: e"]);
        let wasm = tally(&["test it: a", "lib selectio: e", "test it: f"]);
        let expected =
            ["portable, but ran only on native: test it: b", "portable, but ran only on wasm32-wasip1: test it: f"];
        assert_eq!(differences(&native, &wasm), expected);
        assert!(differences(&native, &native).is_empty());
    }
}
