//! From a file's bytes to a compiled module.

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
use wasmtime::{Engine, Module, Precompiled};

/// What a module starts with; a component has the same magic number and
/// another version.
const MAGIC: &[u8] = b"\0asm";
const MODULE_VERSION: &[u8] = &[1, 0, 0, 0];

/// What is compiled is in the form of object files.
const COMPILED_MAGIC: &[u8] = b"\x7fELF";

/// Where a module comes from.
pub(crate) enum Source {
    File(PathBuf),
    Bytes { name: String, bytes: Vec<u8> },
}

/// A module that has been read and not been compiled.
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
    /// Makes an engine for the code, and compiles it there; `trusts_precompiled`: a compiled one may be loaded as it is.
    pub(crate) fn compile(&self, settings: &EngineSettings, trusts_precompiled: bool) -> Result<Module, Error> {
        if self.is_precompiled(trusts_precompiled)? {
            return precompiled::load(&self.bytes, settings).map_err(|reason| self.unfit(reason));
        }
        let engine = settings.engine()?;
        self.compile_for(&engine, trusts_precompiled)
    }

    /// Compiles the code for an engine that there is already.
    pub(crate) fn compile_for(&self, engine: &Engine, trusts_precompiled: bool) -> Result<Module, Error> {
        if self.is_precompiled(trusts_precompiled)? {
            return precompiled::load_for(&self.bytes, engine).map_err(|reason| self.unfit(reason));
        }
        let binary = self.binary()?;
        Module::from_binary(engine, &binary).map_err(|error| self.unfit(proposals::explain(engine, &binary, &error)))
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
        engine.precompile_module(&binary).map_err(|error| self.unfit(proposals::explain(&engine, &binary, &error)))
    }

    fn is_precompiled(&self, is_trusted: bool) -> Result<bool, Error> {
        match Engine::detect_precompiled(&self.bytes) {
            None => Ok(false),
            Some(Precompiled::Component) => Err(self.unfit("it is a compiled component; compile a module".to_owned())),
            Some(Precompiled::Module) if is_trusted => Ok(true),
            Some(Precompiled::Module) => Err(self.unfit(
                "it has been compiled to machine code, which could do anything; where it comes from a `selectio compile` \
                 of your own, allow it with --allow-precompiled"
                    .to_owned(),
            )),
        }
    }

    /// The binary form, also of WebAssembly text.
    fn binary(&self) -> Result<Cow<'_, [u8]>, Error> {
        match self.bytes.strip_prefix(MAGIC) {
            Some(rest) if rest.starts_with(MODULE_VERSION) => Ok(Cow::Borrowed(&self.bytes)),
            Some(_) => Err(self.unfit("it is a component; build it for wasm32-wasip1 to get a module".to_owned())),
            None if text::is_text(&self.bytes) => {
                let binary = text::convert(&self.bytes).map_err(|reason| self.unfit(reason))?;
                Ok(Cow::Owned(binary))
            }
            None if self.bytes.starts_with(COMPILED_MAGIC) => Err(self.unfit(
                "it is machine code, of no program that Wasmtime has compiled, or cut off; compile it anew".to_owned(),
            )),
            None => Err(self.unfit("it is not WebAssembly; build it for wasm32-wasip1".to_owned())),
        }
    }

    fn unfit(&self, reason: String) -> Error {
        Error::ModuleUnfit { name: self.name.clone(), reason }
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
