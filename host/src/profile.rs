//! Sampling what a guest computes.

use crate::error::{Error, Stop};
use crate::guest::Guest;
use crate::program::Program;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use wasmtime::{GuestProfiler, Store, UpdateDeadline};

/// Where the samples go, and how often one is taken.
#[derive(Clone)]
pub(crate) struct GuestProfile {
    pub(crate) path: PathBuf,
    pub(crate) interval: Duration,
}

/// A guest's samples until now.
pub(crate) struct Sampling {
    profiler: Arc<Mutex<Option<GuestProfiler>>>,
    path: PathBuf,
    /// Dropped with this, which ends the thread that gives the beat.
    _running: Sender<()>,
}

impl Sampling {
    /// Starts taking samples, at the next loop or call of the guest after each interval. The guest ends there too when
    /// its `limit` of time is over.
    pub(crate) fn start(
        profile: &GuestProfile,
        program: &Program,
        store: &mut Store<Guest>,
        limit: Option<Duration>,
    ) -> Result<Sampling, Error> {
        let refuse = |error: wasmtime::Error| Error::Profile { path: profile.path.clone(), reason: error.to_string() };
        let modules = program.modules().map(|(name, module)| (name.to_owned(), module.clone()));
        let profiler = GuestProfiler::new(store.engine(), program.name(), profile.interval, modules).map_err(refuse)?;
        let profiler = Arc::new(Mutex::new(Some(profiler)));
        let samples = Arc::clone(&profiler);
        let end = limit.and_then(|limit| Instant::now().checked_add(limit));
        store.epoch_deadline_callback(move |store| {
            if let Some(profiler) = &mut *samples.lock().unwrap_or_else(PoisonError::into_inner) {
                profiler.sample(&store, Duration::ZERO);
            }
            match end {
                Some(end) if Instant::now() >= end => Err(Stop::TimeLimit.into()),
                _ => Ok(UpdateDeadline::Continue(1)),
            }
        });
        store.set_epoch_deadline(1);
        let running = beat(store, profile.interval);
        Ok(Sampling { profiler, path: profile.path.clone(), _running: running })
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

/// Says after each interval that a sample is to be taken.
fn beat(store: &Store<Guest>, interval: Duration) -> Sender<()> {
    let (running, ended) = mpsc::channel::<()>();
    let engine = store.engine().clone();
    thread::spawn(move || {
        while ended.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
            engine.increment_epoch();
        }
    });
    running
}
