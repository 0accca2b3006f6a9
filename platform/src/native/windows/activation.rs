//! Sockets passed by a supervisor: there is no such thing on this system.

use std::io;

use crate::Preopen;

/// None.
pub fn discover() -> io::Result<Vec<Preopen>> {
    Ok(Vec::new())
}
