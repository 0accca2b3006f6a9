//! What the figures were measured on.

use std::fs;
use std::process::Command;

use selectio_driver::{Host, cargo};

/// The packages whose versions matter for the figures of echoes.
const ECHO_PACKAGES: [&str; 3] = ["mio", "polling", "tokio"];

/// A line for each fact that this machine tells, with those that selectio is compared with.
pub fn describe(peers: &[String]) -> Vec<String> {
    let processor = field("/proc/cpuinfo", "model name").unwrap_or("unknown".to_owned());
    // All of them, not only the one that this process runs on.
    let cores = fs::read_to_string("/proc/cpuinfo").map_or(0, |text| text.matches("processor\t").count());
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or("unknown".to_owned());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut facts = vec![
        format!("Processor: {processor}, {cores} cores; memory: {memory}"),
        format!("Kernel: Linux {}", kernel.trim()),
    ];
    facts.extend(line_of("rustc", &["--version"]).map(|version| format!("Compiler: {version}")));
    facts.push(format!("Peers: {}", peers.join(", ")));
    let measured = line_of("git", &["log", "-1", "--format=commit %h of %cs"]);
    facts.extend(measured.map(|commit| format!("Measured: {commit}")));
    facts
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn line_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// Those packages with the versions that the lock file has.
pub fn locked(packages: &[&str]) -> Vec<String> {
    let lock = fs::read_to_string(cargo::workspace_folder().join("Cargo.lock")).unwrap_or_default();
    let version = |name: &&str| {
        let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
        Some(format!("{name} {}", rest.split('"').next()?))
    };
    packages.iter().filter_map(version).collect()
}

/// What the echo servers are made of.
pub fn echo_peers() -> Vec<String> {
    let libevent = line_of("pkg-config", &["--modversion", "libevent"]).map(|version| format!("libevent {version}"));
    let python = line_of("python3", &["--version"]);
    let wasmtime = Some(Host::Wasmtime.to_string());
    locked(&ECHO_PACKAGES).into_iter().chain(libevent).chain(python).chain(wasmtime).collect()
}
