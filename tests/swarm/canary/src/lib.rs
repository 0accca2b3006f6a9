//! selectio with places that can be broken, as `build.rs` makes it from selectio's source.

include!(concat!(env!("OUT_DIR"), "/selectio/lib.rs"));

pub mod canary {
    //! The switch of the breaks. Each thread has its own.

    use std::cell::Cell;

    thread_local! {
        static SONG: Cell<&'static str> = const { Cell::new("") };
    }

    /// Breaks the place of this name from now on, and no other.
    pub fn sing(name: &'static str) {
        SONG.set(name);
    }

    pub(crate) fn sings(name: &str) -> bool {
        SONG.get() == name
    }
}
