//! Who is measured when: in each round all servers, one after the other, each started anew and alone.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::client;
use super::figures::{Cell, Figures, Table};
use super::load::{Load, Program};
use super::versions;
use crate::cores::Cores;
use crate::disturbance::Watch;
use crate::machine;
use crate::running::{Running, own_cpu_time_ns};
use crate::server::Server;

/// How often everything is measured; the best counts.
const ROUNDS: u32 = 7;
/// All rounds together end within this time, or nearly: the first is always whole.
const WHOLE_TIME_MAX: Duration = Duration::from_secs(560);

struct Session {
    cores: Cores,
    start: Instant,
    figures: Figures,
    steps_done: usize,
    steps: usize,
}

/// Measures all programs and those that they are compared with.
pub fn measure(programs: &[Program], cores: Cores, remarks: Vec<String>) -> Figures {
    let tables = programs.iter().map(Table::new).collect();
    let contenders: usize = programs.iter().map(|program| program.contenders.len()).sum();
    let mut session = Session {
        cores,
        start: Instant::now(),
        figures: Figures { machine: machine::describe(&versions::of_peers()), remarks, tables },
        steps_done: 0,
        steps: contenders * ROUNDS as usize,
    };
    for round in 0..ROUNDS {
        if round > 0 && !session.has_time_for(round) {
            session.remark(format!("only {round} of {ROUNDS} rounds were measured: the time was over"));
            break;
        }
        for (table, program) in programs.iter().enumerate() {
            for (row, server) in program.contenders.iter().enumerate() {
                session.step(&format!("round {} of {ROUNDS}, {}: {}", round + 1, program.title, server.name));
                if let Err(error) = session.measure_server((table, row), server, &program.loads) {
                    session.remark(format!("{}: {}", server.name, format!("{error:#}").trim()));
                }
            }
        }
    }
    session.figures
}

impl Session {
    /// Whether another round fits, after so many.
    fn has_time_for(&self, rounds_done: u32) -> bool {
        let elapsed = self.start.elapsed();
        elapsed + elapsed / rounds_done < WHOLE_TIME_MAX
    }

    fn step(&mut self, what: &str) {
        self.steps_done += 1;
        eprintln!("[{}/{}, {} s] {what}", self.steps_done, self.steps, self.start.elapsed().as_secs());
    }

    /// Notes what went wrong; once, if it does in each round.
    fn remark(&mut self, text: String) {
        eprintln!("{text}");
        if !self.figures.remarks.contains(&text) {
            self.figures.remarks.push(text);
        }
    }

    fn measure_server(&mut self, place: (usize, usize), server: &Server, loads: &[Load]) -> Result<()> {
        let running = Running::start(server, self.cores)?;
        for (column, load) in loads.iter().enumerate() {
            let cell = self.measure_load(&running, load)?;
            self.figures.tables[place.0].rows[place.1].offer(column, cell);
        }
        Ok(())
    }

    fn measure_load(&self, running: &Running, load: &Load) -> Result<Cell> {
        let mut run = (load.prepare)(running.address)?;
        let before = running.cpu_time_ns()?;
        let watch = Watch::begin(self.cores)?;
        let load_before = load_cpu_time()?;
        let done = run()?;
        let load = load_cpu_time()?.saturating_sub(load_before);
        let cpu = running.cpu_time_ns()? - before;
        let is_disturbed = watch.is_disturbed(load + Duration::from_nanos(cpu))?;
        Ok(Cell::new(done, cpu, is_disturbed))
    }
}

/// The CPU time of this process and of the clients that it has started.
fn load_cpu_time() -> Result<Duration> {
    Ok(Duration::from_nanos(own_cpu_time_ns()?) + client::cpu_time_of_ended()?)
}
