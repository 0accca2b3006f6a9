//! Measures echo servers side by side: selectio, and the event loops that people would pick in its place.
//!
//! ```sh
//! cargo xtask bench            # at most ten minutes; rewrites the figures of BENCHMARKS.md
//! cargo xtask bench --quick    # less of everything; leaves BENCHMARKS.md as it is
//! cargo xtask bench --guests   # only what runs as a guest, in at most five minutes; rewrites that part of BENCHMARKS.md
//! cargo xtask bench --programs # the larger examples beside other servers, in at most ten minutes; rewrites that part
//! ```
//!
//! | file | what it does |
//! |---|---|
//! | `plan.rs` | what is measured, and how much of it |
//! | `server.rs`, `builds.rs` | the servers, and how they are built |
//! | `running.rs` | one server that runs: its CPU time, its memory |
//! | `crowd.rs` | connections that are open and silent |
//! | `echoes.rs`, `visits.rs` | the load: echoes on open connections, and connections that come and go |
//! | `payload.rs` | what is sent, and whether that came back |
//! | `rounds.rs` | who is measured when, and what the best figure is |
//! | `cores.rs`, `disturbance.rs` | who runs where, and whether somebody else did |
//! | `syscalls.rs` | counts system calls |
//! | `figures.rs`, `table.rs`, `plots.rs`, `document.rs`, `machine.rs` | what comes of it |
//! | `programs/` | the larger example programs, with loads of their own |

#![forbid(unsafe_code)]

mod builds;
mod cores;
mod crowd;
mod disturbance;
mod document;
mod echoes;
mod figures;
mod machine;
mod payload;
mod plan;
mod plots;
mod programs;
mod rounds;
mod running;
mod server;
mod syscalls;
mod table;
mod visits;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use selectio_driver::cargo;

use cores::Cores;
use plan::{Extent, Plan};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let extent = Extent::of_arguments(&arguments)?;
    let cores = Cores::take()?;
    let descriptors_max = cores::raise_descriptor_limit()?;
    let folder = document::results_folder(cargo::workspace_folder(), extent);
    fs::create_dir_all(&folder)?;
    let text = if extent == Extent::Programs {
        measure_programs(cores, &folder)?
    } else {
        measure_echoes(extent, cores, descriptors_max, &folder)?
    };
    document::rewrite(cargo::workspace_folder(), extent, &text)?;
    println!("{text}");
    eprintln!("written to {}", folder.display());
    Ok(())
}

fn measure_programs(cores: Cores, folder: &Path) -> Result<String> {
    let figures = programs::measure(cores)?;
    fs::write(folder.join("figures.json"), serde_json::to_string_pretty(&figures)? + "\n")?;
    Ok(programs::render(&figures))
}

fn measure_echoes(extent: Extent, cores: Cores, descriptors_max: u64, folder: &Path) -> Result<String> {
    let plan = Plan::new(extent, descriptors_max);
    let mut servers = builds::servers()?;
    servers.retain(|server| extent != Extent::Guests || server.is_beside_guests());
    let figures = rounds::measure(&plan, &cores, &servers)?;
    fs::write(folder.join("figures.json"), serde_json::to_string_pretty(&figures)? + "\n")?;
    plots::draw(&figures, folder)?;
    Ok(table::render(&figures))
}
