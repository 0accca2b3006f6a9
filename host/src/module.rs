//! From a file's bytes to a program that can be started.

use crate::error::Error;
use crate::functions;
use crate::guest::Guest;
use wasmtime::{Cache, Config, Engine, ExternType, InstancePre, Linker, Module, UnknownImportError};

/// What a module starts with; a component has the same magic number and
/// another version.
const MAGIC: &[u8] = b"\0asm";
const MODULE_VERSION: &[u8] = &[1, 0, 0, 0];

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
pub(crate) fn load(engine: &Engine, name: &str, bytes: &[u8]) -> Result<InstancePre<Guest>, Error> {
    let unfit = |reason: String| Error::ModuleUnfit { name: name.to_owned(), reason };
    recognize(bytes).map_err(|reason| unfit(reason.to_owned()))?;
    let module = Module::from_binary(engine, bytes).map_err(|error| unfit(refusal(&error.root_cause().to_string())))?;
    let mut linker = Linker::new(engine);
    functions::link(&mut linker)
        .map_err(|error| Error::Host { reason: format!("the host functions can't be set up: {error:#}") })?;
    let program = linker.instantiate_pre(&module).map_err(|error| {
        if let Some(unknown) = error.downcast_ref::<UnknownImportError>() {
            return Error::Import { name: name.to_owned(), import: format!("{}.{}", unknown.module(), unknown.name()) };
        }
        unfit(format!(
            "it imports a function with another signature than preview1 gives it ({error:#}); \
             build it for wasm32-wasip1, without extensions of other hosts"
        ))
    })?;
    check_exports(&module).map_err(|reason| unfit(reason.to_owned()))?;
    Ok(program)
}

/// What is wrong with a module that Wasmtime does not take. Its text names the proposal where that is what is missing.
fn refusal(reason: &str) -> String {
    match ["proposal", "enabled", "disabled"].iter().any(|word| reason.contains(word)) {
        true => format!("it uses a proposal that is off by default in Wasmtime ({reason}); build it without"),
        false => format!("it is damaged ({reason}); build it again"),
    }
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
        Some(ExternType::Memory(_)) => Ok(()),
        // It can run as long as it calls nothing.
        _ if module.imports().len() == 0 => Ok(()),
        _ => Err("it exports no memory, which the functions of preview1 work on; build it for wasm32-wasip1"),
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
