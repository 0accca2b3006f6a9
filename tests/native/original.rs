//! The table of the original's names is true: what it names exists, and every alias is in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Aliases that are names of C, where the original's is another one.
const NAMES_OF_C: [&str; 7] =
    ["TCP_NODELAY", "SO_SNDBUF", "SO_RCVBUF", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "IP_TTL"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            sources(&entry, into);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            *into += &fs::read_to_string(entry).expect("a file");
        }
    }
}

fn source() -> String {
    let mut source = String::new();
    sources(&root().join("src"), &mut source);
    sources(&root().join("platform/src"), &mut source);
    source
}

/// The rows of the table, each as the names in its first two columns.
fn rows() -> Vec<(Vec<String>, Vec<String>)> {
    let text = fs::read_to_string(root().join("src/original.md")).expect("the table");
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let columns: Vec<&str> = row.split('|').collect();
        assert_eq!(columns.len(), 8, "{row}");
        assert!(columns[3..7].iter().all(|column| ["yes", "no"].contains(&column.trim())), "{row}");
        (code_spans(columns[1]), code_spans(columns[2]))
    })
    .collect()
}

fn code_spans(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn aliases(source: &str) -> BTreeSet<String> {
    source.split("alias = \"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

#[test]
fn every_original_name_is_an_alias_or_has_kept_its_name() {
    let source = source();
    let aliases = aliases(&source);
    for (originals, here) in rows() {
        for original in originals {
            let kept = here.iter().any(|name| name.split("::").any(|part| part == original));
            let renamed = ["task", "mode"].contains(&original.as_str());
            assert!(kept || renamed || aliases.contains(&original), "`{original}` can't be searched for");
        }
    }
}

#[test]
fn every_name_in_the_table_exists() {
    let source = source();
    for name in rows().into_iter().flat_map(|(_, here)| here) {
        let (owner, item) = name.split_once("::").unwrap_or((&name, ""));
        let declared = |kind: &str, name: &str| {
            [" ", "<", "(", "{", ";", ":"].iter().any(|end| source.contains(&format!("{kind} {name}{end}")))
        };
        assert!(["struct", "enum", "trait"].iter().any(|kind| declared(kind, owner)), "{owner} does not exist");
        let is_variant = source.contains(&format!("    {item},\n")) || source.contains(&format!("    {item}("));
        assert!(item.is_empty() || declared("fn", item) || is_variant, "{name} does not exist");
    }
}

#[test]
fn every_alias_is_in_the_table() {
    let listed: BTreeSet<String> = rows().into_iter().flat_map(|(originals, _)| originals).collect();
    for alias in aliases(&source()) {
        assert!(listed.contains(&alias) || NAMES_OF_C.contains(&alias.as_str()), "`{alias}` is not in the table");
    }
}
