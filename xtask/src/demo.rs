//! `cargo xtask demo`: one program, two worlds, the same conversation.

use std::env;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use selectio_driver::cargo::{self, WASM_TARGET};
use selectio_driver::transcript::{self, Transcript, Verdict};
use selectio_driver::{Host, Program, System, World, conversation, system, wine};

use crate::hand_over;
use crate::table::side_by_side;
use crate::toolchain;

/// The example that is played with.
const EXAMPLE: &str = "chat";

/// Does it once more, with everything on `system`.
pub fn run_on(system: System) -> Result<ExitCode> {
    let mut again = Command::new(env::current_exe().context("the path of this program is unknown")?);
    again.arg("demo").env(system::VARIABLE, system.name());
    hand_over::to(again)
}

/// Plays the conversation in both worlds and compares. The exit code is the verdict.
pub fn run() -> Result<ExitCode> {
    toolchain::ensure_target(WASM_TARGET)?;
    let is_on_wine = System::chosen()? == System::Wine;
    if is_on_wine {
        toolchain::ensure_target(wine::TARGET)?;
    }
    let host = Host::at_hand()?;
    if host == Host::Selectio {
        cargo::example_and_host(EXAMPLE)?;
    }
    let (native_heading, native) = play(host, World::Native)?;
    let (wasm_heading, wasm) = play(host, World::Wasm)?;
    if is_on_wine {
        wine::shut_down()?;
    }

    println!("\n{}", side_by_side([&native_heading, &wasm_heading], &native.lines, &wasm.lines));
    let mut as_expected = true;
    for (world, transcript) in [(World::Native, &native), (World::Wasm, &wasm)] {
        let deviations = &transcript.deviations;
        if is_on_wine && !deviations.is_empty() {
            // The comparison below has both of them tell it in the same way.
            let count = deviations.len();
            println!("{count} lines are others than on Windows ({world}): a reset reads as an end on Wine 8");
            continue;
        }
        for deviation in deviations {
            println!("not what the script expects ({world}): {deviation}");
            as_expected = false;
        }
    }
    match transcript::compare(&native, &wasm) {
        Verdict::Identical { lines_received } => println!("identical: {lines_received} lines"),
        Verdict::Different { indices } => {
            println!("different: {} lines", indices.len());
            for index in indices {
                println!("  native: {}", line(&native, index));
                println!("  wasm:   {}", line(&wasm, index));
            }
            as_expected = false;
        }
    }
    Ok(if as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts the example in `world` and plays the conversation against it; returns the heading for the transcript, and it.
fn play(host: Host, world: World) -> Result<(String, Transcript)> {
    let program = Program::start_on(host, EXAMPLE, world, &[])?;
    eprintln!("example {EXAMPLE} ({world}) listens on {}; three clients play the script", program.address);
    let transcript = conversation::play(program.address);
    let place = match System::chosen()? {
        System::This => "",
        System::Wine => " on Wine",
    };
    Ok((format!("{world}{place}, {}", program.address), transcript))
}

fn line(transcript: &Transcript, index: usize) -> &str {
    transcript.lines.get(index).map_or("(no such line)", String::as_str)
}
