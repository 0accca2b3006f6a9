//! Builds the servers; those that this machine lacks something for are left out, with a word.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use selectio_driver::Host;
use selectio_driver::cargo::{self, Executable, WASIP1_TARGET, WASIP2_TARGET};

use crate::server::{Program, Server};

/// What a server makes of what it receives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// It sends back what a receive gives it.
    Bytes,
    /// It reads lines, and sends those back.
    Lines,
}

/// The servers that are programs of this package.
const NATIVE: [&str; 6] = ["epoll_echo", "select_echo", "mio_echo", "polling_echo", "tokio_echo", "selectio_echo"];

/// What selectio can be told to wait with natively; `None` is what it chooses by itself.
const BACKENDS: [Option<&str>; 4] = [None, Some("select"), Some("epoll"), Some("polling")];

/// Builds all servers, in the order of the table.
pub fn servers() -> Result<Vec<Server>> {
    let bench = build("the servers", "selectio-bench", "--bin", &NATIVE, &[])?;
    let lines = build("example echo", "selectio", "--example", &["echo"], &[])?;
    let for_guests = ["--target", WASIP1_TARGET];
    let guests =
        build("the servers as guests", "selectio-bench", "--bin", &["mio_echo", "selectio_echo"], &for_guests)?;
    let guest_lines = build("example echo as a guest", "selectio", "--example", &["echo"], &for_guests)?;
    let host = host()?;

    let mut servers = Vec::new();
    let peers = [
        ("epoll as in C", "epoll_echo"),
        ("select as in C", "select_echo"),
        ("mio", "mio_echo"),
        ("polling", "polling_echo"),
        ("tokio", "tokio_echo"),
    ];
    for (name, executable) in peers {
        let program = native(path(&bench, executable)?, Vec::new(), None);
        // One byte echo, as the bound below which no line echo comes.
        servers.push(Server { is_pipelined: name == "mio", ..server(name, Unit::Bytes, program) });
    }
    servers.extend(from_c("libevent", "libevent_echo.c", "-levent_core")?);
    servers.extend(from_c("libev", "libev_echo.c", "-lev")?);
    servers.extend(asyncore()?);
    for (unit, executable) in [(Unit::Bytes, path(&bench, "selectio_echo")?), (Unit::Lines, path(&lines, "echo")?)] {
        for backend in BACKENDS {
            let program = native(executable.clone(), Vec::new(), backend);
            servers.push(server(&selectio_name(unit, backend), unit, program));
        }
    }
    let guest = |name, unit, module| server(name, unit, Program::Guest { host: host.clone(), module });
    servers.push(guest("selectio as a guest", Unit::Bytes, path(&guests, "selectio_echo")?));
    servers.push(guest("selectio as a guest, lines", Unit::Lines, path(&guest_lines, "echo")?));
    servers.push(guest("mio as a guest", Unit::Bytes, path(&guests, "mio_echo")?));
    servers.extend(components(&host)?);
    Ok(servers)
}

/// The guests of preview2. What they run on is the current Wasmtime, as others ship it, and the host for comparison.
fn components(host: &Path) -> Result<Vec<Server>> {
    let names = ["mio_echo", "poll_echo", "selectio_echo"];
    let built = build("the servers as wasip2 guests", "selectio-bench", "--bin", &names, &["--target", WASIP2_TARGET])?;
    let wasmtime = Host::Wasmtime.executable()?;
    let component = |name: &str, executable, host: &Path, options| {
        let program = Program::Component { host: host.to_owned(), options, component: path(&built, executable)? };
        anyhow::Ok(server(name, Unit::Bytes, program))
    };
    let on_wasmtime: &[&str] = &["-S", "inherit-network"];
    Ok(vec![
        component("selectio as a wasip2 guest", "selectio_echo", &wasmtime, on_wasmtime)?,
        component("selectio as a wasip2 guest of selectio run", "selectio_echo", host, &["--inherit-network"])?,
        component("mio as a wasip2 guest", "mio_echo", &wasmtime, on_wasmtime)?,
        component("poll as a wasip2 guest", "poll_echo", &wasmtime, on_wasmtime)?,
    ])
}

/// Builds as one does for deployment.
pub fn build(what: &str, package: &str, kind: &str, names: &[&str], more: &[&str]) -> Result<Vec<Executable>> {
    let mut arguments = vec!["build", "--profile", "deploy", "--package", package];
    arguments.extend(names.iter().flat_map(|name| [kind, name]));
    cargo::build(what, "", &[&arguments, more].concat())
}

/// The host as it is installed. What it leaves to the compiler is in Wasmtime's code for guests.
pub fn host() -> Result<PathBuf> {
    let arguments = ["build", "--release", "--package", "selectio-host", "--bin", "selectio"];
    path(&cargo::build("the host", "the first time that takes five minutes on two cores", &arguments)?, "selectio")
}

fn server(name: &str, unit: Unit, program: Program) -> Server {
    Server { name: name.to_owned(), is_pipelined: unit == Unit::Lines, program }
}

fn native(executable: PathBuf, arguments: Vec<String>, backend: Option<&'static str>) -> Program {
    Program::Native { executable, arguments, backend }
}

fn selectio_name(unit: Unit, backend: Option<&str>) -> String {
    let backend = backend.map_or_else(String::new, |backend| format!(" on {backend}"));
    let lines = if unit == Unit::Lines { ", lines" } else { "" };
    format!("selectio{backend}{lines}")
}

/// Where cargo has put the one of this name.
pub fn path(executables: &[Executable], name: &str) -> Result<PathBuf> {
    let found = executables.iter().find(|executable| executable.name == name);
    Ok(found.ok_or_else(|| anyhow!("cargo built no `{name}`"))?.path.clone())
}

/// The folder of the servers' sources.
fn sources() -> PathBuf {
    cargo::workspace_folder().join("benches").join("servers")
}

/// A server in C, compiled where the library's headers are installed.
fn from_c(name: &str, source: &str, library: &str) -> Result<Option<Server>> {
    let folder = cargo::target_folder()?.join("bench");
    fs::create_dir_all(&folder)?;
    let executable = folder.join(source.trim_end_matches(".c"));
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-Wall", "-Wextra", "-o"]).arg(&executable).arg(sources().join(source)).arg(library);
    let Ok(output) = compiler.stdin(Stdio::null()).output() else {
        eprintln!("{name} is left out: there is no C compiler `cc`");
        return Ok(None);
    };
    let messages = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(Some(server(name, Unit::Bytes, native(executable, Vec::new(), None))));
    }
    let lacks_library = ["No such file", "file not found", "cannot find"].iter().any(|text| messages.contains(text));
    if !lacks_library {
        bail!("{source} can't be compiled:\n{messages}");
    }
    eprintln!("{name} is left out: its headers are not installed (Debian: {name}-dev)");
    Ok(None)
}

/// Python's asyncore, which went away with Python 3.12.
fn asyncore() -> Result<Option<Server>> {
    let has_module = |python: &Path| {
        let mut check = Command::new(python);
        check.args(["-W", "ignore", "-c", "import asyncore"]).stdin(Stdio::null()).stderr(Stdio::null());
        check.status().is_ok_and(|status| status.success())
    };
    let python = PathBuf::from("python3");
    if !has_module(&python) {
        eprintln!("asyncore is left out: there is no python3 before 3.12");
        return Ok(None);
    }
    let script = sources().join("asyncore_echo.py");
    let script = script.to_str().context("the path of this folder is not in Unicode")?.to_owned();
    let arguments = vec!["-W".to_owned(), "ignore".to_owned(), script];
    Ok(Some(server("asyncore", Unit::Bytes, native(python, arguments, None))))
}
