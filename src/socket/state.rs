//! What a socket is doing, and the one question that everything asks: what does it wait for, and what is there to
//! deliver?

use selectio_platform::Interest;

use crate::status::SocketStatus;

/// The reading direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadSide {
    /// The kernel may have bytes.
    Open,
    /// The last receive left nothing in the kernel: an event says when there is more.
    Drained,
    /// The end of the stream, or an error, was seen; `handle_close` has not been called.
    Ended,
    /// The end was seen, and `handle_close` or its default has been called.
    Told,
    /// The socket is to close: what arrives is dropped.
    Discarding,
    /// The socket is to close, and enough was dropped: what arrives stays in the kernel, and TCP makes the peer wait.
    Ignoring,
}

/// The sending direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteSide {
    /// The program may send.
    Open,
    /// The sending side is shut down when what waits has left.
    ShutAfterFlush,
    /// The peer was told that nothing more comes.
    Shut,
    /// The socket closes when what waits has left.
    CloseAfterFlush,
    /// Everything has left and the peer was told so; the socket closes when the peer does.
    Lingering,
}

impl WriteSide {
    /// Whether the program has asked for the close: from then on only what was sent matters, and no handler is
    /// called.
    #[inline]
    pub(super) fn is_closing(self) -> bool {
        matches!(self, WriteSide::CloseAfterFlush | WriteSide::Lingering)
    }
}

/// Everything that the answer depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) status: SocketStatus,
    pub(super) read: ReadSide,
    pub(super) write: WriteSide,
    /// Of a listener: the accept handler.
    pub(super) has_read_handler: bool,
    pub(super) has_write_handler: bool,
    pub(super) has_close_handler: bool,
    /// Back-pressure holds up a program that has asked to hear of its end.
    pub(super) waits_for_drain: bool,
    /// The peers have not agreed on keys yet: the program's bytes wait, and the session has to hear the peer.
    pub(super) is_shaking_hands: bool,
    /// Reading is paused; of a listener: it ran out of descriptors.
    pub(super) is_paused: bool,
    /// Bytes have arrived that no handler has seen.
    pub(super) has_unread: bool,
    /// Bytes wait that the kernel had no room for.
    pub(super) is_send_blocked: bool,
    /// Something went wrong outside of the socket's own turn.
    pub(super) has_error: bool,
    /// Something else happened there: a connect that was waited for, a handshake, the end of back-pressure.
    pub(super) has_news: bool,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wants {
    /// What the selector is to watch for.
    pub(super) watch: Interest,
    /// There is something to deliver that no wait would find.
    pub(super) deliver_now: bool,
}

impl State {
    /// Whether the read handler (of a listener: the accept handler) may be called.
    #[inline]
    pub(super) fn is_reading(&self) -> bool {
        self.has_read_handler && !self.is_paused && !self.is_shaking_hands && !self.write.is_closing()
    }

    /// Whether the write handler may be called.
    #[inline]
    pub(super) fn is_writing(&self) -> bool {
        self.has_write_handler && !self.is_shaking_hands && self.write == WriteSide::Open
    }

    /// Whether the program has more to send, as soon as there is room.
    #[inline]
    fn is_streaming(&self) -> bool {
        self.is_writing() || self.waits_for_drain
    }

    /// Whether the end of the stream is to be told: after everything that arrived before it, and not while reading is
    /// paused. Without a handler it closes the socket: so then not in the middle of what the program sends.
    #[inline]
    pub(super) fn is_end_due(&self) -> bool {
        let can_be_told = self.has_close_handler || !self.is_streaming();
        self.read == ReadSide::Ended && !self.has_unread && !self.is_paused && !self.write.is_closing() && can_be_told
    }

    #[inline]
    pub(super) fn wants(&self) -> Wants {
        match self.status {
            SocketStatus::Idle | SocketStatus::Closed => Wants { watch: Interest::NONE, deliver_now: self.has_error },
            // Writable says how the connect has ended; nothing else can happen before.
            SocketStatus::Connecting => Wants { watch: Interest::WRITE, deliver_now: self.has_error },
            SocketStatus::Listening => {
                Wants { watch: Interest { read: self.is_reading(), write: false }, deliver_now: self.has_error }
            }
            SocketStatus::Connected | SocketStatus::UdpBound => {
                Wants { watch: self.watch_connected(), deliver_now: self.deliver_connected() }
            }
        }
    }

    #[inline]
    fn watch_connected(&self) -> Interest {
        let read = match self.read {
            ReadSide::Open | ReadSide::Drained => self.is_reading() || self.is_shaking_hands,
            ReadSide::Ended | ReadSide::Told | ReadSide::Ignoring => false,
            ReadSide::Discarding => true,
        };
        Interest { read, write: self.is_send_blocked || self.is_writing() }
    }

    #[inline]
    fn deliver_connected(&self) -> bool {
        let has_bytes = self.has_unread && self.is_reading();
        let has_news = self.has_news && !self.write.is_closing();
        self.has_error || has_news || has_bytes || self.is_end_due()
    }
}

#[cfg(test)]
mod tests {
    use selectio_portable::test;

    use super::*;

    const STATUSES: [SocketStatus; 6] = [
        SocketStatus::Idle,
        SocketStatus::Connecting,
        SocketStatus::Connected,
        SocketStatus::Listening,
        SocketStatus::UdpBound,
        SocketStatus::Closed,
    ];
    const READ_SIDES: [ReadSide; 6] =
        [ReadSide::Open, ReadSide::Drained, ReadSide::Ended, ReadSide::Told, ReadSide::Discarding, ReadSide::Ignoring];
    const WRITE_SIDES: [WriteSide; 5] =
        [WriteSide::Open, WriteSide::ShutAfterFlush, WriteSide::Shut, WriteSide::CloseAfterFlush, WriteSide::Lingering];

    const BITS: u32 = 10;

    /// Calls `check` with every combination there is.
    fn each_state(mut check: impl FnMut(State)) {
        for status in STATUSES {
            for read in READ_SIDES {
                for write in WRITE_SIDES {
                    for bits in 0..1 << BITS {
                        let bit = |index: u32| bits >> index & 1 == 1;
                        check(State {
                            status,
                            read,
                            write,
                            has_read_handler: bit(0),
                            has_write_handler: bit(1),
                            is_paused: bit(2),
                            has_unread: bit(3),
                            is_send_blocked: bit(4),
                            has_error: bit(5),
                            has_news: bit(6),
                            has_close_handler: bit(7),
                            waits_for_drain: bit(8),
                            is_shaking_hands: bit(9),
                        });
                    }
                }
            }
        }
    }

    /// The table of ARCHITECTURE.md, line by line.
    fn by_the_table(state: &State) -> Wants {
        let closing = matches!(state.write, WriteSide::CloseAfterFlush | WriteSide::Lingering);
        let reading = state.has_read_handler && !state.is_paused && !state.is_shaking_hands && !closing;
        let writing = state.has_write_handler && !state.is_shaking_hands && state.write == WriteSide::Open;
        let sending = state.is_send_blocked || writing;
        let untold = state.has_error || (state.has_news && !closing);
        let (read, write, deliver_now) = match (state.status, state.read) {
            (SocketStatus::Idle | SocketStatus::Closed, _) => (false, false, state.has_error),
            (SocketStatus::Connecting, _) => (false, true, state.has_error),
            (SocketStatus::Listening, _) => (reading, false, state.has_error),
            (_, ReadSide::Open | ReadSide::Drained) => {
                (reading || state.is_shaking_hands, sending, untold || (reading && state.has_unread))
            }
            (_, ReadSide::Ended) if state.has_unread => (false, sending, untold || reading),
            (_, ReadSide::Ended) => {
                let streaming = writing || state.waits_for_drain;
                let held = streaming && !state.has_close_handler;
                (false, sending, untold || !(state.is_paused || closing || held))
            }
            (_, ReadSide::Told | ReadSide::Ignoring) => (false, sending, untold || (reading && state.has_unread)),
            (_, ReadSide::Discarding) => (true, sending, untold || (reading && state.has_unread)),
        };
        Wants { watch: Interest { read, write }, deliver_now }
    }

    #[test]
    fn every_state_wants_what_the_table_says() {
        let mut count = 0;
        each_state(|state| {
            assert_eq!(state.wants(), by_the_table(&state), "{state:?}");
            count += 1;
        });
        assert_eq!(count, (6 * 6 * 5) << BITS);
    }

    #[test]
    fn nothing_is_a_reason_to_wake_up_that_nobody_would_serve() {
        each_state(|state| {
            let wants = state.wants();
            let quiet = !state.has_error && !state.has_news;
            // Bytes or an end that no handler may take spin, if they count as readiness.
            if quiet && state.is_paused && !state.write.is_closing() {
                assert!(!wants.deliver_now, "{state:?}");
                let is_served = state.read == ReadSide::Discarding || state.is_shaking_hands;
                assert!(!wants.watch.read || is_served, "{state:?}");
            }
            if quiet && !state.has_read_handler && state.has_unread {
                assert!(!wants.deliver_now, "{state:?}");
            }
            // A closing socket has no handler that could be called.
            if state.write.is_closing() && !state.has_error {
                assert!(!wants.deliver_now, "{state:?}");
            }
            // The end of a stream stays readable for ever, and so does what is not to be read.
            let is_over = matches!(state.read, ReadSide::Ended | ReadSide::Told | ReadSide::Ignoring);
            if is_over && state.status != SocketStatus::Listening {
                assert!(!wants.watch.read, "{state:?}");
            }
        });
    }

    #[test]
    fn nothing_is_forgotten() {
        each_state(|state| {
            let wants = state.wants();
            assert!(wants.deliver_now || !state.has_error, "an error is told: {state:?}");
            if matches!(state.status, SocketStatus::Connected | SocketStatus::UdpBound) {
                assert!(wants.watch.write || !state.is_send_blocked, "what waits is sent: {state:?}");
                let is_open = matches!(state.read, ReadSide::Open | ReadSide::Drained);
                let is_awaited = state.is_reading() || state.is_shaking_hands;
                assert!(wants.watch.read || !(is_open && is_awaited), "what comes is read: {state:?}");
                let has_bytes = state.has_unread && state.is_reading();
                assert!(wants.deliver_now || !has_bytes, "what has come is delivered: {state:?}");
            }
        });
    }
}
