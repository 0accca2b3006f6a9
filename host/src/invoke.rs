//! What is called in a program: its start, or a function that the operator names.

use crate::error::Error;
use crate::guest::Guest;
use std::sync::Arc;
use wasmtime::{ExternType, FuncType, Instance, Module, Store, Val, ValType};

/// Takes the results of a function that was called by its name.
pub(crate) type Report = Arc<dyn Fn(&[Val]) + Send + Sync>;

/// A function that the operator names, and who gets its results.
pub(crate) struct Invocation {
    pub(crate) function: String,
    pub(crate) report: Report,
}

/// What is called in an instance of a program.
pub(crate) enum Entry {
    /// An export without arguments and results.
    Start(&'static str),
    /// Nothing more: the program is a library that prepares itself, and others would call it.
    Nothing,
    Function {
        name: String,
        arguments: Vec<Val>,
        result_count: usize,
        report: Report,
    },
}

impl Entry {
    /// `arguments`: those of the program, from which an invoked function takes its own.
    pub(crate) fn find(
        program: &str,
        module: &Module,
        invocation: Option<Invocation>,
        arguments: &[String],
    ) -> Result<Entry, Error> {
        match invocation {
            Some(invocation) => function(program, module, invocation, arguments),
            None => start(module).map_err(|reason| Error::ModuleUnfit { name: program.to_owned(), reason }),
        }
    }

    pub(crate) fn call(&self, store: &mut Store<Guest>, instance: Instance) -> wasmtime::Result<()> {
        match self {
            Entry::Nothing => Ok(()),
            Entry::Start(name) => {
                instance.get_typed_func::<(), ()>(&mut *store, name).and_then(|start| start.call(store, ()))
            }
            Entry::Function { name, arguments, result_count, report } => {
                let function = instance.get_func(&mut *store, name);
                let function = function.ok_or_else(|| wasmtime::Error::msg("the function has gone"))?;
                let mut results = vec![Val::null_func_ref(); *result_count];
                function.call(store, arguments, &mut results)?;
                report(&results);
                Ok(())
            }
        }
    }
}

/// Where a program starts by itself. The default export of a module without WASI has no name.
fn start(module: &Module) -> Result<Entry, String> {
    for name in ["", "_start"] {
        match module.get_export(name) {
            None => {}
            Some(ExternType::Func(start)) if start.params().len() == 0 && start.results().len() == 0 => {
                return Ok(Entry::Start(name));
            }
            // Something without a name may be anything.
            Some(_) if name.is_empty() => {}
            Some(_) => {
                return Err(
                    "its _start is no function without arguments and results; build it for wasm32-wasip1".to_owned()
                );
            }
        }
    }
    match module.get_export("_initialize") {
        Some(_) => Ok(Entry::Nothing),
        None => Err(format!(
            "it exports no _start function; build a program (a binary), not a library, or call one of its functions \
             with --invoke{}",
            functions(module)
        )),
    }
}

fn function(program: &str, module: &Module, invocation: Invocation, arguments: &[String]) -> Result<Entry, Error> {
    let Invocation { function, report } = invocation;
    let refuse = |reason: String| Error::Invoke { name: program.to_owned(), function: function.clone(), reason };
    let Some(ExternType::Func(signature)) = module.get_export(&function) else {
        return Err(refuse(format!("it exports no such function{}", functions(module))));
    };
    let arguments = values(&signature, arguments).map_err(refuse)?;
    let result_count = signature.results().len();
    Ok(Entry::Function { name: function, arguments, result_count, report })
}

/// The functions that could be called, for a message.
fn functions(module: &Module) -> String {
    const SHOWN_MAX: usize = 10;
    let names: Vec<_> = module
        .exports()
        .filter(|export| matches!(export.ty(), ExternType::Func(_)) && !export.name().is_empty())
        .map(|export| export.name().escape_debug().to_string())
        .collect();
    let more = if names.len() > SHOWN_MAX { ", ..." } else { "" };
    match names.is_empty() {
        true => " (it has none)".to_owned(),
        false => format!(" (it has {}{more})", names[..names.len().min(SHOWN_MAX)].join(", ")),
    }
}

/// What the function is called with. What is left over is the program's own.
fn values(signature: &FuncType, arguments: &[String]) -> Result<Vec<Val>, String> {
    let count = signature.params().len();
    if arguments.len() < count {
        let types: Vec<_> = signature.params().map(|value_type| value_type.to_string()).collect();
        return Err(format!("it takes {} ({}), and was given {}", plural(count), types.join(", "), arguments.len()));
    }
    signature.params().zip(arguments).map(|(value_type, text)| value(&value_type, text)).collect()
}

fn plural(count: usize) -> String {
    if count == 1 { "1 argument".to_owned() } else { format!("{count} arguments") }
}

fn value(value_type: &ValType, text: &str) -> Result<Val, String> {
    let wrong = || format!("its argument {text:?} is not of the type {value_type}");
    match value_type {
        ValType::I32 => integer(text)
            .and_then(|number| i32::try_from(number).or_else(|_| u32::try_from(number).map(u32::cast_signed)).ok())
            .map(Val::I32)
            .ok_or_else(wrong),
        ValType::I64 => integer(text)
            .and_then(|number| i64::try_from(number).or_else(|_| u64::try_from(number).map(u64::cast_signed)).ok())
            .map(Val::I64)
            .ok_or_else(wrong),
        ValType::F32 => text.parse::<f32>().map(Val::from).map_err(|_| wrong()),
        ValType::F64 => text.parse::<f64>().map(Val::from).map_err(|_| wrong()),
        ValType::V128 => integer(text).map(|number| Val::V128(number.cast_unsigned().into())).ok_or_else(wrong),
        ValType::Ref(_) => {
            Err(format!("it takes a reference ({value_type}), which can't be written on a command line"))
        }
    }
}

/// Decimal, or hexadecimal behind `0x`.
fn integer(text: &str) -> Option<i128> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let number = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => i128::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    // Only one sign.
    let number = number.ok().filter(|_| digits.starts_with(|first: char| first.is_ascii_digit()))?;
    Some(if is_negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value_type: ValType, text: &str) -> Option<String> {
        value(&value_type, text).ok().map(|value| format!("{value:?}"))
    }

    #[test]
    fn an_argument_is_read_by_the_type_of_its_parameter() {
        for (value_type, text, expected) in [
            (ValType::I32, "-1", "I32(-1)"),
            (ValType::I32, "0xffffffff", "I32(-1)"),
            (ValType::I32, "4294967295", "I32(-1)"),
            (ValType::I64, "-0x10", "I64(-16)"),
            (ValType::I64, "9223372036854775807", "I64(9223372036854775807)"),
        ] {
            assert_eq!(number(value_type, text).as_deref(), Some(expected), "{text}");
        }
        assert!(matches!(value(&ValType::F64, "1.5"), Ok(Val::F64(bits)) if bits == 1.5_f64.to_bits()));
        assert!(matches!(value(&ValType::F32, "-2"), Ok(Val::F32(bits)) if bits == (-2.0_f32).to_bits()));
    }

    #[test]
    fn what_is_not_of_the_type_is_refused() {
        for text in ["", "one", "1.5", "--1", "-", "0x", "4294967296", "-2147483649", "+1", " 1"] {
            assert_eq!(number(ValType::I32, text), None, "{text:?}");
        }
        assert_eq!(number(ValType::F64, "one"), None);
        assert_eq!(number(ValType::EXTERNREF, "1"), None);
    }
}
