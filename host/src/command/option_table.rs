//! The options `-S` and `-D` that this host has, and all of Wasmtime's that it hasn't, with what to do instead.

use std::io::{self, Write};

/// One option of a group.
struct Known {
    name: &'static str,
    /// What may stand behind the name.
    value: &'static str,
    here: Here,
}

enum Here {
    /// What it does.
    Yes(&'static str),
    /// Why it isn't there, and what to do instead.
    No(&'static str),
}

const fn yes(name: &'static str, value: &'static str, about: &'static str) -> Known {
    Known { name, value, here: Here::Yes(about) }
}

const fn no(name: &'static str, reason: &'static str) -> Known {
    Known { name, value: "", here: Here::No(reason) }
}

const COMPONENTS: &str = "this host runs components of WASI 0.2, with all that these have; leave it out";
const KEYVALUE: &str = "this host has no store for components; `wasmtime run` has one";
const HTTP: &str = "this host has no HTTP for components; a program with sockets speaks it itself";
const NEURAL: &str = "this host has no neural networks";
const DEBUGGER: &str = "there is no debugger here; -g makes gdb and lldb see lines and functions of the program";
const LOG: &str = "there is no log of Wasmtime's here";
const POOL: &str =
    "the pooling allocator is for instances that come and go by the thousand, and here each worker makes one";

const WASI: &[Known] = &[
    yes("allow-ip-name-lookup", "[=y|n]", "Let a component look up names, as --allow-names"),
    yes("cli", "[=y]", "Offer preview1 to modules and wasi:cli to components; always so"),
    yes("cli-exit-with-code", "[=y]", "Let a component choose its exit code; always so"),
    yes("common", "[=y]", "The same as cli"),
    yes("hostcall-fuel", "=N", "How much one call of the program may make the host copy, in about bytes"),
    yes("inherit-env", "[=y|n]", "Pass on all variables of the environment; --env has precedence"),
    yes("inherit-network", "[=y|n]", "Let a component use all addresses, as --inherit-network"),
    yes("inherit-stderr", "[=y|n]", "Let the program write to standard error; on by default"),
    yes("inherit-stdin", "[=y|n]", "Let the program read standard input; on by default"),
    yes("inherit-stdout", "[=y|n]", "Let the program write to standard output; on by default"),
    yes("listenfd", "[=y|n]", "Give the program the sockets of systemd's socket activation, as --listenfd"),
    yes(
        "max-component-handles",
        "=N",
        "How many handles of resources a component may have; 400000 by default, or one for each 256 bytes of --max-memory",
    ),
    yes("max-random-size", "=N", "How many random bytes one call of the program may ask for"),
    yes("max-resources", "=N", "How many sockets, streams and pollables a component may have; 1000000 by default"),
    yes("network-error-code", "[=y|n]", "Offer network-error-code of wasi:sockets, which is not stable yet"),
    yes("preview0", "[=y]", "Offer wasi_unstable to the program; always so"),
    yes("preview2", "[=y|n]", "No difference here: modules have sockets either way"),
    yes("tcp", "[=y|n]", "n: a component gets no TCP sockets, whatever addresses are allowed"),
    yes("tcplisten", "=ADDR", "Open a TCP listener for a module, as --tcplisten"),
    yes("udp", "[=y|n]", "n: a component gets no UDP sockets, whatever addresses are allowed"),
    no("config", "give the program variables with --env"),
    no("config-var", "give the program variables with --env"),
    no("cwd", "programs have no working directory here; name directories with --dir HOST::GUEST"),
    no("http", HTTP),
    no("http-outgoing-body-buffer-chunks", HTTP),
    no("http-outgoing-body-chunk-size", HTTP),
    no("keyvalue", KEYVALUE),
    no("keyvalue-in-memory-data", KEYVALUE),
    no("max-http-fields-size", HTTP),
    no("nn", NEURAL),
    no("nn-graph", NEURAL),
    no("p3", "this host has WASI 0.1 and 0.2; build for wasm32-wasip2"),
    no("threads", "preview1 has one thread; a program with many sockets waits for all of them in poll_oneoff"),
    no("tls", "this host has no TLS; let a proxy before the program do it"),
];

const DEBUG: &[Known] = &[
    yes("address-map", "[=y|n]", "Know which instruction of the program has trapped; on by default"),
    yes("coredump", "=FILE", "Write a core dump to this file when the program traps"),
    yes("debug-info", "[=y|n]", "Let gdb and lldb see lines and functions of the program, as -g"),
    yes("max-backtrace", "=N", "How many functions are told when the program traps; 20 by default, 0 for none"),
    yes("symbols", "[=y|n]", "Put the names of functions into what `selectio compile` writes"),
    no("arg", DEBUGGER),
    no("debugger", DEBUGGER),
    no("guest-debug", DEBUGGER),
    no("inherit-stderr", DEBUGGER),
    no("inherit-stdin", DEBUGGER),
    no("inherit-stdout", DEBUGGER),
    no("log-to-files", LOG),
    no("logging", LOG),
];

const RECORD: &[Known] = &[];

/// Only what this host lacks; Wasmtime's own help lists the rest.
const WASM: &[Known] = &[
    no("concurrency-support", COMPONENTS),
    no("shared-everything-threads", "Wasmtime doesn't run that proposal yet"),
    no("stack-switching", "this build of Wasmtime lacks that proposal"),
    no("wmemcheck", "this build of Wasmtime has no wmemcheck"),
];

/// A group of options, by its letter.
#[derive(Clone, Copy)]
pub(super) struct Table {
    letter: char,
    title: &'static str,
    options: &'static [Known],
    /// Wasmtime's words are longer than ours; there is one help only.
    lacking: Option<&'static str>,
}

const WASI_TABLE: Table = Table { letter: 'S', title: "wasi", options: WASI, lacking: None };
const DEBUG_TABLE: Table = Table { letter: 'D', title: "debug", options: DEBUG, lacking: None };
const RECORD_TABLE: Table = Table {
    letter: 'R',
    title: "record",
    options: RECORD,
    lacking: Some("This host doesn't record what a program does."),
};

impl Table {
    /// Each by the name that the command line's reader has for the group.
    pub(super) const ALL: [(&'static str, Table); 3] =
        [("wasi_raw", WASI_TABLE), ("debug_raw", DEBUG_TABLE), ("record_raw", RECORD_TABLE)];

    pub(super) fn print(self) {
        // Who reads it may have gone.
        let _ = writeln!(io::stdout(), "{}", self.text());
    }

    fn text(self) -> String {
        if let Some(text) = self.lacking {
            return text.to_owned();
        }
        let shown: Vec<_> = self
            .options
            .iter()
            .filter_map(|option| match option.here {
                Here::Yes(about) => Some((format!("{}{}", option.name, option.value), about)),
                Here::No(_) => None,
            })
            .collect();
        let width = shown.iter().map(|(option, _)| option.len()).max().unwrap_or_default();
        let lines = shown.iter().map(|(option, about)| format!("  -{} {option:width$}  {about}", self.letter));
        format!("Available {} options:\n\n{}", self.title, lines.collect::<Vec<_>>().join("\n"))
    }
}

pub(super) fn is_help(value: &str) -> bool {
    matches!(value, "help" | "help-long")
}

/// Why this host can't do what an option asks for: `option` as `-Shttp=y`. Nothing is refused that is only to be off.
pub(super) fn refusal(option: &str) -> Option<String> {
    let letter = option.strip_prefix('-')?.chars().next()?;
    let (name, value) = option[2..].split_once('=').unwrap_or((&option[2..], ""));
    let reason = match letter {
        'S' => reason_in(WASI, name).or_else(|| unknown(WASI, name)),
        'D' => reason_in(DEBUG, name).or_else(|| unknown(DEBUG, name)),
        'W' if name.starts_with("component-model-") => Some(COMPONENTS),
        'W' => reason_in(WASM, name),
        'O' if name.starts_with("pooling-") => Some(POOL),
        'R' => Some("this host doesn't record what a program does"),
        _ => None,
    }?;
    (value != "n").then(|| format!("{option}: {reason}"))
}

fn reason_in(options: &'static [Known], name: &str) -> Option<&'static str> {
    options.iter().find(|option| option.name == name).and_then(|option| match option.here {
        Here::No(reason) => Some(reason),
        Here::Yes(_) => None,
    })
}

/// A later Wasmtime may read more than is known here.
fn unknown(options: &[Known], name: &str) -> Option<&'static str> {
    (!options.iter().any(|option| option.name == name)).then_some("this host doesn't have that")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_host_lacks_is_refused_unless_it_is_to_be_off() {
        assert_eq!(refusal("-Shttp=y"), Some(format!("-Shttp=y: {HTTP}")));
        assert_eq!(refusal("-Shttp=n"), None);
        assert_eq!(refusal("-Spreview2=n"), None);
        assert_eq!(refusal("-Wcomponent-model-async=y"), Some(format!("-Wcomponent-model-async=y: {COMPONENTS}")));
        assert_eq!(refusal("-Wcomponent-model=y"), None);
        assert_eq!(refusal("-Wthreads=y"), None);
        assert!(refusal("-Rpath=trace").is_some());
        assert!(refusal("-Snew-thing=y").is_some());
        assert_eq!(refusal("-Ccache=n"), None);
    }

    #[test]
    fn help_lists_what_this_host_has_and_nothing_else() {
        let text = WASI_TABLE.text();
        assert!(text.contains("-S tcplisten=ADDR") && !text.contains("http"), "{text}");
        let text = DEBUG_TABLE.text();
        assert!(text.contains("-D coredump=FILE") && !text.contains("debugger"), "{text}");
    }
}
