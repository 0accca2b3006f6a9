//! The place of a handler, and calling it.

use std::any::Any;
use std::cell::RefCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

enum State<F: ?Sized> {
    Empty,
    Set(Box<F>),
    /// Out of its place, so that the handler may replace or remove itself.
    Running,
}

/// Where a handler is kept between its calls.
pub(crate) struct HandlerSlot<F: ?Sized>(RefCell<State<F>>);

impl<F: ?Sized> Default for HandlerSlot<F> {
    fn default() -> HandlerSlot<F> {
        HandlerSlot(RefCell::new(State::Empty))
    }
}

impl<F: ?Sized> HandlerSlot<F> {
    pub(crate) fn set(&self, handler: Box<F>) {
        self.replace(State::Set(handler));
    }

    pub(crate) fn clear(&self) {
        self.replace(State::Empty);
    }

    /// Whether there is one; a handler that runs counts until it removes itself.
    pub(crate) fn is_set(&self) -> bool {
        !matches!(*self.0.borrow(), State::Empty)
    }

    /// Takes the handler out of its place for good.
    pub(crate) fn take(&self) -> Option<Box<F>> {
        match self.replace_quietly(State::Empty) {
            State::Set(handler) => Some(handler),
            State::Empty | State::Running => None,
        }
    }

    /// Takes the handler out and calls it with `invoke`. What it was replaced by meanwhile stays. A panic
    /// becomes an error where the target unwinds. `None` when no handler is set.
    pub(crate) fn call<T>(&self, invoke: impl FnOnce(&mut F) -> io::Result<T>) -> Option<io::Result<T>> {
        let mut handler = match self.replace_quietly(State::Running) {
            State::Set(handler) => handler,
            other => {
                self.replace(other);
                return None;
            }
        };
        let result = catch_panic(|| invoke(&mut handler));
        if matches!(*self.0.borrow(), State::Running) {
            self.replace(State::Set(handler));
        }
        Some(result)
    }

    fn replace(&self, state: State<F>) {
        // The old handler may own sockets, and dropping those comes back here: so it is dropped after the borrow.
        drop(self.replace_quietly(state));
    }

    fn replace_quietly(&self, state: State<F>) -> State<F> {
        std::mem::replace(&mut *self.0.borrow_mut(), state)
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
