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

/// Everything that the answer depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) status: SocketStatus,
    pub(super) read: ReadSide,
    pub(super) write: WriteSide,
    /// Of a listener: the accept handler.
    pub(super) has_read_handler: bool,
    pub(super) has_write_handler: bool,
    /// Reading is paused; of a listener: it ran out of descriptors.
    pub(super) is_paused: bool,
    /// Bytes have arrived that no handler has seen.
    pub(super) has_unread: bool,
    /// Bytes wait that the kernel had no room for.
    pub(super) is_send_blocked: bool,
    /// Something went wrong outside of the socket's own turn.
    pub(super) has_error: bool,
    /// Something else happened there: a connect that was waited for, the end of back-pressure.
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
    /// Whether the program has asked for the close: from then on only what was sent matters, and no handler is
    /// called.
    pub(super) fn is_closing(&self) -> bool {
        matches!(self.write, WriteSide::CloseAfterFlush | WriteSide::Lingering)
    }

    /// Whether the read handler (of a listener: the accept handler) may be called.
    pub(super) fn is_reading(&self) -> bool {
        self.has_read_handler && !self.is_paused && !self.is_closing()
    }

    /// Whether the write handler may be called.
    pub(super) fn is_writing(&self) -> bool {
        self.has_write_handler && self.write == WriteSide::Open
    }

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

    fn watch_connected(&self) -> Interest {
        let read = match self.read {
            ReadSide::Open | ReadSide::Drained => self.is_reading(),
            ReadSide::Ended | ReadSide::Told => false,
            ReadSide::Discarding => true,
        };
        Interest { read, write: self.is_send_blocked || self.is_writing() }
    }

    fn deliver_connected(&self) -> bool {
        let has_bytes = self.has_unread && self.is_reading();
        // The end comes after everything that arrived before it; while reading is paused it waits too.
        let has_end = self.read == ReadSide::Ended && !self.has_unread && !self.is_paused && !self.is_closing();
        let has_news = self.has_news && !self.is_closing();
        self.has_error || has_news || has_bytes || has_end
    }
}
