//! What a guest sees of the host functions: small guests of raw imports, one
//! behaviour each, against peers on loopback.

mod clocks;
mod descriptors;
mod embedding;
mod functions;
mod guest;
mod hostile;
mod limits;
mod memory_limit;
mod notes;
mod other_host;
mod poll;
mod proposals;
mod sockets;
mod unstable;

// These start the command and look at it from outside, with programs and files that Linux has.
#[cfg(target_os = "linux")]
mod arrivals;
#[cfg(target_os = "linux")]
mod command;
#[cfg(target_os = "linux")]
mod compiled;
#[cfg(target_os = "linux")]
mod component;
#[cfg(target_os = "linux")]
mod component_endings;
#[cfg(target_os = "linux")]
mod component_guest;
#[cfg(target_os = "linux")]
mod component_hostile;
#[cfg(target_os = "linux")]
mod component_kinds;
#[cfg(target_os = "linux")]
mod component_network;
#[cfg(target_os = "linux")]
mod component_options;
#[cfg(target_os = "linux")]
mod component_shutdown;
#[cfg(target_os = "linux")]
mod crowd;
#[cfg(target_os = "linux")]
mod draining;
#[cfg(target_os = "linux")]
mod endings;
#[cfg(target_os = "linux")]
mod idle;
#[cfg(target_os = "linux")]
mod invoke;
#[cfg(target_os = "linux")]
mod log;
#[cfg(target_os = "linux")]
mod metrics;
#[cfg(target_os = "linux")]
mod nagle;
#[cfg(target_os = "linux")]
mod not_started;
#[cfg(target_os = "linux")]
mod observed;
#[cfg(target_os = "linux")]
mod precompiled;
#[cfg(target_os = "linux")]
mod refusals;
#[cfg(target_os = "linux")]
mod resets;
#[cfg(target_os = "linux")]
mod served;
#[cfg(target_os = "linux")]
mod shutdown;
#[cfg(target_os = "linux")]
mod slow_clients;
#[cfg(target_os = "linux")]
mod socket_limit;
#[cfg(target_os = "linux")]
mod std_guest;
#[cfg(target_os = "linux")]
mod stuck_worker;
#[cfg(target_os = "linux")]
mod supervisor;
#[cfg(target_os = "linux")]
mod texts;
#[cfg(target_os = "linux")]
mod trace;
#[cfg(target_os = "linux")]
mod traps;
#[cfg(target_os = "linux")]
mod unix_files;
#[cfg(target_os = "linux")]
mod wasmtime_options;
#[cfg(target_os = "linux")]
mod workers;
