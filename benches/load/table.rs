//! The figures as tables, in Markdown that can also be read as it is.

use crate::figures::{Cell, Figures, Row};
use crate::plan::Load;

/// The tables, and what is to be known about them.
pub fn render(figures: &Figures) -> String {
    let mut text = figures.machine.iter().map(|fact| format!("- {fact}\n")).collect::<String>();
    text += "\nThe server's CPU time for each echo, in microseconds:\n\n";
    text += &cpu_table(figures);
    text += "\nWhat else was measured, with 64-byte echoes and nobody idle unless the heading says otherwise:\n\n";
    text += &other_table(figures);
    let is_disturbed = |row: &Row| row.cells.iter().flatten().any(|cell| cell.is_disturbed);
    if figures.rows.iter().any(is_disturbed) {
        text += "\n`~`: other processes were busy on the same cores in every round.\n";
    }
    for remark in &figures.remarks {
        text += &format!("\n- {remark}");
    }
    text.trim_end().to_owned() + "\n"
}

fn cpu_table(figures: &Figures) -> String {
    let mut table = vec![vec!["server".to_owned()]];
    table[0].extend(figures.columns.iter().map(|column| column.title()));
    for row in &figures.rows {
        let cells = row.cells.iter().map(|cell| cell.as_ref().map_or("–".to_owned(), cpu));
        table.push([row.server.clone()].into_iter().chain(cells).collect());
    }
    aligned(&table)
}

fn cpu(cell: &Cell) -> String {
    format!("{}{}", if cell.is_disturbed { "~" } else { "" }, short(cell.cpu_us))
}

fn other_table(figures: &Figures) -> String {
    let headings = ["server", "system calls per echo", "KiB per connection", "1/0 p50 µs", "1/0 p99 µs"];
    let mut table = vec![headings.map(str::to_owned).to_vec()];
    table[0].extend(["50/0 echoes/s", "50/0 p50 µs", "50/0 p99 µs"].map(str::to_owned));
    for row in &figures.rows {
        let one = plain_cell(figures, row, 1);
        let fifty = plain_cell(figures, row, 50);
        let figure = |value: Option<f64>| value.map_or("–".to_owned(), short);
        let most = row.memory.iter().filter(|memory| memory.connections > 0).max_by_key(|memory| memory.connections);
        table.push(vec![
            row.server.clone(),
            figure(row.system_calls),
            figure(most.map(|memory| memory.per_connection / 1024.0)),
            figure(one.map(|cell| cell.latency_p50_us)),
            figure(one.map(|cell| cell.latency_p99_us)),
            figure(fifty.map(|cell| cell.echoes_per_second)),
            figure(fifty.map(|cell| cell.latency_p50_us)),
            figure(fifty.map(|cell| cell.latency_p99_us)),
        ]);
    }
    aligned(&table)
}

/// The cell of so many clients with one short message each and nobody idle.
fn plain_cell<'a>(figures: &Figures, row: &'a Row, count: usize) -> Option<&'a Cell> {
    let is_plain = |load| matches!(load, Load::Echoes { clients, length: 64, batch: 1 } if clients == count);
    let place = figures.columns.iter().position(|column| column.idle == 0 && is_plain(column.load))?;
    row.cells[place].as_ref()
}

/// Three digits that say something.
pub fn short(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A Markdown table whose first row is the heading; all columns but the first are numbers.
pub fn aligned(table: &[Vec<String>]) -> String {
    let columns = table.first().map_or(0, Vec::len);
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (number, row) in table.iter().enumerate() {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text += &format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
        if number == 0 {
            let rules = widths
                .iter()
                .enumerate()
                .map(|(column, &width)| if column == 0 { "-".repeat(width) } else { "-".repeat(width - 1) + ":" });
            text += &format!("| {} |\n", rules.collect::<Vec<_>>().join(" | "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{aligned, short};

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!([0.1234, 1.234, 12.34, 1234.5].map(short), ["0.123", "1.23", "12.3", "1234"]);
    }

    #[test]
    fn columns_are_aligned() {
        let table = [["server", "µs"], ["a", "10.5"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(aligned(&table), "| server |   µs |\n| ------ | ---: |\n| a      | 10.5 |\n");
    }
}
