//! What happens outside when a connection has its turn.

use std::io::ErrorKind;

use super::connection::{End, EndId, Owner, Stage, carry};
use super::descriptors::{Listener, Object};
use super::state::{State, matches};
use crate::Address;

/// Who listens at an address.
enum Door {
    /// The program, under this descriptor.
    Program(usize),
    /// The outside, by its index.
    Outside(usize),
}

impl State {
    pub fn turn(&mut self, connection: usize) {
        self.connections[connection].turn = None;
        if self.connections[connection].stage == Stage::Connecting {
            self.establish(connection);
        }
        if self.connections[connection].stage != Stage::Established {
            return;
        }
        self.misbehave(connection);
        let mut goes_on = false;
        for side in [0, 1] {
            goes_on |= self.carry_from(EndId { connection, side });
        }
        if goes_on {
            self.wake(connection);
        }
    }

    /// Finds who listens, or fails. When there is no room, tries again later.
    fn establish(&mut self, connection: usize) {
        let connecting = EndId { connection, side: 0 };
        let address = self.end(connecting.peer()).address.clone();
        let is_ours = self.end(connecting).owner == Owner::Program;
        let is_refused = is_ours && self.roll(self.faults.refuse);
        let door = if is_refused { None } else { self.door(&address) };
        let Some(door) = door else {
            self.connections[connection].stage = Stage::Failed;
            return self.end(connecting).break_off(ErrorKind::ConnectionRefused);
        };
        let is_full = match self.listener(&door) {
            Some(listener) if listener.backlog.len() < listener.backlog_max => {
                listener.backlog.push_back(connection);
                false
            }
            _ => true,
        };
        if is_full {
            return self.wake(connection);
        }
        self.connections[connection].stage = Stage::Established;
        self.end(connecting.peer()).owner = match door {
            Door::Program(_) => Owner::Program,
            Door::Outside(_) => Owner::Outside { is_paused: false },
        };
    }

    fn door(&self, address: &Address) -> Option<Door> {
        let is_it =
            |object: &Object| matches!(object, Object::Listener(listener) if matches(&listener.address, address));
        let program = self.descriptors.objects().find(|(_, object)| is_it(object));
        if let Some((number, _)) = program {
            return Some(Door::Program(number));
        }
        self.outside.iter().position(|listener| matches(&listener.address, address)).map(Door::Outside)
    }

    fn listener(&mut self, door: &Door) -> Option<&mut Listener> {
        match door {
            Door::Program(number) => match &mut self.descriptors.get_mut(*number)?.object {
                Object::Listener(listener) => Some(listener),
                _ => None,
            },
            Door::Outside(index) => self.outside.get_mut(*index),
        }
    }

    /// The faults of clients.
    fn misbehave(&mut self, connection: usize) {
        for side in [0, 1] {
            let end = EndId { connection, side };
            if !matches!(self.end(end).owner, Owner::Outside { .. }) {
                continue;
            }
            let resets = self.roll(self.faults.reset);
            if resets || self.roll(self.faults.hang_up) {
                self.end(end).is_aborted |= resets;
                self.end(end).close();
            }
        }
    }

    /// Carries what fits, then what comes after it. Answers whether there is more to carry at once.
    fn carry_from(&mut self, id: EndId) -> bool {
        let discards = self.end(id).is_aborted && self.roll(self.faults.discard_on_reset);
        let [first, second] = &mut self.connections[id.connection].ends;
        let (from, to) = if id.side == 0 { (first, second) } else { (second, first) };
        if from.is_broken {
            return false;
        }
        if to.owner == Owner::Nobody && !from.outgoing.is_empty() {
            // Nobody is there to take it: what a kernel answers to data for a closed connection.
            from.break_off(if from.is_ended { ErrorKind::BrokenPipe } else { ErrorKind::ConnectionReset });
            return false;
        }
        let length = from.outgoing.len().min(to.room());
        carry(&mut from.outgoing, &mut to.incoming, length);
        to.take_in();
        if from.is_aborted {
            if discards {
                to.incoming.clear();
            }
            from.break_off(ErrorKind::ConnectionReset);
            to.break_off(ErrorKind::ConnectionReset);
            return false;
        }
        if from.outgoing.is_empty() {
            to.is_ended |= from.is_write_shut;
        }
        goes_on(from, to)
    }
}

fn goes_on(from: &End, to: &End) -> bool {
    !from.outgoing.is_empty() && to.room() > 0
}
