//! The load of clients that come and go: each connects, sends a line, gets it back, and closes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::crowd;
use crate::echoes::Seen;
use crate::payload::Payload;

/// So many visits at most, for each leaves a port behind that rests for a while.
const VISITS_MAX: usize = 2_000;

/// One client after the other, until so many have been there or the time is over.
pub fn run(server: SocketAddr, payload: &Payload, length: usize, count_max: usize, time_max: Duration) -> Result<Seen> {
    let end = Instant::now() + time_max;
    let mut seen = Seen::default();
    let mut line = Vec::new();
    while seen.echoes < count_max.min(VISITS_MAX) && Instant::now() < end {
        let began = Instant::now();
        payload.fill(&mut line, seen.echoes, 1, length, 1);
        let mut stream = crowd::connect(server, seen.echoes)?;
        crowd::exchange_line(&mut stream, &line)?;
        drop(stream);
        seen.latencies_ns.push(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
        seen.echoes += 1;
    }
    Ok(seen)
}
