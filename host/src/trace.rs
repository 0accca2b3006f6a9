//! The calls of a guest, as a person reads them.

use crate::memory::LinearMemory;
use crate::poll::{SUBSCRIPTION_SIZE, described};
use crate::waiting::Failure;
use std::fmt::Write;
use std::sync::Arc;

/// Of a text or of data that a call is about, so much is shown.
const SHOWN_BYTES_MAX: u32 = 32;

/// And so many of the subscriptions of a wait.
const SHOWN_WAITS_MAX: u32 = 16;

/// Arguments that say where a number is written to, by name.
const RESULTS: [&str; 8] = ["accepted", "events_count", "opened", "read", "received", "sent", "used", "written"];

/// Functions whose buffers hold data before the call, and those whose buffers hold data after it.
const WRITERS: [&str; 3] = ["fd_pwrite", "fd_write", "sock_send"];
const READERS: [&str; 3] = ["fd_pread", "fd_read", "sock_recv"];

/// Whom each call of a guest is told to, in one line.
#[derive(Clone)]
pub(crate) struct Trace(pub(crate) Arc<dyn Fn(&str) + Send + Sync>);

impl Trace {
    /// Tells of a call that has ended: its arguments, what it is about, and its result.
    pub(crate) fn tell(
        &self,
        worker: usize,
        function: &str,
        arguments: &[(&str, u64)],
        memory: &LinearMemory<'_>,
        result: &Result<(), Failure>,
    ) {
        let mut line = format!("[{worker}] {function}(");
        for (index, &(name, value)) in arguments.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let _ = match is_address(name) {
                true => write!(line, "{separator}{name}={value:#x}"),
                false => write!(line, "{separator}{name}={value}"),
            };
            if let Some(text) = text_at(arguments, index, memory) {
                let _ = write!(line, " {text:?}");
            }
        }
        line.push(')');
        match result {
            Ok(()) => line.push_str(" = success"),
            Err(Failure::Errno(errno)) => {
                let _ = write!(line, " = {} ({})", errno.name(), errno.0);
            }
            Err(Failure::End(error)) => {
                let _ = write!(line, " ended the program: {error}");
            }
        }
        if result.is_ok() {
            tell_results(&mut line, function, arguments, memory);
        }
        if let [("subscriptions", subscriptions), _, ("count", count), _] = *arguments {
            tell_waits(&mut line, memory, subscriptions as u32, count as u32);
        }
        (self.0)(&line);
    }

    /// Tells of the call that has no result.
    pub(crate) fn tell_exit(&self, worker: usize, code: u32) {
        (self.0)(&format!("[{worker}] proc_exit(code={code})"));
    }
}

fn is_address(name: &str) -> bool {
    !matches!(
        name,
        "fd" | "flags"
            | "count"
            | "length"
            | "offset"
            | "how"
            | "clock"
            | "precision"
            | "from"
            | "to"
            | "whence"
            | "open"
            | "lookup"
            | "rights"
            | "inheriting"
            | "base"
            | "size"
            | "signal"
            | "advice"
            | "cookie"
            | "old_length"
            | "new_length"
            | "buffer_length"
            | "old_fd"
            | "new_fd"
            | "accessed"
            | "modified"
            | "which"
    )
}

/// The text that the argument points to, where the next one is its length.
fn text_at(arguments: &[(&str, u64)], index: usize, memory: &LinearMemory<'_>) -> Option<String> {
    let (name, address) = arguments[index];
    let &(_, length) = arguments.get(index + 1)?;
    matches!(name, "path" | "old" | "new").then(|| shown(memory, address as u32, length as u32))?
}

fn tell_results(line: &mut String, function: &str, arguments: &[(&str, u64)], memory: &LinearMemory<'_>) {
    let mut moved = None;
    for &(name, address) in arguments.iter().filter(|(name, _)| RESULTS.contains(name)) {
        if let Ok(value) = memory.read_u32(address as u32) {
            moved = Some(value);
            let _ = write!(line, ", {name} {value}");
        }
    }
    if WRITERS.contains(&function) || READERS.contains(&function) {
        let buffers = arguments.iter().find(|(name, _)| *name == "buffers");
        if let Some((_, moved)) = buffers.zip(moved).filter(|&(_, moved)| moved > 0) {
            let address = buffers.map_or(0, |&(_, address)| address as u32);
            let first = memory.read_u32(address).ok().zip(memory.read_u32(address.wrapping_add(4)).ok());
            if let Some(text) = first.and_then(|(start, length)| shown(memory, start, length.min(moved))) {
                let _ = write!(line, ": {text:?}");
            }
        }
    }
}

/// What the guest has waited for, in the order of its array.
fn tell_waits(line: &mut String, memory: &LinearMemory<'_>, subscriptions: u32, count: u32) {
    let shown = count.min(SHOWN_WAITS_MAX);
    let Ok(array) = memory.records(subscriptions, shown, SUBSCRIPTION_SIZE as u32) else { return };
    let (array, _) = array.as_chunks();
    let waits: Vec<String> = array.iter().map(described).collect();
    let more = if count > shown { ", …" } else { "" };
    let _ = write!(line, ": [{}{more}]", waits.join(", "));
}

/// The beginning of what is there, with a mark where more follows.
fn shown(memory: &LinearMemory<'_>, address: u32, length: u32) -> Option<String> {
    let bytes = memory.records(address, length.min(SHOWN_BYTES_MAX), 1).ok()?;
    let more = if length > SHOWN_BYTES_MAX { "…" } else { "" };
    Some(format!("{}{more}", String::from_utf8_lossy(bytes)))
}
