//! `cargo xtask demo`: one program, two worlds, the same conversation.

use std::process::ExitCode;

use anyhow::Result;
use selectio_driver::cargo::WASM_TARGET;
use selectio_driver::transcript::{self, Transcript, Verdict};
use selectio_driver::{Program, World, conversation};

use crate::table::side_by_side;
use crate::toolchain;

/// Plays the conversation in both worlds and compares. The exit code is the verdict.
pub fn run() -> Result<ExitCode> {
    toolchain::ensure_target(WASM_TARGET)?;
    let (native_heading, native) = play(World::Native)?;
    let (wasm_heading, wasm) = play(World::Wasm)?;

    println!("\n{}", side_by_side([&native_heading, &wasm_heading], &native.lines, &wasm.lines));
    let mut as_expected = true;
    for (world, transcript) in [(World::Native, &native), (World::Wasm, &wasm)] {
        for deviation in &transcript.deviations {
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

/// Starts chat in `world` and plays the conversation against it; returns the heading for the transcript, and it.
fn play(world: World) -> Result<(String, Transcript)> {
    let program = Program::start("chat", world, &[])?;
    eprintln!("example chat ({world}) listens on {}; three clients play the script", program.address);
    let transcript = conversation::play(program.address);
    Ok((format!("{world}, {}", program.address), transcript))
}

fn line(transcript: &Transcript, index: usize) -> &str {
    transcript.lines.get(index).map_or("(no such line)", String::as_str)
}
