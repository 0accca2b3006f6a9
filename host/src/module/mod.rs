//! From a file's bytes to a compiled module or component.

mod engine;
mod instance_size;
mod precompiled;
mod proposals;
mod text;

use crate::error::Error;
pub(crate) use engine::EngineSettings;
use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use wasmtime::component::Component;
use wasmtime::{Engine, Module, Precompiled};

/// What a module and a component start with; they differ in the version behind it.
const MAGIC: &[u8] = b"\0asm";
const MODULE_VERSION: &[u8] = &[1, 0, 0, 0];
const COMPONENT_VERSION: &[u8] = &[13, 0, 1, 0];

/// What is compiled is in the form of object files.
const COMPILED_MAGIC: &[u8] = b"\x7fELF";

/// Where a module comes from.
pub(crate) enum Source {
    File(PathBuf),
    Bytes { name: String, bytes: Vec<u8> },
}

/// What a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Module,
    Component,
}

/// A program that has been read and not been compiled.
pub(crate) struct Code {
    /// What errors call it, and the guest's argument 0 unless it gets another.
    pub(crate) name: String,
    bytes: Vec<u8>,
}

impl Source {
    pub(crate) fn read(self) -> Result<Code, Error> {
        match self {
            Source::Bytes { name, bytes } => Ok(Code { name, bytes }),
            Source::File(path) => {
                let bytes = fs::read(&path).map_err(|reason| Error::ModuleUnreadable { path: path.clone(), reason })?;
                Ok(Code { name: file_name(&path), bytes })
            }
        }
    }
}

impl Code {
    /// What the code is; of what is neither, that is an error.
    pub(crate) fn kind(&self) -> Result<Kind, Error> {
        match Engine::detect_precompiled(&self.bytes) {
            Some(Precompiled::Module) => Ok(Kind::Module),
            Some(Precompiled::Component) => Ok(Kind::Component),
            None => self.binary().map(|binary| kind_of(&binary)),
        }
    }

    /// Makes an engine for the module, and compiles it there; `trusts_precompiled`: a compiled one may be loaded as it is.
    pub(crate) fn compile(&self, settings: &EngineSettings, trusts_precompiled: bool) -> Result<Module, Error> {
        if self.is_precompiled(trusts_precompiled)? {
            return precompiled::load_module(&self.bytes, settings).map_err(|reason| self.unfit(reason));
        }
        let engine = settings.engine()?;
        self.compile_for(&engine, trusts_precompiled)
    }

    /// Compiles the module for an engine that there is already.
    pub(crate) fn compile_for(&self, engine: &Engine, trusts_precompiled: bool) -> Result<Module, Error> {
        if self.kind()? == Kind::Component {
            return Err(self.unfit("it is a component, and modules can import nothing of components".to_owned()));
        }
        if self.is_precompiled(trusts_precompiled)? {
            return precompiled::load_module_for(&self.bytes, engine).map_err(|reason| self.unfit(reason));
        }
        let binary = self.binary()?;
        Module::from_binary(engine, &binary).map_err(|error| self.unfit(proposals::explain(engine, &binary, &error)))
    }

    /// As [`Code::compile`], for a component.
    pub(crate) fn compile_component(
        &self,
        settings: &EngineSettings,
        trusts_precompiled: bool,
    ) -> Result<Component, Error> {
        if self.is_precompiled(trusts_precompiled)? {
            return precompiled::load_component(&self.bytes, settings).map_err(|reason| self.unfit(reason));
        }
        let engine = settings.engine()?;
        let binary = self.binary()?;
        let compiled = Component::from_binary(&engine, &binary);
        compiled.map_err(|error| self.unfit(proposals::explain(&engine, &binary, &error)))
    }

    /// About what an instance takes in this host, beside its memories and tables. What is compiled doesn't tell.
    pub(crate) fn instance_bytes(&self) -> usize {
        self.binary().map_or(0, |binary| instance_size::instance_bytes(&binary))
    }

    /// Compiles the code to what [`Code::compile`] loads.
    pub(crate) fn precompile(&self, settings: &EngineSettings) -> Result<Vec<u8>, Error> {
        if Engine::detect_precompiled(&self.bytes).is_some() {
            return Err(self.unfit("it has been compiled already".to_owned()));
        }
        let engine = settings.engine()?;
        let binary = self.binary()?;
        let compiled = match kind_of(&binary) {
            Kind::Module => engine.precompile_module(&binary),
            Kind::Component => engine.precompile_component(&binary),
        };
        compiled.map_err(|error| self.unfit(proposals::explain(&engine, &binary, &error)))
    }

    fn is_precompiled(&self, is_trusted: bool) -> Result<bool, Error> {
        match Engine::detect_precompiled(&self.bytes) {
            None => Ok(false),
            Some(_) if is_trusted => Ok(true),
            Some(_) => Err(self.unfit(
                "it has been compiled to machine code, which could do anything; where it comes from a `selectio compile` \
                 of your own, allow it with --allow-precompiled"
                    .to_owned(),
            )),
        }
    }

    /// The binary form, also of WebAssembly text.
    fn binary(&self) -> Result<Cow<'_, [u8]>, Error> {
        match self.bytes.strip_prefix(MAGIC) {
            Some(rest) if rest.starts_with(MODULE_VERSION) || rest.starts_with(COMPONENT_VERSION) => {
                Ok(Cow::Borrowed(&self.bytes))
            }
            Some(_) => Err(self.unfit(
                "it is WebAssembly of a version that this host doesn't know; build it for wasm32-wasip1 or wasm32-wasip2"
                    .to_owned(),
            )),
            None if text::is_text(&self.bytes) => {
                let binary = text::convert(&self.bytes).map_err(|reason| self.unfit(reason))?;
                Ok(Cow::Owned(binary))
            }
            None if self.bytes.starts_with(COMPILED_MAGIC) => Err(self.unfit(
                "it is machine code, of no program that Wasmtime has compiled, or cut off; compile it anew".to_owned(),
            )),
            None => Err(self.unfit("it is not WebAssembly; build it for wasm32-wasip1 or wasm32-wasip2".to_owned())),
        }
    }

    fn unfit(&self, reason: String) -> Error {
        Error::ModuleUnfit { name: self.name.clone(), reason }
    }
}

/// Of a binary that has one of the two versions.
fn kind_of(binary: &[u8]) -> Kind {
    match binary.get(MAGIC.len()..) {
        Some(rest) if rest.starts_with(COMPONENT_VERSION) => Kind::Component,
        _ => Kind::Module,
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
