//! Options: remembered, and heeded by nobody.

use std::io;

use super::connection::BUFFER_LENGTH_MAX;
use super::state::State;
use crate::{IntegerOption, SocketOption};

impl State {
    pub fn has_option(&self, number: usize, option: SocketOption) -> bool {
        self.descriptors.get(number).is_some_and(|open| open.options.contains(&option))
    }

    pub fn set_option(&mut self, number: usize, option: SocketOption, on: bool) {
        if let Some(open) = self.descriptors.get_mut(number) {
            open.options.retain(|set| *set != option);
            open.options.extend(on.then_some(option));
        }
    }

    pub fn integer_option(&mut self, number: usize, option: IntegerOption) -> io::Result<u32> {
        let open = self.descriptors.open_at(number)?;
        let set = open.integers.iter().find(|(name, _)| *name == option);
        Ok(set.map_or(of_a_new_socket(option), |(_, value)| *value))
    }

    pub fn set_integer_option(&mut self, number: usize, option: IntegerOption, value: u32) -> io::Result<()> {
        let open = self.descriptors.open_at(number)?;
        open.integers.retain(|(name, _)| *name != option);
        open.integers.push((option, value));
        Ok(())
    }
}

/// What Linux says where nobody has set anything, except that the buffers are those of the simulation.
fn of_a_new_socket(option: IntegerOption) -> u32 {
    match option {
        IntegerOption::SendBufferSize | IntegerOption::ReceiveBufferSize => BUFFER_LENGTH_MAX as u32,
        IntegerOption::KeepAliveTime => 7200,
        IntegerOption::KeepAliveInterval => 75,
        IntegerOption::KeepAliveRetries => 9,
        IntegerOption::TimeToLive => 64,
    }
}
