//! How much one socket may take of a turn, so that a peer that never stops sending keeps nobody waiting.

use std::cell::Cell;
use std::num::NonZeroU64;

/// How many bytes one socket reads in one turn: one full receive buffer. Less would cost more waits for a peer that
/// sends much; with more, twenty such peers would hold up a turn for longer than a person notices.
pub(super) const TURN_BYTES: usize = 64 * 1024;

/// What the shortest line counts as: cutting it out costs about as much as copying this many bytes.
pub(super) const LINE_COST_MIN: usize = 8;
/// What a datagram, or a receive of a single byte, counts as at least: it is a system call.
pub(super) const RECEIVE_COST_MIN: usize = 64;
/// What accepting a connection counts as: several system calls, and the handler's work for a new client.
pub(super) const ACCEPT_COST: usize = 1024;

/// What a socket has taken of the turn that runs.
#[derive(Default)]
pub(super) struct Turn {
    /// The turn in which the socket is served, while it is.
    current: Cell<Option<NonZeroU64>>,
    number: Cell<Option<NonZeroU64>>,
    spent: Cell<usize>,
    /// A receive has filled a whole buffer: the kernel has more, for the next turn.
    is_filled: Cell<bool>,
}

impl Turn {
    /// The socket is served in this turn; `None` when it is served no longer.
    pub(super) fn begin(&self, number: Option<NonZeroU64>) {
        self.current.set(number);
    }

    /// In which turn the socket is served, while its handlers are called.
    pub(super) fn current(&self) -> Option<NonZeroU64> {
        self.current.get()
    }

    /// What is left in the turn of this number. Outside of a poll there is no turn, and no limit.
    pub(super) fn left(&self, number: Option<NonZeroU64>) -> usize {
        if number.is_none() {
            return usize::MAX;
        }
        if self.number.replace(number) != number {
            self.spent.set(0);
            self.is_filled.set(false);
        }
        TURN_BYTES.saturating_sub(self.spent.get())
    }

    pub(super) fn spend(&self, cost: usize) {
        self.spent.set(self.spent.get().saturating_add(cost));
    }

    pub(super) fn set_filled(&self) {
        self.is_filled.set(true);
    }

    /// Whether lines may be received in the turn of this number.
    pub(super) fn has_room(&self, number: Option<NonZeroU64>) -> bool {
        self.left(number) > 0 && (number.is_none() || !self.is_filled.get())
    }
}
