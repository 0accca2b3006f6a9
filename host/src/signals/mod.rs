//! Ending on Ctrl-C, SIGTERM and SIGHUP: at once, also in the middle of a guest that computes for ever; or within a
//! grace time, when a guest that was told has ended by itself, or has no connections any more after a SIGTERM.

#[cfg(unix)]
pub(crate) mod report;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use selectio_host::{Error, ShutdownRequest, Signal, SocketFile, Statistics};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
#[cfg(unix)]
use unix::pass_on;
#[cfg(windows)]
use windows::pass_on;

/// How often it is looked whether the connections of a guest that is to end have all been closed.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// What a signal does to this process.
pub(crate) struct Ending {
    /// Removed at the end. There is nothing else to undo: no terminal setting or flag of a descriptor was changed.
    /// Locked while a listener is opened, so that the end waits until its file is in here.
    pub(crate) files: Arc<Mutex<Vec<SocketFile>>>,
    /// Tells the guests.
    pub(crate) request: ShutdownRequest,
    /// How long guests may take to end.
    pub(crate) grace: Duration,
}

/// The signals are waited for.
pub(crate) struct Heeded(Sender<Event>);

/// A signal that has come.
#[derive(Clone, Copy)]
struct Arrived {
    number: i32,
    /// What guests are told of it.
    meaning: Option<Signal>,
}

enum Event {
    Came(Arrived),
    /// The guests start, and this says what they have open.
    Started(Statistics),
}

/// Starts to wait for the signals, in threads of their own: guests have others.
///
/// # Errors
/// The system has no room for a thread.
pub(crate) fn heed(ending: Ending) -> Result<Heeded, Error> {
    let (sender, events) = mpsc::channel();
    let to = sender.clone();
    pass_on(move |signal| to.send(Event::Came(signal)).is_ok())?;
    start_thread("signals", move || ending.wait(&events))?;
    Ok(Heeded(sender))
}

fn start_thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(run);
    started.map(drop).map_err(|error| Error::Host { reason: format!("no thread can be started for {name}: {error}") })
}

impl Heeded {
    /// What guests have open counts from now on.
    pub(crate) fn watch(&self, statistics: Statistics) {
        // It fails when the process is about to end.
        let _ = self.0.send(Event::Started(statistics));
    }
}

impl Ending {
    /// Ends the process with 128 plus the signal's number, as shells do.
    fn wait(self, events: &Receiver<Event>) {
        let mut statistics = None;
        let first = loop {
            match events.recv() {
                Ok(Event::Started(started)) => statistics = Some(started),
                Ok(Event::Came(signal)) => break signal,
                Err(_) => return,
            }
        };
        crate::systemd::stopping();
        log::info!("signal {} has come", first.number);
        let last = match first.meaning {
            Some(meaning) if !self.grace.is_zero() => {
                self.give_grace(meaning, statistics.as_ref(), events).unwrap_or(first)
            }
            _ => first,
        };
        log::info!("ended by signal {}", last.number);
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.iter().for_each(SocketFile::remove);
        std::process::exit(128 + last.number);
    }

    /// Lets the guests come to an end: those that wait for requests do so by themselves, which ends the process. The
    /// others have no more connections to expect after a SIGTERM, and may serve those that they have. Returns the signal
    /// that has come meanwhile.
    fn give_grace(&self, first: Signal, statistics: Option<&Statistics>, events: &Receiver<Event>) -> Option<Arrived> {
        if first == Signal::Terminate {
            self.request.drain();
        }
        let is_told = self.request.send(first);
        let is_serving = || match first {
            Signal::Terminate => statistics.is_some_and(|statistics| statistics.connections_open() > 0),
            _ => false,
        };
        let end = Instant::now().checked_add(self.grace);
        while is_told || is_serving() {
            let left = end.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                self.tell_of_the_end(is_told);
                return None;
            }
            let next = if is_told { left } else { LOOK_INTERVAL.min(left) };
            if let Ok(Event::Came(second)) = events.recv_timeout(next) {
                return Some(second);
            }
        }
        None
    }

    fn tell_of_the_end(&self, is_told: bool) {
        let grace = self.grace;
        crate::say(&match is_told {
            true => format!(
                "selectio: the program was ended: it was asked to end, and did not within the grace time of {grace:?}"
            ),
            false => format!(
                "selectio: the program was ended: its connections were not closed within the grace time of {grace:?}"
            ),
        });
    }
}
