//! The page about protocols shows code of the programs: as it is there, not as it once was.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The blocks of code that aren't compiled with the page, each with the file that the line above it names.
fn shown(page: &str) -> Vec<(String, String)> {
    let mut parts = page.split("```rust,ignore\n");
    let mut before = parts.next().unwrap_or_default();
    let mut shown = Vec::new();
    for part in parts {
        let (block, after) = part.split_once("```").expect("the block ends");
        let line = before.trim_end().lines().last().unwrap_or_default();
        let file = line.split('`').find(|word| word.ends_with(".rs")).expect("the line above names the file");
        shown.push((file.to_owned(), block.to_owned()));
        before = after;
    }
    shown
}

#[test]
fn the_page_about_protocols_shows_the_programs_as_they_are() {
    let page = fs::read_to_string(root().join("src/protocols.md")).expect("the page");
    let shown = shown(&page);
    assert!(shown.len() >= 2, "the adapters of tungstenite and of hyper");
    for (file, block) in shown {
        let source = fs::read_to_string(root().join(&file)).expect("the page names a file that is there");
        assert!(source.contains(&block), "{file} has changed: show it anew in src/protocols.md:\n{block}");
    }
}
