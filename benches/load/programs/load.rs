//! What is measured.

use std::net::SocketAddr;

use anyhow::Result;

use crate::server::Server;

/// One of the example programs, beside what people would use in its place.
pub struct Program {
    /// What it speaks.
    pub title: &'static str,
    /// What the figures are for one of.
    pub unit: &'static str,
    /// The contender that all are compared with.
    pub peer: &'static str,
    /// The rows of the table.
    pub contenders: Vec<Server>,
    /// Its columns.
    pub loads: Vec<Load>,
}

/// One way to keep a server busy.
pub struct Load {
    /// The heading of its column.
    pub title: String,
    /// Makes clients of the server at this address, checks that it answers as it has to, and warms it up.
    pub prepare: Box<dyn Fn(SocketAddr) -> Result<Run>>,
}

/// Does what is measured.
pub type Run = Box<dyn FnMut() -> Result<Done>>;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Done {
    /// How many requests were answered.
    pub requests: u64,
    /// And how many in a second.
    pub per_second: f64,
}
