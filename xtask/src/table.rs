//! Transcripts side by side.

use terminal_size::{Width, terminal_size};

/// The widest a column gets; longer lines are cut.
const COLUMN_CHARACTERS_MAX: usize = 52;

/// What can still be read. A terminal that is too narrow for that breaks the rows.
const COLUMN_CHARACTERS_MIN: usize = 16;

const SEPARATOR: &str = " │ ";

/// How many characters a row of this process's output may have: those of its terminal, if it goes to one.
pub fn width() -> usize {
    terminal_size().map_or(usize::MAX, |(Width(characters), _)| usize::from(characters))
}

/// Lays out the columns, each a heading with its lines, in rows of so many characters. A cell that is too long for that
/// goes on below. Rows that differ carry a mark.
pub fn side_by_side(columns: &[(&str, &[String])], row_characters_max: usize) -> String {
    let all = columns.iter().flat_map(|(heading, lines)| lines.iter().map(String::as_str).chain([*heading]));
    let widest = all.map(|text| text.chars().count()).max().unwrap_or(0).min(COLUMN_CHARACTERS_MAX);
    let separators = 2 + 3 * columns.len().saturating_sub(1);
    let room = row_characters_max.saturating_sub(separators) / columns.len().max(1);
    let width = widest.min(room.max(COLUMN_CHARACTERS_MIN));
    let headings: Vec<&str> = columns.iter().map(|(heading, _)| *heading).collect();
    let mut text = row(' ', &headings, width);
    text += &format!("  {}\n", vec!["─".repeat(width); columns.len()].join("─┼─"));
    let length = columns.iter().map(|(_, lines)| lines.len()).max().unwrap_or(0);
    for index in 0..length {
        let cells: Vec<Option<&String>> = columns.iter().map(|(_, lines)| lines.get(index)).collect();
        let mark = if cells.iter().all(|cell| *cell == cells[0]) { ' ' } else { '≠' };
        let cells: Vec<&str> = cells.into_iter().map(|cell| cell.map_or("", String::as_str)).collect();
        text += &row(mark, &cells, width);
    }
    text
}

/// A row of the table, in as many lines as its longest cell needs.
fn row(mark: char, cells: &[&str], width: usize) -> String {
    let cells: Vec<Vec<String>> = cells.iter().map(|cell| pieces(&cut(cell), width)).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    let mut text = String::new();
    for index in 0..height {
        let mark = if index == 0 { mark } else { ' ' };
        let line: Vec<String> =
            cells.iter().map(|pieces| format!("{:<width$}", pieces.get(index).map_or("", String::as_str))).collect();
        text += format!("{mark} {}", line.join(SEPARATOR)).trim_end();
        text.push('\n');
    }
    text
}

/// `text`, if it is not too long.
fn cut(text: &str) -> String {
    if text.chars().count() <= COLUMN_CHARACTERS_MAX {
        return text.to_owned();
    }
    text.chars().take(COLUMN_CHARACTERS_MAX - 1).chain(['…']).collect()
}

/// `text` in pieces of so many characters; one at least.
fn pieces(text: &str, width: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let pieces = characters.chunks(width.max(1)).map(|piece| piece.iter().collect());
    if characters.is_empty() { vec![String::new()] } else { pieces.collect() }
}

#[cfg(test)]
mod tests {
    use super::side_by_side;

    #[test]
    fn rows_that_differ_are_marked() {
        let left = ["same".to_owned(), "one".to_owned()];
        let right = ["same".to_owned(), "two".to_owned(), "more".to_owned()];
        let table = side_by_side(&[("here", &left), ("there", &right)], usize::MAX);
        let rows: Vec<&str> = table.lines().collect();
        let expected = ["  here  │ there", "  ──────┼──────", "  same  │ same", "≠ one   │ two", "≠       │ more"];
        assert_eq!(rows, expected);
        let table = side_by_side(&[("a", &left[..1]), ("b", &left[..1]), ("c", &right[..2])], usize::MAX);
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(rows, ["  same │ same │ same", "≠      │      │ two"]);
    }

    #[test]
    fn long_lines_are_cut() {
        let long = ["x".repeat(100)];
        assert!(side_by_side(&[("a", &long), ("b", &[])], usize::MAX).contains("xxx… │"));
    }

    #[test]
    fn a_narrow_terminal_shows_all_of_a_line() {
        let lines = ["a line of thirty characters, 30".to_owned()];
        let table = side_by_side(&[("one", &lines), ("two", &lines), ("three", &lines)], 60);
        assert!(table.lines().all(|line| line.chars().count() <= 60), "{table}");
        let rows: Vec<&str> = table.lines().skip(2).collect();
        let expected = [
            "  a line of thirty  │ a line of thirty  │ a line of thirty",
            "  characters, 30    │ characters, 30    │ characters, 30",
        ];
        assert_eq!(rows, expected);
    }
}
