//! Windows, as Debian's Wine plays it: set up once. Its drives are in the target folder, so that what runs there is of this
//! clone alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};

use crate::cargo;
use crate::tool::tools_folder;

/// What programs are built for.
pub const TARGET: &str = "x86_64-pc-windows-gnu";

/// The programs that are needed, and how Debian's packages are called.
const PROGRAMS: [&str; 3] = ["wine", "wineserver", "x86_64-w64-mingw32-gcc"];
const INSTALL: &str = "apt-get install wine wine64 gcc-mingw-w64-x86-64";

/// The library that gives programs their random numbers; Wine 8 lacks it, later versions have their own.
const LIBRARY: &str = "bcryptprimitives.dll";
const LIBRARY_SOURCE: &str = r"#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T count)
{
    return SystemFunction036(bytes, (ULONG) count);
}
";

/// Where the library and the drives are.
struct Folders {
    library: PathBuf,
    prefix: PathBuf,
}

/// The command that runs a program of Windows, which gets Ctrl-C when the process gets SIGINT.
pub fn command(executable: &Path) -> Result<Command> {
    let folders = set_up()?;
    let mut command = folders.command("wine");
    command.arg(executable);
    Ok(command)
}

/// Ends everything that still runs there.
pub fn shut_down() -> Result<()> {
    let mut server = Folders::find()?.command("wineserver");
    server.arg("-k").status().context("wineserver could not be started")?;
    Ok(())
}

impl Folders {
    fn find() -> Result<Folders> {
        let library = tools_folder()?.join("wine-library");
        Ok(Folders { library, prefix: cargo::target_folder()?.join("wine") })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // The drive Z: is this machine's file system.
        let library = format!("Z:{}", self.library.display()).replace('/', "\\");
        command.env("WINEPREFIX", &self.prefix).env("WINEPATH", library).env("WINEDEBUG", "-all");
        command
    }
}

/// Once for each process: what is there already stays.
fn set_up() -> Result<Folders> {
    static IS_SET_UP: Mutex<bool> = Mutex::new(false);
    let folders = Folders::find()?;
    let mut is_set_up = IS_SET_UP.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if !*is_set_up {
        check_programs()?;
        build_library(&folders.library)?;
        fs::create_dir_all(&folders.prefix)?;
        start_server(&folders)?;
        *is_set_up = true;
    }
    Ok(folders)
}

fn check_programs() -> Result<()> {
    for program in PROGRAMS {
        if Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            bail!("{program} is missing; `{INSTALL}` installs it on Debian");
        }
    }
    Ok(())
}

fn build_library(folder: &Path) -> Result<()> {
    let library = folder.join(LIBRARY);
    if library.is_file() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    // Under a name of its own, so that whoever looks meanwhile never finds half of it.
    let (source, unfinished) =
        (folder.join("library.c"), folder.join(format!("unfinished-{}.dll", std::process::id())));
    fs::write(&source, LIBRARY_SOURCE)?;
    let mut compiler = Command::new("x86_64-w64-mingw32-gcc");
    compiler.args(["-shared", "-O", "-o"]).arg(&unfinished).arg(&source).arg("-ladvapi32");
    let status = compiler.status().context("the compiler could not be started")?;
    if !status.success() {
        bail!("{LIBRARY} can't be built; the compiler says why above");
    }
    fs::rename(&unfinished, &library).context("the library can't be put in its place")
}

/// Starts the server that all programs share, and makes the drives when there are none yet. The server stays: one that
/// ends when it is idle for a while sometimes takes programs with it that have started meanwhile.
fn start_server(folders: &Folders) -> Result<()> {
    let mut server = folders.command("wineserver");
    server.arg("-p").stdout(Stdio::null()).stderr(Stdio::null());
    server.status().context("wineserver could not be started")?;
    let mut first = folders.command("wine");
    first.args(["cmd", "/c", "ver"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = first.status().context("wine could not be started")?;
    if !status.success() {
        bail!("wine can't run a program ({status}): remove {} and try again", folders.prefix.display());
    }
    Ok(())
}
