//! What is measured, and how much of it.

use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;

/// The length of a short message, with its line end.
const SHORT: usize = 64;
/// The length of a long message, with its line end.
const LONG: usize = 16 * 1024;
/// The length of a line among many that are sent at once, with its line end.
const TINY: usize = 10;
/// How many lines are sent at once.
const BATCH: usize = 1000;

/// Descriptors that this process and a server need beside their connections.
const SPARE_DESCRIPTORS: u64 = 700;
/// The same, where only one client is active.
const SPARE_DESCRIPTORS_OF_ONE: u64 = 100;

/// The most idle connections, and the fewest that still show the same.
const MANY: usize = 20_000;
const MANY_MIN: usize = 15_000;

/// Which of the benchmarks is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All servers, and all columns.
    Whole,
    /// All servers, and less of everything.
    Quick,
    /// The servers that run as guests, and few columns.
    Guests,
    /// The larger example programs, each with a load of its own.
    Programs,
}

impl Extent {
    /// What the command line says.
    pub fn of_arguments(arguments: &[String]) -> Result<Extent> {
        match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => Ok(Extent::Whole),
            ["--quick"] => Ok(Extent::Quick),
            ["--guests"] => Ok(Extent::Guests),
            ["--programs"] => Ok(Extent::Programs),
            _ => bail!("expected nothing, --quick, --guests or --programs, got {arguments:?}"),
        }
    }
}

/// What the active clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Load {
    /// Each of `clients` sends `batch` messages of `length` bytes at once, waits until all are back, and goes on.
    Echoes {
        /// How many connections are active at the same time.
        clients: usize,
        /// The length of each message, with its line end.
        length: usize,
        /// How many of them are under way on a connection.
        batch: usize,
    },
    /// One client after the other connects, sends a line of so many bytes, waits for it, and closes.
    Visits {
        /// The length of the line, with its line end.
        length: usize,
    },
}

/// One figure of each server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// How many connections are open and silent meanwhile.
    pub idle: usize,
    /// What the others do.
    pub load: Load,
}

impl Column {
    /// Its heading: active/idle connections, and what is unusual.
    pub fn title(self) -> String {
        match self.load {
            Load::Echoes { clients, length: SHORT, batch: 1 } => format!("{clients}/{}", self.idle),
            Load::Echoes { clients, length, batch: 1 } => format!("{clients}/{}, {} KiB", self.idle, length / 1024),
            Load::Echoes { clients, batch, .. } => format!("{clients}/{}, {batch} at once", self.idle),
            Load::Visits { .. } => format!("visit/{}", self.idle),
        }
    }

    /// Whether many messages are under way on one connection.
    pub fn is_pipelined(self) -> bool {
        matches!(self.load, Load::Echoes { batch: 2.., .. })
    }
}

/// Columns with the same idle connections: those are opened once for all.
#[derive(Clone, Debug)]
pub struct Group {
    /// How many connections are idle.
    pub idle: usize,
    /// What is measured beside them.
    pub columns: Vec<Column>,
    /// In how many of the rounds, the first ones: one with many connections takes long.
    pub rounds: usize,
}

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// In the order in which they are measured.
    pub groups: Vec<Group>,
    /// How often everything is measured; the best counts.
    pub rounds: usize,
    /// A measurement ends after so many echoes.
    pub echoes_max: usize,
    /// Or after this time.
    pub time_max: Duration,
    /// So often a disturbed measurement is repeated.
    pub repeats_max: usize,
    /// All rounds together end within this time, or nearly: the first is always whole.
    pub whole_time_max: Duration,
    /// Why columns are missing that one would expect.
    pub remarks: Vec<String>,
}

impl Plan {
    /// The plan for a process that may have so many descriptors.
    pub fn new(extent: Extent, descriptors_max: u64) -> Plan {
        if extent == Extent::Guests {
            return Plan::of_guests();
        }
        let is_quick = extent == Extent::Quick;
        let mut remarks = Vec::new();
        let rounds = if is_quick { 1 } else { 8 };
        let mut groups = vec![Group { rounds, ..group(0, &[1, 50, 500], !is_quick) }];
        if is_quick {
            groups.push(group(400, &[1], false));
            groups.push(group(5000, &[1], false));
        } else {
            groups.push(Group { rounds, ..group(400, &[1, 50, 500], false) });
            groups.push(Group { rounds: 3, ..group(5000, &[1, 50, 500], true) });
            // With a hard limit of 20,000 descriptors, which some systems set, the column is a little narrower.
            let most = usize::try_from(descriptors_max.saturating_sub(SPARE_DESCRIPTORS_OF_ONE)).unwrap_or(usize::MAX);
            groups.push(group(most.clamp(MANY_MIN, MANY), &[1], false));
        }
        groups.retain(|group| {
            let spare = if group.idle >= MANY_MIN { SPARE_DESCRIPTORS_OF_ONE } else { SPARE_DESCRIPTORS };
            let fits = group.idle as u64 + spare <= descriptors_max;
            if !fits {
                let text = "columns with {} idle connections are left out: only {} descriptors are allowed";
                let text = text.replacen("{}", &group.idle.to_string(), 1);
                remarks.push(text.replacen("{}", &descriptors_max.to_string(), 1));
            }
            fits
        });
        Plan {
            groups,
            rounds,
            echoes_max: if is_quick { 5_000 } else { 20_000 },
            time_max: Duration::from_millis(if is_quick { 80 } else { 250 }),
            repeats_max: if is_quick { 1 } else { 3 },
            whole_time_max: Duration::from_secs(if is_quick { 60 } else { 620 }),
            remarks,
        }
    }

    /// Few columns, and rounds enough to find the undisturbed ones.
    fn of_guests() -> Plan {
        let rounds = 8;
        let column = |clients, idle, length| Column { idle, load: Load::Echoes { clients, length, batch: 1 } };
        let alone = vec![column(1, 0, SHORT), column(50, 0, SHORT), column(50, 0, LONG)];
        let crowded = vec![column(1, 400, SHORT), column(50, 400, SHORT)];
        Plan {
            groups: vec![Group { idle: 0, columns: alone, rounds }, Group { idle: 400, columns: crowded, rounds }],
            rounds,
            echoes_max: 20_000,
            time_max: Duration::from_millis(250),
            repeats_max: 3,
            whole_time_max: Duration::from_secs(300),
            remarks: Vec::new(),
        }
    }

    /// All columns, in the order of the table.
    pub fn columns(&self) -> impl Iterator<Item = Column> {
        self.groups.iter().flat_map(|group| group.columns.iter().copied())
    }
}

/// Short echoes of so many clients, and with no idle connections what doesn't depend on those.
fn group(idle: usize, clients: &[usize], with_visits: bool) -> Group {
    let echoes = |clients, length, batch| Column { idle, load: Load::Echoes { clients, length, batch } };
    let mut columns: Vec<Column> = clients.iter().map(|&clients| echoes(clients, SHORT, 1)).collect();
    if idle == 0 {
        columns.extend([echoes(50, LONG, 1), echoes(1, TINY, BATCH)]);
    }
    if with_visits {
        columns.push(Column { idle, load: Load::Visits { length: SHORT } });
    }
    Group { idle, columns, rounds: 1 }
}
