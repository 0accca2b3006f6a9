//! Which network a thread is in.

use std::cell::RefCell;
use std::marker::PhantomData;

use super::network::Network;

thread_local! {
    static CURRENT: RefCell<Option<Network>> = const { RefCell::new(None) };
}

/// Keeps a thread inside a network, until it is dropped.
#[must_use = "the thread leaves the network when this is dropped"]
#[derive(Debug)]
pub struct Entered {
    outer: Option<Network>,
    /// It belongs to the thread that has entered.
    _not_send: PhantomData<*const ()>,
}

impl Network {
    /// Makes this network the world of the thread: every socket, delegate and dispatcher made on it from
    /// here on lives in the network, whoever makes it. Programs need not know. That ends when the answer is
    /// dropped.
    pub fn enter(&self) -> Entered {
        let outer = CURRENT.replace(Some(self.clone()));
        Entered { outer, _not_send: PhantomData }
    }

    /// The same without an end.
    pub fn enter_for_good(&self) {
        CURRENT.set(Some(self.clone()));
    }

    /// The network that this thread is in. On wasm32-unknown-unknown every thread is in one, from its first
    /// [`this_target`](crate::this_target) on.
    #[must_use]
    pub fn of_this_thread() -> Option<Network> {
        CURRENT.with_borrow(Clone::clone)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let outer = self.outer.take();
        // A thread that ends may have dropped its own already.
        let _ = CURRENT.try_with(|current| current.replace(outer));
    }
}
