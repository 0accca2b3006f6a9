//! The tests of the library. The same bodies run natively and as a guest, with a peer outside that plays the clients.

mod blocking;
mod connect;
mod contract;
mod datagrams;
mod delegate;
mod dispatcher;
mod lines;
mod sending;
mod sockets;
mod support;
mod timers;
