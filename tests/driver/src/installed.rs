//! Hosts on the search path. With CI in the environment none is taken: what is tested must not depend on what happens to
//! be installed.
//!
//! A `selectio` spares building the host when something is to be tried out. It has to be the host of this very source: of
//! the same version, and built after the last change to what the host is made of, which git knows. Where git knows
//! nothing, it is not taken. A `wasmtime` spares installing one; it has to be current.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use crate::cargo;
use crate::process::{Process, Stream};

/// The version of this workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the host is made of.
const SOURCES: [&str; 6] = ["Cargo.lock", "Cargo.toml", "host/Cargo.toml", "host/src", "platform", "src"];

/// The first version of Wasmtime that is one of its current ones: sockets are for preview2 programs only there.
const WASMTIME_MAJOR_MIN: u32 = 47;

/// How long it may take to say its version.
const LIMIT: Duration = Duration::from_secs(10);

/// A `wasmtime` that is installed.
#[derive(Debug)]
pub struct Wasmtime {
    /// The command.
    pub path: PathBuf,
    /// Its version.
    pub version: String,
}

/// The `wasmtime` that can be used, which a line says; looked for once for each process.
pub fn wasmtime() -> Option<&'static Wasmtime> {
    static FOUND: OnceLock<Option<Wasmtime>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        if env::var_os("CI").is_some() {
            return None;
        }
        let found = current_wasmtime(&env::var_os("PATH")?)?;
        eprintln!("using {} {}, found on PATH", found.path.display(), found.version);
        Some(found)
    });
    found.as_ref()
}

/// The first `wasmtime` in the folders of `search_path`, if it is a current one.
fn current_wasmtime(search_path: &OsStr) -> Option<Wasmtime> {
    let path = first("wasmtime", search_path)?;
    let version = version(&path, "wasmtime")?;
    let major: u32 = version.split('.').next()?.parse().ok()?;
    (major >= WASMTIME_MAJOR_MIN).then_some(Wasmtime { path, version })
}

/// The `selectio` that can be used, which a line says; looked for once for each process.
pub fn selectio() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        if env::var_os("CI").is_some() {
            return None;
        }
        let path = search(&env::var_os("PATH")?, cargo::workspace_folder())?;
        eprintln!("using {} {VERSION}, found on PATH", path.display());
        Some(path)
    });
    found.as_deref()
}

/// The first `selectio` in the folders of `search_path`, if it is that of the source in `tree`.
fn search(search_path: &OsStr, tree: &Path) -> Option<PathBuf> {
    let path = first("selectio", search_path)?;
    let built = path.metadata().and_then(|metadata| metadata.modified()).ok()?;
    let is_ours = version(&path, "selectio")? == VERSION && last_change(tree)? <= built;
    is_ours.then_some(path)
}

/// The first program of this name in the folders of `search_path`.
fn first(name: &str, search_path: &OsStr) -> Option<PathBuf> {
    let name = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::split_paths(search_path).map(|folder| folder.join(&name)).find(|path| path.is_file())
}

/// What it says to `--version`: its name, the version, and maybe more.
fn version(path: &Path, name: &str) -> Option<String> {
    let mut command = Command::new(path);
    command.arg("--version");
    let mut process = Process::start(command).ok()?;
    let is_success = process.wait(LIMIT).ok()?.success();
    let text = process.output(Stream::Stdout);
    let version = text.strip_prefix(name)?.split_whitespace().next()?;
    is_success.then(|| version.to_owned())
}

/// When [`SOURCES`] were changed last in `tree`. None if that can't be told, as with changes that aren't committed.
fn last_change(tree: &Path) -> Option<SystemTime> {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(arguments).arg("--").args(SOURCES).current_dir(tree);
        let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    if !git(&["status", "--porcelain"])?.is_empty() {
        return None;
    }
    let seconds = git(&["log", "-1", "--format=%ct"])?.parse().ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(all(test, unix))]
mod tests {
    use super::{VERSION, current_wasmtime, search};
    use std::ffi::OsString;
    use std::fs::{self, File};
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};
    use std::time::{Duration, SystemTime};

    /// A folder with a tree of sources, committed just now, and a `selectio` on the search path. Removed when dropped.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str, version: &str) -> Place {
            let place = Place(std::env::temp_dir().join(format!("selectio-{name}-{}", std::process::id())));
            fs::create_dir_all(place.tree().join("host/src")).expect("the temporary folder can be written");
            fs::write(place.tree().join("host/src/main.rs"), "fn main() {}").expect("it can be written");
            place.git(&["init", "--quiet"]);
            place.commit();
            fs::create_dir_all(place.0.join("bin")).expect("it can be written");
            place.install("selectio", version);
            place
        }

        /// Puts a command there that says this version.
        fn install(&self, name: &str, version: &str) {
            // Not by this process: a child that another thread starts just then would have the file open for writing,
            // and what is so can't be run.
            let script = "printf '#!/bin/sh\necho %s %s\n' \"$1\" \"$2\" > \"$0\" && chmod +x \"$0\"";
            let path = self.0.join("bin").join(name);
            let status = Command::new("sh").args(["-c", script]).arg(path).args([name, version]).status();
            assert!(status.expect("there is a shell").success());
        }

        fn tree(&self) -> PathBuf {
            self.0.join("tree")
        }

        fn command(&self) -> PathBuf {
            self.0.join("bin/selectio")
        }

        fn git(&self, arguments: &[&str]) {
            let mut command = Command::new("git");
            command.args(["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]);
            let status = command.args(arguments).current_dir(self.tree()).stdout(Stdio::null()).status();
            assert!(status.expect("git is installed").success());
        }

        fn commit(&self) {
            self.git(&["add", "--all"]);
            self.git(&["commit", "--quiet", "--allow-empty", "--message", "a change"]);
        }

        /// Sets when it was built.
        fn is_built(&self, moment: SystemTime) {
            File::open(self.command()).and_then(|command| command.set_modified(moment)).expect("it is ours");
        }

        fn search_path(&self) -> OsString {
            std::env::join_paths([&self.0.join("nowhere"), &self.0.join("bin")]).expect("a path")
        }

        fn is_used(&self) -> bool {
            search(&self.search_path(), &self.tree()).is_some_and(|path| path == self.command())
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn change(path: &Path) {
        fs::write(path, "fn main() { changed() }").expect("it can be written");
    }

    #[test]
    fn one_of_this_version_is_used() {
        let place = Place::new("same", VERSION);
        assert!(place.is_used());
    }

    #[test]
    fn one_of_another_version_is_not() {
        let place = Place::new("other", "0.0.0");
        assert!(!place.is_used());
    }

    #[test]
    fn one_that_is_older_than_the_source_is_not() {
        let place = Place::new("older", VERSION);
        place.is_built(SystemTime::now() - Duration::from_secs(3600));
        assert!(!place.is_used());
    }

    #[test]
    fn changes_to_the_host_are_built_and_others_are_not() {
        let place = Place::new("changed", VERSION);
        change(&place.tree().join("README.md"));
        assert!(place.is_used());
        change(&place.tree().join("host/src/main.rs"));
        assert!(!place.is_used());
        place.commit();
        place.is_built(SystemTime::now() + Duration::from_secs(3600));
        assert!(place.is_used());
    }
    #[test]
    fn a_wasmtime_is_used_when_it_is_current() {
        let place = Place::new("wasmtime", VERSION);
        for (version, is_current) in [("46.0.3 (1f2e3d4c5 2026-07-01)", false), ("47.0.0", true), ("dev", false)] {
            place.install("wasmtime", version);
            let found = current_wasmtime(&place.search_path()).map(|it| it.version);
            assert_eq!(found, is_current.then(|| version.to_owned()));
        }
    }
}
