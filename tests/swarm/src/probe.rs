//! Counts the waits of a dispatcher: a delegate with a read handler is asked before each of them.

use std::cell::Cell;
use std::rc::Rc;

use selectio::{Delegate, Dispatcher};

pub struct Probe {
    delegate: Delegate,
    wait_count: Rc<Cell<usize>>,
}

impl Probe {
    pub fn start(dispatcher: &Dispatcher) -> Probe {
        let delegate = Delegate::signals().expect("nobody asks the program to end");
        let wait_count = Rc::new(Cell::new(0));
        let counted = wait_count.clone();
        delegate.set_has_data_buffered(move |_| {
            counted.set(counted.get() + 1);
            false
        });
        delegate.set_handle_read(|_, _| Ok(()));
        delegate.set_handle_error(|_, _, _| {});
        dispatcher.register(&delegate).expect("it is open");
        Probe { delegate, wait_count }
    }

    pub fn start_poll(&self) {
        self.wait_count.set(0);
    }

    /// How many waits the last poll has made.
    pub fn wait_count(&self) -> usize {
        self.wait_count.get()
    }

    /// Its descriptor may have gone bad.
    pub fn registered_count(&self) -> usize {
        usize::from(self.delegate.is_open())
    }
}
