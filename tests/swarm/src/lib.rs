//! A swarm of runs: each draws from its seed what goes wrong and how often, lets clients that come and go talk
//! to a server and to each other, and checks after every turn what the dispatcher promises.
//!
//! - Bytes arrive in order, none twice, and on a connection that nothing happened to, none is missing.
//! - No handler is called on a socket that is closed or not registered, or in the poll that registered it.
//! - A poll answers whether anything is open, and `len` counts that.
//! - When nothing goes wrong any more, everything comes to an end, within a number of turns.
//! - That a socket has ended, and that it is gone, is told once; a socket that is to close is left alone.
//! - No socket takes more of a turn than its share, and no poll spins.
//! - At the end every descriptor was closed, and no timer is left.
//!
//! The same seed is the same run: its trace has the same hash.

#![forbid(unsafe_code)]

mod calls;
mod crowd;
mod member;
mod mischief;
mod plan;
mod probe;
mod server;
mod watch;

use std::fmt;
use std::time::Duration;

use selectio::Dispatcher;
use selectio::sim::{Faults, Network};
use selectio_platform::{Backend, Found, this_target};

use self::calls::Calls;
use self::crowd::Crowd;
use self::plan::Plan;
use self::probe::Probe;
use self::server::Server;
use self::watch::Watch;

/// After so many turns without an end a run counts as stuck.
const TURN_COUNT_MAX: usize = 20_000;

/// So many waits in one poll count as spinning, when nothing goes wrong any more. Each takes a hundredth of a
/// millisecond at least.
const WAIT_COUNT_MAX: usize = 2_000;

/// How long a turn may wait when nothing goes wrong any more.
const SETTLE_TIME: Duration = Duration::from_millis(100);

/// How many calls of the program a failure shows.
const TRACE_LENGTH: usize = 60;

/// What a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Tells this run from every other.
    pub trace_hash: u64,
    /// How many polls it took.
    pub turn_count: usize,
    /// How many lines the clients have got back.
    pub line_count: usize,
}

/// What was wrong.
#[derive(Debug)]
pub struct Failure {
    /// The seed that shows it again.
    pub seed: u64,
    /// In which poll it was noticed.
    pub turn: usize,
    /// What was expected and what was found.
    pub what: String,
    /// The last calls of the program.
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, turn {}: {}", self.seed, self.turn, self.what)?;
        self.trace.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

/// One run.
///
/// # Errors
/// What was wrong.
pub fn run(seed: u64) -> Result<Outcome, Failure> {
    let plan = Plan::draw(seed);
    let network = Network::with_faults(seed, plan.faults.clone());
    network.keep_trace(TRACE_LENGTH);
    let _inside = network.enter();
    let mut run = Run::new(&network, plan);
    let result = run.play();
    match result {
        Ok(()) => Ok(Outcome {
            trace_hash: network.trace_hash(),
            turn_count: run.turn_count,
            line_count: run.crowd.line_count(),
        }),
        Err(what) => Err(Failure { seed, turn: run.turn_count, what, trace: network.trace() }),
    }
}

struct Run {
    network: Network,
    dispatcher: Dispatcher,
    watch: Watch,
    probe: Probe,
    server: Server,
    crowd: Crowd,
    calls: Calls,
    turn_count: usize,
    plan: Plan,
}

impl Run {
    fn new(network: &Network, mut plan: Plan) -> Run {
        let dispatcher = Dispatcher::builder().registered_max(plan.registered_max).build().expect("a dispatcher");
        let probe = Probe::start(&dispatcher);
        let watch = Watch::default();
        let server = Server::start(&dispatcher, &watch, plan.fork());
        let crowd = Crowd::new(network.clone(), server.address(), plan.fork());
        let calls = Calls::new(network, &watch, plan.fork());
        Run { network: network.clone(), dispatcher, watch, probe, server, crowd, calls, turn_count: 0, plan }
    }

    fn play(&mut self) -> Result<(), String> {
        for _ in 0..self.plan.turn_count {
            self.crowd.act();
            self.server.act(&self.dispatcher);
            self.calls.act(&self.dispatcher);
            let timeout = self.plan.timeout();
            self.turn(timeout)?;
        }
        self.let_end()?;
        self.crowd.check_end(&self.watch)?;
        self.calls.check_end(self.plan.loses_connections())?;
        self.close_all()?;
        match self.network.open_descriptor_count() {
            0 => Ok(()),
            count => Err(format!("{count} descriptors were never closed")),
        }
    }

    fn close_all(&mut self) -> Result<(), String> {
        self.watch.start_end();
        self.dispatcher.close_all().map_err(|error| format!("close_all: {error}"))?;
        self.server.end();
        self.calls.end();
        let is_open = self.dispatcher.poll(Duration::ZERO).map_err(|error| format!("poll: {error}"))?;
        if is_open {
            return Err("P7: everything is closed, and a timer is left".to_owned());
        }
        self.watch.check()?;
        self.watch.check_end()
    }

    fn turn(&mut self, timeout: Duration) -> Result<(), String> {
        self.turn_count += 1;
        self.watch.start_poll();
        self.probe.start_poll();
        let is_open = self.dispatcher.poll(timeout).map_err(|error| format!("poll: {error}"))?;
        self.watch.check()?;
        if !self.server.is_listening() && !self.plan.breaks_descriptors() {
            return Err("P13: the listener is closed for what is not its fault".to_owned());
        }
        let (expected, found) = (self.registered_count(), self.dispatcher.len());
        if expected != found {
            return Err(format!("P9: len is {found}, and {expected} are registered"));
        }
        if is_open != (found > 0) && !self.server.has_unregistered() {
            return Err(format!("P7: poll answered {is_open} with {found} registered"));
        }
        self.crowd.check()?;
        self.calls.check()
    }

    fn registered_count(&self) -> usize {
        self.probe.registered_count() + self.server.registered_count() + self.calls.registered_count()
    }

    /// Nothing goes wrong any more, and everybody says goodbye: then all has to end.
    fn let_end(&mut self) -> Result<(), String> {
        self.network.set_faults(Faults::default());
        self.crowd.say_goodbye();
        while !(self.crowd.is_over() && self.server.is_idle() && self.calls.registered_count() == 0) {
            if self.turn_count >= TURN_COUNT_MAX {
                return Err(format!("no end after {} turns: {}", self.turn_count, self.crowd.unfinished()));
            }
            self.server.act(&self.dispatcher);
            self.turn(SETTLE_TIME)?;
            if self.probe.wait_count() > WAIT_COUNT_MAX {
                return Err(format!("it spins: {} waits in one poll", self.probe.wait_count()));
            }
            if self.dispatcher.is_empty() {
                // With nothing open a poll does not wait.
                let_arrive()?;
            }
        }
        let_arrive()?;
        self.calls.check()
    }
}

/// Gives the outside the time that it needs for what is on its way.
fn let_arrive() -> Result<(), String> {
    let selector = this_target().selector(Backend::Default);
    let waited = selector.and_then(|mut selector| selector.select(Some(SETTLE_TIME), &mut Found::default()));
    waited.map_err(|error| format!("waiting: {error}"))
}
