//! Callback event loop.
