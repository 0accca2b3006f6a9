//! `wasi:sockets/network`, which the errors of all other interfaces of sockets belong to.

use super::View;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::io::streams::Error;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, Host, HostNetwork};
use wasmtime_wasi::p2::{Network, SocketError};
use wasmtime_wasi::sockets::WasiSocketsView;

impl Host for View<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> Result<ErrorCode> {
        self.0.sockets().convert_error_code(error)
    }

    fn network_error_code(&mut self, error: Resource<Error>) -> Result<Option<ErrorCode>> {
        self.0.sockets().network_error_code(error)
    }
}

impl HostNetwork for View<'_> {
    fn drop(&mut self, network: Resource<Network>) -> Result<()> {
        HostNetwork::drop(&mut self.0.sockets(), network)
    }
}
