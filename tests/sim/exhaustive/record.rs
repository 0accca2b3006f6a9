//! What happened in a scene, and whether it may.

use std::cell::RefCell;
use std::rc::Rc;

/// The handlers of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    Read,
    Write,
    Accept,
    Connect,
    Close,
    Error,
    Drain,
    Task,
    /// That of a timer of the socket.
    Timer,
}

/// Which socket of the scene.
pub type Name = &'static str;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    PollStarts,
    Called(Name, Handler),
    Registered(Name),
    Unregistered(Name),
    Closed(Name),
    /// It is to close, and stays registered until then.
    Closing(Name),
    /// A handler of this socket returns an error or panics.
    Failed(Name),
}

/// Notes events, in their order.
#[derive(Clone, Default)]
pub struct Record(Rc<RefCell<Vec<Event>>>);

impl Record {
    pub fn note(&self, event: Event) {
        self.0.borrow_mut().push(event);
    }

    pub fn was_called(&self, name: Name, handler: Handler) -> bool {
        self.0.borrow().contains(&Event::Called(name, handler))
    }

    /// Panics where the contract was broken. Answers who is registered at the end.
    pub fn check(&self, context: &dyn std::fmt::Debug) -> Vec<Name> {
        let mut rules = Rules::default();
        for (index, event) in self.0.borrow().iter().enumerate() {
            if let Err(broken) = rules.admit(*event) {
                panic!("{broken}\nin {context:?}\nafter {:?}", &self.0.borrow()[..=index]);
            }
        }
        rules.registered.iter().map(|registration| registration.name).collect()
    }
}

struct Registration {
    name: Name,
    poll: usize,
    order: usize,
}

/// The contract, as far as it is about which handler may be called when.
#[derive(Default)]
struct Rules {
    poll: usize,
    order: usize,
    registered: Vec<Registration>,
    closed: Vec<Name>,
    closing: Vec<Name>,
    failed: Option<Name>,
    /// What was called last in this poll: (whether a task, order, rank of the handler).
    last: Option<(bool, usize, usize)>,
}

impl Rules {
    fn admit(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::PollStarts => {
                self.poll += 1;
                self.last = None;
            }
            Event::Registered(name) => {
                if !self.registered.iter().any(|it| it.name == name) {
                    self.order += 1;
                    self.registered.push(Registration { name, poll: self.poll, order: self.order });
                }
            }
            Event::Unregistered(name) => self.registered.retain(|it| it.name != name),
            Event::Closed(name) => {
                self.registered.retain(|it| it.name != name);
                self.closed.push(name);
            }
            Event::Closing(name) => self.closing.push(name),
            Event::Failed(name) => self.failed = Some(name),
            Event::Called(name, Handler::Error) if self.failed == Some(name) => {
                // P13, wherever that handler was called from; a closed socket has nobody to tell.
                if self.closed.contains(&name) {
                    return Err(format!("P14: {name} is closed"));
                }
            }
            Event::Called(name, handler) => return self.admit_call(name, handler),
        }
        Ok(())
    }

    fn admit_call(&mut self, name: Name, handler: Handler) -> Result<(), String> {
        if self.closed.contains(&name) {
            return Err(format!("P3: {name} is closed and its {handler:?} handler was called"));
        }
        if self.closing.contains(&name) && handler != Handler::Error {
            return Err(format!("P14: {name} is to close and its {handler:?} handler was called"));
        }
        if handler == Handler::Timer {
            // It comes whether its socket is registered or not, between the events and the tasks.
            return Ok(());
        }
        let Some(registration) = self.registered.iter().find(|it| it.name == name) else {
            return Err(format!("P3: {name} is not registered and its {handler:?} handler was called"));
        };
        let is_task = handler == Handler::Task;
        if registration.poll == self.poll && !is_task {
            return Err(format!("P4: {name} was registered in this poll and its {handler:?} handler was called"));
        }
        let rank = match handler {
            Handler::Read | Handler::Accept | Handler::Connect => 0,
            Handler::Close => 1,
            Handler::Write => 2,
            Handler::Drain => 3,
            Handler::Error => 4,
            Handler::Task | Handler::Timer => 5,
        };
        let call = (is_task, registration.order, rank);
        if self.last.is_some_and(|last| last >= call) {
            return Err(format!("P1, P6: {handler:?} of {name} is out of its order"));
        }
        self.last = Some(call);
        Ok(())
    }
}
