//! What the wasip1 platform makes of a host's answers, whatever the host answers.

#![no_main]

mod host;
#[path = "../../platform/src/number_map.rs"]
mod number_map;
#[path = "../../platform/src/places.rs"]
mod places;
mod wasip1;

use std::collections::HashSet;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::Duration;

use arbitrary::Arbitrary;
use host::Answer;
use libfuzzer_sys::fuzz_target;
pub use selectio_platform::explained_as;
use selectio_platform::{Descriptor, Found, Interest, Ready, Selector};
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

/// The platform's own errors, without their texts.
mod error {
    use std::io;

    pub fn nothing_to_wait_for() -> io::Error {
        io::ErrorKind::InvalidInput.into()
    }

    pub fn watched_already() -> io::Error {
        io::ErrorKind::AlreadyExists.into()
    }
}

/// What is watched: the descriptor's index is its key.
#[derive(Default)]
struct Model {
    watched: Vec<(usize, Interest)>,
}

impl Model {
    fn find(&mut self, index: usize) -> Option<&mut Interest> {
        self.watched.iter_mut().find(|(watched, _)| *watched == index).map(|(_, interest)| interest)
    }

    /// C5, C6 and C7: known keys, once each, nothing that nobody asked for.
    fn check(&mut self, found: &Found) {
        let told: Vec<u64> =
            found.ready.iter().map(|ready| ready.key).chain(found.errors.iter().map(|(key, _)| *key)).collect();
        assert_eq!(told.iter().collect::<HashSet<_>>().len(), told.len(), "each is told once");
        for (key, _) in &found.errors {
            self.find(*key as usize).expect("a watched key");
        }
        for Ready { key, readable, writable } in &found.ready {
            let interest = *self.find(*key as usize).expect("a watched key");
            assert!(*readable || *writable, "something is said");
            assert!(interest.read || !readable, "reading was asked for");
            assert!(interest.write || !writable, "writing was asked for");
        }
    }
}

fn run(descriptors: &[Descriptor], actions: Vec<Action>) {
    let (mut selector, mut model, mut found) = (PollOneoff::new(), Model::default(), Found::default());
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
                let selected = selector.select(Some(Duration::from_nanos(timeout_ns.into())), &mut found);
                assert!(selected.is_ok() || found.is_empty(), "an error is an answer for all");
                model.check(&found);
            }
        }
        for (key, _) in found.errors.drain(..) {
            // A descriptor that failed is not waited for again.
            if let Some(watched) = model.find(key as usize) {
                *watched = Interest::NONE;
            }
        }
    }
}

fuzz_target!(|actions: Vec<Action>| {
    DESCRIPTORS.with(|descriptors| run(descriptors, actions));
});
