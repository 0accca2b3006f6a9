//! Who runs where: the server alone on one core, the load on another, so that neither takes the other's time.

use anyhow::{Context, Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// As many descriptors as the largest column needs, and then some.
const DESCRIPTORS_WANTED: u64 = 40_000;

/// The two cores that are used.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    /// The server's.
    pub server: usize,
    /// That of this process.
    pub load: usize,
}

impl Cores {
    /// Takes the first two cores that this process may use, and moves it to the second.
    pub fn take() -> Result<Cores> {
        let allowed = sched_getaffinity(None).context("the cores of this process can't be asked for")?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
        let (Some(server), Some(load)) = (cores.next(), cores.next()) else {
            bail!("one core is too few: the load would take the server's time; run this where there are two");
        };
        let cores = Cores { server, load };
        cores.run_on(load)?;
        Ok(cores)
    }

    /// Calls `start` on the server's core: what it starts stays there.
    pub fn starting_server<T>(self, start: impl FnOnce() -> Result<T>) -> Result<T> {
        self.run_on(self.server)?;
        let started = start();
        self.run_on(self.load)?;
        started
    }

    fn run_on(self, core: usize) -> Result<()> {
        let mut set = CpuSet::new();
        set.set(core);
        sched_setaffinity(None, &set).with_context(|| format!("this process can't run on core {core}"))
    }
}

/// Allows as many descriptors as there is need for, here and in what is started from here; answers how many those are.
pub fn raise_descriptor_limit() -> Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    let hard = limit.maximum.unwrap_or(u64::MAX);
    let wanted = Rlimit { current: Some(DESCRIPTORS_WANTED), maximum: Some(hard.max(DESCRIPTORS_WANTED)) };
    // Only a privileged process may pass its hard limit.
    if setrlimit(Resource::Nofile, wanted).is_ok() {
        return Ok(DESCRIPTORS_WANTED);
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(hard), maximum: Some(hard) })
        .context("the limit of descriptors can't be raised")?;
    Ok(hard)
}
