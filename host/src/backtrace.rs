//! Where a program has trapped, in words.

use wasmtime::{FrameInfo, FrameSymbol, WasmBacktrace};

/// The frames that an error has, innermost first, each in one line.
pub(crate) fn lines(error: &wasmtime::Error) -> Vec<String> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    backtrace.frames().iter().enumerate().map(|(number, frame)| line(number, frame)).collect()
}

/// The function that has trapped.
pub(crate) fn innermost(error: &wasmtime::Error) -> Option<String> {
    let frame = error.downcast_ref::<WasmBacktrace>()?.frames().first()?;
    frame.func_name().map(demangled)
}

/// `0: 0x6c app.wasm!inner at src/app.rs:3:5, inlined into outer at src/app.rs:7:1`
fn line(number: usize, frame: &FrameInfo) -> String {
    let offset = frame.module_offset().map(|offset| format!("{offset:#x} ")).unwrap_or_default();
    let module = frame.module().name().map(|name| format!("{}!", name.escape_debug())).unwrap_or_default();
    let function = || match frame.func_name() {
        Some(name) => demangled(name),
        None => format!("function {}", frame.func_index()),
    };
    let mut places: Vec<_> = frame.symbols().iter().map(|symbol| place(symbol, function)).collect();
    if places.is_empty() {
        places.push(function());
    }
    format!("{number}: {offset}{module}{}", places.join(", inlined into "))
}

fn place(symbol: &FrameSymbol, function: impl Fn() -> String) -> String {
    let mut place = symbol.name().map_or_else(function, demangled);
    if let Some(file) = symbol.file() {
        place += &format!(" at {}", file.escape_debug());
        for number in [symbol.line(), symbol.column()].into_iter().flatten() {
            place += &format!(":{number}");
        }
    }
    place
}

/// The name as it is in the source, where it is one of Rust or C++.
fn demangled(name: &str) -> String {
    let text = if let Ok(name) = rustc_demangle::try_demangle(name) {
        // Without the hash.
        format!("{name:#}")
    } else {
        // Its reader takes a name such as `f` for a type otherwise.
        let symbol = name.starts_with("_Z").then(|| cpp_demangle::Symbol::new(name).ok()).flatten();
        symbol.and_then(|symbol| symbol.demangle().ok()).unwrap_or_else(|| name.to_owned())
    };
    // A module may call its functions anything.
    text.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_have_the_names_of_their_source() {
        assert_eq!(demangled("_ZN4core9panicking5panic17h0123456789abcdefE"), "core::panicking::panic");
        assert_eq!(demangled("_ZNSt6vectorIiE4sizeEv"), "std::vector<int>::size()");
        assert_eq!(demangled("main"), "main");
        assert_eq!(demangled("f"), "f");
        assert_eq!(demangled("two\nlines"), "two\\nlines");
    }
}
