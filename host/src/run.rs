//! Running a program to its end.

use crate::backtrace;
use crate::clock::MonotonicClock;
use crate::core_dump;
use crate::descriptors::Descriptors;
use crate::error::{Error, Stop};
use crate::guest::Guest;
use crate::limits::Limits;
use crate::metering;
use crate::poll::Waits;
use crate::preopen::Preopen;
use crate::profile::{GuestProfile, Sampling};
use crate::program::Program;
use crate::shutdown::ShutdownRequest;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;
use wasmtime::{Store, Trap};
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
    pub(crate) is_read_only: bool,
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
    /// Where to write what a trap leaves.
    pub(crate) core_dump: Option<PathBuf>,
    pub(crate) profile: Option<GuestProfile>,
    pub(crate) has_no_input: bool,
    pub(crate) has_no_output: bool,
    pub(crate) has_no_error_output: bool,
}

/// A program that is ready to run.
pub struct Host {
    given: Given,
    program: Arc<Program>,
}

impl Host {
    pub(crate) fn new(given: Given, program: Program) -> Host {
        Host { given, program: Arc::new(program) }
    }

    /// The sockets that the guest will find, each with its number there.
    pub fn preopens(&self) -> impl Iterator<Item = (usize, &Preopen)> {
        (FIRST_FD..).zip(&self.given.preopens)
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
        let program = Arc::clone(&self.program);
        let (core_dump, profile) = (self.given.core_dump.clone(), self.given.profile.clone());
        let mut store = Store::new(program.engine(), self.guest()?);
        store.limiter(|guest| guest);
        metering::prepare(&mut store, &limits)?;
        // Dropped at the end of the run, which ends the thread that waits for it.
        let _timer = limits.time.map(|limit| start_timer(&mut store, limit));
        let sampling = profile.map(|profile| Sampling::start(&profile, &program, &mut store, limits.time));
        let sampling = sampling.transpose()?;
        let result = match program.instantiate(&mut store) {
            Ok(instance) => program.call(&mut store, instance),
            // A start function has run, or a limit was hit.
            Err(error) if error.is::<Trap>() || error.is::<Stop>() => Err(error),
            Err(error) => return Err(program.not_started(&error)),
        };
        let result = match result {
            Ok(()) => Ok(0),
            Err(error) => end(&error, limits, |error| {
                let path = core_dump.as_ref()?;
                core_dump::write(&mut store, error, program.name(), path)
            }),
        };
        // How the program has ended says more than that its samples can't be written.
        let written = sampling.map_or(Ok(()), Sampling::finish);
        result.and_then(|code| written.map(|()| code))
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
    if let Some(bytes) = given.limits.random_bytes {
        wasi.max_random_size(bytes);
    }
    if !given.preopens.is_empty() {
        let names: Vec<_> = given.preopens.iter().map(Preopen::guest_name).collect();
        wasi.env("LISTEN_FDS", names.len().to_string());
        wasi.env("LISTEN_FDNAMES", names.join(":"));
    }
    for (key, value) in &given.environment {
        wasi.env(key, value);
    }
    for directory in &given.directories {
        let permissions = if directory.is_read_only { FsPerms::ReadOnly } else { FsPerms::ReadWrite };
        wasi.preopened_dir(&directory.host, &directory.guest, permissions).map_err(|error| Error::Directory {
            path: directory.host.clone(),
            reason: error.root_cause().to_string(),
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
/// `dump`: writes what a trap leaves.
fn end(
    error: &wasmtime::Error,
    limits: Limits,
    dump: impl FnOnce(&wasmtime::Error) -> Option<Result<PathBuf, String>>,
) -> Result<i32, Error> {
    match error.downcast_ref::<Stop>() {
        Some(&Stop::Exit(code)) => return Ok(code.cast_signed()),
        Some(Stop::TimeLimit) => return Err(time_limit(limits)),
        Some(Stop::MemoryLimit) => {
            return Err(Error::MemoryLimit { limit_bytes: limits.memory_bytes.unwrap_or(usize::MAX) });
        }
        None => {}
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => return Err(time_limit(limits)),
        Some(Trap::OutOfFuel) => return Err(Error::FuelLimit { units: limits.fuel.unwrap_or(u64::MAX) }),
        _ => {}
    }
    let reason = error.root_cause().to_string().replace('\n', " ");
    Err(Error::Trap {
        reason: match backtrace::innermost(error) {
            Some(function) => format!("{reason}, in {function}"),
            None => reason,
        },
        backtrace: backtrace::lines(error),
        core_dump: dump(error),
    })
}

fn time_limit(limits: Limits) -> Error {
    Error::TimeLimit { limit: limits.time.unwrap_or(Duration::MAX) }
}
