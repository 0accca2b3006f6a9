//! The words of a command line before they are read: `selectio app.wasm` is a run too.

use super::foreign;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// What may stand first.
const FIRST: [&str; 8] = ["run", "compile", "help", "-h", "--help", "-V", "--version", "--"];

/// The words with the command that they leave out, or what is wrong with the first of them.
pub(super) fn complete(mut words: Vec<OsString>) -> Result<Vec<OsString>, String> {
    let Some(first) = words.get(1) else { return Ok(words) };
    if FIRST.iter().any(|word| first == word) {
        return Ok(words);
    }
    if !is_option(first) && !Path::new(first).exists() {
        let name = first.to_string_lossy();
        if let Some(problem) = foreign::command(&name) {
            return Err(problem);
        }
        // A mistyped command is one word; a mistyped file is told as every file.
        if !name.contains(['.', '/', '\\']) {
            return Err(format!("{name} is no command of selectio (it has run and compile), and no file"));
        }
    }
    words.insert(1, "run".into());
    Ok(words)
}

fn is_option(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(words: &[&str]) -> Result<Vec<OsString>, String> {
        complete(words.iter().map(OsString::from).collect())
    }

    #[test]
    fn a_command_line_without_a_command_is_a_run() {
        for (words, expected) in [
            (&["selectio", "app.wasm", "run"][..], &["selectio", "run", "app.wasm", "run"][..]),
            (&["selectio", "-W", "fuel=1", "app.wasm"], &["selectio", "run", "-W", "fuel=1", "app.wasm"]),
            (&["selectio", "compile", "app.wasm"], &["selectio", "compile", "app.wasm"]),
            (&["selectio", "--help"], &["selectio", "--help"]),
            (&["selectio"], &["selectio"]),
        ] {
            let expected: Vec<OsString> = expected.iter().map(OsString::from).collect();
            assert_eq!(completed(words), Ok(expected));
        }
    }

    #[test]
    fn a_word_that_is_neither_a_command_nor_a_file_is_refused() {
        assert!(completed(&["selectio", "walk"]).unwrap_err().contains("walk is no command"));
        assert!(completed(&["selectio", "serve", "app.wasm"]).unwrap_err().contains("components"));
    }
}
