//! The threads that guests run on.

use crate::error::{Error, Stop};
use crate::start::Starter;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// A guest that is to be ended does so within this time, unless a call of the system keeps it.
const TIME_TO_END: Duration = Duration::from_millis(200);

/// A guest that has failed is started anew after this time, and after twice the time whenever it fails again soon.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// How a worker's guest has ended, for [`HostBuilder::on_end`](crate::HostBuilder::on_end).
#[derive(Debug)]
#[non_exhaustive]
pub struct WorkerEnd<'a> {
    /// The worker, counted from 0.
    pub worker: usize,
    /// Its exit code, or why it has none.
    pub result: &'a Result<i32, Error>,
    /// It is started anew after this time.
    pub restarts_after: Option<Duration>,
    /// How many other workers go on.
    pub others: usize,
}

/// What the waiting thread is told.
enum Event {
    Ended {
        worker: usize,
        result: thread::Result<Result<i32, Error>>,
    },
    /// The guests are to be ended.
    Stopped,
}

/// All workers of a host, and what the thread that called it knows of them.
pub(crate) struct Workers {
    starter: Arc<Starter>,
    sender: Sender<Event>,
    events: Receiver<Event>,
    /// By worker the moment of its last start, and the pause after which it is started anew.
    states: Vec<(Instant, Duration)>,
    running: usize,
    /// The first that was not a success.
    result: Result<i32, Error>,
}

impl Workers {
    pub(crate) fn new(starter: Arc<Starter>) -> Workers {
        let (sender, events) = mpsc::channel();
        let states = vec![(Instant::now(), PAUSE_MIN); starter.given.workers()];
        Workers { starter, sender, events, states, running: 0, result: Ok(0) }
    }

    /// Runs them until all have ended.
    pub(crate) fn run(mut self) -> Result<i32, Error> {
        if let Some(stop) = &self.starter.given.stop {
            let sender = self.sender.clone();
            // Nobody listens any more when all guests have ended.
            stop.attach(self.starter.engine(), move || drop(sender.send(Event::Stopped)));
        }
        if let Some(request) = &self.starter.given.shutdown {
            let starter = Arc::downgrade(&self.starter);
            request.attach(move || drop(starter.upgrade().inspect(|starter| starter.close_sockets())));
        }
        for worker in 0..self.states.len() {
            self.start(worker, Duration::ZERO)?;
        }
        let limit = self.starter.given.limits.time;
        let mut end = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut is_stopped = false;
        while self.running > 0 {
            match self.next(end) {
                Ok(Event::Ended { worker, result }) => {
                    let result = result.unwrap_or_else(|payload| panic::resume_unwind(payload));
                    self.note_end(worker, result)?;
                }
                Ok(Event::Stopped) => {
                    is_stopped = true;
                    end = Some(Instant::now() + TIME_TO_END);
                }
                // It is in a call of the system that nothing can end, and stays behind there.
                Err(_) if is_stopped => return self.starter.stopped(),
                Err(_) => self.starter.stop(Stop::TimeLimit),
            }
        }
        self.result
    }

    fn next(&self, end: Option<Instant>) -> Result<Event, RecvTimeoutError> {
        match end {
            Some(end) => self.events.recv_timeout(end.saturating_duration_since(Instant::now())),
            // This object has a sender of its own.
            None => self.events.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn start(&mut self, worker: usize, pause: Duration) -> Result<(), Error> {
        let (starter, sender) = (Arc::clone(&self.starter), self.sender.clone());
        self.states[worker].0 = Instant::now() + pause;
        let run = move || {
            thread::sleep(pause);
            // What was to be ended meanwhile is not started anew.
            let is_over = !pause.is_zero() && starter.is_ending();
            let run = || if is_over { Err(Error::Stopped) } else { starter.run(worker) };
            let result = panic::catch_unwind(AssertUnwindSafe(run));
            // Nobody listens any more when the guests were to be ended.
            drop(sender.send(Event::Ended { worker, result }));
        };
        thread::Builder::new()
            .name(format!("guest {worker}"))
            .stack_size(self.starter.given.stack_bytes)
            .spawn(run)
            .map_err(|error| Error::Host { reason: format!("the program can't have a thread of its own: {error}") })?;
        self.running += 1;
        Ok(())
    }

    fn note_end(&mut self, worker: usize, result: Result<i32, Error>) -> Result<(), Error> {
        self.running -= 1;
        let given = &self.starter.given;
        let is_to_restart =
            given.is_restarted && !self.starter.is_ending() && result.as_ref().is_err_and(Error::is_crash);
        let restarts_after = is_to_restart.then(|| self.pause(worker));
        match &result {
            Ok(code) => log::info!("worker {worker} has ended with exit code {code}"),
            Err(error) => log::error!("worker {worker}: {error}"),
        }
        if let Some(tell) = &self.starter.given.watchers.end {
            tell(&WorkerEnd { worker, result: &result, restarts_after, others: self.running });
        }
        if let Some(pause) = restarts_after {
            return self.start(worker, pause);
        }
        if matches!(self.result, Ok(0)) {
            self.result = result;
        }
        Ok(())
    }

    /// How long to wait before the worker is started anew.
    fn pause(&mut self, worker: usize) -> Duration {
        let (start, pause) = &mut self.states[worker];
        if start.elapsed() > PAUSE_MAX {
            *pause = PAUSE_MIN;
        }
        let this = *pause;
        *pause = PAUSE_MAX.min(2 * this);
        this
    }
}
