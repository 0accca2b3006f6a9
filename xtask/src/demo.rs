//! `cargo xtask demo`: one program, three worlds, the same conversation.

use std::env;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use selectio_driver::cargo;
use selectio_driver::transcript::{self, Transcript, Verdict};
use selectio_driver::{Host, Program, System, World, conversation, system, wine};

use crate::hand_over;
use crate::table::{self, side_by_side};
use crate::toolchain;

/// The example that is played with.
const EXAMPLE: &str = "chat";

/// Does it once more, with everything on `system`.
pub fn run_on(system: System) -> Result<ExitCode> {
    let mut again = Command::new(env::current_exe().context("the path of this program is unknown")?);
    again.arg("demo").env(system::VARIABLE, system.name());
    hand_over::to(again)
}

/// Plays the conversation in every world and compares. The exit code is the verdict.
pub fn run() -> Result<ExitCode> {
    let host = Host::at_hand()?;
    let worlds = worlds(host);
    for target in worlds.iter().filter_map(|world| world.guest_target()) {
        toolchain::ensure_target(target)?;
    }
    let is_on_wine = System::chosen()? == System::Wine;
    if is_on_wine {
        toolchain::ensure_target(wine::TARGET)?;
    }
    if host == Host::Selectio {
        cargo::example_and_host(EXAMPLE)?;
    }
    let columns: Vec<Column> = worlds.into_iter().map(|world| Column::play(host, world)).collect::<Result<_>>()?;
    if is_on_wine {
        wine::shut_down()?;
    }

    let table: Vec<_> = columns.iter().map(|it| (it.heading.as_str(), it.transcript.lines.as_slice())).collect();
    println!("\n{}", side_by_side(&table, table::width()));
    let as_scripted = columns.iter().map(|column| column.tell_deviations(is_on_wine)).fold(true, |all, one| all & one);
    let is_same = tell_verdict(&columns);
    Ok(if as_scripted && is_same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Those that there can be; a line says what is missing.
fn worlds(host: Host) -> Vec<World> {
    let (there, missing): (Vec<World>, Vec<World>) =
        World::ALL.into_iter().partition(|world| *world == World::Native || host.worlds().contains(world));
    for world in missing {
        eprintln!("without {world}: {host} has no sockets for such guests");
    }
    there
}

/// The conversation in one world.
struct Column {
    world: World,
    heading: String,
    transcript: Transcript,
}

impl Column {
    /// Starts the example in `world` and plays the conversation against it.
    fn play(host: Host, world: World) -> Result<Column> {
        let program = Program::start_on(host, EXAMPLE, world, &[])?;
        eprintln!("example {EXAMPLE} ({world}) listens on {}; three clients play the script", program.address);
        let transcript = conversation::play(program.address);
        let place = match System::chosen()? {
            System::This => "",
            System::Wine => " on Wine",
        };
        Ok(Column { world, heading: format!("{world}{place}, {}", program.address), transcript })
    }

    /// Says what is not as in the script. Whether nothing is that should be.
    fn tell_deviations(&self, is_on_wine: bool) -> bool {
        let (world, deviations) = (self.world, &self.transcript.deviations);
        if is_on_wine && !deviations.is_empty() {
            // The comparison has all of them tell it in the same way.
            let count = deviations.len();
            println!("{count} lines are others than on Windows ({world}): a reset reads as an end on Wine 8");
            return true;
        }
        for deviation in deviations {
            println!("not what the script expects ({world}): {deviation}");
        }
        deviations.is_empty()
    }

    fn line(&self, index: usize) -> &str {
        self.transcript.lines.get(index).map_or("(no such line)", String::as_str)
    }
}

/// Says whether all transcripts are the same, and if not, which lines are others in which worlds.
fn tell_verdict(columns: &[Column]) -> bool {
    let transcripts: Vec<&Transcript> = columns.iter().map(|column| &column.transcript).collect();
    match transcript::compare(&transcripts) {
        Verdict::Identical { lines_received } => {
            println!("identical: {lines_received} lines");
            true
        }
        Verdict::Different { indices } => {
            println!("different: {} lines", indices.len());
            for index in indices {
                println!();
                for column in columns {
                    println!("  {:<8}{}", format!("{}:", column.world.name()), column.line(index));
                }
            }
            false
        }
    }
}
