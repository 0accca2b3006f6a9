//! Bytes that wait for room in the kernel's send buffer.

use std::collections::VecDeque;
use std::io;

/// How many bytes may wait when nobody says otherwise.
pub(crate) const QUEUE_LENGTH_MAX: usize = 64 * 1024 * 1024;

/// A queue that has held this much gives its memory back when it is empty.
const CAPACITY_KEPT_MAX: usize = 64 * 1024;

pub(crate) struct SendQueue {
    /// A ring: taking from the front moves nothing.
    bytes: VecDeque<u8>,
    length_max: usize,
}

impl SendQueue {
    pub(crate) fn new() -> SendQueue {
        SendQueue { bytes: VecDeque::new(), length_max: QUEUE_LENGTH_MAX }
    }

    pub(crate) fn set_length_max(&mut self, length_max: usize) {
        self.length_max = length_max;
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Refuses what would not fit, before any byte of it is on its way.
    ///
    /// # Errors
    /// `QuotaExceeded`, with the remedy.
    pub(crate) fn check_room(&self, length: usize) -> io::Result<()> {
        if length <= self.length_max - self.bytes.len().min(self.length_max) {
            return Ok(());
        }
        let text = format!(
            "send: {length} bytes do not fit beside the {} that the peer has not taken yet (limit {}): \
             wait until fewer are buffered, close the socket, or raise the limit with set_send_buffer_max",
            self.bytes.len(),
            self.length_max
        );
        Err(io::Error::new(io::ErrorKind::QuotaExceeded, text))
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The next bytes to send, in one piece.
    pub(crate) fn front(&self) -> &[u8] {
        self.bytes.as_slices().0
    }

    /// The first `length` bytes were sent.
    pub(crate) fn sent(&mut self, length: usize) {
        self.bytes.drain(..length);
        if self.bytes.is_empty() && self.bytes.capacity() > CAPACITY_KEPT_MAX {
            self.bytes = VecDeque::new();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use selectio_portable::test;

    use super::*;

    #[test]
    fn bytes_leave_in_order_across_the_ring_s_end() {
        let mut queue = SendQueue::new();
        let (mut sent, mut expected) = (Vec::new(), Vec::new());
        for round in 0..100u8 {
            let bytes = [round; 37];
            expected.extend(bytes);
            queue.push(&bytes);
            let length = queue.front().len().min(31);
            sent.extend_from_slice(&queue.front()[..length]);
            queue.sent(length);
        }
        while !queue.is_empty() {
            sent.extend_from_slice(queue.front());
            queue.sent(queue.front().len());
        }
        assert_eq!(sent, expected);
    }

    #[test]
    fn what_does_not_fit_is_refused_whole() {
        let mut queue = SendQueue::new();
        queue.set_length_max(10);
        queue.push(b"12345678");
        assert!(queue.check_room(2).is_ok());
        let error = queue.check_room(3).expect_err("one too many");
        assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
        assert_eq!(queue.len(), 8);
    }
}
