//! A compiled program with all that it imports, ready to be started any number of times.

use crate::error::{Error, Stop};
use crate::functions;
use crate::guest::Guest;
use crate::invoke::{Entry, Invocation};
use crate::module::{Code, EngineSettings};
use std::fmt;
use wasmtime::{Engine, ExternType, Instance, InstancePre, Linker, Module, Store, Trap, UnknownImportError};

const SHARED_MEMORY: &str = "it has a memory that threads could share; allow that with -W shared-memory=y";

/// How a program's own module is loaded and linked, beside its code.
#[derive(Default)]
pub(crate) struct LinkOptions {
    /// Modules that are started before the program, each with the name that it imports them by.
    pub(crate) preloads: Vec<(String, Code)>,
    pub(crate) unknown_imports: UnknownImports,
    /// A preloaded program may export more than functions.
    pub(crate) allows_unknown_exports: bool,
    /// Compiled code may be loaded as it is.
    pub(crate) trusts_precompiled: bool,
    /// A component may ask what an error of a stream is as one of the network.
    pub(crate) has_network_error_code: bool,
    /// The function to call in place of the program's start.
    pub(crate) invocation: Option<Invocation>,
}

/// What becomes of imports that nobody provides.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum UnknownImports {
    #[default]
    Refused,
    /// They are functions that trap when they are called.
    Trap,
    /// They are functions that answer 0, and memories, tables and globals of their own.
    Default,
}

pub(crate) struct Program {
    name: String,
    module: Module,
    preloads: Vec<(String, Module)>,
    linker: Linker<Guest>,
    /// What is imported, found once; each guest looks for it itself when something has to be made for it first.
    resolved: Option<InstancePre<Guest>>,
    unknown_imports: UnknownImports,
    entry: Entry,
    /// What its instances take in this host, beside their memories and tables.
    instance_bytes: usize,
}

impl Program {
    /// `arguments`: those of the program, without argument 0.
    pub(crate) fn load(
        code: &Code,
        settings: &EngineSettings,
        options: LinkOptions,
        arguments: &[String],
    ) -> Result<Program, Error> {
        let trusted = options.trusts_precompiled;
        let module = code.compile(settings, trusted)?;
        let name = code.name.clone();
        check_memory(&module).map_err(|reason| Error::ModuleUnfit { name: name.clone(), reason: reason.to_owned() })?;
        let entry = Entry::find(&name, &module, options.invocation, arguments)?;
        let all = std::iter::once(code).chain(options.preloads.iter().map(|(_, code)| code));
        let instance_bytes = all.map(Code::instance_bytes).sum();
        let compile = |(name, code): (String, Code)| Ok((name, code.compile_for(module.engine(), trusted)?));
        let preloads: Vec<_> = options.preloads.into_iter().map(compile).collect::<Result<_, Error>>()?;
        let mut linker = linker(module.engine())?;
        linker.allow_unknown_exports(options.allows_unknown_exports);
        let unknown_imports = options.unknown_imports;
        let mut program =
            Program { name, module, preloads, linker, resolved: None, unknown_imports, entry, instance_bytes };
        if program.preloads.is_empty() && unknown_imports == UnknownImports::Refused {
            let resolved = program.linker.instantiate_pre(&program.module);
            program.resolved = Some(resolved.map_err(|error| unlinked(&program.name, &error))?);
        }
        Ok(program)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.module.engine()
    }

    /// All modules, each by the name that others import it by; the program itself has none.
    pub(crate) fn modules(&self) -> impl Iterator<Item = (&str, &Module)> {
        let preloads = self.preloads.iter().map(|(name, module)| (name.as_str(), module));
        std::iter::once(("", &self.module)).chain(preloads)
    }

    /// Nothing but the program's own module runs in its store.
    pub(crate) fn is_alone(&self) -> bool {
        self.preloads.is_empty()
    }

    /// Runs it to its end, with its exit code if it has one.
    pub(crate) fn run(&self, store: &mut Store<Guest>) -> wasmtime::Result<i32> {
        store.data_mut().memory_limit.keep(self.instance_bytes)?;
        let instance = self.instantiate(store).map_err(|error| {
            // A start function has run, or a limit was hit.
            if error.is::<Trap>() || error.is::<Stop>() { error } else { error.context(NotStarted) }
        })?;
        // What is called a reactor has this to run first.
        if let Some(initialize) = instance.get_func(&mut *store, "_initialize") {
            initialize.typed::<(), ()>(&*store)?.call(&mut *store, ())?;
        }
        self.entry.call(store, instance)?;
        Ok(0)
    }

    fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<Instance> {
        if let Some(resolved) = &self.resolved {
            return resolved.instantiate(store);
        }
        let mut linker = self.linker.clone();
        for (name, module) in &self.preloads {
            linker.module(&mut *store, name, module)?;
        }
        match self.unknown_imports {
            UnknownImports::Refused => {}
            UnknownImports::Trap => linker.define_unknown_imports_as_traps(&self.module)?,
            UnknownImports::Default => linker.define_unknown_imports_as_default_values(&mut *store, &self.module)?,
        }
        linker.instantiate(store, &self.module)
    }

    /// Why no instance could be made.
    pub(crate) fn not_started(&self, error: &wasmtime::Error) -> Error {
        if error.is::<UnknownImportError>() {
            return unlinked(&self.name, error);
        }
        let reason = match one_line(error) {
            reason if reason.contains("shared memory support is disabled") => SHARED_MEMORY.to_owned(),
            reason => reason,
        };
        Error::NotStarted { name: self.name.clone(), reason }
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

/// All that this host provides.
fn linker(engine: &Engine) -> Result<Linker<Guest>, Error> {
    let mut linker = Linker::new(engine);
    functions::link(&mut linker)
        .map_err(|error| Error::Host { reason: format!("the host functions can't be set up: {error:#}") })?;
    Ok(linker)
}

/// The functions of preview1 work on memory that nobody else changes meanwhile. Their addresses have 32 bits, also where
/// those of the program have 64.
fn check_memory(module: &Module) -> Result<(), &'static str> {
    let uses_preview1 = module.imports().any(|import| import.module().starts_with("wasi_"));
    match module.get_export("memory") {
        Some(ExternType::Memory(memory)) if memory.is_shared() && uses_preview1 => {
            Err("its memory is shared between threads (the proposal `threads`), which preview1 has no functions for")
        }
        _ => Ok(()),
    }
}

fn unlinked(name: &str, error: &wasmtime::Error) -> Error {
    if let Some(unknown) = error.downcast_ref::<UnknownImportError>() {
        let import = format!("{}.{}", unknown.module(), unknown.name());
        return Error::Import { name: name.to_owned(), import };
    }
    let reason = format!(
        "it imports a function with another signature than preview1 gives it ({}); \
         build it for wasm32-wasip1, without extensions of other hosts",
        one_line(error)
    );
    Error::ModuleUnfit { name: name.to_owned(), reason }
}

fn one_line(error: &wasmtime::Error) -> String {
    error.root_cause().to_string().replace('\n', " ")
}
