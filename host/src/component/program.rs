//! A compiled component with all that it imports, ready to be started any number of times.

use super::guest::ComponentGuest;
use super::{interfaces, world};
use crate::error::Error;
use crate::limits::Limits;
use crate::metering;
use crate::module::{Code, EngineSettings};
use crate::program::{LinkOptions, UnknownImports};
use wasmtime::component::{Linker, ResourceTableError};
use wasmtime::{Engine, Store};
use wasmtime_wasi::p2::bindings::CommandPre;

const TOO_MANY_RESOURCES: &str =
    "it has more sockets, streams and pollables than it may; allow more with -S max-resources=N";

pub(crate) struct ComponentProgram {
    name: String,
    pub(super) command: CommandPre<ComponentGuest>,
    /// What its instances take in this host, beside their memories and tables.
    pub(super) instance_bytes: usize,
}

impl ComponentProgram {
    pub(crate) fn load(
        code: &Code,
        settings: &EngineSettings,
        options: &LinkOptions,
    ) -> Result<ComponentProgram, Error> {
        let component = code.compile_component(settings, options.trusts_precompiled)?;
        let unfit = |reason| Error::ModuleUnfit { name: code.name.clone(), reason };
        world::check_exports(&component).map_err(unfit)?;
        let mut linker = Linker::new(component.engine());
        interfaces::link(&mut linker, options.has_network_error_code)
            .map_err(|error| Error::Host { reason: format!("the host functions can't be set up: {error:#}") })?;
        if options.unknown_imports == UnknownImports::Trap {
            let defined = linker.define_unknown_imports_as_traps(&component);
            defined.map_err(|error| unfit(format!("it imports what can't be left out: {error:#}")))?;
        }
        let linked = linker.instantiate_pre(&component).and_then(CommandPre::new);
        let command = linked.map_err(|error| unfit(world::explain_imports(&component, &error)))?;
        Ok(ComponentProgram { name: code.name.clone(), command, instance_bytes: code.instance_bytes() })
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.command.engine()
    }

    /// Where one guest runs.
    pub(crate) fn store(&self, guest: ComponentGuest, limits: &Limits) -> Result<Store<ComponentGuest>, Error> {
        let mut store = Store::new(self.engine(), guest);
        store.limiter(|guest| &mut guest.memory_limit);
        if let Some(count) = limits.handles {
            store.set_max_component_handles(count);
        }
        metering::prepare(&mut store, limits)?;
        Ok(store)
    }

    /// `error` in words that say what to do, where they are Wasmtime's own.
    pub(crate) fn explained(&self, error: wasmtime::Error) -> wasmtime::Error {
        let is_full = matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full));
        match is_full {
            true => error.context(TOO_MANY_RESOURCES),
            false => error,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}
