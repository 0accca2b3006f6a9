//! What a wait for one descriptor finds.

/// The answer of such a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// The time is over, or a signal came.
    None,
    /// What was waited for, or a hang-up.
    Ready,
    /// An error, which a call on the descriptor reveals.
    Failed,
}
