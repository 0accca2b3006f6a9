//! Programs that are compiled first and run later.

use crate::command::{failure, outcome, text_file};
use std::fs;

const GUEST: &str = r#"(module
    (func (export "_start"))
    (func (export "spin") (loop $again (br $again))))"#;

/// Compiles the guest with these options: its file.
fn compiled(name: &str, options: &[&str]) -> String {
    let guest = text_file(name, GUEST);
    let output = guest.replace("guest.wat", "compiled");
    let arguments = [&["compile", &guest, "-o", &output], options].concat();
    assert_eq!(outcome(&arguments), (Some(0), String::new(), String::new()));
    output
}

#[test]
fn a_compiled_program_runs_where_that_is_allowed() {
    let file = compiled("compiled", &[]);
    assert_eq!(outcome(&["run", "--allow-precompiled", &file]), (Some(0), String::new(), String::new()));
    let (code, text) = failure(&["run", &file]);
    assert_eq!(code, Some(1));
    assert!(text.contains("--allow-precompiled") && text.lines().count() == 1, "{text}");
}

#[test]
fn the_compiled_file_has_the_programs_name() {
    let guest = text_file("compiled_name", GUEST);
    let folder = std::path::Path::new(&guest).parent().unwrap();
    let status = std::process::Command::new(crate::command::SELECTIO)
        .args(["compile", "guest.wat"])
        .current_dir(folder)
        .status();
    assert!(status.unwrap().success());
    assert!(folder.join("guest.cwasm").is_file());
}

#[test]
fn what_limits_need_is_compiled_in_or_asked_for() {
    let plain = compiled("compiled_plain", &[]);
    for (limit, option) in [(["--timeout", "1s"], "-W epoch-interruption=y"), (["-W", "fuel=1000"], "-W fuel=1")] {
        let (code, text) = failure(&["run", "--allow-precompiled", limit[0], limit[1], &plain]);
        assert_eq!(code, Some(1));
        assert!(text.contains(option) && text.lines().count() == 1, "{text}");
    }
    // With all of it, it runs with limits and without.
    let all = compiled("compiled_all", &["-W", "epoch-interruption=y,fuel=1", "-g"]);
    assert_eq!(outcome(&["run", "--allow-precompiled", &all]).0, Some(0));
    let spin = ["run", "--allow-precompiled", "--invoke", "spin", &all];
    assert_eq!(outcome(&[&spin[..2], &["-W", "fuel=1000"], &spin[2..]].concat()).0, Some(134));
    assert_eq!(outcome(&[&spin[..2], &["--timeout", "50ms"], &spin[2..]].concat()).0, Some(124));
}

#[test]
fn what_does_not_suit_is_to_be_compiled_anew() {
    let file = compiled("compiled_otherwise", &["-O", "memory-reservation=65536"]);
    let (code, text) = failure(&["run", "--allow-precompiled", &file]);
    assert_eq!(code, Some(1));
    assert!(text.contains("compile it anew") && text.lines().count() == 1, "{text}");
    assert_eq!(outcome(&["run", "--allow-precompiled", "-O", "memory-reservation=65536", &file]).0, Some(0));
    // Half of one.
    let mut bytes = fs::read(&file).unwrap();
    bytes.truncate(bytes.len() / 2);
    fs::write(&file, bytes).unwrap();
    let (code, text) = failure(&["run", "--allow-precompiled", &file]);
    assert_eq!(code, Some(1), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn what_cannot_be_compiled_is_one_line() {
    let guest = text_file("compiled_wrong", GUEST);
    let file = compiled("compiled_twice", &[]);
    let cases: [(&[&str], i32, &str); 5] = [
        (&["/nowhere.wasm"], 1, "can't read /nowhere.wasm"),
        (&[&guest, "-o", "/nowhere/at/all"], 1, "can't write /nowhere/at/all"),
        (&[&file], 1, "compiled already"),
        (&["--target", "pdp11", &guest], 2, "pdp11"),
        (&["-S", "inherit-env", &guest], 2, "selectio run"),
    ];
    for (arguments, code, part) in cases {
        let (got, text) = failure(&[&["compile"], arguments].concat());
        assert_eq!(got, Some(code), "{text}");
        assert!(text.contains(part) && text.lines().count() == 1, "{text}");
    }
}
