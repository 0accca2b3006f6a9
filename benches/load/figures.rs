//! What was measured.

use std::time::Duration;

use serde::Serialize;

use crate::echoes::Seen;
use crate::plan::Column;

/// Everything that was measured, as it is written to figures.json.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// What it was measured on, a line for each fact.
    pub machine: Vec<String>,
    /// What was left out or went wrong.
    pub remarks: Vec<String>,
    /// The columns, in the order of the cells of each row.
    pub columns: Vec<Column>,
    /// A row for each server.
    pub rows: Vec<Row>,
}

/// What was measured of a server.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The server's name.
    pub server: String,
    /// One for each column; `None` where the column is not about this server, or was left out.
    pub cells: Vec<Option<Cell>>,
    /// The memory at each number of idle connections.
    pub memory: Vec<Memory>,
    /// How many system calls an echo of one client takes.
    pub system_calls: Option<f64>,
}

/// The best measurement of one server in one column.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// The server's CPU time for each echo, in microseconds.
    pub cpu_us: f64,
    /// This process's CPU time for each echo, in microseconds.
    pub load_cpu_us: f64,
    /// Echoes in a second.
    pub echoes_per_second: f64,
    /// So long half of the messages were under way at most, in microseconds.
    pub latency_p50_us: f64,
    /// So long 99 of 100 messages were under way at most, in microseconds.
    pub latency_p99_us: f64,
    /// How many echoes were measured.
    pub echoes: usize,
    /// Whether other processes were busy on the same cores in every round.
    pub is_disturbed: bool,
}

/// The memory of a server with idle connections.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Memory {
    /// How many connections are open and have sent a line each.
    pub connections: usize,
    /// The resident set in bytes.
    pub resident: u64,
    /// By how many bytes it has grown for each of them.
    pub per_connection: f64,
}

impl Cell {
    /// Puts a measurement together.
    pub fn new(mut seen: Seen, spent: Duration, cpu_ns: u64, load_cpu_ns: u64, is_disturbed: bool) -> Cell {
        seen.latencies_ns.sort_unstable();
        let echoes = seen.echoes.max(1) as f64;
        let percentile = |percent: usize| {
            let index = seen.latencies_ns.len() * percent / 100;
            seen.latencies_ns.get(index).map_or(0.0, |&latency| latency as f64 / 1000.0)
        };
        Cell {
            cpu_us: cpu_ns as f64 / 1000.0 / echoes,
            load_cpu_us: load_cpu_ns as f64 / 1000.0 / echoes,
            echoes_per_second: echoes / spent.as_secs_f64(),
            latency_p50_us: percentile(50),
            latency_p99_us: percentile(99),
            echoes: seen.echoes,
            is_disturbed,
        }
    }

    /// Noise only adds, so the lower is the better one; one that was not disturbed is better than any that was.
    fn is_better_than(&self, other: &Cell) -> bool {
        (self.is_disturbed, self.cpu_us) < (other.is_disturbed, other.cpu_us)
    }
}

impl Row {
    /// Of a server that nothing is known of.
    pub fn new(server: &str, columns: usize) -> Row {
        Row { server: server.to_owned(), cells: vec![None; columns], memory: Vec::new(), system_calls: None }
    }

    /// Keeps a measurement if it is the best.
    pub fn offer(&mut self, column: usize, cell: Cell) {
        let best = &mut self.cells[column];
        if best.as_ref().is_none_or(|best| cell.is_better_than(best)) {
            *best = Some(cell);
        }
    }

    /// Keeps the memory of a number of connections if it is the lowest.
    pub fn offer_memory(&mut self, memory: Memory) {
        match self.memory.iter_mut().find(|known| known.connections == memory.connections) {
            Some(known) if memory.per_connection < known.per_connection => *known = memory,
            Some(_) => {}
            None => self.memory.push(memory),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Cell, Row};
    use crate::echoes::Seen;

    fn cell(cpu_us: u64, is_disturbed: bool) -> Cell {
        let seen = Seen { echoes: 100, latencies_ns: (1..=100).rev().map(|number| number * 1000).collect() };
        Cell::new(seen, Duration::from_secs(2), cpu_us * 100_000, 0, is_disturbed)
    }

    #[test]
    fn figures_are_about_one_echo() {
        let cell = cell(7, false);
        let figures = [cell.cpu_us, cell.echoes_per_second, cell.latency_p50_us, cell.latency_p99_us];
        assert_eq!(figures, [7.0, 50.0, 51.0, 100.0]);
    }

    #[test]
    fn the_best_is_the_lowest_that_was_not_disturbed() {
        let mut row = Row::new("a server", 1);
        for (cpu_us, is_disturbed) in [(5, true), (9, false), (8, false), (8, true), (10, false)] {
            row.offer(0, cell(cpu_us, is_disturbed));
        }
        let best = row.cells[0].as_ref().expect("a cell");
        assert!(best.cpu_us == 8.0 && !best.is_disturbed, "{best:?}");
    }
}
