//! What the wasip1 platform makes of a host's answers, whatever the host answers.

#![no_main]

mod host;
mod wasip1;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use arbitrary::Arbitrary;
use host::Answer;
use libfuzzer_sys::fuzz_target;
use selectio_platform::{Descriptor, Interest, Ready, Selector};
use wasip1::poll_oneoff::PollOneoff;

const DESCRIPTOR_COUNT: usize = 6;

#[derive(Arbitrary, Debug)]
enum Action {
    Add { index: u8, read: bool, write: bool },
    Modify { index: u8, read: bool, write: bool },
    Remove { index: u8 },
    Select { timeout_ns: u8, answers: Vec<Answer> },
}

thread_local! {
    static DESCRIPTORS: Vec<Descriptor> = (0..DESCRIPTOR_COUNT).map(|_| descriptor()).collect();
}

fn descriptor() -> Descriptor {
    OwnedFd::from(File::open("/dev/null").expect("it is always there")).into()
}

/// C4, as the platform has it.
pub fn nothing_to_wait_for() -> io::Error {
    io::ErrorKind::InvalidInput.into()
}

/// What is watched, in the order of adding: the descriptor's index is its key.
#[derive(Default)]
struct Model {
    watched: Vec<(usize, Interest)>,
}

impl Model {
    fn find(&mut self, index: usize) -> Option<&mut Interest> {
        self.watched.iter_mut().find(|(watched, _)| *watched == index).map(|(_, interest)| interest)
    }

    /// C5, C6 and C7: known keys, once each, in the order of adding, nothing that nobody asked for.
    fn check(&self, ready: &[Ready]) {
        let mut watched = self.watched.iter();
        for Ready { key, readable, writable, error } in ready {
            let found = watched.find(|(index, _)| *index as u64 == *key);
            let (_, interest) = found.expect("a watched key, after the one before it");
            assert!(*readable || *writable || error.is_some(), "something is said");
            assert!(!(*readable || *writable) || error.is_none(), "a bad descriptor is nothing else");
            assert!(interest.read || !readable, "reading was asked for");
            assert!(interest.write || !writable, "writing was asked for");
        }
    }
}

fn run(descriptors: &[Descriptor], actions: Vec<Action>) {
    let (mut selector, mut model, mut ready) = (PollOneoff::new(), Model::default(), Vec::new());
    for action in actions {
        match action {
            Action::Add { index, read, write } => {
                let (index, interest) = (usize::from(index) % DESCRIPTOR_COUNT, Interest { read, write });
                let added = selector.add(&descriptors[index], index as u64, interest);
                assert_eq!(added.is_ok(), model.find(index).is_none());
                if added.is_ok() {
                    model.watched.push((index, interest));
                }
            }
            Action::Modify { index, read, write } => {
                let (index, interest) = (usize::from(index) % DESCRIPTOR_COUNT, Interest { read, write });
                let modified = selector.modify(&descriptors[index], interest);
                assert_eq!(modified.is_ok(), model.find(index).is_some());
                if let Some(watched) = model.find(index) {
                    *watched = interest;
                }
            }
            Action::Remove { index } => {
                let index = usize::from(index) % DESCRIPTOR_COUNT;
                let removed = selector.remove(&descriptors[index]);
                assert_eq!(removed.is_ok(), model.find(index).is_some());
                model.watched.retain(|(watched, _)| *watched != index);
            }
            Action::Select { timeout_ns, answers } => {
                host::set_answers(answers);
                let selected = selector.select(Some(Duration::from_nanos(timeout_ns.into())), &mut ready);
                assert!(selected.is_ok() || ready.is_empty(), "an error is an answer for all");
                model.check(&ready);
            }
        }
        for Ready { key, error, .. } in ready.drain(..) {
            // A descriptor that failed is not waited for again.
            if let (Some(_), Some(watched)) = (error, model.find(key as usize)) {
                *watched = Interest::NONE;
            }
        }
    }
}

fuzz_target!(|actions: Vec<Action>| {
    DESCRIPTORS.with(|descriptors| run(descriptors, actions));
});
