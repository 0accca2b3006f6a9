//! What can't be had with this kind of program: nothing is passed over in silence.

use crate::error::Error;
use crate::given::Given;
use crate::network::Asked;
use crate::program::{LinkOptions, UnknownImports};

/// Whether a component can be run with all that it was given.
pub(crate) fn check(name: &str, given: &Given, options: &LinkOptions, has_sockets: bool) -> Result<(), Error> {
    let refused = [
        (
            has_sockets,
            "a component opens its sockets itself; allow it with --allow-tcp ADDR in place of --tcplisten, --unixlisten, \
             --tcpconnect and --listenfd",
        ),
        (
            given.workers() > 1,
            "a component has its listeners for itself, so --workers can't share them; start this host several times, with \
             another address for each",
        ),
        (given.trace.is_some(), "--trace tells the calls of modules; for a component, --log has what it opens"),
        (options.invocation.is_some(), "--invoke calls functions of modules; a component is started by wasi:cli/run"),
        (!options.preloads.is_empty(), "--preload is for modules; compose the components to one beforehand"),
        (options.allows_unknown_exports, "-W unknown-exports-allow is about modules that are preloaded; leave it out"),
        (
            options.unknown_imports == UnknownImports::Default,
            "-W unknown-imports-default is for modules; -W unknown-imports-trap is there for components",
        ),
        (given.core_dump.is_some(), "-D coredump is for modules; the backtrace is told without it"),
        (
            given.profile.is_some(),
            "--profile=guest is for modules; --profile=perfmap and others are there for components",
        ),
        (
            given.limits.idle.is_some(),
            "--idle-timeout ends connections of modules; a component has its sockets itself, and ends them itself",
        ),
    ];
    refuse(name, "it is a component", refused.into_iter().find_map(|(is_given, reason)| is_given.then_some(reason)))
}

/// The same for a module.
pub(crate) fn check_module(name: &str, asked: &Asked) -> Result<(), Error> {
    let reason = asked.option().map(|option| {
        format!("{option} is for components; modules get their sockets from --tcplisten and --tcpconnect")
    });
    refuse(name, "it is a module", reason.as_deref())
}

fn refuse(name: &str, kind: &str, reason: Option<&str>) -> Result<(), Error> {
    match reason {
        Some(reason) => Err(Error::WrongKind { name: name.to_owned(), reason: format!("{kind}, and {reason}") }),
        None => Ok(()),
    }
}
