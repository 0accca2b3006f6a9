//! What a function that was called with `--invoke` has answered.

use selectio_host::Error;
use std::io::{self, Write};
use std::sync::OnceLock;
use wasmtime::Val;

/// Why they could not be printed.
static FAILURE: OnceLock<io::Error> = OnceLock::new();

/// Prints each result in a line of its own on standard output.
pub(super) fn print(results: &[Val]) {
    let mut output = io::stdout().lock();
    let lines: String = results.iter().map(|result| text(result) + "\n").collect();
    if let Err(error) = output.write_all(lines.as_bytes()).and_then(|()| output.flush()) {
        let _ = FAILURE.set(error);
    }
}

/// What has kept the last results from being printed.
pub(crate) fn failure() -> Option<Error> {
    let error = FAILURE.get()?;
    Some(Error::Host { reason: format!("the results can't be written to standard output: {error}") })
}

fn text(result: &Val) -> String {
    let reference = |kind: &str, is_null: bool| if is_null { format!("<null {kind}>") } else { format!("<{kind}>") };
    match result {
        Val::I32(number) => number.to_string(),
        Val::I64(number) => number.to_string(),
        Val::F32(bits) => f32::from_bits(*bits).to_string(),
        Val::F64(bits) => f64::from_bits(*bits).to_string(),
        Val::V128(bits) => bits.as_u128().to_string(),
        Val::FuncRef(function) => reference("funcref", function.is_none()),
        Val::ExternRef(value) => reference("externref", value.is_none()),
        Val::AnyRef(value) => reference("anyref", value.is_none()),
        Val::ExnRef(value) => reference("exnref", value.is_none()),
        Val::ContRef(value) => reference("contref", value.is_none()),
    }
}
