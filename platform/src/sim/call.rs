//! How a call of the program reaches the state, and leaves its trace.

use std::io;

use super::handle::Handle;
use super::network::Network;
use super::state::State;
use crate::Descriptor;

impl Network {
    /// Carries out a call on a descriptor and notes its outcome.
    pub(super) fn call<T>(
        &self,
        operation: &str,
        descriptor: &Descriptor,
        carry_out: impl FnOnce(&mut State, usize) -> io::Result<T>,
    ) -> io::Result<T> {
        let number = descriptor.number_in(self)?;
        let mut state = self.lock();
        let result = carry_out(&mut state, number);
        let (now, outcome) = (state.now, result.as_ref().err().map(io::Error::kind));
        state.trace.note(now, format_args!("{operation} {number} {outcome:?}"));
        result
    }

    /// The same for a call that counts bytes.
    pub(super) fn count(
        &self,
        operation: &str,
        descriptor: &Descriptor,
        carry_out: impl FnOnce(&mut State, usize) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let length = self.call(operation, descriptor, carry_out)?;
        let mut state = self.lock();
        let now = state.now;
        state.trace.note(now, format_args!("{length} bytes"));
        Ok(length)
    }

    /// A descriptor of this network, for a number that was just opened.
    pub(super) fn handle(&self, number: usize) -> Descriptor {
        Descriptor::simulated(Handle { network: self.clone(), number })
    }
}

impl Handle {
    pub(crate) fn number_in(&self, network: &Network) -> Option<usize> {
        self.network.is_same(network).then_some(self.number)
    }
}
