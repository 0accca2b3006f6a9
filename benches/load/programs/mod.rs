//! Measures the larger example programs beside what people would use in their place.
//!
//! | file | what it does |
//! |---|---|
//! | `load.rs` | what is measured: a program, its contenders, and what is done to them |
//! | `contenders.rs`, `installed.rs` | what is built here, and what this machine has |
//! | `http.rs`, `redis.rs`, `websocket.rs` | the loads: clients that others wrote for the first two, an own one for the third |
//! | `client.rs` | a client that is a process of its own |
//! | `rounds.rs` | who is measured when |
//! | `figures.rs`, `table.rs`, `versions.rs` | what comes of it |

mod client;
mod contenders;
mod figures;
mod http;
mod installed;
mod load;
mod redis;
mod rounds;
mod table;
mod versions;
mod websocket;

use anyhow::Result;

use crate::cores::Cores;

pub use figures::Figures;
pub use table::render;

/// Builds what is measured, and measures it. What this machine lacks something for is left out, with a word.
pub fn measure(cores: Cores) -> Result<Figures> {
    let built = contenders::build()?;
    let mut remarks = Vec::new();
    let programs = [http::program(&built, &mut remarks)?, redis::program(&built, &mut remarks)?];
    let programs = programs.into_iter().flatten().chain([websocket::program(&built)?]);
    for remark in &remarks {
        eprintln!("{remark}");
    }
    Ok(rounds::measure(&programs.collect::<Vec<_>>(), cores, remarks))
}
