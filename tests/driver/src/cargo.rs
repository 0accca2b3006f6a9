//! Calls cargo and learns where it put what it built.
//!
//! Paths are never guessed: cargo names each file that it built, so target folders set by the environment or by a
//! configuration file are honoured without knowing of them. Its progress reaches the terminal, below a line that says
//! what is being built; a build with nothing to do is silent.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::thread;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use crate::program::World;
use crate::system::System;

/// The WebAssembly target that guests are built for.
pub const WASM_TARGET: &str = "wasm32-wasip1";

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

/// Builds the example `name` for `world`, once for each process.
pub fn example(name: &str, world: World) -> Result<PathBuf> {
    let mut arguments = vec!["build", "--package", "selectio", "--example", name];
    match world {
        World::Native => arguments.extend(System::chosen()?.cargo_arguments()),
        World::Wasm => arguments.extend(["--target", WASM_TARGET]),
    }
    build_once(&format!("example {name} ({world})"), &arguments)
}

/// Builds the command `selectio`, the host, for the chosen system, once for each process.
pub fn host() -> Result<PathBuf> {
    let mut arguments = vec!["build", "--release", "--package", "selectio-host", "--bin", "selectio"];
    arguments.extend(System::chosen()?.cargo_arguments());
    build_once("the host (the first time, Wasmtime takes some minutes)", &arguments)
}

fn build_once(what: &str, arguments: &[&str]) -> Result<PathBuf> {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    // Held while building: two calls of cargo would only wait for each other.
    let mut built = BUILT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let key = arguments.join(" ");
    if let Some(path) = built.get(&key) {
        return Ok(path.clone());
    }
    let executable = build(what, arguments)?.pop().ok_or_else(|| anyhow!("`cargo {key}` built no executable"))?;
    built.insert(key, executable.path.clone());
    Ok(executable.path)
}

/// Runs a building subcommand of cargo and returns the executables that it names. `what` is being built.
pub fn build(what: &str, arguments: &[&str]) -> Result<Vec<Executable>> {
    let call = format!("cargo {}", arguments.join(" "));
    let mut command = command();
    command.args(arguments).arg("--message-format=json-render-diagnostics");
    if io::stderr().is_terminal() {
        // Behind a pipe cargo would show neither colours nor its progress bar.
        command
            .env("CARGO_TERM_COLOR", "always")
            .env("CARGO_TERM_PROGRESS_WHEN", "always")
            .env("CARGO_TERM_PROGRESS_WIDTH", env::var_os("COLUMNS").unwrap_or_else(|| "80".into()));
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{call}` could not be started"))?;
    let heading = format!("building {what}\n");
    let progress = child.stderr.take().map(|stderr| thread::spawn(move || relay_progress(stderr, &heading)));
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

/// Passes cargo's progress on below `heading`, except for the closing line, which is all that a build with nothing to
/// do prints.
fn relay_progress(stderr: ChildStderr, heading: &str) {
    let mut terminal = io::stderr();
    let is_terminal = terminal.is_terminal();
    let mut heading = Some(heading);
    let mut piece = Vec::new();
    for byte in BufReader::new(stderr).bytes().map_while(Result::ok) {
        piece.push(byte);
        // A progress bar ends with \r, so that the next one covers it.
        if byte == b'\n' || byte == b'\r' {
            if !String::from_utf8_lossy(&piece).contains("Finished") {
                let _ = terminal.write_all(heading.take().unwrap_or_default().as_bytes());
                let _ = terminal.write_all(&piece);
            } else if is_terminal && heading.is_none() {
                // Clears the last progress bar.
                let _ = terminal.write_all(b"\r\x1b[K");
            }
            piece.clear();
        }
    }
    let _ = terminal.write_all(&piece);
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
