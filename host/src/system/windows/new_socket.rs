//! Options of a socket that another library makes and keeps to itself.

/// Handles have numbers that nobody can foresee, so here small writes wait for each other, as Windows does by itself.
pub(crate) fn sending_at_once<T>(make: impl FnOnce() -> T) -> T {
    make()
}
