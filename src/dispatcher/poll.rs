//! One poll, in numbered phases:
//!
//! 1. what is closed is already gone: closing unregisters at once;
//! 2. find what can be served without waiting: buffered lines, errors noted meanwhile;
//! 3. wait, not at all when phase 2 found something, and never past the next timer;
//! 4. serve what is ready, in the order of registration, then the timers that are due;
//! 5. run the tasks;
//! 6. say whether anything is open.
//!
//! Phases 2 to 4 repeat until something was delivered or the time is over, so that an interrupted or
//! spurious wait never shows (P8).

use std::io;
use std::rc::Rc;
use std::time::Duration;

use selectio_platform::Ready;

use super::timers::Due;
use super::{Dispatcher, Key};
use crate::error::{in_operation, misuse};
use crate::handler::catch_panic;
use crate::registration::Source;

/// Ends the poll that it stands for, however that is left.
struct Polling<'a>(&'a Dispatcher);

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.shared.is_polling.set(false);
    }
}

impl Dispatcher {
    /// Waits until something was delivered or the time is over, and answers whether anything is open.
    /// With nothing registered it answers `false` at once. `None` waits for ever.
    ///
    /// # Errors
    /// `InvalidInput` when called from a handler, or for waiting for ever on nothing; an error of a timer's
    /// handler; those of the platform when nothing could be waited for. What goes wrong with a single
    /// socket goes to its own `handle_error` instead.
    pub fn poll(&self, timeout: impl Into<Option<Duration>>) -> io::Result<bool> {
        if self.shared.is_polling.replace(true) {
            return Err(misuse("poll", "a poll is running: return from the handler, and it goes on"));
        }
        let _polling = Polling(self);
        if self.is_empty() {
            return Ok(false);
        }
        let timers = self.wait_and_serve(timeout.into());
        self.run_tasks();
        timers?;
        Ok(!self.is_empty())
    }

    /// Polls until nothing is open or [`stop`](Dispatcher::stop) is called.
    ///
    /// # Errors
    /// Those of [`Dispatcher::poll`].
    pub fn run(&self) -> io::Result<()> {
        self.shared.is_stopped.set(false);
        loop {
            // Only tasks need to be called now and then; without one the wait is for ever.
            let timeout = if self.shared.tasks.borrow().is_empty() { None } else { Some(self.shared.task_interval) };
            if !self.poll(timeout)? || self.shared.is_stopped.get() {
                return Ok(());
            }
        }
    }

    /// Lets [`run`](Dispatcher::run) return after the poll that is running. Everything stays registered.
    pub fn stop(&self) {
        self.shared.is_stopped.set(true);
    }

    fn wait_and_serve(&self, timeout: Option<Duration>) -> io::Result<()> {
        let deadline = match timeout {
            Some(timeout) if !timeout.is_zero() => Some(self.now().saturating_add(timeout)),
            _ => timeout,
        };
        let mut left = timeout;
        loop {
            let mut round = std::mem::take(&mut *self.shared.round.borrow_mut());
            let waited = self.find_ready(left, &mut round);
            let mut delivered = false;
            for (_, ready) in round.drain(..) {
                delivered |= self.serve(ready);
            }
            *self.shared.round.borrow_mut() = round;
            waited?;
            delivered |= self.run_timers()?;
            if delivered || left == Some(Duration::ZERO) || self.is_empty() {
                return Ok(());
            }
            left = deadline.map(|deadline| deadline.saturating_sub(self.now()));
            if left == Some(Duration::ZERO) {
                return Ok(());
            }
        }
    }

    /// Phases 2 and 3: fills `round` with what is ready, in the order of registration.
    fn find_ready(&self, timeout: Option<Duration>, round: &mut Vec<(u64, Ready)>) -> io::Result<()> {
        self.find_pending(round);
        let mut timeout = timeout;
        if !round.is_empty() {
            timeout = Some(Duration::ZERO);
        } else if let Some(deadline) = self.shared.timers.borrow_mut().next_deadline() {
            let until_timer = deadline.saturating_sub(self.now());
            timeout = Some(timeout.map_or(until_timer, |timeout| timeout.min(until_timer)));
        }
        let mut ready = self.shared.ready.borrow_mut();
        let waited = self.shared.selector.borrow_mut().select(timeout, &mut ready);
        waited.map_err(|error| in_operation("poll", error))?;
        let entries = self.shared.entries.borrow();
        round.extend(ready.drain(..).filter_map(|ready| {
            let entry = entries.get(Key::from_number(ready.key))?;
            Some((entry.order, ready))
        }));
        round.sort_by_key(|(order, _)| *order);
        round.dedup_by(|(_, found), (_, pending)| {
            if found.key != pending.key {
                return false;
            }
            pending.readable |= found.readable;
            pending.writable |= found.writable;
            pending.error = found.error.take();
            true
        });
        Ok(())
    }

    /// Phase 2: buffered bytes make a socket readable (P5), beside those that the wait will find.
    fn find_pending(&self, round: &mut Vec<(u64, Ready)>) {
        // A delegate is asked, and may do anything then: nothing is borrowed meanwhile.
        let mut pending = std::mem::take(&mut *self.shared.pending_round.borrow_mut());
        std::mem::swap(&mut pending, &mut *self.shared.pending.borrow_mut());
        for key in pending.drain(..) {
            let Some((source, order)) = self.take_pending(key) else { continue };
            if source.has_pending() {
                let ready = Ready { key: key.number(), readable: true, writable: false, error: None };
                round.push((order, ready));
            }
        }
        *self.shared.pending_round.borrow_mut() = pending;
    }

    fn take_pending(&self, key: Key) -> Option<(Rc<dyn Source>, u64)> {
        let entries = self.shared.entries.borrow();
        let entry = entries.get(key)?;
        entry.is_pending.set(false);
        Some((entry.source.clone(), entry.order))
    }

    /// Phase 4 for one source: whatever came before may have closed or unregistered it (P3).
    fn serve(&self, ready: Ready) -> bool {
        let key = Key::from_number(ready.key);
        match self.source(key) {
            Some(source) => source.on_ready(ready, key, self),
            None => false,
        }
    }

    /// Calls the timers that are due, and says whether there were any.
    fn run_timers(&self) -> io::Result<bool> {
        if self.shared.timers.borrow_mut().next_deadline().is_none() {
            return Ok(false);
        }
        let now = self.now();
        let due = self.shared.timers.borrow_mut().take_due(now);
        let mut result = Ok(false);
        for timer in due {
            let called = self.shared.timers.borrow_mut().start(timer);
            match called {
                Some(Due::Call { mut handler, period }) => {
                    let outcome = catch_panic("a timer", || handler(self));
                    // One that failed is not called again: it stays cancelled.
                    let period = period.filter(|_| outcome.is_ok());
                    let done = self.shared.timers.borrow_mut().finish(timer, Due::Call { handler, period }, now);
                    drop(done);
                    result = result.and(outcome.map(|()| true));
                }
                Some(unmute @ Due::Unmute(key)) => {
                    self.shared.timers.borrow_mut().finish(timer, unmute, now);
                    self.unmute(key);
                }
                None => {}
            }
        }
        result
    }

    /// Phase 5: once per poll for each that has one and is open (P6).
    fn run_tasks(&self) {
        if self.shared.tasks.borrow().is_empty() {
            return;
        }
        let mut round = std::mem::take(&mut *self.shared.task_round.borrow_mut());
        round.extend_from_slice(&self.shared.tasks.borrow());
        for (_, key) in round.drain(..) {
            if let Some(source) = self.source(key) {
                source.run_task(self);
            }
        }
        *self.shared.task_round.borrow_mut() = round;
    }
}
