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

pub(crate) struct ComponentProgram {
    pub(super) command: CommandPre<ComponentGuest>,
    /// What its instances take in this host, beside their memories and tables.
    pub(super) instance_bytes: usize,
}

/// By itself Wasmtime allows 100,000, of which each connection takes up to six, and each element of a list that is waited
/// for one more while that lasts.
const HANDLES_MAX: usize = 400_000;

const HANDLES_MIN: usize = 10_000;

/// About what this host keeps for a handle and what is behind it.
const HANDLE_BYTES: usize = 256;

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
        Ok(ComponentProgram { command, instance_bytes: code.instance_bytes() })
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.command.engine()
    }

    /// Where one guest runs.
    pub(crate) fn store(&self, guest: ComponentGuest, limits: &Limits) -> Result<Store<ComponentGuest>, Error> {
        let mut store = Store::new(self.engine(), guest);
        store.limiter(|guest| &mut guest.memory_limit);
        store.set_max_component_handles(limits.handles.unwrap_or_else(|| handles_max(limits.memory_bytes)));
        metering::prepare(&mut store, limits)?;
        Ok(store)
    }

    /// What to do about an error that is about this host's limits of a component.
    pub(crate) fn remedy(error: &wasmtime::Error) -> Option<&'static str> {
        if matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full)) {
            return Some("it has all sockets, streams and pollables that it may; allow more with -S max-resources=N");
        }
        // Wasmtime has no type for it.
        let is_about_handles = error.root_cause().to_string().contains("handle limit exceeded");
        is_about_handles.then_some("it has all handles that it may; allow more with -S max-component-handles=N")
    }
}

/// How many handles a component may have that may have so much memory: what is kept for them is about that, too.
fn handles_max(memory_bytes: Option<usize>) -> usize {
    memory_bytes.map_or(HANDLES_MAX, |bytes| (bytes / HANDLE_BYTES).clamp(HANDLES_MIN, HANDLES_MAX))
}
