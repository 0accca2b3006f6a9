//! Where the results go.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const BEGIN: &str = "<!-- The figures begin: `cargo xtask bench` rewrites them. -->\n";
const END: &str = "<!-- The figures end. -->\n";

/// The folder of figures.json and of the plots. Those of a quick run are not kept in the repository.
pub fn results_folder(workspace: &Path, is_quick: bool) -> PathBuf {
    let folder = workspace.join("benches").join("results");
    if is_quick { folder.join("quick") } else { folder }
}

/// Puts `text` between the markers of BENCHMARKS.md.
pub fn rewrite(workspace: &Path, text: &str) -> Result<()> {
    let file = workspace.join("BENCHMARKS.md");
    let document = fs::read_to_string(&file).context("BENCHMARKS.md can't be read")?;
    let document = replaced(&document, text).context("BENCHMARKS.md lacks its two markers")?;
    fs::write(&file, document).context("BENCHMARKS.md can't be written")
}

fn replaced(document: &str, text: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{text}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, replaced};

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let document = format!("before\n{BEGIN}old\n{END}after\n");
        let expected = format!("before\n{BEGIN}\nnew\n\n{END}after\n");
        assert_eq!(replaced(&document, "new\n"), Some(expected));
        assert_eq!(replaced("no markers", "new\n"), None);
    }

    #[test]
    fn the_document_has_the_markers() {
        assert!(replaced(include_str!("../../BENCHMARKS.md"), "new\n").is_some());
    }
}
