//! What a seed decides.

use std::time::Duration;

use selectio::sim::Faults;

/// One number of a run that is different from seed to seed.
pub struct Plan {
    pub faults: Faults,
    /// For how many turns things go wrong.
    pub turn_count: usize,
    /// How many may be registered at once.
    pub registered_max: usize,
    random: fastrand::Rng,
}

impl Plan {
    pub fn draw(seed: u64) -> Plan {
        let mut random = fastrand::Rng::with_seed(seed);
        let faults = draw_faults(&mut random);
        let turn_count = random.usize(20..120);
        let registered_max = if random.u8(..4) == 0 { random.usize(4..20) } else { usize::MAX };
        Plan { faults, turn_count, registered_max, random }
    }

    /// Randomness for a part of the run, so that what one part asks for doesn't change the others.
    pub fn fork(&mut self) -> fastrand::Rng {
        self.random.fork()
    }

    /// Whether clients may cut a connection without the program's hearing of it.
    pub fn loses_connections(&self) -> bool {
        self.faults.reset > 0.0 || self.faults.hang_up > 0.0
    }

    /// Whether the listener may break.
    pub fn breaks_descriptors(&self) -> bool {
        self.faults.bad_descriptor > 0.0
    }

    /// How long the next poll may wait.
    pub fn timeout(&mut self) -> Duration {
        Duration::from_micros(self.random.u64(..5_000))
    }
}

/// In half of the runs a fault does not happen at all: some bugs show only where another fault is absent.
fn draw_faults(random: &mut fastrand::Rng) -> Faults {
    let mut ratio = |ratio_max: f64| if random.bool() { 0.0 } else { random.f64() * ratio_max };
    let faults = Faults {
        partial_send: ratio(1.0),
        zero_send: ratio(0.5),
        partial_recv: ratio(1.0),
        spurious_ready: ratio(0.5),
        oversleep: ratio(0.5),
        refuse: ratio(0.5),
        reset: ratio(0.02),
        discard_on_reset: ratio(1.0),
        hang_up: ratio(0.02),
        abort_accept: ratio(0.3),
        exhaust_accept: ratio(0.3),
        late: ratio(0.5),
        bad_descriptor: ratio(0.002),
        ..Faults::default()
    };
    Faults { all_ready: random.u8(..4) == 0, ready_unseen: random.u8(..8) == 0, ..faults }
}
