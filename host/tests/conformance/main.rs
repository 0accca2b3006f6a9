//! What a guest sees of the host functions: small guests of raw imports, one
//! behaviour each, against peers on loopback.

mod clocks;
mod command;
mod descriptors;
mod functions;
mod guest;
mod hostile;
mod limits;
mod nagle;
mod notes;
mod other_host;
mod poll;
mod shutdown;
mod sockets;
mod std_guest;
