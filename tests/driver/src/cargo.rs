//! Calls cargo and learns where it put what it built.
//!
//! Paths are never guessed: cargo names each file that it built, so target folders set by the environment or by a
//! configuration file are honoured without knowing of them.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::progress;
use crate::system::System;
use crate::world::World;

/// The WebAssembly target of guests whose host opens their sockets.
pub const WASIP1_TARGET: &str = "wasm32-wasip1";

/// The WebAssembly target of guests that make their own sockets.
pub const WASIP2_TARGET: &str = "wasm32-wasip2";

/// An executable that cargo built.
#[derive(Debug, Clone)]
pub struct Executable {
    /// The name of the cargo target, such as `echo` or `it`.
    pub name: String,
    /// The kind of the cargo target: `lib`, `bin`, `test`, `example` …
    pub kind: String,
    /// Whether it is a test binary.
    pub is_test: bool,
    /// The folder of the package that it belongs to, which is where its tests expect to run.
    pub package_folder: PathBuf,
    /// The file.
    pub path: PathBuf,
}

/// The folder of the workspace that this process runs in.
pub fn workspace_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    // Where there is none, cargo's own message about that is the best answer.
    FOLDER.get_or_init(|| locate_workspace().unwrap_or_else(|| PathBuf::from(".")))
}

/// Asked for, not compiled in: checkouts that share a target folder also share this code.
fn locate_workspace() -> Option<PathBuf> {
    let arguments = ["locate-project", "--workspace", "--message-format", "plain"];
    let output = Command::new(cargo()).args(arguments).stderr(Stdio::null()).output().ok()?;
    let manifest = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim_end());
    manifest.parent().map(Path::to_path_buf)
}

/// The cargo that called this program, if one did.
fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// A call of cargo in the workspace's folder.
pub fn command() -> Command {
    let mut command = Command::new(cargo());
    command.current_dir(workspace_folder());
    command
}

/// The folder that cargo builds into.
pub fn target_folder() -> Result<PathBuf> {
    let output = command().args(["metadata", "--format-version", "1", "--no-deps"]).output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("`cargo metadata` told nothing")?;
    let folder = metadata["target_directory"].as_str().context("`cargo metadata` names no target folder")?;
    Ok(PathBuf::from(folder))
}

/// The packages that are chosen for each native build, whatever is built of them. Cargo gives their dependencies the
/// features that all of them ask for, so these are the same each time, and compiled once.
const NATIVE_PACKAGES: [&str; 4] = ["--package", "selectio", "--package", "selectio-host"];

const HOST: [&str; 2] = ["--bin", "selectio"];
const HOST_REMARK: &str = "the first time that takes two to three minutes on two cores, for Wasmtime";

/// Builds the example `name` for `world`, once for each process.
pub fn example(name: &str, world: World) -> Result<PathBuf> {
    let what = format!("example {name} ({world})");
    let package = package_of(name);
    let mut built = match world.guest_target() {
        None if package == LIBRARY => build_natively(&what, "", &["--example", name])?,
        None => {
            let system = System::chosen()?.cargo_arguments();
            build_once(&what, "", &[&["build", "--package", package, "--example", name], system].concat())?
        }
        Some(target) => build_once(&what, "", &["build", "--package", package, "--example", name, "--target", target])?,
    };
    Ok(built.remove(0))
}

const LIBRARY: &str = "selectio";

/// The package of an example: the larger programs have one of their own, where each is a file or a folder.
fn package_of(example: &str) -> &'static str {
    let program = workspace_folder().join("examples/programs").join(example);
    let is_program = program.with_extension("rs").is_file() || program.join("main.rs").is_file();
    if is_program { "selectio-programs" } else { LIBRARY }
}

/// Builds the command `selectio`, the host, for the chosen system, once for each process. It is not optimized: that
/// would take two to three times as long, and costs most when a guest starts for the first time.
pub fn host() -> Result<PathBuf> {
    Ok(build_natively("the host", HOST_REMARK, &HOST)?.remove(0))
}

/// Builds the example `name` natively and the host, in one go, which leaves no core idle. [`example`] and [`host`] have
/// nothing left to do then.
pub fn example_and_host(name: &str) -> Result<()> {
    let what = format!("example {name} ({}) and the host", World::Native);
    build_natively(&what, HOST_REMARK, &[&["--example", name], &HOST[..]].concat())?;
    Ok(())
}

fn build_natively(what: &str, remark: &str, targets: &[&str]) -> Result<Vec<PathBuf>> {
    let system = System::chosen()?.cargo_arguments();
    build_once(what, remark, &[&["build"], &NATIVE_PACKAGES[..], targets, system].concat())
}

/// Returns at least one path.
fn build_once(what: &str, remark: &str, arguments: &[&str]) -> Result<Vec<PathBuf>> {
    static BUILT: Mutex<BTreeMap<String, Vec<PathBuf>>> = Mutex::new(BTreeMap::new());
    // Held while building: two calls of cargo would only wait for each other.
    let mut built = BUILT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let key = arguments.join(" ");
    if let Some(paths) = built.get(&key) {
        return Ok(paths.clone());
    }
    let paths: Vec<PathBuf> = build(what, remark, arguments)?.into_iter().map(|it| it.path).collect();
    ensure!(!paths.is_empty(), "`cargo {key}` built no executable");
    built.insert(key, paths.clone());
    Ok(paths)
}

/// Runs a building subcommand of cargo and returns the executables that it names. `what` is being built; a `remark` about
/// it is shown if there is something to build.
pub fn build(what: &str, remark: &str, arguments: &[&str]) -> Result<Vec<Executable>> {
    let call = format!("cargo {}", arguments.join(" "));
    let mut command = command();
    command.args(arguments).arg("--message-format=json-render-diagnostics");
    progress::ask_for(&mut command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{call}` could not be started"))?;
    let (what, remark) = (what.to_owned(), remark.to_owned());
    let progress = child.stderr.take().map(|stderr| thread::spawn(move || progress::relay(stderr, &what, &remark)));
    let mut executables = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            executables.extend(executable(&line?));
        }
    }
    let status = child.wait()?;
    if let Some(progress) = progress {
        let _ = progress.join();
    }
    if !status.success() {
        bail!("`{call}` failed ({status})");
    }
    Ok(executables)
}

/// The executable that a line of cargo's report names, if it names one.
fn executable(line: &str) -> Option<Executable> {
    let message: Value = serde_json::from_str(line).ok()?;
    let manifest = Path::new(message["manifest_path"].as_str()?);
    Some(Executable {
        name: message["target"]["name"].as_str()?.to_owned(),
        kind: message["target"]["kind"][0].as_str()?.to_owned(),
        is_test: message["profile"]["test"].as_bool()?,
        package_folder: manifest.parent()?.to_path_buf(),
        path: PathBuf::from(message["executable"].as_str()?),
    })
}

#[cfg(test)]
mod tests {
    use super::executable;

    #[test]
    fn reads_the_executable_of_a_report_line() {
        let line = r#"{"reason":"compiler-artifact","manifest_path":"/w/Cargo.toml","target":
            {"kind":["example"],"name":"echo"},"profile":{"test":false},"executable":"/t/echo.wasm"}"#;
        let executable = executable(line).expect("an executable");
        assert_eq!(executable.name, "echo");
        assert_eq!(executable.kind, "example");
        assert_eq!(executable.path.to_str(), Some("/t/echo.wasm"));
        assert_eq!(executable.package_folder.to_str(), Some("/w"));
    }

    #[test]
    fn other_lines_name_none() {
        assert!(executable(r#"{"reason":"build-finished","success":true}"#).is_none());
        assert!(executable("not json").is_none());
    }
}
