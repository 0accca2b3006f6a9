//! The options that grant a component its network.

use clap::Args;
use selectio_host::HostBuilder;

/// What a component may do in the network.
#[derive(Args)]
pub(super) struct Network {
    /// Let a component bind, listen on and connect to an address with TCP: IP:PORT (port 0: any free one), IP:*, IP,
    /// IP/PREFIX, *:PORT, NAME:PORT
    #[arg(long = "allow-tcp", value_name = "ADDR", help_heading = "Network of components")]
    tcp: Vec<String>,

    /// The same with UDP; who has sent something to an address that it has bound may be answered
    #[arg(long = "allow-udp", value_name = "ADDR", help_heading = "Network of components")]
    udp: Vec<String>,

    /// Let a component look up all names; those in --allow-tcp and --allow-udp it may look up anyway
    #[arg(long = "allow-names", help_heading = "Network of components")]
    names: bool,

    /// Let a component use all addresses with TCP and UDP, but not look up names
    #[arg(long = "inherit-network", help_heading = "Network of components")]
    everything: bool,
}

impl Network {
    pub(super) fn apply(self, mut builder: HostBuilder) -> HostBuilder {
        for address in self.tcp {
            builder = builder.allow_tcp(address);
        }
        for address in self.udp {
            builder = builder.allow_udp(address);
        }
        if self.names {
            builder = builder.allow_name_lookup();
        }
        if self.everything {
            builder = builder.inherit_network();
        }
        builder.on_refusal(|refusal| crate::say(&format!("selectio: {refusal}")))
    }
}
