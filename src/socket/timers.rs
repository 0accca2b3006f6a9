//! Timers that belong to a socket: those of the program, and the time that the socket has to connect or to close.

use std::io;
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::AsyncSocket;
use crate::dispatcher::{Dispatcher, Shared, Timer};
use crate::served::Served;

/// The timers that the program has given a socket.
pub(super) struct OwnTimers {
    dispatcher: Weak<Shared>,
    timers: Vec<Timer>,
}

/// # Timers of its own
impl AsyncSocket {
    /// Calls `handler` once, when `delay` has passed, unless the socket is closed before. Its error costs the socket,
    /// as that of any other handler does. [`Dispatcher::restart`] puts it off, as for a client that has to say
    /// something within a minute.
    ///
    /// ```no_run
    /// # fn example(client: &selectio::AsyncSocket, dispatcher: &selectio::Dispatcher) -> std::io::Result<()> {
    /// use std::time::Duration;
    ///
    /// let idle = client.call_after(dispatcher, Duration::from_secs(60), |client, _| client.close_after_flush());
    /// client.set_handle_read(move |client, dispatcher| {
    ///     dispatcher.restart(idle, Duration::from_secs(60));
    ///     while let Some(line) = client.read_line()?.full() {
    ///         client.send(line.with_newline())?;
    ///     }
    ///     Ok(())
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn call_after(
        &self,
        dispatcher: &Dispatcher,
        delay: Duration,
        handler: impl FnMut(&AsyncSocket, &Dispatcher) -> io::Result<()> + 'static,
    ) -> Timer {
        let timer = dispatcher.call_after(delay, self.as_timer_handler("call_after", handler));
        self.own(dispatcher, timer);
        timer
    }

    /// Calls `handler` each time that `period` has passed, until the socket is closed, the timer is cancelled, or
    /// the handler fails, which costs the socket.
    ///
    /// # Errors
    /// `InvalidInput` for a period of zero, which would leave no time for anything else.
    pub fn call_every(
        &self,
        dispatcher: &Dispatcher,
        period: Duration,
        handler: impl FnMut(&AsyncSocket, &Dispatcher) -> io::Result<()> + 'static,
    ) -> io::Result<Timer> {
        let timer = dispatcher.call_every(period, self.as_timer_handler("call_every", handler))?;
        self.own(dispatcher, timer);
        Ok(timer)
    }

    fn as_timer_handler(
        &self,
        name: &'static str,
        mut handler: impl FnMut(&AsyncSocket, &Dispatcher) -> io::Result<()> + 'static,
    ) -> impl FnMut(&Dispatcher) -> io::Result<()> + 'static {
        // Not a handle: a timer keeps no socket open.
        let inner = Rc::downgrade(&self.inner);
        move |dispatcher| {
            if let Some(inner) = inner.upgrade() {
                let socket = AsyncSocket { inner };
                let result = crate::handler::catch_panic(|| handler(&socket, dispatcher));
                socket.finish_call(name, result, dispatcher);
            }
            Ok(())
        }
    }

    fn own(&self, dispatcher: &Dispatcher, timer: Timer) {
        if self.is_closed() || self.is_closing() {
            dispatcher.cancel(timer);
            return;
        }
        let replaced = {
            let mut own = self.inner.timers.borrow_mut();
            match &mut *own {
                Some(own) if own.dispatcher.ptr_eq(&dispatcher.downgrade()) => {
                    // Those that are over are forgotten now and then, each time for as many as there are left.
                    if own.timers.len() == own.timers.capacity() {
                        own.timers.retain(|timer| dispatcher.has_timer(*timer));
                    }
                    own.timers.push(timer);
                    None
                }
                _ => own.replace(Box::new(OwnTimers { dispatcher: dispatcher.downgrade(), timers: vec![timer] })),
            }
        };
        // Dropping it cancels what it has, and what that owns may come back here.
        drop(replaced);
    }

    /// Ends all timers that the program has given the socket.
    pub(super) fn stop_own_timers(&self) {
        drop(self.inner.timers.take());
    }

    /// Gives the socket a time for what it does now, or none. It belongs to its state: what happens at the end is
    /// worked out then.
    pub(super) fn set_deadline(&self, delay: Option<Duration>) {
        let platform = self.inner.descriptor.platform();
        self.inner.deadline.set(delay.map(|delay| platform.now().saturating_add(delay)));
        self.stop_deadline_timer();
        self.start_deadline_timer();
    }

    /// How much is left of the time that the socket was given.
    pub(super) fn deadline_left(&self) -> Option<Duration> {
        let platform = self.inner.descriptor.platform();
        self.inner.deadline.get().map(|deadline| deadline.saturating_sub(platform.now()))
    }

    /// A socket can be given its time before it is registered.
    pub(super) fn start_deadline_timer(&self) {
        if let Some(left) = self.deadline_left()
            && let Some((dispatcher, key)) = self.inner.link.get()
        {
            self.inner.deadline_timer.set(Some(dispatcher.call_source_after(left, key)));
        }
    }

    pub(super) fn stop_deadline_timer(&self) {
        if let Some(timer) = self.inner.deadline_timer.take()
            && let Some((dispatcher, _)) = self.inner.link.get()
        {
            dispatcher.cancel(timer);
        }
    }
}

impl Drop for OwnTimers {
    /// A socket that is closed or dropped leaves no timer behind that would keep the dispatcher running.
    fn drop(&mut self) {
        if let Some(shared) = self.dispatcher.upgrade() {
            let dispatcher = Dispatcher::from_shared(shared);
            for timer in self.timers.drain(..) {
                dispatcher.cancel(timer);
            }
        }
    }
}
