//! The compiler and what it is set to.

use crate::error::Error;
use wasmtime::{Cache, Config, Engine, WasmBacktraceDetails};

/// What an engine is made from.
pub(crate) struct EngineSettings {
    config: Config,
    /// They are the caller's, so a mistake in them is the caller's too.
    are_given: bool,
    /// Programs look at every loop whether their time is over, or a sample is to be taken.
    pub(super) needs_interruption: bool,
    /// Programs count what they compute.
    pub(super) needs_fuel: bool,
}

impl EngineSettings {
    /// `given`: from a caller; otherwise as this host has them by itself.
    pub(crate) fn new(given: Option<Config>) -> EngineSettings {
        let are_given = given.is_some();
        let config = given.unwrap_or_else(default_config);
        EngineSettings { config, are_given, needs_interruption: false, needs_fuel: false }
    }

    pub(crate) fn need_interruption(&mut self) {
        self.needs_interruption = true;
        self.config.epoch_interruption(true);
    }

    pub(crate) fn need_fuel(&mut self) {
        self.needs_fuel = true;
        self.config.consume_fuel(true);
    }

    pub(crate) fn need_core_dumps(&mut self) {
        self.config.coredump_on_trap(true);
    }

    pub(crate) fn engine(&self) -> Result<Engine, Error> {
        Engine::new(&self.config).map_err(|error| {
            let reason = format!("{error:#}").replace('\n', " ");
            if self.are_given { Error::EngineConfig { reason } } else { Error::no_compiler(&reason) }
        })
    }

    /// Another engine, with settings that differ in what `change` does.
    pub(super) fn changed(&self, change: impl FnOnce(&mut Config)) -> EngineSettings {
        let mut config = self.config.clone();
        change(&mut config);
        EngineSettings { config, ..*self }
    }
}

/// With a cache of compiled programs, and places in the source in backtraces.
fn default_config() -> Config {
    let mut config = Config::new();
    config.wasm_backtrace_details(WasmBacktraceDetails::Enable);
    // Without a folder to write to there is no cache, and all else works.
    if let Ok(cache) = Cache::from_file(None) {
        config.cache(Some(cache));
    }
    config
}
