//! Which world a component is for, and what runs it when this host doesn't.

use wasmtime::component::Component;

/// What a command exports.
const RUN: &str = "wasi:cli/run@0.2.";

/// What this host provides, but for what is of another version.
const PROVIDED: [&str; 6] =
    ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];

/// Exports, by what they begin with, and what runs a component that has one.
const WORLDS: [(&str, &str); 4] = [
    ("wasi:http/incoming-handler@", "it is for a server of HTTP, such as `wasmtime serve`"),
    ("wasi:http/handler@", "it is for a server of HTTP for WASI 0.3, such as `wasmtime serve -S p3`"),
    (
        "wasi:cli/run@0.3",
        "it is a command for WASI 0.3; build it for wasm32-wasip2, or run it with `wasmtime run -S p3`",
    ),
    ("wasi:cli/run@", "it is a command for another version of WASI; build it for wasm32-wasip2"),
];

/// Imports, by what they begin with, and what has them.
const ELSEWHERE: [(&str, &str); 9] = [
    ("wasi:http/", "`wasmtime run -S http` has it; a program with sockets speaks HTTP itself"),
    ("wasi:keyvalue/", "`wasmtime run -S keyvalue` has it"),
    ("wasi:config/", "`wasmtime run -S config` has it"),
    ("wasi:nn/", "`wasmtime run -S nn` has it"),
    ("wasi:tls/", "`wasmtime run -S tls` has it"),
    ("wasi:logging/", "a host made for it has it; print to standard error instead"),
    ("wasi:threads/", "build it without threads"),
    ("wasi:", "this host has WASI 0.2, of which that is no part, or not of this version; build it for wasm32-wasip2"),
    ("", "a host that was made for this component has it"),
];

/// Whether it is a command, and why not.
pub(super) fn check_exports(component: &Component) -> Result<(), String> {
    let component_type = component.component_type();
    let exports: Vec<&str> = component_type.exports(component.engine()).map(|(name, _)| name).collect();
    if exports.iter().any(|name| name.starts_with(RUN)) {
        return Ok(());
    }
    let known = WORLDS.iter().find_map(|(start, remedy)| {
        let export = exports.iter().find(|name| name.starts_with(start))?;
        Some(format!("it is a component that exports {export}, and not wasi:cli/run of WASI 0.2: {remedy}"))
    });
    Err(known.unwrap_or_else(|| match exports.first() {
        Some(export) => format!(
            "it is a component that exports {}, and not wasi:cli/run, which a program has: it is a library; compose it with \
             a program",
            export.escape_debug()
        ),
        None => {
            "it is a component that exports nothing, and a program exports wasi:cli/run; build it for wasm32-wasip2".to_owned()
        }
    }))
}

/// Why it could not be linked, of which Wasmtime says `error`.
pub(super) fn explain_imports(component: &Component, error: &wasmtime::Error) -> String {
    let component_type = component.component_type();
    let mut imports = component_type.imports(component.engine()).map(|(name, _)| name);
    let missing = imports.find(|name| {
        let is_of_this_version = name.split_once('@').is_none_or(|(_, version)| version.starts_with("0.2."));
        !(is_of_this_version && PROVIDED.iter().any(|start| name.starts_with(start)))
    });
    let Some(missing) = missing else {
        let reason = format!("{error:#}").replace('\n', " ");
        return format!("it imports what this host has otherwise or not at all ({reason}); build it for wasm32-wasip2");
    };
    let (_, remedy) = ELSEWHERE.iter().find(|(start, _)| missing.starts_with(start)).unwrap_or(&ELSEWHERE[8]);
    format!("it imports {}, which this host does not provide: {remedy}", missing.escape_debug())
}
