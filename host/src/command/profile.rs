//! The value of `--profile`.

use selectio_host::HostBuilder;
use std::time::Duration;
use wasmtime::{Config, ProfilingStrategy};
use wasmtime_cli_flags::opt::WasmtimeOptionValue;

/// The name that Wasmtime gives the file.
const DEFAULT_PATH: &str = "wasmtime-guest-profile.json";
const DEFAULT_INTERVAL: Duration = Duration::from_millis(10);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Profile {
    /// Wasmtime tells a profiler of the system what is where.
    System(ProfilingStrategy),
    /// The host takes samples of the guest.
    Guest { path: String, interval: Duration },
}

pub(super) fn profile(text: &str) -> Result<Profile, String> {
    let guest = |path: &str, interval| Ok(Profile::Guest { path: path.to_owned(), interval });
    match text.split(',').collect::<Vec<_>>()[..] {
        ["perfmap"] => Ok(Profile::System(ProfilingStrategy::PerfMap)),
        ["jitdump"] => Ok(Profile::System(ProfilingStrategy::JitDump)),
        ["vtune"] => Ok(Profile::System(ProfilingStrategy::VTune)),
        ["guest"] => guest(DEFAULT_PATH, DEFAULT_INTERVAL),
        ["guest", path] => guest(path, DEFAULT_INTERVAL),
        ["guest", path, interval] => match Duration::parse(Some(interval)) {
            Ok(interval) if !interval.is_zero() => guest(path, interval),
            _ => Err("write an interval such as 10ms".to_owned()),
        },
        _ => Err("write perfmap, jitdump, vtune, or guest[,FILE[,INTERVAL]]".to_owned()),
    }
}

impl Profile {
    pub(super) fn configure(&self, config: &mut Config) {
        if let Profile::System(strategy) = self {
            config.profiler(*strategy);
        }
    }

    pub(super) fn apply(self, builder: HostBuilder) -> HostBuilder {
        match self {
            Profile::System(_) => builder,
            Profile::Guest { path, interval } => builder.guest_profile(path, interval),
        }
    }

    /// The file with the samples.
    pub(super) fn file(&self) -> Option<&str> {
        match self {
            Profile::System(_) => None,
            Profile::Guest { path, .. } => Some(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_spelt_as_wasmtime_spells_them() {
        let guest = |path: &str, ms| Ok(Profile::Guest { path: path.to_owned(), interval: Duration::from_millis(ms) });
        assert_eq!(profile("guest"), guest("wasmtime-guest-profile.json", 10));
        assert_eq!(profile("guest,p.json"), guest("p.json", 10));
        assert_eq!(profile("guest,p.json,2ms"), guest("p.json", 2));
        assert_eq!(profile("perfmap"), Ok(Profile::System(ProfilingStrategy::PerfMap)));
        for wrong in ["", "gprof", "perfmap,p", "guest,p,0", "guest,p,soon", "guest,p,1ms,x"] {
            assert!(profile(wrong).is_err(), "{wrong:?}");
        }
    }
}
