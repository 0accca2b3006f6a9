//! Runs the swarm by hand: `cargo xtask sim --seeds 100000`.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use selectio_swarm::{Failure, run};

/// Runs the dispatcher in simulated networks with random faults and checks what it promises.
#[derive(Debug, Parser)]
#[command(name = "selectio-swarm")]
struct CommandLine {
    /// How many seeds to run.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, value_name = "S", default_value_t = 0)]
    from: u64,
}

fn main() -> ExitCode {
    let CommandLine { seeds, from } = CommandLine::parse();
    let progress = ProgressBar::new(seeds);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} seeds, {per_sec}, {eta} left") {
        progress.set_style(style);
    }
    let line_count = AtomicUsize::new(0);
    let failure = first_failure(from, seeds, |lines| {
        line_count.fetch_add(lines, Ordering::Relaxed);
        progress.inc(1);
    });
    progress.finish_and_clear();
    match failure {
        None => {
            let last = from.saturating_add(seeds).saturating_sub(1);
            println!("{seeds} seeds from {from} to {last}: nothing found; {} lines came back", line_count.into_inner());
            ExitCode::SUCCESS
        }
        Some(failure) => {
            println!("{failure}");
            println!("again: cargo xtask sim --seeds 1 --from {}", failure.seed);
            ExitCode::FAILURE
        }
    }
}

/// Runs the seeds on all cores, each in order of its turn, until one fails.
fn first_failure(from: u64, seeds: u64, passed: impl Fn(usize) + Sync) -> Option<Failure> {
    let (next, failure) = (AtomicU64::new(0), Mutex::new(None));
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= seeds {
                return;
            }
            match run(from.wrapping_add(index)) {
                Ok(outcome) => passed(outcome.line_count),
                Err(found) => {
                    // The others end with the seed that they are at.
                    next.store(seeds, Ordering::Relaxed);
                    failure.lock().map(|mut failure| failure.get_or_insert(found).seed).ok();
                    return;
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    failure.into_inner().ok().flatten()
}
