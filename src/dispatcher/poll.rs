//! One poll, in numbered phases:
//!
//! 1. what is closed is already gone: closing unregisters at once;
//! 2. find what can be served without waiting: buffered lines, errors noted meanwhile;
//! 3. wait, not at all when phase 2 found something, and never past the next timer;
//! 4. serve what is ready, in the order of registration, each within its budget; then the timers that are due;
//! 5. run the tasks;
//! 6. say whether anything is open or a timer is to come.
//!
//! Phases 2 to 4 repeat until something was delivered or the time is over, so that an interrupted or
//! spurious wait never shows (P8). What a handler sends leaves when it has returned; what it sends on other sockets
//! at the end of its phase, in one system call for each socket.

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
    /// Waits until something was delivered or the time is over, and answers whether anything is open or a timer
    /// is to come. With neither it answers `false` at once. `None` waits for ever.
    ///
    /// # Errors
    /// `InvalidInput` when called from a handler, or for waiting for ever on nothing; the error of a listener that
    /// had to be closed and has no `handle_error`; those of the platform when nothing could be waited for. What
    /// goes wrong with any other socket goes to its own `handle_error` instead.
    pub fn poll(&self, timeout: impl Into<Option<Duration>>) -> io::Result<bool> {
        // Who knows what the program has done since the last one.
        self.forget_time();
        self.poll_on(timeout.into())
    }

    /// A poll that comes right after the one before.
    fn poll_on(&self, timeout: Option<Duration>) -> io::Result<bool> {
        if self.shared.is_polling.replace(true) {
            return Err(misuse("poll", "a poll is running: return from the handler, and it goes on"));
        }
        let _polling = Polling(self);
        if self.is_finished() {
            return Ok(false);
        }
        let waited = self.wait_and_serve(timeout);
        self.run_tasks();
        waited?;
        match self.shared.failure.take() {
            Some(error) => Err(error),
            None => Ok(!self.is_finished()),
        }
    }

    /// Polls until nothing is open and no timer is to come, or [`stop`](Dispatcher::stop) is called.
    ///
    /// # Errors
    /// Those of [`Dispatcher::poll`].
    pub fn run(&self) -> io::Result<()> {
        let mut is_open = true;
        self.forget_time();
        while !self.shared.is_stopped.replace(false) {
            if !is_open {
                return Ok(());
            }
            // Only tasks need to be called now and then; without one the wait is for ever.
            let timeout = if self.shared.tasks.borrow().is_empty() { None } else { Some(self.shared.task_interval) };
            is_open = self.poll_on(timeout)?;
        }
        Ok(())
    }

    /// Lets [`run`](Dispatcher::run) return after the poll that is running; when none is, the next `run` returns at
    /// once. Everything stays registered.
    pub fn stop(&self) {
        self.shared.is_stopped.set(true);
    }

    // Under its own name in every profile: the count of instructions in `benches/` begins here.
    #[inline(never)]
    fn wait_and_serve(&self, timeout: Option<Duration>) -> io::Result<()> {
        let deadline = match timeout {
            Some(timeout) if !timeout.is_zero() => Some(self.time().saturating_add(timeout)),
            _ => timeout,
        };
        let mut left = timeout;
        loop {
            self.shared.turn.set(self.shared.turn.get() + 1);
            let mut delivered = self.end_phase();
            let mut round = std::mem::take(&mut *self.shared.round.borrow_mut());
            let waited = self.find_ready(if delivered { Some(Duration::ZERO) } else { left }, &mut round);
            let has_failures = !self.shared.found.borrow().errors.is_empty();
            for (_, ready) in round.drain(..) {
                delivered |= self.serve(ready, has_failures);
                delivered |= self.run_deferred();
            }
            *self.shared.round.borrow_mut() = round;
            waited?;
            delivered |= self.end_phase();
            delivered |= self.run_timers();
            delivered |= self.end_phase();
            if delivered || left == Some(Duration::ZERO) || self.is_finished() {
                return Ok(());
            }
            left = deadline.map(|deadline| deadline.saturating_sub(self.time()));
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
        } else if timeout != Some(Duration::ZERO)
            && let Some(deadline) = self.shared.timers.borrow().next_deadline()
        {
            let until_timer = deadline.saturating_sub(self.time());
            timeout = Some(timeout.map_or(until_timer, |timeout| timeout.min(until_timer)));
        }
        let mut found = self.shared.found.borrow_mut();
        let waited = self.shared.selector.borrow_mut().select(timeout, &mut found);
        self.forget_time();
        waited.map_err(|error| in_operation("poll", error))?;
        let entries = self.shared.entries.borrow();
        let with_order = |ready: Ready| Some((entries.get(Key::from_number(ready.key))?.order, ready));
        let failed = found.errors.iter().map(|&(key, _)| Ready { key, readable: false, writable: false });
        round.extend(found.ready.iter().copied().filter_map(with_order));
        round.extend(failed.filter_map(with_order));
        // At most two are of one source, the pending one and the one that was waited for: they become one.
        round.sort_unstable_by_key(|(order, _)| *order);
        round.dedup_by(|(_, next), (_, kept)| {
            if next.key != kept.key {
                return false;
            }
            kept.readable |= next.readable;
            kept.writable |= next.writable;
            true
        });
        Ok(())
    }

    /// Phase 2: buffered bytes make a socket readable (P5), beside those that the wait will find.
    fn find_pending(&self, round: &mut Vec<(u64, Ready)>) {
        if self.shared.pending.borrow().is_empty() {
            return;
        }
        // A delegate is asked, and may do anything then: nothing is borrowed meanwhile.
        let mut pending = std::mem::take(&mut *self.shared.pending_round.borrow_mut());
        std::mem::swap(&mut pending, &mut *self.shared.pending.borrow_mut());
        for key in pending.drain(..) {
            let Some((source, order)) = self.take_pending(key) else { continue };
            if source.has_pending() {
                round.push((order, Ready { key: key.number(), readable: true, writable: false }));
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
    fn serve(&self, ready: Ready, has_failures: bool) -> bool {
        let key = Key::from_number(ready.key);
        let mut delivered = self.source(key).is_some_and(|source| source.on_ready(ready, key, self));
        // The platform says this once (C5), so it is not put off.
        if has_failures
            && let Some(error) = self.take_failure(ready.key)
            && let Some(source) = self.source(key)
        {
            delivered |= source.on_failure(error, self);
        }
        delivered
    }

    /// What the wait found to be wrong with the descriptor of this key.
    fn take_failure(&self, key: u64) -> Option<io::Error> {
        let errors = &mut self.shared.found.borrow_mut().errors;
        let position = errors.iter().position(|(failed, _)| *failed == key)?;
        Some(errors.swap_remove(position).1)
    }

    /// What the clock says; read once as long as nothing that takes time has run.
    fn time(&self) -> Duration {
        let time = self.shared.time.get().unwrap_or_else(|| self.now());
        self.shared.time.set(Some(time));
        time
    }

    fn forget_time(&self) {
        self.shared.time.set(None);
    }

    /// Calls the timers that are due, and says whether a handler was called.
    fn run_timers(&self) -> bool {
        if self.shared.timers.borrow().next_deadline().is_none() {
            return false;
        }
        let (now, starts) = (self.time(), self.shared.timers.borrow().starts());
        let mut delivered = false;
        loop {
            let due = self.shared.timers.borrow_mut().take_due(now, starts);
            let Some((timer, mut due)) = due else { return delivered };
            self.forget_time();
            match &mut due {
                Due::Call { handler, .. } => {
                    delivered = true;
                    let result = catch_panic(|| handler(self));
                    if let Err(error) = result
                        && error.kind() != io::ErrorKind::WouldBlock
                    {
                        // One that failed is not called again.
                        self.cancel(timer);
                        self.tell(&in_operation("a timer", error));
                    }
                }
                Due::Source(key) => delivered |= self.source(*key).is_some_and(|source| source.on_timer(self)),
            }
            let done = self.shared.timers.borrow_mut().finish(timer, due, now);
            // What the handler owned may come back here when it is dropped.
            drop(done);
            delivered |= self.run_deferred();
        }
    }

    /// Phase 5: once per poll for each that has one and is open (P6).
    fn run_tasks(&self) {
        if self.shared.tasks.borrow().is_empty() {
            return;
        }
        let mut round = std::mem::take(&mut *self.shared.task_round.borrow_mut());
        round.extend(self.shared.tasks.borrow().values());
        for key in round.drain(..) {
            if let Some(source) = self.source(key) {
                self.forget_time();
                source.run_task(self);
                self.run_deferred();
            }
        }
        *self.shared.task_round.borrow_mut() = round;
        self.end_phase();
    }

    /// Sends what was sent on sockets outside of their own turn, and makes the calls that were put off. Says
    /// whether a handler was called.
    #[inline]
    fn end_phase(&self) -> bool {
        let called = !self.shared.unflushed.borrow().is_empty() && self.flush();
        self.run_deferred() || called
    }

    // Most phases have nothing to send: this is kept out of the code that each event runs through.
    #[cold]
    fn flush(&self) -> bool {
        let mut called = false;
        let mut index = 0;
        loop {
            let next = self.shared.unflushed.borrow().get(index).copied();
            let Some(key) = next else { break };
            index += 1;
            self.forget_time();
            let source = self.shared.entries.borrow().get(key).map(|entry| {
                entry.is_unflushed.set(false);
                entry.source.clone()
            });
            called |= source.is_some_and(|source| source.flush(self));
        }
        self.shared.unflushed.borrow_mut().clear();
        called
    }

    /// Makes the calls that were put off until now. What they put off in their turn comes next time.
    #[inline]
    fn run_deferred(&self) -> bool {
        let count = self.shared.deferred.borrow().len();
        count > 0 && self.run_deferred_now(count)
    }

    #[cold]
    fn run_deferred_now(&self, count: usize) -> bool {
        for _ in 0..count {
            let next = self.shared.deferred.borrow_mut().pop_front();
            let Some(call) = next else { break };
            self.forget_time();
            match catch_panic(|| call(self)) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => self.tell(&error),
                _ => {}
            }
        }
        true
    }
}
