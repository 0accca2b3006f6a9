//! Error numbers of preview1, and what the kernel's numbers become in them.

use crate::system::errors;
use std::io;

/// An error number as a preview1 function returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) u16);

/// The names that preview1 gives them, by number.
const NAMES: [&str; 77] = [
    "success",
    "2big",
    "acces",
    "addrinuse",
    "addrnotavail",
    "afnosupport",
    "again",
    "already",
    "badf",
    "badmsg",
    "busy",
    "canceled",
    "child",
    "connaborted",
    "connrefused",
    "connreset",
    "deadlk",
    "destaddrreq",
    "dom",
    "dquot",
    "exist",
    "fault",
    "fbig",
    "hostunreach",
    "idrm",
    "ilseq",
    "inprogress",
    "intr",
    "inval",
    "io",
    "isconn",
    "isdir",
    "loop",
    "mfile",
    "mlink",
    "msgsize",
    "multihop",
    "nametoolong",
    "netdown",
    "netreset",
    "netunreach",
    "nfile",
    "nobufs",
    "nodev",
    "noent",
    "noexec",
    "nolck",
    "nolink",
    "nomem",
    "nomsg",
    "noprotoopt",
    "nospc",
    "nosys",
    "notconn",
    "notdir",
    "notempty",
    "notrecoverable",
    "notsock",
    "notsup",
    "notty",
    "nxio",
    "overflow",
    "ownerdead",
    "perm",
    "pipe",
    "proto",
    "protonosupport",
    "prototype",
    "range",
    "rofs",
    "spipe",
    "srch",
    "stale",
    "timedout",
    "txtbsy",
    "xdev",
    "notcapable",
];

impl Errno {
    pub(crate) const AGAIN: Errno = Errno(6);
    pub(crate) const BADF: Errno = Errno(8);
    pub(crate) const FAULT: Errno = Errno(21);
    pub(crate) const INVAL: Errno = Errno(28);
    pub(crate) const IO: Errno = Errno(29);
    pub(crate) const MFILE: Errno = Errno(33);
    pub(crate) const NOTDIR: Errno = Errno(54);
    pub(crate) const NOTSOCK: Errno = Errno(57);
    pub(crate) const NOTSUP: Errno = Errno(58);
    pub(crate) const SPIPE: Errno = Errno(70);

    /// What preview1 calls it.
    pub(crate) fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).unwrap_or(&"unknown")
    }
}

/// What a call on a socket, a pipe or a terminal can report. Anything else is
/// an input/output error to the guest: stock hosts made a trap of it, which let
/// one odd connection end a server.
impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Errno {
        error.raw_os_error().and_then(errors::in_preview1).map_or(Errno::IO, Errno)
    }
}

/// What accept has reported, as the guest is to take it.
///
/// Some systems pass on errors of the network that belong to the one connection
/// that is accepted. Guests know several of them for what they are: that client
/// is gone, the next one may be waiting. The others would look like the
/// listener's own end.
pub(crate) fn accept_error(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) if errors::CONNECTION_GONE.contains(&code) => {
            io::Error::from_raw_os_error(errors::CONNECTION_ABORTED)
        }
        _ => error,
    }
}
