//! A program that is ready to run.

use crate::counters::Statistics;
use crate::error::Error;
use crate::given::Given;
use crate::preopen::Preopen;
use crate::runnable::Runnable;
use crate::start::Starter;
use crate::workers::Workers;
use std::sync::Arc;

/// The number of the first socket or directory of a guest.
const FIRST_FD: usize = 3;

/// A program that is ready to run.
pub struct Host {
    given: Given,
    program: Runnable,
    preopens: Vec<Preopen>,
    statistics: Statistics,
}

impl Host {
    pub(crate) fn new(given: Given, program: Runnable, preopens: Vec<Preopen>) -> Host {
        let statistics = Statistics::of(given.workers());
        Host { given, program, preopens, statistics }
    }

    /// The sockets that the guest will find, each with its number there.
    pub fn preopens(&self) -> impl Iterator<Item = (usize, &Preopen)> {
        (FIRST_FD..).zip(&self.preopens)
    }

    /// What the workers do, to be looked at while they run.
    pub fn statistics(&self) -> Statistics {
        self.statistics.clone()
    }

    /// Runs the program to its end and returns its exit code. With more than one worker, that is when all have ended,
    /// and the first exit code that is not 0, or the first error, is returned.
    ///
    /// This blocks the thread; call it outside of asynchronous code. Every guest has a thread of its own.
    ///
    /// When the guests are to be ended, by [`HostBuilder::timeout`](crate::HostBuilder::timeout) or a
    /// [`StopHandle`](crate::StopHandle), while one of them is in a call of the system that nothing can end, such as
    /// opening a named pipe that nobody else has open, this returns all the same, and leaves that thread behind.
    pub fn run(self) -> Result<i32, Error> {
        Workers::new(Arc::new(Starter::new(self.given, self.program, self.preopens, self.statistics))).run()
    }
}
