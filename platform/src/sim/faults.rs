//! What may go wrong, and how often.

/// A plan of faults. Each number is a probability from 0 to 1, asked whenever the fault could happen; each
/// switch is a quirk that holds all the time. The default is a world in which nothing goes wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// A send takes only some of the bytes that there is room for.
    pub partial_send: f64,
    /// A send says `WouldBlock` although the descriptor is ready.
    pub zero_send: f64,
    /// A receive gives only some of the bytes that are there.
    pub partial_recv: f64,
    /// A wait ends early and calls something ready that is not.
    pub spurious_ready: f64,
    /// As soon as one descriptor is ready, all are called ready.
    pub all_ready: bool,
    /// Every wait ends within a millisecond and calls all descriptors ready.
    pub ready_unseen: bool,
    /// A wait takes all of its time although something became ready.
    pub oversleep: f64,
    /// A connect of the program is refused although somebody listens.
    pub refuse: f64,
    /// A client resets its connection at one of its turns.
    pub reset: f64,
    /// A reset takes with it what had arrived and was not read.
    pub discard_on_reset: f64,
    /// A client hangs up at one of its turns.
    pub hang_up: f64,
    /// A connection is gone when it is accepted (`ConnectionAborted`).
    pub abort_accept: f64,
    /// There is no descriptor for a connection that is accepted (`QuotaExceeded`).
    pub exhaust_accept: f64,
    /// A turn comes up to twenty milliseconds late: data, room to send and connects are delayed.
    pub late: f64,
    /// A watched descriptor goes bad, for good.
    pub bad_descriptor: f64,
    /// A datagram is lost on its way.
    pub lose_datagram: f64,
}

impl Faults {
    /// Wasmtime up to 46: one ready subscription makes all of them ready.
    #[must_use]
    pub fn legacy_wasmtime() -> Faults {
        Faults { all_ready: true, ..Faults::default() }
    }

    /// wazero: non-blocking descriptors are ready unseen, and a wait may sleep through what it waits for.
    #[must_use]
    pub fn wazero() -> Faults {
        Faults { ready_unseen: true, oversleep: 0.5, ..Faults::default() }
    }

    /// A kernel under memory pressure: little is taken, little is given, sometimes nothing.
    #[must_use]
    pub fn short_of_memory() -> Faults {
        Faults { partial_send: 0.7, zero_send: 0.2, partial_recv: 0.7, ..Faults::default() }
    }

    /// A kernel that calls ready what, on a closer look, is not; and a slow way to the clients.
    #[must_use]
    pub fn unsure_and_late() -> Faults {
        Faults { spurious_ready: 0.3, late: 0.3, ..Faults::default() }
    }

    /// A host that has hardly any descriptors, and whose descriptors break.
    #[must_use]
    pub fn failing_host() -> Faults {
        Faults { exhaust_accept: 0.3, abort_accept: 0.2, bad_descriptor: 0.01, ..Faults::default() }
    }

    /// Clients that are gone at any moment, in every way there is.
    #[must_use]
    pub fn rude_clients() -> Faults {
        Faults { reset: 0.05, discard_on_reset: 0.5, hang_up: 0.05, refuse: 0.3, ..Faults::default() }
    }

    /// All of them, by name, for tests that go through every one.
    #[must_use]
    pub fn presets() -> [(&'static str, Faults); 7] {
        [
            ("none", Faults::default()),
            ("legacy wasmtime", Faults::legacy_wasmtime()),
            ("wazero", Faults::wazero()),
            ("short of memory", Faults::short_of_memory()),
            ("unsure and late", Faults::unsure_and_late()),
            ("failing host", Faults::failing_host()),
            ("rude clients", Faults::rude_clients()),
        ]
    }
}
