//! Platform layer.
