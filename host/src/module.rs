//! From a file's bytes to a program that can be started.

use crate::error::{Error, Stop};
use crate::functions;
use crate::guest::Guest;
use std::fmt;
use wasmtime::{Cache, Config, Engine, ExternType, InstancePre, Linker, Module, Store, Trap, UnknownImportError};

/// What a module starts with; a component has the same magic number and
/// another version.
const MAGIC: &[u8] = b"\0asm";
const MODULE_VERSION: &[u8] = &[1, 0, 0, 0];

/// A program that can be started.
pub(crate) struct Program(InstancePre<Guest>);

impl Program {
    pub(crate) fn engine(&self) -> &Engine {
        self.0.module().engine()
    }

    /// Runs it to its end, with its exit code if it has one.
    pub(crate) fn run(&self, store: &mut Store<Guest>) -> wasmtime::Result<i32> {
        let instance = self.0.instantiate(&mut *store).map_err(|error| {
            // A start function has run, or a limit was hit.
            if error.is::<Trap>() || error.is::<Stop>() { error } else { error.context(NotStarted) }
        })?;
        instance.get_typed_func::<(), ()>(&mut *store, "_start")?.call(store, ())?;
        Ok(0)
    }
}

/// The program asks for more than this machine has.
#[derive(Debug)]
pub(crate) struct NotStarted;

impl fmt::Display for NotStarted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("it could not be started")
    }
}

/// The compiler; `interruptible` programs look at every loop whether their
/// time is over.
pub(crate) fn engine(interruptible: bool) -> Result<Engine, Error> {
    let mut config = Config::new();
    config.epoch_interruption(interruptible);
    // Without a folder to write to there is no cache, and all else works.
    if let Ok(cache) = Cache::from_file(None) {
        config.cache(Some(cache));
    }
    Engine::new(&config)
        .map_err(|error| Error::Host { reason: format!("the WebAssembly compiler can't be used here: {error:#}") })
}

/// Compiles a program and finds its imports.
pub(crate) fn load(engine: &Engine, name: &str, bytes: &[u8]) -> Result<Program, Error> {
    let unfit = |reason: String| Error::ModuleUnfit { name: name.to_owned(), reason };
    recognize(bytes).map_err(|reason| unfit(reason.to_owned()))?;
    let module = Module::from_binary(engine, bytes).map_err(|error| {
        unfit(format!("it is damaged or uses what Wasmtime lacks ({}); build it again", error.root_cause()))
    })?;
    let mut linker = Linker::new(engine);
    functions::link(&mut linker)
        .map_err(|error| Error::Host { reason: format!("the host functions can't be set up: {error:#}") })?;
    check_exports(&module).map_err(|reason| unfit(reason.to_owned()))?;
    linker.instantiate_pre(&module).map(Program).map_err(|error| {
        if let Some(unknown) = error.downcast_ref::<UnknownImportError>() {
            return Error::Import {
                name: name.to_owned(),
                import: format!("{}.{}", unknown.module().escape_debug(), unknown.name().escape_debug()),
            };
        }
        unfit(format!(
            "it imports a function with another signature than preview1 gives it ({error:#}); \
             build it for wasm32-wasip1, without extensions of other hosts"
        ))
    })
}

/// What a program has to have: a start, and the memory that its calls are about.
fn check_exports(module: &Module) -> Result<(), &'static str> {
    match module.get_export("_start") {
        None => return Err("it exports no _start function; build a program (a binary), not a library"),
        Some(ExternType::Func(start)) if start.params().len() == 0 && start.results().len() == 0 => {}
        Some(_) => return Err("its _start is no function without arguments and results; build it for wasm32-wasip1"),
    }
    match module.get_export("memory") {
        Some(ExternType::Memory(memory)) if memory.is_shared() => {
            Err("its memory is shared between threads (the proposal `threads`), which preview1 has no functions for")
        }
        Some(ExternType::Memory(memory)) if memory.is_64() => {
            Err("its memory has 64-bit addresses (the proposal `memory64`); preview1 has 32-bit ones")
        }
        // Without any, it can run as long as it calls nothing that needs one.
        _ => Ok(()),
    }
}

/// Tells a module from what people pass instead.
fn recognize(bytes: &[u8]) -> Result<(), &'static str> {
    match bytes.strip_prefix(MAGIC) {
        Some(rest) if rest.starts_with(MODULE_VERSION) => Ok(()),
        Some(_) => Err("it is a component; build it for wasm32-wasip1 to get a module"),
        None if bytes.trim_ascii_start().starts_with(b"(") => {
            Err("it is WebAssembly text; convert it with `wasm-tools parse` first")
        }
        None => Err("it is not WebAssembly; build it for wasm32-wasip1"),
    }
}
