//! Sockets inherited from a service manager: not on this system.

use selectio_platform::for_hosts::Owned;

/// There is none.
pub(crate) enum Inherited {}

/// Always refused.
pub(crate) fn take() -> Result<Vec<Inherited>, String> {
    Err("Windows has no socket activation; use --tcplisten HOST:PORT".to_owned())
}

impl Inherited {
    pub(crate) fn name(&self) -> &str {
        match *self {}
    }

    pub(crate) fn address(&self) -> String {
        match *self {}
    }

    pub(crate) fn is_listener(&self) -> Result<bool, String> {
        match *self {}
    }

    pub(crate) fn into_owned(self) -> Owned {
        match self {}
    }
}
