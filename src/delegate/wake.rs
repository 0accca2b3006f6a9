//! Delegates that become readable when something happens outside of the loop: another thread, a wish to end.

use std::fmt;
use std::io;
use std::sync::Arc;

use selectio_platform::{Wake, this_target};

use super::{Delegate, Mode};
use crate::error::named;

/// Ends a dispatcher's wait from any thread. Comes from [`Delegate::waker`].
#[derive(Clone)]
pub struct Waker(Arc<dyn Wake>);

impl Waker {
    /// Lets the delegate's read handler be called. Any number of calls before that count as one. Never blocks.
    ///
    /// # Errors
    /// `BrokenPipe` when the delegate is closed.
    pub fn wake(&self) -> io::Result<()> {
        self.0.wake()
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}

/// What is to be done before the read handler is called, so that it need not read.
pub(super) enum Drain {
    Waker(Arc<dyn Wake>),
    Signals,
}

impl Drain {
    pub(super) fn take_all(&self, delegate: &Delegate) {
        let mut buffer = [0; 64];
        // What goes wrong here shows when the delegate is waited for.
        while let Ok(Some(length)) = delegate.read(&mut buffer)
            && length == buffer.len()
        {}
        if let Drain::Waker(wake) = self {
            // After the reading: a wake that comes between would otherwise find its byte taken.
            wake.acknowledge();
        }
    }
}

impl Delegate {
    /// A delegate whose read handler is called when another thread calls the [`Waker`], and how to call. Natively
    /// only. For passing work to the dispatcher's thread there is [`Dispatcher::remote`](crate::Dispatcher::remote).
    ///
    /// # Errors
    /// `Unsupported` where there are no threads: use a timer. Natively those of making a pipe.
    ///
    /// ```no_run
    /// use selectio::{Delegate, Dispatcher};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let dispatcher = Dispatcher::new()?;
    /// let (delegate, waker) = Delegate::waker()?;
    /// delegate.set_handle_read(|delegate, _| {
    ///     println!("another thread has something for us");
    ///     delegate.close()
    /// });
    /// dispatcher.register(&delegate)?;
    /// std::thread::spawn(move || waker.wake());
    /// dispatcher.run()
    /// # }
    /// ```
    pub fn waker() -> io::Result<(Delegate, Waker)> {
        let platform = this_target();
        let (descriptor, wake) = platform.waker().map_err(|error| named("waker", error))?;
        let drain = Some(Drain::Waker(wake.clone()));
        Ok((Delegate::on(platform, descriptor, Mode::Read, drain), Waker(wake)))
    }

    /// A delegate whose read handler is called when the program is asked to end: by Ctrl-C or SIGTERM natively, and
    /// as a guest by whoever runs `selectio run`, which then gives it some time. A server stops to accept, lets its
    /// clients finish, and ends by itself when nothing is open any more. As long as the delegate is open, the program
    /// is not ended by the first such signal; the second one ends it at once. The handler has nothing to read; it
    /// closes the delegate, which otherwise keeps [`run`](crate::Dispatcher::run) going. A client that takes its last
    /// bytes slowly has the time of [`set_close_timeout`](crate::AsyncSocket::set_close_timeout), which may be more
    /// than the host gives the program. A signal that was ignored when the program started, as Ctrl-C is for what a
    /// script starts with `&`, stays ignored.
    ///
    /// Clients that stay connected keep the program going: close them too, with
    /// [`close_after_flush`](crate::AsyncSocket::close_after_flush), from a list that `handle_gone` keeps short (empty
    /// it first when the handlers go through it), and cancel the timers that repeat.
    ///
    /// # Errors
    /// `Unsupported` on hosts that pass no signals on: they end the program by themselves. Natively those of making
    /// a pipe.
    ///
    /// ```no_run
    /// use selectio::{AsyncSocket, Delegate, Dispatcher};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let dispatcher = Dispatcher::new()?;
    /// let server = AsyncSocket::listener("127.0.0.1:7000")?;
    /// dispatcher.register(&server)?;
    /// if let Ok(signals) = Delegate::signals() {
    ///     signals.set_handle_read(move |signals, _| {
    ///         server.close()?;
    ///         signals.close()
    ///     });
    ///     dispatcher.register(&signals)?;
    /// }
    /// dispatcher.run()
    /// # }
    /// ```
    pub fn signals() -> io::Result<Delegate> {
        let platform = this_target();
        let descriptor = platform.signals().map_err(|error| named("signals", error))?;
        Ok(Delegate::on(platform, descriptor, Mode::Read, Some(Drain::Signals)))
    }
}
