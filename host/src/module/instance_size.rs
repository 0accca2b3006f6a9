//! What an instance takes in this host, beside its memories and tables.

use wasmparser::{Parser, Payload};

/// For a function that can be referred to, and for one that is imported: its code, its type and its instance.
const FUNCTION_BYTES: usize = 32;

const GLOBAL_BYTES: usize = 16;

/// About what Wasmtime keeps for each instance of this module, in bytes. A small program has some KiB, and one that has
/// been made for it some ten MiB: functions and globals may be a million each.
pub(super) fn instance_bytes(binary: &[u8]) -> usize {
    let sections = Parser::new(0).parse_all(binary).map_while(Result::ok);
    let bytes = sections.map(|section| match section {
        Payload::ImportSection(imports) => FUNCTION_BYTES * imports.count() as usize,
        Payload::FunctionSection(functions) => FUNCTION_BYTES * functions.count() as usize,
        Payload::GlobalSection(globals) => GLOBAL_BYTES * globals.count() as usize,
        _ => 0,
    });
    bytes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_and_globals_count() {
        let text = |fields: &str| wat::parse_str(format!("(module {fields})")).unwrap();
        assert_eq!(instance_bytes(&text("")), 0);
        let globals = "(global i32 (i32.const 0))".repeat(1000);
        assert_eq!(instance_bytes(&text(&globals)), 16_000);
        assert_eq!(instance_bytes(&text(r#"(import "a" "b" (func)) (func) (func)"#)), 96);
        assert_eq!(instance_bytes(b"no module"), 0);
    }
}
