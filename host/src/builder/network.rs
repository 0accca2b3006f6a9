//! What a component gets of the network.

use super::HostBuilder;
use std::sync::Arc;

impl HostBuilder {
    /// Lets a component use an address with TCP: to bind it, to listen there, to connect to it. Without any grant it has
    /// no network.
    ///
    /// An address is written `IP:PORT`, `IP:*`, `IP`, `IP/PREFIX`, `*:PORT`, `*`, `NAME:PORT` or `NAME:*`, with brackets
    /// around an IPv6 address that has a port. Port 0 is one that the system chooses for a listener. A name is looked up
    /// once, by [`HostBuilder::build`], and grants the addresses that it has then; the program may look it up, too.
    ///
    /// ```
    /// use selectio_host::{Error, Host};
    ///
    /// # fn main() -> Result<(), Error> {
    /// // A component that does nothing, and may listen on any free port of this machine.
    /// let component = r#"(component
    ///     (core module $program (func (export "run") (result i32) (i32.const 0)))
    ///     (core instance $instance (instantiate $program))
    ///     (func $run (result (result)) (canon lift (core func $instance "run")))
    ///     (instance (export "wasi:cli/run@0.2.0") (export "run" (func $run))))"#;
    /// let host = Host::builder()
    ///     .module_bytes("component.wat", component)
    ///     .allow_tcp("127.0.0.1:0")
    ///     .on_refusal(|refusal| eprintln!("{refusal}"))
    ///     .build()?;
    /// assert_eq!(host.run()?, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn allow_tcp(mut self, address: impl Into<String>) -> HostBuilder {
        self.network.tcp.push(address.into());
        self
    }

    /// As [`HostBuilder::allow_tcp`], with UDP: to bind an address, and to send there and hear from there. A socket that
    /// was bound to an address that is granted hears from everybody, and who has sent something may be answered.
    pub fn allow_udp(mut self, address: impl Into<String>) -> HostBuilder {
        self.network.udp.push(address.into());
        self
    }

    /// Lets a component use every address, with TCP and UDP. Names are [another matter](HostBuilder::allow_name_lookup).
    pub fn inherit_network(mut self) -> HostBuilder {
        self.network.everything = true;
        self
    }

    /// Lets a component look up every name. To look one up tells whoever answers that it was asked for, so this is
    /// granted by itself.
    pub fn allow_name_lookup(mut self) -> HostBuilder {
        self.network.names = true;
        self
    }

    /// A component gets no TCP sockets, whatever else is granted.
    pub fn forbid_tcp(mut self) -> HostBuilder {
        self.network.no_tcp = true;
        self
    }

    /// A component gets no UDP sockets, whatever else is granted.
    pub fn forbid_udp(mut self) -> HostBuilder {
        self.network.no_udp = true;
        self
    }

    /// Lets the TCP sockets that a component makes gather small writes (Nagle's algorithm); otherwise they go out at once,
    /// but on Windows.
    pub fn gather_small_writes(mut self) -> HostBuilder {
        self.given.gathers_small_writes = true;
        self
    }

    /// Called when a component is refused a use of the network that is not granted: once for each, with one line that says
    /// what it wanted and how to allow it. Of very many only the first are told.
    pub fn on_refusal(mut self, tell: impl Fn(&str) + Send + Sync + 'static) -> HostBuilder {
        self.network.tell = Some(Arc::new(tell));
        self
    }

    /// Offers `network-error-code` of `wasi:sockets/network` to components, which is not stable yet.
    pub fn network_error_code(mut self) -> HostBuilder {
        self.link_options.has_network_error_code = true;
        self
    }
}
