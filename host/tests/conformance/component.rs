//! What a component finds, and how it ends by itself.

use crate::command::{SELECTIO, outcome, text_file};
use crate::component_guest::{command_file, exporting, standard};
use crate::descriptors::folder;
use selectio_host::{Error, Host};
use std::fs;
use std::io::{self, Read, Write};
use std::process::{Command, Stdio};

/// What a command is that ends itself with this code.
fn exiting(code: u8) -> String {
    format!(
        r#"(component
            (import "wasi:cli/exit@0.2.0" (instance $exit
                (export "exit-with-code" (func (param "status-code" u8)))))
            (core func $exit (canon lower (func $exit "exit-with-code")))
            (core module $program
                (import "host" "exit" (func $exit (param i32)))
                (func (export "run") (result i32) (call $exit (i32.const {code})) unreachable))
            (core instance $instance (instantiate $program (with "host" (instance (export "exit" (func $exit))))))
            (func $run (result (result)) (canon lift (core func $instance "run")))
            (instance (export "wasi:cli/run@0.2.0") (export "run" (func $run))))"#
    )
}

#[test]
fn it_has_arguments_variables_and_directories() {
    let folder = folder("component_world");
    fs::write(folder.join("file"), "content").unwrap();
    let directory = format!("{}::/data", folder.display());
    let rest = ["--argv0", "me", "--env", "KEY=value", standard(), "world", "/data/file", "--env", "more"];
    let (code, output, errors) = outcome(&[&["run", "--dir", &directory], &rest[..]].concat());
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert_eq!(
        output,
        "[\"me\", \"world\", \"/data/file\", \"--env\", \"more\"] [(\"KEY\", \"value\")]\n\"content\"\nOk(())\n"
    );
    assert_eq!(fs::read_to_string(folder.join("file.new")).unwrap(), "new");
    let read_only = format!("{directory}::ro");
    let (code, output, _) = outcome(&["run", "--dir", &read_only, standard(), "world", "/data/file"]);
    assert_eq!(code, Some(0));
    assert!(output.ends_with("Err(PermissionDenied)\n"), "{output}");
}

#[test]
fn it_has_standard_input_and_variables_that_are_passed_on() {
    let mut command = Command::new(SELECTIO);
    command.args(["run", standard(), "input"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"line\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "\"line\\n\"\n");
    let file = folder("component_inherited").join("file");
    fs::write(&file, "").unwrap();
    let mut command = Command::new(SELECTIO);
    let directory = format!("{}::/", file.parent().unwrap().display());
    command.args(["run", "-S", "inherit-env", "--dir", &directory, standard(), "world", "/file"]);
    let output = command.env("PASSED_ON", "yes").env("LISTEN_FDS", "1").output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    assert!(output.contains("(\"PASSED_ON\", \"yes\")") && !output.contains("LISTEN_FDS"), "{output}");
}

#[test]
fn its_exit_code_is_its_own() {
    for code in [0, 7, 255] {
        let guest = text_file("component_exit", &exiting(code));
        assert_eq!(outcome(&["run", &guest]), (Some(code.into()), String::new(), String::new()));
    }
    let guest = command_file("component_error", "(i32.const 1)");
    assert_eq!(outcome(&["run", &guest]).0, Some(1), "a returned error");
    assert_eq!(outcome(&["run", standard(), "fail"]).0, Some(1));
}

#[test]
fn a_trap_is_a_line_and_the_functions_that_were_called() {
    let (code, _, errors) = outcome(&["run", &command_file("component_trap", "unreachable")]);
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!((code, lines.len()), (Some(134), 2), "{errors}");
    assert!(lines[0].starts_with("selectio: the program trapped: wasm trap: "), "{errors}");
    assert!(lines[1].starts_with("    0: ") && lines[1].contains("program!function 0"), "{errors}");
    let (code, _, errors) = outcome(&["run", standard(), "panic"]);
    assert_eq!(code, Some(134));
    assert!(errors.contains("on purpose") && errors.contains("component.rs"), "{errors}");
}

#[test]
fn a_component_that_traps_is_started_anew() {
    let guest = command_file("component_restart", "unreachable");
    let (code, _, errors) = outcome(&["run", "--restart", "--timeout", "1", &guest]);
    assert_eq!(code, Some(124), "{errors}");
    assert!(errors.contains("it is started anew in 100ms"), "{errors}");
}

#[test]
fn an_embedder_gets_what_it_prints_and_gives_it_no_input() {
    let (mut reader, writer) = io::pipe().unwrap();
    let host = Host::builder().module_file(standard()).arg("input").no_stdin().stdout(writer);
    assert_eq!(host.build().unwrap().run().unwrap(), 0);
    let mut output = String::new();
    reader.read_to_string(&mut output).unwrap();
    assert_eq!(output, "\"\"\n");
}

#[test]
fn an_embedder_gets_errors_by_their_kind() {
    let text = exporting("wasi:cli/run@0.2.0", "run", "", "unreachable");
    match Host::builder().module_bytes("app.wat", text).build().unwrap().run() {
        Err(Error::Trap { backtrace, .. }) => assert_eq!(backtrace.len(), 1),
        other => panic!("{other:?}"),
    }
}
