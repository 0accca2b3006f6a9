//! Sampling what a guest computes.

use crate::error::Error;
use crate::program::Program;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use wasmtime::{AsContext, Engine, GuestProfiler};

/// Where the samples go, and how often one is taken.
#[derive(Clone)]
pub(crate) struct GuestProfile {
    pub(crate) path: PathBuf,
    pub(crate) interval: Duration,
}

/// A guest's samples until now.
pub(crate) struct Sampling {
    profiler: Shared,
    path: PathBuf,
    /// Dropped with this, which ends the thread that gives the beat.
    _running: Sender<()>,
}

type Shared = Arc<Mutex<Option<GuestProfiler>>>;

/// Takes the samples, where the guest looks whether something is due.
pub(crate) struct Sampler(Shared);

impl Sampling {
    /// Makes a sample due after each interval.
    pub(crate) fn start(profile: &GuestProfile, program: &Program) -> Result<Sampling, Error> {
        let refuse = |error: wasmtime::Error| Error::Profile { path: profile.path.clone(), reason: error.to_string() };
        let modules = program.modules().map(|(name, module)| (name.to_owned(), module.clone()));
        let profiler =
            GuestProfiler::new(program.engine(), program.name(), profile.interval, modules).map_err(refuse)?;
        let profiler = Arc::new(Mutex::new(Some(profiler)));
        let running = beat(program.engine().clone(), profile.interval);
        Ok(Sampling { profiler, path: profile.path.clone(), _running: running })
    }

    pub(crate) fn sampler(&self) -> Sampler {
        Sampler(Arc::clone(&self.profiler))
    }

    /// Writes the samples to their file.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let Some(profiler) = self.profiler.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(());
        };
        File::create(&self.path)
            .map_err(|error| error.to_string())
            .and_then(|file| profiler.finish(BufWriter::new(file)).map_err(|error| error.to_string()))
            .map_err(|reason| Error::Profile { path: self.path, reason })
    }
}

impl Sampler {
    pub(crate) fn take(&self, store: impl AsContext) {
        if let Some(profiler) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            profiler.sample(store, Duration::ZERO);
        }
    }
}

/// Says after each interval that a sample is due.
fn beat(engine: Engine, interval: Duration) -> Sender<()> {
    let (running, ended) = mpsc::channel::<()>();
    thread::spawn(move || {
        while ended.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
            engine.increment_epoch();
        }
    });
    running
}
