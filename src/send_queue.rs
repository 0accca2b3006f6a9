//! Bytes that wait to be sent: until the handler returns, or until the kernel has room.

use std::io::{self, IoSlice};
use std::iter;

use crate::buffer_pool::{give_send_buffer, take_send_buffer};

/// How many bytes may wait for one peer when nobody says otherwise. What all may hold together is the dispatcher's.
pub(crate) const QUEUE_LENGTH_MAX: usize = 64 * 1024 * 1024;

/// How many pieces leave in one system call, with what waits already.
const PIECES_MAX: usize = 8;

pub(crate) struct SendQueue {
    bytes: Vec<u8>,
    /// The bytes before this one were sent.
    start: usize,
    length_max: usize,
}

impl SendQueue {
    pub(crate) fn new() -> SendQueue {
        SendQueue { bytes: Vec::new(), start: 0, length_max: QUEUE_LENGTH_MAX }
    }

    pub(crate) fn set_length_max(&mut self, length_max: usize) {
        self.length_max = length_max;
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether so many bytes fit beside what waits, with fewer than `gathered_max` in all.
    #[inline]
    pub(crate) fn has_room(&self, length: usize, gathered_max: usize) -> bool {
        let whole = self.len() + length;
        whole < gathered_max && whole <= self.length_max
    }

    /// Refuses what would not fit, before any byte of it is on its way.
    ///
    /// # Errors
    /// `QuotaExceeded`, with the remedy.
    #[inline]
    pub(crate) fn check_room(&self, length: usize) -> io::Result<()> {
        if length <= self.length_max.saturating_sub(self.len()) {
            return Ok(());
        }
        let text = format!(
            "send: {length} bytes do not fit beside the {} that the peer has not taken yet (limit {}): \
             wait for handle_drain, close the socket, or raise the limit with set_send_buffer_max",
            self.len(),
            self.length_max
        );
        Err(io::Error::new(io::ErrorKind::QuotaExceeded, text))
    }

    #[inline]
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if bytes.len() > self.bytes.capacity() - self.bytes.len() {
            self.make_room();
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn make_room(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = take_send_buffer();
        } else if self.start > self.bytes.len() / 2 {
            // Each byte is moved at most once for each time that as many were sent.
            self.bytes.drain(..std::mem::take(&mut self.start));
        }
    }

    /// The bytes that wait.
    #[inline]
    pub(crate) fn waiting(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Calls `send` once with what waits and then `pieces`, which are not all empty. Keeps what was not sent, and says
    /// whether that is nothing. What fails sends and keeps nothing of `pieces`.
    pub(crate) fn send_with(
        &mut self,
        pieces: &[IoSlice<'_>],
        send: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<bool> {
        let waiting = IoSlice::new(self.waiting());
        let mut sent = match pieces {
            [] => send(&[waiting])?,
            [piece] if waiting.is_empty() => send(&[*piece])?,
            _ => {
                let mut array = [IoSlice::new(&[]); PIECES_MAX];
                let mut count = 0;
                let all = iter::once(&waiting).chain(pieces);
                for piece in all.filter(|piece| !piece.is_empty()).take(PIECES_MAX) {
                    array[count] = *piece;
                    count += 1;
                }
                send(&array[..count])?
            }
        };
        let of_waiting = sent.min(self.len());
        sent -= of_waiting;
        self.sent(of_waiting);
        for piece in pieces {
            let skipped = sent.min(piece.len());
            sent -= skipped;
            if skipped < piece.len() {
                self.push(&piece[skipped..]);
            }
        }
        Ok(self.is_empty())
    }

    /// The first `length` bytes were sent.
    #[inline]
    pub(crate) fn sent(&mut self, length: usize) {
        self.start += length;
        if self.is_empty() {
            self.clear();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.start = 0;
        give_send_buffer(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use selectio_portable::test;

    use super::*;

    #[test]
    fn bytes_leave_in_order_whatever_the_kernel_takes_at_a_time() {
        let mut queue = SendQueue::new();
        let (mut sent, mut expected) = (Vec::new(), Vec::new());
        let mut send = |queue: &mut SendQueue, pieces: &[IoSlice<'_>], room: usize| {
            let took = |pieces: &[IoSlice<'_>]| {
                let all: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
                let length = all.len().min(room);
                sent.extend_from_slice(&all[..length]);
                Ok(length)
            };
            queue.send_with(pieces, took).expect("nothing fails")
        };
        for round in 0..100u8 {
            let (short, long) = ([round; 5], [!round; 37]);
            expected.extend(short);
            expected.extend(long);
            send(&mut queue, &[IoSlice::new(&short), IoSlice::new(&long)], usize::from(round) % 61);
        }
        while !send(&mut queue, &[], 31) {}
        assert_eq!(sent, expected);
        assert_eq!(queue.bytes.capacity(), 0, "the memory is given back");
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
