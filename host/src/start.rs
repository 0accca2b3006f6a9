//! Starting a guest, and why it has ended.

use crate::backtrace;
use crate::clock::MonotonicClock;
use crate::component::{ComponentGuest, ComponentProgram};
use crate::core_dump;
use crate::counters::{Counters, Statistics};
use crate::descriptors::Descriptors;
use crate::error::{Error, Stop};
use crate::fellow_workers::FellowWorkers;
use crate::given::Given;
use crate::guest::Guest;
use crate::memory_limit::MemoryLimit;
use crate::metering;
use crate::poll::Waits;
use crate::preopen::Preopen;
use crate::profile::Sampling;
use crate::program::{NotStarted, Program};
use crate::runnable::Runnable;
use crate::shutdown::Channel;
use crate::socket::Socket;
use crate::stdio::Stdio;
use crate::stop::StopHandle;
use crate::waiting::Cancellation;
use crate::wasi_context;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wasmtime::{Engine, Store, Trap, UpdateDeadline};
use wasmtime_wasi::p1::WasiP1Ctx;

const NO_MEMORY: &str = "it exports no memory, which the function that it calls works on; build it for wasm32-wasip1";

/// Starts the guest of each worker.
pub(crate) struct Starter {
    pub(crate) given: Given,
    program: Runnable,
    /// For the guests that are still to be started.
    sockets: Mutex<Vec<Preopen>>,
    /// The names of all sockets, as the guest finds them.
    names: Vec<String>,
    statistics: Statistics,
    /// How many guests have not waited for the first time.
    unready: AtomicUsize,
    /// How many guests have not been started for the first time.
    unstarted: AtomicUsize,
}

impl Starter {
    pub(crate) fn new(given: Given, program: Runnable, sockets: Vec<Preopen>, statistics: Statistics) -> Starter {
        let names = sockets.iter().map(|socket| socket.guest_name().to_owned()).collect();
        let (unready, unstarted) = (AtomicUsize::new(given.workers()), AtomicUsize::new(given.workers()));
        Starter { given, program, sockets: Mutex::new(sockets), names, statistics, unready, unstarted }
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.program.engine()
    }

    /// No guest is to be started any more.
    pub(crate) fn is_ending(&self) -> bool {
        self.given.stop.as_ref().is_some_and(|stop| stop.reason().is_some())
            || self.given.shutdown.as_ref().is_some_and(|request| request.is_draining())
    }

    /// Runs a guest of this worker to its end.
    pub(crate) fn run(self: &Arc<Self>, worker: usize) -> Result<i32, Error> {
        let channel = self.given.shutdown.as_ref().map(|request| request.channel()).transpose().map_err(|error| {
            Error::Host { reason: format!("requests to end can't be passed to the program: {error}") }
        })?;
        let counters = self.statistics.counters(worker);
        counters.note_start();
        let result = match &self.program {
            Runnable::Module(program) => {
                self.guest(program, worker, &channel, &counters).and_then(|guest| self.run_module(program, guest))
            }
            Runnable::Component(program) => {
                let starter = Arc::clone(self);
                let guest = ComponentGuest::new(&self.given, &channel, &counters, move || starter.note_ready());
                guest.and_then(|guest| self.run_component(program, guest))
            }
        };
        counters.note_end();
        if let (Some(request), Some(channel)) = (&self.given.shutdown, channel) {
            request.forget(&channel);
        }
        result
    }

    fn run_module(&self, program: &Program, guest: Guest) -> Result<i32, Error> {
        let mut store = Store::new(self.engine(), guest);
        store.limiter(|guest| &mut guest.memory_limit);
        metering::prepare(&mut store, &self.given.limits)?;
        let profile = self.given.profile.as_ref();
        let sampling = profile.map(|profile| Sampling::start(profile, program)).transpose()?;
        self.heed_epochs(&mut store, sampling.as_ref());
        // What came before that is not told again.
        if let Some(reason) = self.given.stop.as_ref().and_then(StopHandle::reason) {
            return self.ended_by(reason);
        }
        let result = match program.run(&mut store) {
            Ok(code) => Ok(code),
            Err(error) if error.is::<NotStarted>() && !store.data().memory_limit.is_exceeded() => {
                Err(program.not_started(&error))
            }
            Err(error) => {
                let dump = |path| core_dump::write(&mut store, &error, program.name(), path);
                let core_dump = self.given.core_dump.as_deref().and_then(dump);
                self.end(&error, store.data().memory_limit.is_exceeded(), core_dump)
            }
        };
        // How the program has ended says more than that its samples can't be written.
        let written = sampling.map_or(Ok(()), Sampling::finish);
        result.and_then(|code| written.map(|()| code))
    }

    fn run_component(&self, program: &ComponentProgram, guest: ComponentGuest) -> Result<i32, Error> {
        let mut store = program.store(guest, &self.given.limits)?;
        self.heed_epochs(&mut store, None);
        let error = match program.run(&mut store, self.given.stop.as_ref()) {
            Ok(code) => return Ok(code),
            Err(error) => error,
        };
        if error.is::<NotStarted>() && !store.data().memory_limit.is_exceeded() {
            return Err(self.not_started(error.root_cause().to_string().replace('\n', " ")));
        }
        let result = self.end(&error, store.data().memory_limit.is_exceeded(), None);
        result.map_err(|ended| match (ended, ComponentProgram::remedy(&error)) {
            (Error::Trap { reason, backtrace, core_dump }, Some(remedy)) => {
                Error::Trap { reason: format!("{reason}: {remedy}"), backtrace, core_dump }
            }
            (ended, _) => ended,
        })
    }

    /// At its loops and calls the guest ends when it shall, and is sampled when that is due.
    fn heed_epochs<T>(&self, store: &mut Store<T>, sampling: Option<&Sampling>) {
        let (stop, sampler) = (self.given.stop.clone(), sampling.map(Sampling::sampler));
        if stop.is_none() && sampler.is_none() {
            return;
        }
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |store| {
            if let Some(sampler) = &sampler {
                sampler.take(&store);
            }
            match stop.as_ref().and_then(StopHandle::reason) {
                Some(reason) => Err(reason.into()),
                None => Ok(UpdateDeadline::Continue(1)),
            }
        });
    }

    /// The state of the guest before its first instruction.
    fn guest(
        self: &Arc<Self>,
        program: &Program,
        worker: usize,
        channel: &Option<Arc<Channel>>,
        counters: &Arc<Counters>,
    ) -> Result<Guest, Error> {
        let given = &self.given;
        let limits = &given.limits;
        let clock = MonotonicClock::start();
        let mut descriptors = Descriptors::new(limits.sockets.unwrap_or(usize::MAX), channel.clone());
        descriptors.insert_preopens(Stdio::all(given), self.sockets()?, given.directories.len() as u32);
        let cancellation = Cancellation::new(given.stop.clone(), limits.idle);
        let waits = Waits::new(&cancellation, channel.clone())
            .map_err(|error| Error::Host { reason: format!("nothing can be waited for: {error}") })?;
        let starter = Arc::clone(self);
        let guest = Guest {
            worker,
            wasi: wasi(given, &self.names)?,
            descriptors,
            waits,
            clock,
            cancellation,
            memory_limit: MemoryLimit::new(limits, Arc::clone(counters)),
            counters: Arc::clone(counters),
            shutdown: channel.clone(),
            trace: given.trace.clone(),
            fellow_workers: (given.workers() > 1).then(|| FellowWorkers::new(worker, self.statistics.clone())),
            first_wait: Some(Box::new(move || starter.note_ready())),
            random_bytes_max: limits.random_bytes,
            is_alone: program.is_alone(),
            memory: None,
        };
        for fd in 3..3 + self.names.len() as u32 {
            guest.watch_idle(fd);
        }
        Ok(guest)
    }

    /// The sockets of the next guest. Those that no guest to come needs are not kept here: a listener that all guests
    /// have closed is closed.
    fn sockets(&self) -> Result<Vec<Socket>, Error> {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let left = self.unstarted.load(Ordering::SeqCst);
        self.unstarted.store(left.saturating_sub(1), Ordering::SeqCst);
        if left <= 1 && !self.given.is_restarted {
            return Ok(std::mem::take(&mut *sockets).into_iter().map(Preopen::into_socket).collect());
        }
        let shared = sockets.iter().map(|socket| socket.share().map(Preopen::into_socket));
        shared.collect::<Result<_, _>>()
    }

    /// Gives up the sockets that are kept for guests to come.
    pub(crate) fn close_sockets(&self) {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// A guest has waited for the first time; guests that replace others don't count.
    fn note_ready(&self) {
        let before = self.unready.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if let (Ok(1), Some(tell)) = (before, &self.given.watchers.ready) {
            tell();
        }
    }

    /// Why a guest has ended before the end of its start function.
    fn end(
        &self,
        error: &wasmtime::Error,
        is_over_memory: bool,
        core_dump: Option<Result<PathBuf, String>>,
    ) -> Result<i32, Error> {
        if let Some(&stop) = error.downcast_ref::<Stop>() {
            return self.ended_by(stop);
        }
        if is_over_memory {
            return self.ended_by(Stop::MemoryLimit);
        }
        if error.downcast_ref::<Trap>() == Some(&Trap::OutOfFuel) {
            return Err(Error::FuelLimit { units: self.given.limits.fuel.unwrap_or(u64::MAX) });
        }
        let reason = error.root_cause().to_string().replace('\n', " ");
        Err(Error::Trap {
            reason: match backtrace::innermost(error) {
                Some(function) => format!("{reason}, in {function}"),
                None => reason,
            },
            backtrace: backtrace::lines(error),
            core_dump,
        })
    }

    /// Ends all guests.
    pub(crate) fn stop(&self, reason: Stop) {
        if let Some(stop) = &self.given.stop {
            stop.stop_for(reason);
        }
    }

    /// What those have ended with that were to be ended.
    pub(crate) fn stopped(&self) -> Result<i32, Error> {
        let reason = self.given.stop.as_ref().and_then(StopHandle::reason);
        self.ended_by(reason.unwrap_or(Stop::Asked))
    }

    fn ended_by(&self, stop: Stop) -> Result<i32, Error> {
        let limits = &self.given.limits;
        match stop {
            Stop::Exit(code) => Ok(code.cast_signed()),
            Stop::TimeLimit => Err(Error::TimeLimit { limit: limits.time.unwrap_or(Duration::MAX) }),
            Stop::MemoryLimit => Err(Error::MemoryLimit { limit_bytes: limits.memory_bytes.unwrap_or(usize::MAX) }),
            Stop::NoMemory => Err(self.not_started(NO_MEMORY.to_owned())),
            Stop::Asked => Err(Error::Stopped),
        }
    }

    fn not_started(&self, reason: String) -> Error {
        Error::NotStarted { name: self.given.arguments.first().cloned().unwrap_or_default(), reason }
    }
}

/// What `wasmtime-wasi` serves: arguments, environment, directories.
fn wasi(given: &Given, names: &[String]) -> Result<WasiP1Ctx, Error> {
    let mut wasi = wasi_context::builder(given)?;
    if !names.is_empty() {
        wasi.env("LISTEN_FDS", names.len().to_string());
        wasi.env("LISTEN_FDNAMES", names.join(":"));
    }
    Ok(wasi.build_p1())
}
