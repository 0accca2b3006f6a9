//! Text with names that a guest has chosen, as one line that does nothing to a terminal.

use std::fmt::{self, Write};

/// Writes on, with control characters as people write them in programs: `\n`, `\u{1b}`.
pub(crate) struct CleanLine<'a, W>(pub(crate) &'a mut W);

impl<W: Write> Write for CleanLine<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|one| match one.is_control() {
            true => write!(self.0, "{}", one.escape_default()),
            false => self.0.write_char(one),
        })
    }
}
