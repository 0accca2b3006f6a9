//! Two transcripts side by side.

/// The widest a column gets; longer lines are cut.
const COLUMN_CHARACTERS_MAX: usize = 52;

/// Lays out `left` and `right` in two columns under their headings. Rows that differ carry a mark.
pub fn side_by_side(headings: [&str; 2], left: &[String], right: &[String]) -> String {
    let all = left.iter().chain(right).map(String::as_str).chain(headings);
    let widest = all.map(|text| text.chars().count()).max().unwrap_or(0);
    let width = widest.min(COLUMN_CHARACTERS_MAX);
    let row = |mark: &str, left: &str, right: &str| {
        let row = format!("{mark} {} │ {}", cell(left, width), cell(right, width));
        row.trim_end().to_owned() + "\n"
    };
    let mut text = row(" ", headings[0], headings[1]);
    text += &format!("  {rule}─┼─{rule}\n", rule = "─".repeat(width));
    for index in 0..left.len().max(right.len()) {
        let (left, right) = (left.get(index), right.get(index));
        let mark = if left == right { " " } else { "≠" };
        text += &row(mark, left.map_or("", String::as_str), right.map_or("", String::as_str));
    }
    text
}

/// `text`, cut or filled to `width` characters.
fn cell(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return format!("{text:<width$}");
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::side_by_side;

    #[test]
    fn rows_that_differ_are_marked() {
        let left = ["same".to_owned(), "one".to_owned()];
        let right = ["same".to_owned(), "two".to_owned(), "more".to_owned()];
        let table = side_by_side(["here", "there"], &left, &right);
        let rows: Vec<&str> = table.lines().collect();
        let expected = ["  here  │ there", "  ──────┼──────", "  same  │ same", "≠ one   │ two", "≠       │ more"];
        assert_eq!(rows, expected);
    }

    #[test]
    fn long_lines_are_cut() {
        let long = ["x".repeat(100)];
        assert!(side_by_side(["a", "b"], &long, &[]).contains("xxx… │"));
    }
}
