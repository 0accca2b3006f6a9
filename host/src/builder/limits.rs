//! What a guest may have at most.

use super::HostBuilder;
use std::time::Duration;

impl HostBuilder {
    /// The most memory that the guest may have, in bytes: all its memories and tables together, and what this host keeps
    /// for it. Asking for more ends it.
    ///
    /// ```
    /// use selectio_host::{Error, Host};
    ///
    /// # fn main() -> Result<(), Error> {
    /// // It wants 20 pages of 64 KiB more.
    /// let guest = r#"(module (memory (export "memory") 1)
    ///     (func (export "_start") (drop (memory.grow (i32.const 20)))))"#;
    /// let host = Host::builder().module_bytes("guest.wat", guest).max_memory(1 << 20).build()?;
    /// assert!(matches!(host.run(), Err(Error::MemoryLimit { limit_bytes: 1_048_576 })));
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_memory(mut self, bytes: usize) -> HostBuilder {
        self.given.limits.memory_bytes = Some(bytes);
        self
    }

    /// The most sockets that the guest may have open, those given to it included; beyond it `sock_accept` answers `mfile`,
    /// and what makes a socket for a component answers `new-socket-limit`.
    pub fn max_sockets(mut self, count: usize) -> HostBuilder {
        self.given.limits.sockets = Some(count);
        self
    }

    /// The longest that the guest may run; then it is ended. Compiling it doesn't count.
    pub fn timeout(mut self, limit: Duration) -> HostBuilder {
        self.given.limits.time = Some(limit);
        self
    }

    /// Ends connections of the guest on which nothing has moved for so long: it finds that the peer is gone. Not for
    /// components.
    pub fn idle_timeout(mut self, limit: Duration) -> HostBuilder {
        self.given.limits.idle = Some(limit);
        self
    }

    /// The most that each memory of the guest may have, in bytes; growing beyond it fails in the guest.
    pub fn max_memory_size(mut self, bytes: usize) -> HostBuilder {
        self.given.limits.one_memory_bytes = Some(bytes);
        self
    }

    /// The most elements that each table of the guest may have; growing beyond it fails in the guest.
    pub fn max_table_elements(mut self, count: usize) -> HostBuilder {
        self.given.limits.table_elements = Some(count);
        self
    }

    /// The most memories that the guest may have, with those of modules loaded before it.
    pub fn max_memories(mut self, count: usize) -> HostBuilder {
        self.given.limits.memories = Some(count);
        self
    }

    /// The most tables that the guest may have, with those of modules loaded before it.
    pub fn max_tables(mut self, count: usize) -> HostBuilder {
        self.given.limits.tables = Some(count);
        self
    }

    /// The most instances: the guest is one, each module loaded before it another one.
    pub fn max_instances(mut self, count: usize) -> HostBuilder {
        self.given.limits.instances = Some(count);
        self
    }

    /// Makes growing a memory or a table beyond a limit a trap.
    pub fn trap_on_grow_failure(mut self) -> HostBuilder {
        self.given.limits.traps_on_grow_failure = true;
        self
    }

    /// The most that the guest may compute, in Wasmtime's units: about one for each instruction. Then it is ended.
    pub fn fuel(mut self, units: u64) -> HostBuilder {
        self.given.limits.fuel = Some(units);
        self
    }

    /// The most that one call of the guest may make this host copy, in about bytes; a call for more is a trap.
    pub fn hostcall_fuel(mut self, units: usize) -> HostBuilder {
        self.given.limits.host_call_fuel = Some(units);
        self
    }

    /// The most random bytes that one call of the guest may ask for; a call for more is a trap.
    pub fn max_random_size(mut self, bytes: u64) -> HostBuilder {
        self.given.limits.random_bytes = Some(bytes);
        self
    }

    /// The most resources of this host that a component may have at a time, such as sockets, streams and pollables;
    /// wanting more is a trap.
    pub fn max_resources(mut self, count: usize) -> HostBuilder {
        self.given.limits.resources = Some(count);
        self
    }

    /// The most handles of resources that a component may have at a time; wanting more is a trap.
    pub fn max_component_handles(mut self, count: usize) -> HostBuilder {
        self.given.limits.handles = Some(count);
        self
    }
}
