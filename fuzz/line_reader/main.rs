//! Lines against a plain model, under every segmentation, with raw reads in between.

#![no_main]

#[path = "../../src/buffer_pool.rs"]
#[allow(dead_code, reason = "the library's own file")]
mod buffer_pool;
#[path = "../../src/line.rs"]
#[allow(dead_code, reason = "the library's own file")]
mod line;
#[path = "../../src/line_reader.rs"]
#[allow(dead_code, reason = "the library's own file")]
mod line_reader;
mod model;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use line_reader::LineReader;
use model::{Got, Model};

#[derive(Arbitrary, Debug)]
enum Action {
    /// A segment arrives.
    Segment(Vec<u8>),
    /// One without a line end, for lengths that a list of bytes would hardly have.
    Run { byte: u8, length: u16 },
    /// All whole lines are read.
    ReadLines,
    /// One line is read, if a whole one is there.
    ReadLine,
    /// Raw bytes are read.
    Take { length: u8 },
    /// Raw bytes are received past the buffer, as it is done when that is empty.
    Receive(Vec<u8>),
    /// The turn of the socket ends.
    Settle,
    /// The stream has ended.
    End,
}

#[derive(Arbitrary, Debug)]
struct Input {
    length_max: u16,
    actions: Vec<Action>,
}

/// The reader under test, with what arrives before and after it was read.
struct Tested {
    reader: LineReader,
}

impl Tested {
    fn arrive(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.reader.room();
            assert!(!room.is_empty(), "a receive into no room would look like the end");
            let length = bytes.len().min(room.len());
            room[..length].copy_from_slice(&bytes[..length]);
            self.reader.filled(length);
            bytes = &bytes[length..];
        }
    }

    fn read_line(&mut self) -> Option<Got> {
        let line = self.reader.next_line()?;
        Some(line.map_or(Got::TooLong, |line| Got::Line(line.to_vec())))
    }

    fn receive(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        let received = bytes.len();
        let kept = self.reader.received_raw(&mut bytes, received);
        bytes.truncate(kept);
        bytes
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let taken = self.reader.take(&mut bytes);
        bytes.truncate(taken);
        bytes
    }
}

fn run(input: &Input) {
    let length_max = usize::from(input.length_max);
    let (mut tested, mut model) = (Tested { reader: LineReader::new() }, Model::new(length_max));
    tested.reader.set_length_max(length_max);
    for action in &input.actions {
        match action {
            Action::Segment(bytes) => {
                tested.arrive(bytes);
                model.arrive(bytes);
            }
            Action::Run { byte, length } => {
                let bytes = vec![*byte; usize::from(*length)];
                tested.arrive(&bytes);
                model.arrive(&bytes);
            }
            Action::ReadLines => loop {
                let line = model.read_line();
                assert_eq!(tested.read_line(), line);
                if line.is_none() {
                    assert!(!tested.reader.has_unread(), "everything was looked at");
                    break;
                }
            },
            Action::ReadLine => assert_eq!(tested.read_line(), model.read_line()),
            Action::Take { length } => {
                assert_eq!(tested.take(usize::from(*length)), model.take(usize::from(*length)));
            }
            Action::Receive(bytes) if tested.reader.is_empty() => {
                model.arrive(bytes);
                assert_eq!(tested.receive(bytes), model.take(bytes.len()));
            }
            Action::Receive(_) => {}
            Action::Settle => tested.reader.settle(),
            Action::End => assert_eq!(tested.reader.take_tail().map(|tail| tail.to_vec()), model.take_tail()),
        }
    }
}

/// The same bytes in one piece and in these give the same lines.
fn check_segmentation(input: &Input) {
    let segments: Vec<&[u8]> = input
        .actions
        .iter()
        .filter_map(|action| if let Action::Segment(bytes) = action { Some(bytes.as_slice()) } else { None })
        .collect();
    let read_all = |segments: &[&[u8]]| {
        let mut tested = Tested { reader: LineReader::new() };
        tested.reader.set_length_max(usize::from(input.length_max));
        let mut got = Vec::new();
        for segment in segments {
            tested.arrive(segment);
            got.extend(std::iter::from_fn(|| tested.read_line()));
            tested.reader.settle();
        }
        got.extend(tested.reader.take_tail().map(|tail| Got::Line(tail.to_vec())));
        got
    };
    assert_eq!(read_all(&segments), read_all(&[&segments.concat()]));
}

fuzz_target!(|input: Input| {
    run(&input);
    check_segmentation(&input);
});
