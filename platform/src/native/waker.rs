//! What ends a wait: the only thing here that another thread may touch.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Descriptor, Wake, pair};

pub struct PairWaker {
    writer: pair::Writer,
    /// A wake was called since the owner acknowledged the last one, and the other end says so or is about to.
    is_pending: AtomicBool,
}

/// The end to watch, and the waker that makes it readable.
pub fn open() -> io::Result<(Descriptor, PairWaker)> {
    let (reader, writer) = pair::open()?;
    Ok((reader.into(), PairWaker { writer, is_pending: AtomicBool::new(false) }))
}

/// The two swaps are all that orders the threads. All of them change one flag, one after the other. A wake that
/// finds it set comes before the acknowledgement that clears it, and every swap releases what its thread did
/// before and acquires what the swaps before it released: so what was published before a wake that wrote nothing
/// is seen after that acknowledgement. A wake after it finds the flag clear and writes.
impl Wake for PairWaker {
    fn wake(&self) -> io::Result<()> {
        if self.is_pending.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        match (&self.writer).write(&[0]) {
            // Full of wake-ups that nobody has seen yet: one more would say nothing new.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => {
                // Nothing is under way, so the next one has to try again.
                self.is_pending.store(false, Ordering::Release);
                Err(error)
            }
            Ok(_) => Ok(()),
        }
    }

    fn acknowledge(&self) {
        self.is_pending.swap(false, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::native::Native;
    use crate::{Interest, Platform};

    /// How many bytes are in the pipe.
    fn read_empty(reader: &Descriptor) -> usize {
        let mut bytes = [0; 64];
        match Native.read(reader, &mut bytes) {
            Ok(count) => count + read_empty(reader),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => panic!("the pipe can't be read: {error}"),
        }
    }

    #[test]
    fn wakes_are_one_until_they_are_acknowledged() {
        let (reader, waker) = open().expect("two ends");
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| waker.wake().expect("the owner has the pipe open")));
            }
        });
        assert_eq!(read_empty(&reader), 1);
        waker.wake().expect("it counts as one with those before");
        assert_eq!(read_empty(&reader), 0);
        waker.acknowledge();
        waker.wake().expect("the owner has the pipe open");
        assert_eq!(read_empty(&reader), 1);
    }

    #[test]
    fn what_was_published_before_a_wake_is_seen_after_its_acknowledgement() {
        const THREADS: u32 = 4;
        const MESSAGES: u32 = 5000;
        let (reader, waker) = open().expect("two ends");
        // Relaxed: the wakes alone have to order it.
        let published = AtomicU32::new(0);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..MESSAGES {
                        published.fetch_add(1, Ordering::Relaxed);
                        waker.wake().expect("the owner has the pipe open");
                    }
                });
            }
            while published.load(Ordering::Relaxed) < THREADS * MESSAGES {
                let is_ready = Native.wait(&reader, Interest::READ, Some(Duration::from_secs(10))).expect("a wait");
                assert!(is_ready, "a wake was lost");
                read_empty(&reader);
                waker.acknowledge();
            }
        });
    }

    // Windows tells the writer only later that nobody reads.
    #[cfg(unix)]
    #[test]
    fn a_wake_that_failed_is_tried_again() {
        let (reader, waker) = open().expect("two ends");
        drop(reader);
        for _ in 0..2 {
            assert_eq!(waker.wake().expect_err("nobody reads").kind(), io::ErrorKind::BrokenPipe);
        }
    }
}
