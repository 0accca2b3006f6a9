//! The one host call that is made directly: the bindings would copy the whole list of what is waited for, each time.

#![allow(unsafe_code, reason = "a raw host call; its block says why it is sound")]

/// A list as the host returns it: it has asked this program's allocator for the memory.
#[repr(C)]
struct ReturnedList {
    start: *mut u32,
    length: usize,
}

// Any version of the interface that is compatible with the one of the bindings: the linker of components matches them.
#[link(wasm_import_module = "wasi:io/poll@0.2.0")]
unsafe extern "C" {
    #[link_name = "poll"]
    fn wasi_io_poll(start: *const u32, length: usize, answer: *mut ReturnedList);
}

/// Waits until at least one of these is ready and answers which are, by position. Each is the handle of a pollable that
/// is open, and there is at least one, or the host ends the program.
pub fn poll(handles: &[u32]) -> Vec<u32> {
    let mut answer = ReturnedList { start: std::ptr::null_mut(), length: 0 };
    // SAFETY: the host reads the handles and writes one list, as the canonical ABI lays it out; it has its memory from the
    // allocator that `Vec` uses, with the alignment of u32 and exactly as long as the list.
    unsafe {
        wasi_io_poll(handles.as_ptr(), handles.len(), &raw mut answer);
        if answer.length == 0 {
            return Vec::new();
        }
        Vec::from_raw_parts(answer.start, answer.length, answer.length)
    }
}
