//! Running a program to its end.

use crate::clock::MonotonicClock;
use crate::descriptors::Descriptors;
use crate::error::{Error, Stop};
use crate::guest::Guest;
use crate::limits::Limits;
use crate::poll::Waits;
use crate::preopen::Preopen;
use crate::shutdown::ShutdownRequest;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;
use wasmtime::{InstancePre, Store, Trap, WasmBacktrace};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{FsPerms, WasiCtx};

/// The number of the first socket or directory of a guest.
const FIRST_FD: usize = 3;

/// Of a thread that a guest runs on: what main threads usually have.
const STACK_SIZE: usize = 8 * 1024 * 1024;

/// A guest whose time is over ends by itself within this time, unless a call of the system keeps it.
const TIME_TO_END: Duration = Duration::from_millis(200);

/// A directory for the guest.
pub(crate) struct Directory {
    pub(crate) host: PathBuf,
    pub(crate) guest: String,
}

/// Everything that a guest is given beside its code.
#[derive(Default)]
pub(crate) struct Given {
    /// Argument 0 and all others.
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) directories: Vec<Directory>,
    pub(crate) preopens: Vec<Preopen>,
    pub(crate) limits: Limits,
    pub(crate) shutdown: Option<ShutdownRequest>,
}

/// A program that is ready to run.
pub struct Host {
    given: Given,
    program: InstancePre<Guest>,
}

impl Host {
    pub(crate) fn new(given: Given, program: InstancePre<Guest>) -> Host {
        Host { given, program }
    }

    /// The sockets that the guest will find, each with its number there.
    pub fn preopens(&self) -> impl Iterator<Item = (usize, &Preopen)> {
        (FIRST_FD..).zip(&self.given.preopens)
    }

    /// What the guest has done so far.
    pub fn statistics(&self) -> crate::Statistics {
        crate::Statistics::of(1)
    }

    /// Runs the program to its end and returns its exit code.
    ///
    /// Standard input, output and error are the process's own. This blocks the
    /// thread; call it outside of asynchronous code.
    ///
    /// With a limit of time the program has a thread of its own. When its time
    /// is over while it is in a call of the system that nothing can end, such as
    /// opening a named pipe that nobody else has open, this returns all the same,
    /// and leaves that thread behind.
    pub fn run(self) -> Result<i32, Error> {
        let limits = self.given.limits;
        let Some(limit) = limits.time else { return self.run_here() };
        let (sender, ended) = mpsc::channel();
        let guest = thread::Builder::new()
            .name("guest".to_owned())
            .stack_size(STACK_SIZE)
            // Nobody listens any more when the time was over.
            .spawn(move || drop(sender.send(self.run_here())))
            .map_err(|error| Error::Host { reason: format!("the program can't have a thread of its own: {error}") })?;
        match ended.recv_timeout(limit.saturating_add(TIME_TO_END)) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => Err(time_limit(limits)),
            // It has panicked.
            Err(RecvTimeoutError::Disconnected) => match guest.join() {
                Ok(()) => Err(Error::Host { reason: "the program's thread ended without an answer".to_owned() }),
                Err(panic) => std::panic::resume_unwind(panic),
            },
        }
    }

    fn run_here(self) -> Result<i32, Error> {
        let limits = self.given.limits;
        let program = self.program.clone();
        let name = self.given.arguments.first().cloned().unwrap_or_default();
        let mut store = Store::new(program.module().engine(), self.guest()?);
        store.limiter(|guest| guest);
        // Dropped at the end of the run, which ends the thread that waits for it.
        let _timer = limits.time.map(|limit| start_timer(&mut store, limit));
        let instance = match program.instantiate(&mut store) {
            Ok(instance) => instance,
            // A start function has run, or a limit was hit.
            Err(error) if error.is::<Trap>() || error.is::<Stop>() => return end(&error, limits),
            Err(error) => {
                let reason = error.root_cause().to_string();
                return Err(Error::NotStarted { name, reason });
            }
        };
        let result =
            instance.get_typed_func::<(), ()>(&mut store, "_start").and_then(|start| start.call(&mut store, ()));
        match result {
            Ok(()) => Ok(0),
            Err(error) => end(&error, limits),
        }
    }

    /// The state of the guest before its first instruction.
    fn guest(self) -> Result<Guest, Error> {
        let clock = MonotonicClock::start();
        let wasi = wasi(&self.given, clock)?;
        let limits = self.given.limits;
        let sockets = self.given.preopens.into_iter().map(Preopen::into_socket);
        let descriptors = Descriptors::new(
            sockets.collect(),
            self.given.directories.len() as u32,
            limits.sockets.unwrap_or(usize::MAX),
            self.given.shutdown,
        );
        let waits =
            Waits::new().map_err(|error| Error::Host { reason: format!("nothing can be waited for: {error}") })?;
        Ok(Guest::new(wasi, descriptors, waits, clock, limits))
    }
}

/// What `wasmtime-wasi` serves: arguments, environment, clocks, directories.
fn wasi(given: &Given, clock: MonotonicClock) -> Result<WasiP1Ctx, Error> {
    let mut wasi = WasiCtx::builder();
    // File operations need no second thread: the guest has only one.
    wasi.allow_blocking_current_thread(true);
    wasi.monotonic_clock(clock);
    wasi.args(&given.arguments);
    if !given.preopens.is_empty() {
        let names: Vec<_> = given.preopens.iter().map(Preopen::guest_name).collect();
        wasi.env("LISTEN_FDS", names.len().to_string());
        wasi.env("LISTEN_FDNAMES", names.join(":"));
    }
    for (key, value) in &given.environment {
        wasi.env(key, value);
    }
    for directory in &given.directories {
        wasi.preopened_dir(&directory.host, &directory.guest, FsPerms::ReadWrite).map_err(|error| {
            Error::Directory { path: directory.host.clone(), reason: error.root_cause().to_string() }
        })?;
    }
    Ok(wasi.build_p1())
}

/// Ends the guest in its own code when its time is over. While it waits in a
/// host function, its deadline does the same.
fn start_timer(store: &mut Store<Guest>, limit: Duration) -> Sender<()> {
    let (running, ended) = mpsc::channel();
    store.set_epoch_deadline(1);
    let engine = store.engine().clone();
    thread::spawn(move || {
        if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            engine.increment_epoch();
        }
    });
    running
}

/// Why a guest has ended before the end of its `_start`.
fn end(error: &wasmtime::Error, limits: Limits) -> Result<i32, Error> {
    match error.downcast_ref::<Stop>() {
        Some(&Stop::Exit(code)) => return Ok(code.cast_signed()),
        Some(Stop::TimeLimit) => return Err(time_limit(limits)),
        Some(Stop::MemoryLimit) => {
            return Err(Error::MemoryLimit { limit_bytes: limits.memory_bytes.unwrap_or(usize::MAX) });
        }
        None => {}
    }
    if error.downcast_ref::<Trap>() == Some(&Trap::Interrupt) {
        return Err(time_limit(limits));
    }
    let reason = error.root_cause().to_string();
    let function = error.downcast_ref::<WasmBacktrace>().and_then(|trace| trace.frames().first()?.func_name());
    Err(Error::Trap {
        reason: match function {
            Some(function) => format!("{reason}, in {function}"),
            None => reason,
        },
    })
}

fn time_limit(limits: Limits) -> Error {
    Error::TimeLimit { limit: limits.time.unwrap_or(Duration::MAX) }
}
