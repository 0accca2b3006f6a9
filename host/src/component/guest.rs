//! The state of one running component.

use super::interfaces::stdio::WriterStream;
use crate::counters::Counters;
use crate::error::Error;
use crate::given::Given;
use crate::memory_limit::MemoryLimit;
use crate::network::Access;
use crate::shutdown::Channel;
use crate::stdio::Output;
use crate::wasi_context;
use std::sync::Arc;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// What the host's interfaces work on; the data of the Wasmtime store.
pub(crate) struct ComponentGuest {
    wasi: WasiCtx,
    pub(super) table: ResourceTable,
    pub(crate) memory_limit: MemoryLimit,
    pub(super) access: Arc<Access>,
    pub(super) counters: Arc<Counters>,
    pub(super) shutdown: Option<Arc<Channel>>,
    /// To be called when the guest waits for the first time.
    pub(super) first_wait: Option<Box<dyn FnOnce() + Send>>,
    /// Its last wait has given the runtime no time to look at sockets and clocks.
    pub(super) has_hurried: bool,
    /// How many sockets it has open.
    pub(super) sockets: usize,
    pub(super) sockets_max: usize,
    /// Its TCP sockets are left as the system makes them.
    pub(super) gathers_small_writes: bool,
}

impl ComponentGuest {
    /// The state of the guest before its first instruction.
    pub(crate) fn new(
        given: &Given,
        channel: &Option<Arc<Channel>>,
        counters: &Arc<Counters>,
        first_wait: impl FnOnce() + Send + 'static,
    ) -> Result<ComponentGuest, Error> {
        let mut table = ResourceTable::new();
        if let Some(count) = given.limits.resources {
            table.set_max_capacity(count);
        }
        Ok(ComponentGuest {
            wasi: wasi(given)?,
            table,
            memory_limit: MemoryLimit::new(&given.limits, Arc::clone(counters)),
            access: Arc::clone(&given.network),
            counters: Arc::clone(counters),
            shutdown: channel.clone(),
            first_wait: Some(Box::new(first_wait)),
            has_hurried: false,
            sockets: 0,
            sockets_max: given.limits.sockets.unwrap_or(usize::MAX),
            gathers_small_writes: given.gathers_small_writes,
        })
    }
}

impl WasiView for ComponentGuest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

fn wasi(given: &Given) -> Result<WasiCtx, Error> {
    let mut wasi = wasi_context::builder(given)?;
    if !given.has_no_input {
        wasi.inherit_stdin();
    }
    match &given.output {
        Output::Process => wasi.inherit_stdout(),
        Output::Writer(writer) => wasi.stdout(WriterStream(Arc::clone(writer))),
    };
    match &given.error_output {
        Output::Process => wasi.inherit_stderr(),
        Output::Writer(writer) => wasi.stderr(WriterStream(Arc::clone(writer))),
    };
    if let Some(bytes) = given.limits.random_bytes {
        wasi.max_random_size(bytes);
    }
    // A socket is made in any case, unless it was forbidden by name: what is refused then has an address, which the
    // operator is told.
    wasi.allow_tcp(!given.network.no_tcp).allow_udp(!given.network.no_udp);
    // Names are checked before.
    wasi.allow_ip_name_lookup(true);
    let access = Arc::clone(&given.network);
    wasi.socket_addr_check(move |address, usage| {
        let is_allowed = access.allows(address, usage);
        Box::pin(async move { is_allowed })
    });
    Ok(wasi.build())
}
