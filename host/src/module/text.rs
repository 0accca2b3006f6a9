//! WebAssembly text.

/// Nothing else that people pass starts so: with an expression or a comment.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    let start = bytes.trim_ascii_start();
    start.starts_with(b"(") || start.starts_with(b";;")
}

/// The binary form; what is wrong with the text is one line.
pub(super) fn convert(text: &[u8]) -> Result<Vec<u8>, String> {
    match wat::parse_bytes(text) {
        Ok(binary) => Ok(binary.into_owned()),
        Err(error) => Err(one_line(&error.to_string())),
    }
}

/// The parser draws a picture of several lines: the problem, ` --> <anon>:LINE:COLUMN`, and the line itself. Of a very
/// long line it says ` at <anon>:LINE:COLUMN` behind the problem.
fn one_line(picture: &str) -> String {
    let problem = picture.lines().next().unwrap_or_default();
    let place = picture.lines().find_map(|line| line.trim_start().strip_prefix("--> "));
    let (problem, place) = match place {
        Some(place) => (problem, Some(place)),
        None => problem.rsplit_once(" at ").map_or((problem, None), |(problem, place)| (problem, Some(place))),
    };
    let mut numbers = place.unwrap_or_default().rsplit(':');
    match (numbers.next(), numbers.next()) {
        (Some(column), Some(line)) => format!("its text is wrong in line {line}, column {column}: {problem}"),
        _ => format!("its text is wrong: {problem}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_in_a_text_is_one_line_with_its_place() {
        let error = convert(b"(module\n  (func call $nothing))").unwrap_err();
        assert!(error.starts_with("its text is wrong in line 2, column 14: "), "{error}");
        assert!(error.contains("nothing") && !error.contains('\n'), "{error}");
        let far = format!("(module {} (oops))", " ".repeat(600));
        let error = convert(far.as_bytes()).unwrap_err();
        assert!(error.starts_with("its text is wrong in line 1, column 6"), "{error}");
        let error = convert(b"(\xff)").unwrap_err();
        assert!(error.starts_with("its text is wrong: "), "{error}");
    }
}
