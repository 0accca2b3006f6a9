//! Counts the waits of a dispatcher: a delegate with a read handler is asked before each of them.

use std::cell::Cell;
use std::rc::Rc;

use selectio::{Delegate, Mode};

use super::World;
use crate::outside::Client;

pub struct Waits {
    count: Rc<Cell<usize>>,
    delegate: Delegate,
    _silent: Client,
}

impl World {
    /// Counts the waits from now on. It registers something to be asked, on which nothing ever comes.
    pub fn count_waits(&self) -> Waits {
        let (socket, silent) = self.connect();
        let delegate = Delegate::new(socket.into_descriptor().expect("it is open"), Mode::Read);
        let count = Rc::new(Cell::new(0));
        let counted = count.clone();
        delegate.set_has_data_buffered(move |_| {
            counted.set(counted.get() + 1);
            false
        });
        delegate.set_handle_read(|_, _| panic!("nothing comes"));
        self.dispatcher.register(&delegate).expect("it is open");
        Waits { count, delegate, _silent: silent }
    }
}

impl Waits {
    /// How many there were since this was asked last.
    pub fn take(&self) -> usize {
        self.count.take()
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.delegate.close().expect("it was open");
    }
}
