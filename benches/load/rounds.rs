//! Who is measured when: in each round all servers, one after the other, so that a slow minute of the machine is not
//! one server's.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::cores::Cores;
use crate::crowd;
use crate::disturbance::Watch;
use crate::echoes::{Clients, Seen};
use crate::figures::{Cell, Figures, Memory, Row};
use crate::machine;
use crate::payload::Payload;
use crate::plan::{Column, Group, Load, Plan};
use crate::running::{Running, own_cpu_time_ns};
use crate::server::Server;
use crate::syscalls;
use crate::visits;

/// The longest message, which is that of the longest column.
const LENGTH_MAX: usize = 16 * 1024;

/// How long the idle connections of a server may take to open.
const GATHERING_MAX: Duration = Duration::from_secs(15);

/// A measurement is preceded by this part of it, which is not counted.
const WARM_UP_PART: u32 = 5;

struct Session<'a> {
    plan: &'a Plan,
    cores: Cores,
    payload: Payload,
    start: Instant,
    figures: Figures,
    rounds_done: usize,
    steps_done: usize,
    steps: usize,
}

/// Measures all servers.
pub fn measure(plan: &Plan, cores: &Cores, servers: &[Server]) -> Result<Figures> {
    let columns: Vec<Column> = plan.columns().collect();
    let rows = servers.iter().map(|server| Row::new(&server.name, columns.len())).collect();
    let groups: usize = plan.groups.iter().map(|group| group.rounds).sum();
    let mut session = Session {
        plan,
        cores: *cores,
        payload: Payload::new(LENGTH_MAX),
        start: Instant::now(),
        figures: Figures {
            machine: machine::describe(&machine::echo_peers()),
            remarks: plan.remarks.clone(),
            columns,
            rows,
        },
        rounds_done: 0,
        steps_done: 0,
        steps: (groups + 1) * servers.len(),
    };
    session.count_system_calls(servers);
    for round in 0..plan.rounds {
        if round > 0 && !session.has_time_for(round) {
            let text = format!("only {round} of {} rounds were measured: the time was over", plan.rounds);
            session.remark(text);
            break;
        }
        session.rounds_done = round;
        for group in plan.groups.iter().filter(|group| round < group.rounds) {
            for (row, server) in servers.iter().enumerate() {
                session.step(&format!("round {} of {}, {} idle: {}", round + 1, plan.rounds, group.idle, server.name));
                if let Err(error) = session.measure_group(row, server, group) {
                    session.remark(format!("{} with {} idle connections: {error:#}", server.name, group.idle));
                }
            }
        }
    }
    Ok(session.figures)
}

impl Session<'_> {
    /// Whether another round fits, after so many.
    fn has_time_for(&self, rounds_done: usize) -> bool {
        let elapsed = self.start.elapsed();
        elapsed + elapsed / u32::try_from(rounds_done).unwrap_or(1) < self.plan.whole_time_max
    }

    /// Whether this round has used up its share of the time, so that nothing is repeated in it any more.
    fn is_late(&self) -> bool {
        let share = self.plan.whole_time_max / u32::try_from(self.plan.rounds).unwrap_or(1);
        self.start.elapsed() > share * u32::try_from(self.rounds_done + 1).unwrap_or(1)
    }

    fn step(&mut self, what: &str) {
        self.steps_done += 1;
        eprintln!("[{}/{}, {} s] {what}", self.steps_done, self.steps, self.start.elapsed().as_secs());
    }

    fn remark(&mut self, text: String) {
        eprintln!("{text}");
        self.figures.remarks.push(text);
    }

    fn count_system_calls(&mut self, servers: &[Server]) {
        for (row, server) in servers.iter().enumerate() {
            self.step(&format!("system calls: {}", server.name));
            match syscalls::count(server, self.cores, &self.payload) {
                Ok(count) => self.figures.rows[row].system_calls = Some(count),
                Err(error) => self.remark(format!("system calls of {} are not counted: {error:#}", server.name)),
            }
        }
    }

    /// Opens the idle connections, and measures the columns beside them.
    fn measure_group(&mut self, row: usize, server: &Server, group: &Group) -> Result<()> {
        let running = Running::start(server, self.cores)?;
        // What a server makes at its first connection is no cost of the others.
        let first = crowd::gather(running.address, 1, &self.payload, GATHERING_MAX)?;
        let before = running.memory()?;
        let idle = crowd::gather(running.address, group.idle, &self.payload, GATHERING_MAX)?;
        drop(first);
        if group.idle > 0 {
            let resident = running.memory()?;
            let per_connection = resident.saturating_sub(before) as f64 / group.idle as f64;
            self.figures.rows[row].offer_memory(Memory { connections: group.idle, resident, per_connection });
        } else {
            self.figures.rows[row].offer_memory(Memory { connections: 0, resident: before, per_connection: 0.0 });
        }
        for column in group.columns.iter().filter(|column| server.is_pipelined || !column.is_pipelined()) {
            let place = self.figures.columns.iter().position(|known| known == column).unwrap_or(0);
            for _ in 0..=self.plan.repeats_max {
                let cell = self.measure_column(&running, *column)?;
                let is_disturbed = cell.is_disturbed;
                self.figures.rows[row].offer(place, cell);
                if !is_disturbed || self.is_late() {
                    break;
                }
            }
        }
        // The server goes first, so that the ports of the clients are free at once.
        drop(running);
        drop(idle);
        Ok(())
    }

    fn measure_column(&self, running: &Running, column: Column) -> Result<Cell> {
        let (count, time) = (self.plan.echoes_max, self.plan.time_max);
        let (warm_up_count, warm_up_time) = (count / WARM_UP_PART as usize, time / WARM_UP_PART);
        match column.load {
            Load::Echoes { clients, length, batch } => {
                let mut clients = Clients::connect(running.address, &self.payload, clients, length, batch)?;
                clients.run(warm_up_count, warm_up_time)?;
                self.measure_load(running, || clients.run(count, time))
            }
            Load::Visits { length } => {
                let visits = |count, time| visits::run(running.address, &self.payload, length, count, time);
                visits(warm_up_count, warm_up_time)?;
                self.measure_load(running, || visits(count, time))
            }
        }
    }

    fn measure_load(&self, running: &Running, load: impl FnOnce() -> Result<Seen>) -> Result<Cell> {
        let before = running.cpu_time_ns()?;
        let watch = Watch::begin(self.cores)?;
        let own_before = own_cpu_time_ns()?;
        let start = Instant::now();
        let seen = load()?;
        let spent = start.elapsed();
        let own = own_cpu_time_ns()? - own_before;
        let cpu = running.cpu_time_ns()? - before;
        let is_disturbed = watch.is_disturbed(Duration::from_nanos(own + cpu))?;
        Ok(Cell::new(seen, spent, cpu, own, is_disturbed))
    }
}
