//! What can be seen of the command from outside while it runs, as Linux tells it.

use std::fs;
use std::thread;
use std::time::Duration;

/// No wait of these tests takes a tenth of it; it bounds one that never ends.
const PATIENCE: Duration = Duration::from_secs(60);

/// User and system time of all threads, in hundredths of a second.
pub fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}

/// How often a thread has gone to sleep: once for each wait that wasn't over at once.
pub fn sleeps(pid: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let counts = threads.filter_map(|thread| {
        let status = fs::read_to_string(thread.unwrap().path().join("status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")?.trim().parse::<u64>().ok())
    });
    counts.sum()
}

/// How many descriptors are open.
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// The memory in use.
pub fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    1024 * kilobytes.unwrap().parse::<u64>().unwrap()
}

/// Waits until `look` sees what it looks for: a guest may have done what it does a moment before that can be seen.
pub fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    const STEP: Duration = Duration::from_millis(10);
    for _ in 0..PATIENCE.as_millis() / STEP.as_millis() {
        if let Some(seen) = look() {
            return seen;
        }
        thread::sleep(STEP);
    }
    panic!("{what}: not within {PATIENCE:?}");
}

/// What runs shall neither compute nor wake up for a while.
pub fn expect_rest(pid: u32) {
    // The end of what it has done before is not over at once.
    thread::sleep(Duration::from_millis(100));
    let before = (cpu_ticks(pid), sleeps(pid));
    thread::sleep(Duration::from_millis(500));
    let (ticks, wakes) = (cpu_ticks(pid) - before.0, sleeps(pid) - before.1);
    assert!(ticks <= 2 && wakes <= 2, "{ticks} hundredths of a second of CPU and {wakes} waits while nothing happens");
}
