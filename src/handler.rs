//! The place of a handler, and calling it.

use std::any::Any;
use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Empty,
    Set,
    /// Out of its place, so that the handler may replace or remove itself.
    Running,
}

/// Where a handler is kept between its calls.
pub(crate) struct HandlerSlot<F: ?Sized> {
    /// There only in the state `Set`.
    handler: Cell<Option<Box<F>>>,
    state: Cell<State>,
}

impl<F: ?Sized> Default for HandlerSlot<F> {
    fn default() -> HandlerSlot<F> {
        HandlerSlot { handler: Cell::new(None), state: Cell::new(State::Empty) }
    }
}

impl<F: ?Sized> HandlerSlot<F> {
    pub(crate) fn set(&self, handler: Box<F>) {
        self.replace(State::Set, Some(handler));
    }

    pub(crate) fn clear(&self) {
        self.replace(State::Empty, None);
    }

    /// Whether there is one; a handler that runs counts until it removes itself.
    pub(crate) fn is_set(&self) -> bool {
        self.state.get() != State::Empty
    }

    /// Takes the handler out of its place for good.
    pub(crate) fn take(&self) -> Option<Box<F>> {
        self.state.set(State::Empty);
        self.handler.take()
    }

    /// Takes the handler out and calls it with `invoke`. What it was replaced by meanwhile stays. A panic
    /// becomes an error where the target unwinds. `None` when no handler is set, or it runs already.
    pub(crate) fn call<T>(&self, invoke: impl FnOnce(&mut F) -> io::Result<T>) -> Option<io::Result<T>> {
        let mut handler = self.handler.take()?;
        self.state.set(State::Running);
        let result = catch_panic(|| invoke(&mut handler));
        if self.state.get() == State::Running {
            self.set(handler);
        }
        Some(result)
    }

    fn replace(&self, state: State, handler: Option<Box<F>>) {
        self.state.set(state);
        // The old handler may own sockets, and dropping those comes back here: all is in its place by then.
        drop(self.handler.replace(handler));
    }
}

/// Calls, and turns a panic into an error.
pub(crate) fn catch_panic<T>(call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|panic| Err(io::Error::other(format!("panicked: {}", text_of(&*panic)))))
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "with a value that is no text",
    }
}
