//! Why a module can't be compiled: it is damaged, or it uses a proposal that is off.

use wasmparser::Validator;
use wasmtime::{Engine, WasmFeatures};

/// The proposals, each by the name that an option `-W` has for it.
const PROPOSALS: [(&str, WasmFeatures); 19] = [
    ("multi-value", WasmFeatures::MULTI_VALUE),
    ("bulk-memory", WasmFeatures::BULK_MEMORY),
    ("reference-types", WasmFeatures::REFERENCE_TYPES),
    ("simd", WasmFeatures::SIMD),
    ("relaxed-simd", WasmFeatures::RELAXED_SIMD),
    ("tail-call", WasmFeatures::TAIL_CALL),
    ("extended-const", WasmFeatures::EXTENDED_CONST),
    ("multi-memory", WasmFeatures::MULTI_MEMORY),
    ("memory64", WasmFeatures::MEMORY64),
    ("threads", WasmFeatures::THREADS),
    ("function-references", WasmFeatures::FUNCTION_REFERENCES),
    ("gc", WasmFeatures::GC),
    ("exceptions", WasmFeatures::EXCEPTIONS),
    ("custom-page-sizes", WasmFeatures::CUSTOM_PAGE_SIZES),
    ("wide-arithmetic", WasmFeatures::WIDE_ARITHMETIC),
    ("stack-switching", WasmFeatures::STACK_SWITCHING),
    ("shared-everything-threads", WasmFeatures::SHARED_EVERYTHING_THREADS),
    ("legacy-exceptions", WasmFeatures::LEGACY_EXCEPTIONS),
    ("memory-control", WasmFeatures::MEMORY_CONTROL),
];

/// Those that Wasmtime, or this build of it, doesn't have.
const LACKING: WasmFeatures = WasmFeatures::STACK_SWITCHING
    .union(WasmFeatures::SHARED_EVERYTHING_THREADS)
    .union(WasmFeatures::LEGACY_EXCEPTIONS)
    .union(WasmFeatures::MEMORY_CONTROL);

/// Why `binary` could not be compiled for `engine`, which said `error`.
pub(super) fn explain(engine: &Engine, binary: &[u8], error: &wasmtime::Error) -> String {
    let reason = error.root_cause().to_string().replace('\n', " ");
    let on = engine.get_wasm_features();
    if is_valid(binary, on) {
        return format!("the compiler can't take it: {reason}");
    }
    let all = PROPOSALS.iter().fold(on, |all, (_, feature)| all | *feature);
    if !is_valid(binary, all) {
        return format!("it is damaged ({reason}); build it again");
    }
    // What is off, and what it isn't valid without.
    let is_needed = |feature: WasmFeatures| !on.contains(feature) && !is_valid(binary, all.difference(feature));
    let needed: Vec<_> = PROPOSALS.iter().filter(|(_, feature)| is_needed(*feature)).collect();
    let names = |separator| needed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(separator);
    match needed.iter().find(|(_, feature)| LACKING.contains(*feature)) {
        // Either of two would do.
        _ if needed.is_empty() => format!("it uses a WebAssembly proposal that is off ({reason})"),
        Some((name, _)) => format!(
            "it uses the WebAssembly proposal {}, and this host has no {name}; build it without",
            names(" and ")
        ),
        None => format!(
            "it uses the WebAssembly proposal {}, which is off; turn it on with -W {}",
            names(" and "),
            names(",")
        ),
    }
}

fn is_valid(binary: &[u8], features: WasmFeatures) -> bool {
    Validator::new_with_features(features).validate_all(binary).is_ok()
}
