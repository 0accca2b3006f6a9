//! Where the results go.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::plan::Extent;

/// What the figures are between.
struct Markers {
    begin: &'static str,
    end: &'static str,
}

const WHOLE: Markers = Markers {
    begin: "<!-- The figures begin: `cargo xtask bench` rewrites them. -->\n",
    end: "<!-- The figures end. -->\n",
};
const GUESTS: Markers = Markers {
    begin: "<!-- The figures of guests begin: `cargo xtask bench --guests` rewrites them. -->\n",
    end: "<!-- The figures of guests end. -->\n",
};
const PROGRAMS: Markers = Markers {
    begin: "<!-- The figures of programs begin: `cargo xtask bench --programs` rewrites them. -->\n",
    end: "<!-- The figures of programs end. -->\n",
};

/// The folder of figures.json and of the plots. Those of a quick run are not kept in the repository.
pub fn results_folder(workspace: &Path, extent: Extent) -> PathBuf {
    let folder = workspace.join("benches").join("results");
    match extent {
        Extent::Whole => folder,
        Extent::Quick => folder.join("quick"),
        Extent::Guests => folder.join("guests"),
        Extent::Programs => folder.join("programs"),
    }
}

/// Puts `text` between the markers of BENCHMARKS.md, if it has any for this.
pub fn rewrite(workspace: &Path, extent: Extent, text: &str) -> Result<()> {
    let markers = match extent {
        Extent::Whole => WHOLE,
        Extent::Quick => return Ok(()),
        Extent::Guests => GUESTS,
        Extent::Programs => PROGRAMS,
    };
    let file = workspace.join("BENCHMARKS.md");
    let document = fs::read_to_string(&file).context("BENCHMARKS.md can't be read")?;
    let document = replaced(&document, &markers, text).context("BENCHMARKS.md lacks its markers")?;
    fs::write(&file, document).context("BENCHMARKS.md can't be written")
}

fn replaced(document: &str, markers: &Markers, text: &str) -> Option<String> {
    let Markers { begin, end } = markers;
    let (before, rest) = document.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n{text}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::{GUESTS, PROGRAMS, WHOLE, replaced};

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let (begin, end) = (WHOLE.begin, WHOLE.end);
        let document = format!("before\n{begin}old\n{end}after\n");
        let expected = format!("before\n{begin}\nnew\n\n{end}after\n");
        assert_eq!(replaced(&document, &WHOLE, "new\n"), Some(expected));
        assert_eq!(replaced("no markers", &WHOLE, "new\n"), None);
    }

    #[test]
    fn the_document_has_the_markers() {
        for markers in [WHOLE, GUESTS, PROGRAMS] {
            assert!(replaced(include_str!("../../BENCHMARKS.md"), &markers, "new\n").is_some());
        }
    }
}
