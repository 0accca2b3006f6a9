//! What sockets and delegates have in common: how a handler is called, and what its error costs.

use std::io;

use crate::dispatcher::Dispatcher;
use crate::error::in_operation;
use crate::handler::HandlerSlot;

/// The handlers that get what they are about and its dispatcher.
pub(crate) type Handler<T> = dyn FnMut(&T, &Dispatcher) -> io::Result<()>;

/// The handler of errors.
pub(crate) type ErrorHandler<T> = dyn FnMut(&T, &Dispatcher, &io::Error);

pub(crate) trait Served: Sized {
    /// Whether it is not closed.
    fn is_open(&self) -> bool;

    /// Works out again what to wait for and what to deliver.
    fn changed(&self);

    fn error_handler(&self) -> &HandlerSlot<ErrorHandler<Self>>;

    /// Closes it because of an error that was told, or is told next.
    fn give_up(&self);

    /// How messages name it.
    fn description(&self) -> String;

    /// Where an error goes that nobody handles.
    fn lose(&self, error: io::Error, dispatcher: &Dispatcher) {
        dispatcher.tell(&error);
    }

    /// Calls one of its handlers, if it is set. Answers whether it was.
    fn call<'a>(
        &self,
        name: &str,
        slot: impl Into<Option<&'a HandlerSlot<Handler<Self>>>>,
        dispatcher: &Dispatcher,
    ) -> bool
    where
        Self: 'a,
    {
        let result = slot.into().and_then(|slot| slot.call(|handler| handler(self, dispatcher)));
        result.is_some_and(|result| {
            self.finish_call(name, result, dispatcher);
            true
        })
    }

    /// After a handler: an error costs what it was called for, and is told with the name of the handler. One that
    /// says "not now" costs nothing: it is called again when there is something to do (P12).
    fn finish_call(&self, name: &str, result: io::Result<()>, dispatcher: &Dispatcher) {
        match result {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => self.fail(in_operation(name, error), dispatcher),
            _ => self.changed(),
        }
    }

    /// Tells its `handle_error`, then closes it (P13).
    fn fail(&self, error: io::Error, dispatcher: &Dispatcher) {
        if !self.is_open() {
            return;
        }
        if let Some(error) = self.tell(error, dispatcher) {
            self.lose(error, dispatcher);
        }
        self.give_up();
    }

    /// Tells its `handle_error`, or gives the error back with its owner's name when there is none.
    fn tell(&self, error: io::Error, dispatcher: &Dispatcher) -> Option<io::Error> {
        let told = self.error_handler().call(|handler| {
            handler(self, dispatcher, &error);
            Ok(())
        });
        match told {
            // A panic in here has no other place to go.
            Some(Err(panic)) => dispatcher.tell(&in_operation(&format!("{}: handle_error", self.description()), panic)),
            Some(Ok(())) => {}
            None => return Some(in_operation(&self.description(), error)),
        }
        None
    }
}
