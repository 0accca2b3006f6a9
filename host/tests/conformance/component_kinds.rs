//! Which programs are components, and which of them this host runs.

use crate::command::{failure, outcome, text_file};
use crate::component_guest::{command_file, exporting, standard};
use crate::descriptors::folder;
use std::fs;

const OK: &str = "(i32.const 0)";

#[test]
fn a_component_of_another_world_is_refused_with_what_runs_it() {
    let with = |imports: &str| exporting("wasi:cli/run@0.2.0", "run", imports, OK);
    let import = |name: &str| format!(r#"(import "{name}" (instance (export "f" (func))))"#);
    let cases = [
        (
            exporting("wasi:http/incoming-handler@0.2.0", "handle", "", OK),
            "wasi:http/incoming-handler@0.2.0",
            "wasmtime serve",
        ),
        (exporting("wasi:cli/run@0.3.0", "run", "", OK), "wasi:cli/run@0.3.0", "wasm32-wasip2"),
        (exporting("my:library/functions", "f", "", OK), "my:library/functions", "compose"),
        ("(component)".to_owned(), "exports nothing", "wasm32-wasip2"),
        (with(&import("wasi:http/types@0.2.0")), "wasi:http/types@0.2.0", "-S http"),
        (with(&import("wasi:keyvalue/store@0.2.0-draft")), "wasi:keyvalue/store", "-S keyvalue"),
        (with(&import("wasi:sockets/types@0.3.0")), "wasi:sockets/types@0.3.0", "WASI 0.2"),
        (with(&import("my:own/thing")), "my:own/thing", "made for this component"),
        (with(&import("wasi:io/poll@0.2.0")), "wasi:io/poll", "wasm32-wasip2"),
    ];
    for (text, name, remedy) in cases {
        let (code, line) = failure(&["run", &text_file("component_world_of_another", &text)]);
        assert_eq!((code, line.lines().count()), (Some(1), 1), "{line}");
        assert!(line.starts_with("selectio: can't run guest.wat: "), "{line}");
        assert!(line.contains(name) && line.contains(remedy), "{line}");
    }
}

#[test]
fn unknown_imports_can_be_traps() {
    let text = exporting("wasi:cli/run@0.2.0", "run", r#"(import "my:own/thing" (instance (export "f" (func))))"#, OK);
    let guest = text_file("component_unknown", &text);
    assert_eq!(outcome(&["run", "-W", "unknown-imports-trap", &guest]), (Some(0), String::new(), String::new()));
}

#[test]
fn a_damaged_component_is_one_line() {
    let whole = fs::read(standard()).unwrap();
    let folder = folder("component_damaged");
    for (name, bytes) in [("cut", &whole[..10_000]), ("version", b"\0asm\x0e\0\x01\0"), ("header", &whole[..8])] {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        let (code, line) = failure(&["run", path.to_str().unwrap()]);
        assert_eq!((code, line.lines().count()), (Some(1), 1), "{name}: {line}");
    }
    let (code, line) = failure(&["run", &text_file("component_wrong_text", "(component (nonsense))")]);
    assert_eq!(code, Some(1));
    assert!(line.contains("its text is wrong in line 1"), "{line}");
}

#[test]
fn a_component_can_be_compiled_beforehand() {
    let compiled = folder("component_compiled").join("app.cwasm");
    let compiled = compiled.to_str().unwrap();
    assert_eq!(outcome(&["compile", "-o", compiled, standard()]).0, Some(0));
    let (code, line) = failure(&["run", compiled, "fail"]);
    assert!(code == Some(1) && line.contains("--allow-precompiled"), "{line}");
    let run = ["run", "--allow-precompiled", compiled, "look up", "127.0.0.1"];
    assert_eq!(outcome(&run), (Some(0), "Ok(1)\n".to_owned(), String::new()));
    let (code, line) = failure(&["run", "--allow-precompiled", "--timeout", "1", compiled, "compute"]);
    assert!(code == Some(1) && line.contains("-W epoch-interruption=y"), "{line}");
    let again = outcome(&["compile", "-o", "/dev/null", compiled]);
    assert!(again.2.contains("compiled already"), "{again:?}");
}

#[test]
fn a_module_can_not_import_a_component() {
    let library = command_file("component_preloaded", OK);
    let module = text_file("imports_component", r#"(module (func (export "_start")))"#);
    let (code, line) = failure(&["run", "--preload", &format!("library={library}"), &module]);
    assert!(code == Some(1) && line.contains("it is a component"), "{line}");
}
