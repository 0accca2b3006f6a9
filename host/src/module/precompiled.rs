//! Programs that have been compiled before, by `selectio compile` or `wasmtime compile`.

use super::engine::EngineSettings;
use wasmtime::component::Component;
use wasmtime::{Config, Engine, Module, WasmBacktraceDetails};

/// A setting that has to be as it was when the program was compiled, that changes nothing but what is added to its code,
/// and that the engine can therefore take over from there.
struct Adaptable {
    /// How Wasmtime calls it when it differs.
    name: &'static str,
    set: fn(&mut Config, bool),
    /// Why it can't be taken over: what is asked for needs it, and this option puts it into the code.
    needed: fn(&EngineSettings) -> Option<&'static str>,
}

const ADAPTABLE: [Adaptable; 4] = [
    Adaptable {
        name: "epoch interruption",
        set: |config, on| {
            config.epoch_interruption(on);
        },
        needed: |settings| {
            settings.needs_interruption.then_some("-W epoch-interruption=y, which a limit of time needs")
        },
    },
    Adaptable {
        name: "fuel support",
        set: |config, on| {
            config.consume_fuel(on);
        },
        needed: |settings| settings.needs_fuel.then_some("-W fuel=1, which a limit of fuel needs"),
    },
    Adaptable {
        name: "WebAssembly backtrace support",
        set: |config, on| {
            config.wasm_backtrace_details(if on {
                WasmBacktraceDetails::Enable
            } else {
                WasmBacktraceDetails::Disable
            });
        },
        needed: |_| None,
    },
    Adaptable {
        name: "native debug information support",
        set: |config, on| {
            config.debug_info(on);
        },
        needed: |_| None,
    },
];

/// Loads a module into an engine that suits it, as far as `settings` leave that open.
pub(super) fn load_module(bytes: &[u8], settings: &EngineSettings) -> Result<Module, String> {
    load(settings, |engine| module(bytes, engine))
}

/// Loads a module into an engine that others use already.
pub(super) fn load_module_for(bytes: &[u8], engine: &Engine) -> Result<Module, String> {
    module(bytes, engine).map_err(|reason| compile_anew(&reason))
}

/// As [`load_module`], for a component.
pub(super) fn load_component(bytes: &[u8], settings: &EngineSettings) -> Result<Component, String> {
    load(settings, |engine| component(bytes, engine))
}

fn load<T>(settings: &EngineSettings, deserialize: impl Fn(&Engine) -> Result<T, String>) -> Result<T, String> {
    let mut adapted = settings.changed(|_| {});
    let mut left: Vec<&Adaptable> = ADAPTABLE.iter().collect();
    loop {
        let engine = adapted.engine().map_err(|error| error.to_string())?;
        let reason = match deserialize(&engine) {
            Ok(program) => return Ok(program),
            Err(reason) => reason,
        };
        let Some(place) = left.iter().position(|setting| reason.contains(setting.name)) else {
            return Err(compile_anew(&reason));
        };
        let setting = left.swap_remove(place);
        let was_on = reason.contains("compiled with ");
        if !was_on && let Some(option) = (setting.needed)(settings) {
            return Err(format!("it has been compiled without {option}; compile it with that"));
        }
        adapted = adapted.changed(|config| (setting.set)(config, was_on));
    }
}

fn module(bytes: &[u8], engine: &Engine) -> Result<Module, String> {
    // SAFETY: that these bytes come from Wasmtime, and are as they were then, is what the caller of
    // `HostBuilder::allow_precompiled` has promised; nothing gets here without that call.
    unsafe { Module::deserialize(engine, bytes) }.map_err(|error| error.root_cause().to_string())
}

fn component(bytes: &[u8], engine: &Engine) -> Result<Component, String> {
    // SAFETY: as for a module.
    unsafe { Component::deserialize(engine, bytes) }.map_err(|error| error.root_cause().to_string())
}

fn compile_anew(reason: &str) -> String {
    format!(
        "it has been compiled by another version or with other settings than it is to run with ({reason}); compile it \
         anew, with the same options"
    )
}
