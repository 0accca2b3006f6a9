//! Whether other processes had time on the two cores while something was measured.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::cores::Cores;

/// A clock tick in /proc/stat: the kernel shows 100 in a second to programs on every architecture.
const TICK: Duration = Duration::from_millis(10);

/// Others may have this share of the time, and as many ticks as the kernel may count late.
const SHARE_MAX: f64 = 0.1;
const TICKS_MAX: u32 = 2;

/// What the two cores have done since a measurement began.
pub struct Watch {
    cores: Cores,
    start: Instant,
    busy: Duration,
}

impl Watch {
    /// Begins.
    pub fn begin(cores: Cores) -> Result<Watch> {
        Ok(Watch { cores, start: Instant::now(), busy: busy(cores)? })
    }

    /// Whether others than the server and this process, which have used `own` together, were busy on the cores.
    pub fn is_disturbed(&self, own: Duration) -> Result<bool> {
        let others = busy(self.cores)?.saturating_sub(self.busy).saturating_sub(own);
        Ok(others > self.start.elapsed().mul_f64(SHARE_MAX) + TICK * TICKS_MAX)
    }
}

/// How long the two cores were not idle since the start of the machine; what a hypervisor took counts too.
fn busy(cores: Cores) -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let of_core = |core: usize| {
        let name = format!("cpu{core} ");
        let fields = stat.lines().find_map(|line| line.strip_prefix(&name)).context("/proc/stat has every core")?;
        let ticks: Vec<u32> = fields.split_whitespace().filter_map(|field| field.parse().ok()).collect();
        // user nice system idle iowait irq softirq steal; what follows is contained in user and nice.
        Ok(ticks
            .iter()
            .enumerate()
            .filter(|(place, _)| [0, 1, 2, 5, 6, 7].contains(place))
            .map(|(_, t)| t)
            .sum::<u32>())
    };
    let ticks: Result<u32> = [cores.server, cores.load].into_iter().map(of_core).sum();
    Ok(TICK * ticks?)
}
