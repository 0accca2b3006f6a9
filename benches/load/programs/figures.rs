//! What was measured.

use serde::Serialize;

use super::load::{Done, Program};

/// Everything that was measured, as it is written to figures.json.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// What it was measured on, a line for each fact.
    pub machine: Vec<String>,
    /// What was left out or went wrong.
    pub remarks: Vec<String>,
    /// One for each program.
    pub tables: Vec<Table>,
}

/// What was measured of one program and those that it is compared with.
#[derive(Debug, Serialize)]
pub struct Table {
    /// What they speak.
    pub title: String,
    /// What the figures are for one of.
    pub unit: String,
    /// The server of the row that all are compared with.
    pub peer: String,
    /// The headings of the columns.
    pub loads: Vec<String>,
    /// A row for each server.
    pub rows: Vec<Row>,
}

/// What was measured of a server.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The server's name.
    pub server: String,
    /// One for each column; `None` where something went wrong each time.
    pub cells: Vec<Option<Cell>>,
}

/// The best measurement of one server in one column.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cell {
    /// The server's CPU time for each request, in microseconds.
    pub cpu_us: f64,
    /// Requests in a second.
    pub per_second: f64,
    /// How many requests were measured.
    pub requests: u64,
    /// Whether other processes were busy on the same cores in every round.
    pub is_disturbed: bool,
}

impl Table {
    /// Of a program that nothing is known of.
    pub fn new(program: &Program) -> Table {
        let cells = vec![None; program.loads.len()];
        Table {
            title: program.title.to_owned(),
            unit: program.unit.to_owned(),
            peer: program.peer.to_owned(),
            loads: program.loads.iter().map(|load| load.title.clone()).collect(),
            rows: program
                .contenders
                .iter()
                .map(|server| Row { server: server.name.clone(), cells: cells.clone() })
                .collect(),
        }
    }
}

impl Cell {
    /// Puts a measurement together.
    pub fn new(done: Done, cpu_ns: u64, is_disturbed: bool) -> Cell {
        let cpu_us = cpu_ns as f64 / 1000.0 / done.requests.max(1) as f64;
        Cell { cpu_us, per_second: done.per_second, requests: done.requests, is_disturbed }
    }

    /// Noise only adds, so the lower is the better one; one that was not disturbed is better than any that was.
    fn is_better_than(&self, other: &Cell) -> bool {
        (self.is_disturbed, self.cpu_us) < (other.is_disturbed, other.cpu_us)
    }
}

impl Row {
    /// Keeps a measurement if it is the best.
    pub fn offer(&mut self, column: usize, cell: Cell) {
        let best = &mut self.cells[column];
        if best.is_none_or(|best| cell.is_better_than(&best)) {
            *best = Some(cell);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, Row};
    use crate::programs::load::Done;

    #[test]
    fn the_best_is_the_lowest_that_was_not_disturbed() {
        let mut row = Row { server: "a server".to_owned(), cells: vec![None] };
        for (cpu_ns, is_disturbed) in [(5_000, true), (9_000, false), (8_000, false), (8_000, true), (10_000, false)] {
            row.offer(0, Cell::new(Done { requests: 2, per_second: 10.0 }, cpu_ns, is_disturbed));
        }
        let best = row.cells[0].expect("a cell");
        assert!(best.cpu_us == 4.0 && !best.is_disturbed, "{best:?}");
    }
}
